"""Foveal as a model of lmms-eval: ten questions of our own task."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

INSTALLED = importlib.util.find_spec("lmms_eval") is not None
PLUGGED = any(point.name == "foveal" for point in entry_points(group="lmms_eval.models"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(not (INSTALLED and PLUGGED), reason="lmms-eval or its plug-in is not installed"),
]
ROOT = Path(__file__).parents[2]
QUESTIONS = [json.loads(line) for line in (ROOT / "examples/questions.jsonl").read_text("utf-8").splitlines()]

WRONG = "one answer is told wrong, and one is that to another question of the same words"


def test_ten_questions_complete_and_are_scored(tmp_path: Path) -> None:
    told = [(q["question"], q["answers"][0] if number != 3 else "Atlantis") for number, q in enumerate(QUESTIONS[:10])]
    script = [{"contains": words, "reply": reply, "repeat": True} for words, reply in told]
    (tmp_path / "script.json").write_text(json.dumps([*script, {"probability": 0.9, "repeat": True}]), "utf-8")
    command = [
        sys.executable, "-m", "lmms_eval", "--model", "foveal", "--model_args",
        f"strategy=direct,model=scripted:{tmp_path}/script.json", "--tasks", "foveal_questions", "--include_path",
        "examples/lmms_eval/tasks", "--limit", "10", "--log_samples", "--output_path", str(tmp_path / "out"),
    ]  # fmt: skip
    told_to = {**os.environ, "HOME": str(tmp_path), "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, cwd=ROOT, env=told_to, capture_output=True, text=True, timeout=380)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    results = json.loads(next((tmp_path / "out").rglob("*results.json")).read_text("utf-8"))
    assert results["results"]["foveal_questions"]["accuracy,none"] == 0.8, WRONG
    rows = next((tmp_path / "out").rglob("*samples*.jsonl")).read_text("utf-8").splitlines()
    assert len(rows) == 10
