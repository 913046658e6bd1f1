"""The questions of a file over a local cluster of two workers: the same rows as alone, whoever is killed."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from fakes.world import FLAGS, QUESTION, SCRIPT, build, wired

from foveal.cli.ask import follow
from foveal.cli.asking import Arm
from foveal.evaluation.questions import load_questions
from foveal.evaluation.runner import Runner
from foveal.tools.models.scripted import ScriptedModel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed"),
]
HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"
COUNT = 10
VARYING = frozenset({"seconds", "elapsed", "run_id", "started_at", "retrieved_at"})


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A collection, and questions about its flags in ``questions.jsonl``."""
    build(tmp_path)
    ask(tmp_path, [QUESTION] * COUNT)
    return tmp_path


def ask(world: Path, words: list[str]) -> None:
    """Write *words* as the questions of the world, each about a flag; the third has a picture that is not there."""
    rows = [
        {
            "id": f"q{number}",
            "question": text,
            "images": [f"corpus/{[*FLAGS][number % 3]}.png" if number != 2 else "corpus/gone.png"],
        }
        for number, text in enumerate(words)
    ]
    (world / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")


def driver(world: Path, out: str = "ray") -> subprocess.Popen[str]:
    """Start a run over the cluster."""
    path = os.pathsep.join(map(str, (EXAMPLES, HERE.parent)))
    command = [sys.executable, str(HERE / "ray_driver.py"), str(world), str(world / out)]
    environment = {**os.environ, "PYTHONPATH": path, "HOME": str(world)}
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    """Return what a run said on standard error; it must have ended well."""
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said[-3000:]
    return said


def alone(world: Path) -> Path:
    """Make the same run in this process; return its folder."""
    from ray_driver import settings_in

    async def run() -> None:
        loaded, settings = load_questions(world / "questions.jsonl"), settings_in(world)
        async with wired(settings, ScriptedModel(SCRIPT)) as foveal:
            runner = Runner(world / "alone", config=Arm("adaptive", settings).config(loaded, {}))
            await runner.run(
                loaded.questions,
                lambda question, on_event: follow(foveal, question.question, [*map(Path, question.images)], on_event),
            )

    asyncio.run(run())
    return world / "alone"


def steady(value: Any) -> Any:
    """Return *value* without what differs between two runs of one question."""
    if isinstance(value, dict):
        return {key: steady(inner) for key, inner in value.items() if key not in VARYING}
    return [steady(inner) for inner in value] if isinstance(value, list) else value


def rows(folder: Path) -> list[dict[str, Any]]:
    return [steady(json.loads(line)) for line in (folder / "predictions.jsonl").read_text("utf-8").splitlines()]


def traces(folder: Path) -> dict[str, Any]:
    return {path.name: steady(json.loads(path.read_text("utf-8"))) for path in (folder / "traces").glob("*.json")}


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run.json").read_text("utf-8"))


def asked(world: Path) -> list[list[str]]:
    return [line.split(" ", 1) for line in (world / "asked").read_text("utf-8").splitlines()]


def test_two_workers_leave_what_one_process_leaves(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = finish(driver(world))
    assert len({process for process, _ in asked(world)}) == 2, "both workers answered"
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.syspath_prepend(str(HERE))
    single = alone(world)
    assert rows(world / "ray") == rows(single)
    assert [row["id"] for row in rows(single)] == [f"q{n}" for n in range(COUNT)]
    assert [row["status"] for row in rows(single)].count("answered") >= 3 and rows(single)[2]["status"] == "failed"
    assert traces(world / "ray") == traces(single)
    assert record(world / "ray")["config"] == record(single)["config"]
    assert f"[{COUNT}/{COUNT}]" in said and "left" in said and "1 failed" in said


def test_a_killed_driver_is_resumed_and_nothing_is_asked_twice(world: Path) -> None:
    first = driver(world)
    file = world / "ray" / "predictions.jsonl"
    until = time.monotonic() + 200
    while not file.exists() or file.read_text("utf-8").count("\n") < 3:
        assert time.monotonic() < until and first.poll() is None
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    kept = [json.loads(line)["id"] for line in file.read_text("utf-8").splitlines(keepends=True) if line[-1:] == "\n"]
    assert 3 <= len(kept) < COUNT
    before = len(asked(world))
    finish(driver(world))
    assert [row["id"] for row in rows(world / "ray")] == [f"q{n}" for n in range(COUNT)]
    totals = record(world / "ray")["totals"]
    assert totals["kept"] >= len(kept) and totals["kept"] + totals["asked"] == COUNT
    # the question with a picture that is not there is never asked
    assert len(asked(world)) - before in (totals["asked"], totals["asked"] - 1)


def test_a_dead_workers_question_is_asked_again_and_one_that_kills_twice_has_failed(world: Path) -> None:
    words = [QUESTION] * 8
    words[1], words[4] = f"{QUESTION} An unlucky one.", f"{QUESTION} A deadly one."
    ask(world, words)
    finish(driver(world))
    made = rows(world / "ray")
    assert [row["id"] for row in made] == [f"q{n}" for n in range(8)]
    asked_of = [text for _, text in asked(world)]
    assert sum("unlucky" in text for text in asked_of) == sum("deadly" in text for text in asked_of) == 2
    assert made[1]["status"] != "failed"
    assert (made[4]["status"], made[4]["stop_reason"]) == ("failed", "backend_down")
    assert "ended 2 workers" in traces(world / "ray")["q4.json"]["error"]["message"]
    assert {row["id"] for row in made if row["status"] == "failed"} == {"q2", "q4"}


def test_a_wrong_command_is_told_what_to_do(tmp_path: Path) -> None:
    def run(*given: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(EXAMPLES / "ray_eval.py"), str(EXAMPLES / "questions.jsonl"), *given]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)

    gone = run("--out", "o")
    assert gone.returncode == 2 and "--index DIR" in gone.stderr and "Traceback" not in gone.stderr
    nobody = run("--out", "o", "--index", "i", "--workers", "0")
    assert nobody.returncode == 2 and "at least one worker" in nobody.stderr
