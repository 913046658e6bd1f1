"""``foveal runs``: over a real store and graph, with fakes for the weights."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.world import FLAGS, QUESTION, SCRIPT, NotingModel, build, flag, noted, wired

from foveal.cli import seams
from foveal.settings import Settings

from .conftest import Outcome

PROGRAM = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from fakes.world import NotingModel, SCRIPT, wired
from foveal.cli import app, seams
seams.make_foveal = lambda settings: wired(settings, NotingModel(SCRIPT, Path(sys.argv[2]), delay=float(sys.argv[3])))
sys.exit(app.run(sys.argv[4:]))
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build(tmp_path_factory.mktemp("world"))


@pytest.fixture
def asked(
    world: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, foveal: Callable[..., Outcome]
) -> Callable[..., Outcome]:
    """Ask the question about Ida's flag; all commands run in one home."""
    monkeypatch.setenv("FOVEAL_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(seams, "make_foveal", lambda s: wired(s, NotingModel(SCRIPT, tmp_path / "log")))
    (tmp_path / "flag.png").write_bytes(flag(*FLAGS["Ida"]))

    def ask(*more: object) -> Outcome:
        return foveal("ask", QUESTION, "-i", tmp_path / "flag.png", "--index", world.index, "-q", *more)

    return ask


def listed(foveal: Callable[..., Outcome]) -> list[dict[str, Any]]:
    return json.loads(foveal("runs", "list", "--json").out)["runs"]


def test_a_run_is_listed_shown_exported_and_forgotten(
    asked: Callable[..., Outcome], foveal: Callable[..., Outcome], tmp_path: Path
) -> None:
    answer = json.loads(asked("--json").out)
    run_id = answer["run_id"]
    assert [(r["run_id"], r["status"], r["question"]) for r in listed(foveal)] == [(run_id, "finished", QUESTION)]
    assert run_id in foveal("runs", "list").out

    shown = foveal("runs", "show", run_id)
    assert shown.code == 0 and QUESTION in shown.out and "image_search" in shown.out and "Otto" in shown.out
    assert re.search(r"solver +scripted +\d+ ", shown.out), "what each role spent"
    told = json.loads(foveal("runs", "show", run_id, "--json").out)
    assert told["schema"] == "foveal.run/1" and told["answer"] == answer
    assert len([c for c in told["calls"] if c["kind"] == "model"]) == answer["usage"]["model_calls"]
    assert [e["seq"] for e in told["events"]] == list(range(1, len(told["events"]) + 1))

    assert foveal("runs", "export", run_id, "--json", tmp_path / "run.json").code == 0
    assert json.loads((tmp_path / "run.json").read_text("utf-8")) == told
    assert json.loads(foveal("runs", "export", run_id, "--json", "-").out) == told
    assert foveal("runs", "export", run_id).code == 2
    assert foveal("runs", "export", run_id, "--json", tmp_path / "no" / "run.json").code == 2

    again = foveal("runs", "resume", run_id, "--json", "-q")
    assert again.code == 0 and json.loads(again.out) == answer, "a finished run prints its answer again"

    assert json.loads(foveal("runs", "rm", run_id, "--json").out)["removed"] == [run_id]
    assert listed(foveal) == []


def test_a_run_is_exported_as_a_page(
    asked: Callable[..., Outcome], foveal: Callable[..., Outcome], tmp_path: Path
) -> None:
    run_id = json.loads(asked("--json").out)["run_id"]
    done = foveal("runs", "export", run_id, "--html", tmp_path / "run.html")
    assert done.code == 0, done.err
    page = (tmp_path / "run.html").read_text("utf-8")
    assert "king of the country" in page and "Otto" in page and "data:image" in page


def test_without_persisting_nothing_is_kept(
    asked: Callable[..., Outcome], foveal: Callable[..., Outcome], tmp_path: Path
) -> None:
    assert asked("--no-persist").code == 0
    assert not (tmp_path / "home" / "runs.db").exists() and not (tmp_path / "home" / "checkpoints.db").exists()
    assert foveal("runs", "list").out == "No runs are kept.\n"


def test_old_runs_are_pruned_and_young_ones_stay(asked: Callable[..., Outcome], foveal: Callable[..., Outcome]) -> None:
    asked()
    assert foveal("runs", "prune", "--older-than", "1").out == "0 runs removed\n"
    assert len(listed(foveal)) == 1
    assert foveal("runs", "prune").code == 2, "how old must be said"
    time.sleep(1.1)
    assert foveal("runs", "prune", "--older-than", "0").out == "1 runs removed\n"
    assert listed(foveal) == []


@pytest.mark.parametrize("command", [["show"], ["resume"], ["export", "--json", "-"], ["rm"]])
def test_an_unknown_run_is_refused_with_a_way_on(
    command: list[str], foveal: Callable[..., Outcome], asked: Callable[..., Outcome]
) -> None:
    outcome = foveal("runs", command[0], "nothing", *command[1:])
    assert outcome.code == 2 and "no run nothing" in outcome.err and "foveal runs list" in outcome.err


def test_row_58_a_damaged_store_is_told(
    foveal: Callable[..., Outcome], asked: Callable[..., Outcome], tmp_path: Path
) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "runs.db").write_bytes(b"garbage " * 999)
    outcome = asked()
    assert outcome.code == 4 and "--no-persist" in outcome.err and "Traceback" not in outcome.err
    assert asked("--no-persist").code == 0
    assert foveal("runs", "list").code == 4


def test_row_61_an_interrupted_question_says_how_to_go_on_and_goes_on(
    world: Settings, asked: Callable[..., Outcome], foveal: Callable[..., Outcome], tmp_path: Path
) -> None:
    tests = Path(__file__).resolve().parents[1]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(tests), str(tmp_path / "first"), "60", "ask", QUESTION,
         "-i", str(tmp_path / "flag.png"), "--index", str(world.index)],
        text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if "s2 started" in line:
            break
    time.sleep(0.3)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130 and time.monotonic() - began < 2.0
    run = listed(foveal)[0]
    assert run["status"] == "interrupted"
    assert f"foveal runs resume {run['run_id']}" in err and "Run it again" not in err

    shown = foveal("runs", "show", run["run_id"])
    assert "No answer yet" in shown.out and "image_search" in shown.out
    done = foveal("runs", "resume", run["run_id"], "--json", "-q")
    assert done.code == 0, done.err
    answer = json.loads(done.out)
    assert answer["answer"].startswith("Otto") and answer["usage"]["tool_calls"]["image_search"] == 1
    assert answer["usage"]["seconds"] > 0.3, "what was spent before counts"
    assert noted(tmp_path / "first") == [], "nothing had come back from the slow model"


def test_row_56_a_run_of_another_version_is_refused(
    asked: Callable[..., Outcome], foveal: Callable[..., Outcome], tmp_path: Path
) -> None:
    run_id = json.loads(asked("--json").out)["run_id"]
    with sqlite3.connect(tmp_path / "home" / "runs.db") as db:
        db.execute("UPDATE runs SET status = 'failed', schema_version = 1")
    outcome = foveal("runs", "resume", run_id)
    assert outcome.code == 2 and "another version" in outcome.err and "Ask the question again" in outcome.err
