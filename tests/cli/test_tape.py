"""``foveal ask --record/--replay``, ``foveal eval run --record/--replay`` and ``foveal tape show``, over a real run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from fakes.lands import flag, lands, wired

from foveal.cli import seams
from foveal.settings import Settings

CAPITAL = "What is the capital of the country whose flag is shown?"


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    made = lands(tmp_path)
    monkeypatch.setattr(seams, "make_foveal", lambda given: wired(given, []))
    (tmp_path / "flag.png").write_bytes(flag("Ida"))
    (tmp_path / "other.png").write_bytes(flag("Bel"))
    return made


def test_a_recorded_question_is_answered_again_without_anything(foveal: Any, settings: Settings) -> None:
    asked = ("ask", CAPITAL, "-i", "flag.png", "--index", settings.index, "--json")
    first = foveal(*asked, "--record", "run.tape")
    assert first.code == 0 and json.loads(first.out)["answer"].startswith("Arx")
    assert settings.index is not None
    shutil.rmtree(settings.index)
    for given in ((), (CAPITAL,), (CAPITAL, "-i", "flag.png"), ("--index", "elsewhere/index", "--profile", "balanced")):
        again = foveal("ask", *given, "--replay", "run.tape", "--json")
        assert (again.code, again.out) == (0, first.out), again.err
    saved = foveal("ask", "--replay", "run.tape", "--save", "kept")
    assert saved.code == 0 and "tool.returned" in Path("kept/trace.jsonl").read_text("utf-8")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("What is this?",), "the recording of another question: What is the capital"),
        (("-i", "other.png"), "recorded with other pictures"),
        (("--strategy", "direct"), "was recorded with strategy adaptive"),
        (("--session", "s"), "neither recorded nor part of a session"),
        (("--record", "more.tape"), "neither recorded nor part of a session"),
    ],
)
def test_what_does_not_agree_is_refused(foveal: Any, settings: Settings, given: Any, said: str) -> None:
    foveal("ask", CAPITAL, "-i", "flag.png", "--index", settings.index, "--record", "run.tape")
    done = foveal("ask", *given, "--replay", "run.tape")
    assert done.code == 2 and said in done.err and not done.out


def test_a_recording_is_not_overwritten(foveal: Any, settings: Settings) -> None:
    Path("run.tape").write_text("mine")
    done = foveal("ask", CAPITAL, "-i", "flag.png", "--index", settings.index, "--record", "run.tape")
    assert done.code == 2 and "There is a file run.tape already" in done.err and Path("run.tape").read_text() == "mine"


def test_without_a_question_or_a_recording_it_says_what_to_give(foveal: Any) -> None:
    done = foveal("ask")
    assert done.code == 2 and "There is no question" in done.err
    assert "no recording of a run" in foveal("ask", "--replay", __file__).err
    assert "is not there" in foveal("ask", "--replay", "none.tape").err


def test_tape_show_lists_the_calls_and_the_answer(foveal: Any, settings: Settings) -> None:
    foveal("ask", CAPITAL, "-i", "flag.png", "--index", settings.index, "--record", "run.tape")
    done = foveal("tape", "show", "run.tape")
    assert done.code == 0 and CAPITAL in done.out and "answered (answered): Arx" in done.out
    assert "collection.search_image" in done.out and "finished" in done.out and "1 pictures" in done.out
    told = json.loads(foveal("tape", "show", "run.tape", "--json").out)
    assert told["schema"] == "foveal.tape/1" and told["answer"]["answer"].startswith("Arx")
    assert {call["call"] for call in told["calls"]} >= {"labeller.label_images", "collection.find_title"}
    cut = Path("run.tape").read_bytes()
    Path("cut.tape").write_bytes(cut[: len(cut) // 2])
    assert "interrupted: there is no answer" in foveal("tape", "show", "cut.tape").out


def test_an_evaluation_is_recorded_and_made_again(foveal: Any, settings: Settings) -> None:
    rows = [
        {"id": "a/1", "question": CAPITAL, "images": ["flag.png"], "answers": ["Arx"], "category": "one"},
        {"id": "b", "question": "What is the capital of Bel?", "answers": ["Dun"], "category": "one"},
    ]
    Path("q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    first = foveal("eval", "run", "q.jsonl", "--index", settings.index, "--out", "r", "--record", "tapes")
    assert first.code == 0, first.err
    assert len(list(Path("tapes").glob("*.tape"))) == 2
    assert settings.index is not None
    shutil.rmtree(settings.index)
    again = foveal("eval", "run", "q.jsonl", "--index", settings.index, "--out", "s", "--replay", "tapes")
    assert again.code == 0 and "2 answered" in again.out

    def answers(folder: str) -> dict[str, Any]:
        traces = [json.loads(p.read_text("utf-8")) for p in Path(folder, "traces").glob("*.json")]
        return {trace["id"]: (trace["answer"], trace["events"]) for trace in traces}

    assert answers("r") == answers("s") and len(answers("s")) == 2
    rows[1]["question"] = "What is the capital of Cor?"
    Path("q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    other = foveal("eval", "run", "q.jsonl", "--index", settings.index, "--out", "t", "--replay", "tapes")
    assert "1 failed" in other.out and "run_mismatch" in Path("t/predictions.jsonl").read_text("utf-8")
    both = foveal("eval", "run", "q.jsonl", "--out", "u", "--record", "x", "--replay", "tapes")
    assert both.code == 2 and "not recorded" in both.err
