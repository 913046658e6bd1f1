"""`foveal models list` and `pull`, as they are run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from fakes.hub import FakeHub, serve

from foveal.tools.models import pull
from foveal.tools.models.catalogue import Entry, ModelFile

MODEL = b"GGUF" * 1000
ENTRY = Entry(
    "tiny", "Tiny", 1, "MIT", "org/tiny", ModelFile("tiny.gguf", len(MODEL), hashlib.sha256(MODEL).hexdigest())
)


@pytest.fixture(autouse=True)
def small_catalogue(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pull, "load_catalogue", lambda: (ENTRY,))
    monkeypatch.setenv("FOVEAL_HOME", str(tmp_path))


def test_pull_then_list(foveal: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with serve(FakeHub({ENTRY.path_of(ENTRY.model): MODEL})) as hub:
        monkeypatch.setenv("FOVEAL_HUB_URL", hub.url)
        done = foveal("models", "pull", "tiny", "--json")
    assert done.code == 0
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert all(line["schema"] == "foveal.pull/1" for line in lines)
    assert lines[-2]["bytes"] == lines[-2]["size"] == len(MODEL)
    assert lines[-1]["spec"] == "llama:tiny" and Path(lines[-1]["model"]).read_bytes() == MODEL
    (listed,) = json.loads(foveal("models", "list", "--json").out)["catalogue"]
    assert (listed["name"], listed["state"], listed["sees"]) == ("tiny", "ready", False)
    assert "ready" in foveal("models", "list").out
    assert "--model llama:tiny" in foveal("models", "pull", "tiny").out


def test_unknown_name_and_no_network(foveal: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = foveal("models", "pull", "huge")
    assert unknown.code == 2 and "Known: tiny" in unknown.err
    monkeypatch.setattr(pull, "ATTEMPTS", 1)
    monkeypatch.setenv("FOVEAL_HUB_URL", "http://127.0.0.1:9")
    offline = foveal("models", "pull", "tiny")
    assert offline.code == 4 and "cannot be reached" in offline.err and "copy to" in offline.err
