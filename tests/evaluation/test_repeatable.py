"""An evaluation that is killed and gone on with is the one that was not; one that is replayed is the same bytes."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fakes.lands import LANDS, flag, lands, wired

from foveal.cli import seams
from foveal.cli.app import run as command
from foveal.settings import Settings

KILLS = 5
QUESTIONS = 48
REPLAYS = 20
CLI = """
import sys
from fakes.lands import wired
from foveal.cli import seams
from foveal.cli.app import run
script = [{"task": "read", "probability": 0.95, "repeat": True}, {"task": "read", "reply": "Bo Ek", "repeat": True}]
seams.make_foveal = lambda settings: wired(settings, script)
sys.exit(run(sys.argv[1:]))
"""
"""The command line, with scripted weights."""
ANEW = {"run_id", "seconds", "retrieved_at", "elapsed", "started_at", "config_hash"}
"""What is another one in every run."""


def write_questions(folder: Path, count: int) -> Path:
    """Questions with and without a picture, of one hop and of three, one of them read by the model."""
    rows: list[dict[str, Any]] = []
    for n in range(count):
        land = list(LANDS)[n % 3]
        capital = LANDS[land][0]
        rows.append(
            [
                {"question": f"What is the capital of {land}?", "answers": [capital]},
                {"question": "What is the capital of the country whose flag is shown?", "images": [f"{land}.png"]},
                {"question": "Who built the Eph Tower?", "answers": ["Bo Ek"]},
                {
                    "question": "Of all the countries that share a land border with the country whose flag is shown, "
                    "which one has the largest area?",
                    "images": ["Ida.png"],
                },
            ][n % 4]
            | {"id": f"q/{n}"}
        )
    for name in LANDS:
        (folder / f"{name}.png").write_bytes(flag(name))
    path = folder / "q.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: without(item, names) for key, item in value.items() if key not in names}
    return [without(item, names) for item in value] if isinstance(value, list) else value


def predictions(out: Path) -> dict[str, Any]:
    rows = [json.loads(line) for line in (out / "predictions.jsonl").read_bytes().splitlines()]
    assert len({row["id"] for row in rows}) == len(rows), "no question has two rows"
    return {row["id"]: without(row, {"seconds"}) for row in rows}


def traces(out: Path) -> dict[str, Any]:
    found = [json.loads(path.read_text("utf-8")) for path in (out / "traces").glob("*.json")]
    for trace in found:  # branches that run side by side tell of themselves as they come
        trace["events"] = sorted(
            json.dumps(without(event, ANEW | {"seq"}), sort_keys=True) for event in trace["events"]
        )
    return {trace["id"]: without(trace, ANEW) for trace in found}


def start(arguments: list[str]) -> subprocess.Popen[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("FOVEAL_")}
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", CLI, *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=environment,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_killed_five_times_and_gone_on_with_is_the_run_that_was_not(tmp_path: Path, seed: int) -> None:
    settings, asked = lands(tmp_path), write_questions(tmp_path, QUESTIONS)
    moments = random.Random(seed)

    def arguments(out: str) -> list[str]:
        given = ["eval", "run", str(asked), "--index", str(settings.index), "--out", str(tmp_path / out)]
        return [*given, "--strategy", "adaptive,two_step", "--concurrency", "3"]

    whole = start(arguments("whole"))
    assert whole.wait(timeout=60) == 0, whole.stderr.read() if whole.stderr else ""
    killed = 0
    for left in range(KILLS, 0, -1):
        done = sum(len(predictions(path.parent)) for path in (tmp_path / "cut").glob("*/predictions.jsonl"))
        process = start(arguments("cut"))
        assert process.stderr is not None
        for _ in range(moments.randrange(1, max(2, (2 * QUESTIONS - done) // left))):
            assert f"/{QUESTIONS}]" in process.stderr.readline(), "it ended before it was killed"
        time.sleep(moments.random() / 50)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=20)
        killed += process.returncode == -signal.SIGKILL
    assert killed == KILLS
    last = start(arguments("cut"))
    said, wrong = last.communicate(timeout=60)
    assert last.returncode == 0, wrong
    assert "(0 from before)" not in said.splitlines()[0]
    for name in ("adaptive", "two_step"):
        assert predictions(tmp_path / "cut" / name) == predictions(tmp_path / "whole" / name)
        assert traces(tmp_path / "cut" / name) == traces(tmp_path / "whole" / name)
        assert len(predictions(tmp_path / "cut" / name)) == QUESTIONS


def test_twenty_replays_of_an_evaluation_are_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings, asked = lands(tmp_path), write_questions(tmp_path, 4)
    script = [{"task": "read", "probability": 0.95, "repeat": True}, {"task": "read", "reply": "Bo Ek", "repeat": True}]
    made: list[Settings] = []
    monkeypatch.setattr(seams, "make_foveal", lambda given: made.append(given) or wired(given, script))
    monkeypatch.chdir(tmp_path)
    run = ["eval", "run", str(asked), "--index", str(settings.index)]
    assert command([*run, "--out", "live", "--record", "tapes"]) == 0, capsys.readouterr().err
    assert settings.index is not None
    shutil.rmtree(settings.index)
    first: dict[str, bytes] = {}
    for n in range(REPLAYS):
        assert command([*run, "--out", f"again{n}", "--replay", "tapes"]) == 0, capsys.readouterr().err
        files = [Path(f"again{n}", "predictions.jsonl"), *sorted(Path(f"again{n}", "traces").iterdir())]
        bytes_of = {path.name: path.read_bytes() for path in files}
        first = first or bytes_of
        assert bytes_of == first
    assert len(first) == 5 and len(made) == 1, "a replay makes nothing"
    assert predictions(Path("again0")) == predictions(Path("live"))
    assert traces(Path("again0")) == traces(Path("live"))
