"""The other commands: config, models, doctor, help, version."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import FakeFoveal

HEAVY = (
    "torch",
    "transformers",
    "chromadb",
    "langgraph",
    "onnxruntime",
    "xllamacpp",
    "rapidocr",
    "numpy",
    "PIL",
)


@pytest.mark.parametrize("arguments", [["--help"], ["ask", "--help"], ["eval", "run", "--help"], ["config", "show"]])
def test_light_commands_load_no_model_library(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys; from foveal.cli.app import run; code = run(sys.argv[1:]); "
        f"print('loaded', sorted(set({HEAVY!r}) & set(sys.modules))); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded []"


def test_version(foveal: Any) -> None:
    done = foveal("--version")
    assert done.code == 0 and done.out.startswith("foveal ")


def test_config_show_tells_where_values_come_from(foveal: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "foveal.toml").write_text('profile = "deep"\nopenai_api_key = "sentinel"\n')
    monkeypatch.setenv("FOVEAL_MODEL", "openai:x")
    shown = json.loads(foveal("config", "show", "--origin", "--json").out)["settings"]
    assert shown["profile"] == {"value": "deep", "origin": "foveal.toml:1"}
    assert shown["model"] == {"value": "openai:x", "origin": "FOVEAL_MODEL"}
    assert shown["strategy"]["origin"] == "default"
    plain = foveal("config", "show", "--origin")
    assert "foveal.toml:1" in plain.out and "sentinel" not in plain.out + json.dumps(shown)


def test_config_option_names_another_file(foveal: Any, tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('profile = "fast"\n')
    assert json.loads(foveal("--config", "other.toml", "config", "show", "--json").out)["settings"]["profile"] == "fast"
    assert foveal("--config", "none.toml", "config", "show").code == 2


def test_row_77_bad_file_stops_every_command(foveal: Any, tmp_path: Path) -> None:
    (tmp_path / "foveal.toml").write_text("modle = 'x'\n")
    done = foveal("ask", "What is this?", "--json")
    assert done.code == 2
    error = json.loads(done.out)["error"]
    assert error["code"] == "bad_config"
    assert error["message"] == "foveal.toml:1: unknown key `modle`." and "`model`" in error["remedy"]


def test_doctor(foveal: Any, fake: FakeFoveal) -> None:
    assert foveal("doctor").code == 0
    fake.rows = [("eye", True, "", ""), ("text model", False, "no weights", "Install them.")]
    done = foveal("doctor")
    assert done.code == 4
    assert "FAIL  text model: no weights" in done.out and "Install them." in done.out
    parts = json.loads(foveal("doctor", "--json").out)
    assert parts["ok"] is False and parts["parts"][1]["remedy"] == "Install them."


@dataclass(frozen=True)
class WeightRow:
    name: str
    role: str
    size: int
    licence: str
    source: str
    present: bool
    verified: bool
    path: str | None = None
    error: str | None = None


def test_models_verify_fails_on_a_wrong_file(foveal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from foveal.tools.embed import weights

    good = WeightRow("eye", "image embeddings", 10, "Apache-2.0", "a package", True, True)
    bad = WeightRow("text", "language model", 10, "Apache-2.0", "a package", True, False, error="It is damaged.")
    monkeypatch.setattr(weights, "list_weights", lambda **named: [good, bad])
    monkeypatch.setattr(weights, "verify_all", lambda **named: [good, bad])
    listed = foveal("models", "list")
    assert listed.code == 0 and "verified" in listed.out
    done = foveal("models", "verify")
    assert done.code == 4 and "wrong" in done.out and "It is damaged." in done.out
    monkeypatch.setattr(weights, "verify_all", lambda **named: [good])
    assert foveal("models", "verify", "--json").code == 0


def test_row_78_no_home_and_a_narrow_locale(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "foveal", "ask", "…?", "-i", "gone-é.png", "--json"],
        env=environment, cwd=tmp_path, capture_output=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["code"] == "bad_question"
