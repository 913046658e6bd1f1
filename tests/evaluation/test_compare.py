"""Runs side by side: intervals, paired differences, and what a run cost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.cli.app import run as command
from foveal.evaluation.compare import Run, bootstrap, compare, model_calls
from foveal.evaluation.predictions import Prediction
from foveal.evaluation.questions import Question
from foveal.evaluation.score import ALL, judge

QUESTIONS = [Question(id=f"q{n}", question="?", category="hop", answers=("Chad",)) for n in range(40)]


def run_of(name: str, right: int, calls: int = 2) -> Run:
    rows = {
        q.id: Prediction(q.id, "Chad" if n < right else "Mali", searches=3, seconds=2.0, status="answered")
        for n, q in enumerate(QUESTIONS)
    }
    return Run(name, judge(QUESTIONS, rows), {q.id: calls for q in QUESTIONS})


def test_a_better_run_is_better_beyond_the_interval_and_the_first_is_the_measure() -> None:
    rows = {(r.category, r.run): r for r in compare([run_of("old", 10), run_of("new", 30, calls=5)])}
    old, new = rows[ALL, "old"], rows[ALL, "new"]
    assert (old.accuracy, new.accuracy, old.better) == (0.25, 0.75, None)
    assert new.better == 0.5 and new.better_interval is not None and new.better_interval[0] > 0.3
    assert (new.model_calls, new.tool_calls, new.seconds) == (5, 3, 2.0)
    assert old.interval[0] < 0.25 < old.interval[1]


def test_pairs_tell_apart_what_single_intervals_do_not() -> None:
    """Two questions more of forty: the intervals overlap, but it never loses one."""
    rows = {r.run: r for r in compare([run_of("old", 20), run_of("new", 24)]) if r.category == ALL}
    assert rows["old"].interval[1] > rows["new"].interval[0]
    assert rows["new"].better_interval is not None and rows["new"].better_interval[0] > 0


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_an_interval_holds_the_mean_and_is_the_same_again(values: list[bool]) -> None:
    numbers = [float(v) for v in values]
    low, high = bootstrap(numbers, samples=200)
    assert 0 <= low <= sum(numbers) / len(numbers) <= high <= 1
    assert (low, high) == bootstrap(numbers, samples=200)


def test_nothing_to_draw_from() -> None:
    assert bootstrap([]) == (0.0, 0.0)
    assert model_calls({"q1": {"answer": None}, "q2": {"answer": {"usage": {"model_calls": 4}}}}) == {"q2": 4}


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions = tmp_path / "questions.jsonl"
    rows = [{"id": "q1", "question": "?", "category": "hop", "answers": ["Chad"], "answer_type": "string"}]
    questions.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    for name, answer in (("a", "Mali"), ("b", "Chad")):
        (tmp_path / name).mkdir()
        row = {"id": "q1", "answer": answer, "retrieved": [], "searches": 1, "seconds": 1.0, "abstained": False}
        (tmp_path / name / "predictions.jsonl").write_text(json.dumps(row), encoding="utf-8")
    assert command(["eval", "compare", str(questions), str(tmp_path / "a"), str(tmp_path / "b"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["rows"]
    assert [(r["run"], r["accuracy"], r["better"]) for r in found if r["category"] == ALL] == [
        ("a", 0.0, None),
        ("b", 1.0, 1.0),
    ]
