"""Runs side by side: intervals, paired differences, and what a run cost."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.cli.app import run as command
from foveal.errors import BadInput
from foveal.evaluation.ablations import figures
from foveal.evaluation.compare import Run, bootstrap, compare, model_calls, shared
from foveal.evaluation.folder import run_folders
from foveal.evaluation.metrics.stats import holm, mcnemar
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


def test_tests_against_the_first_run_are_corrected_for_their_number() -> None:
    rows = {r.run: r for r in compare([run_of("old", 20), run_of("new", 28), run_of("bad", 18)]) if r.category == ALL}
    alone = mcnemar([True] * 8, [False] * 8)
    assert rows["old"].p is None and rows["old"].p_seconds is None
    assert (rows["new"].p_alone, rows["new"].p) == (alone, 2 * alone)
    assert rows["bad"].p == rows["bad"].p_alone == 0.5
    assert rows["new"].p_f1 is not None and rows["new"].p_f1 < 0.05 and rows["new"].p_seconds == 1.0


@given(st.lists(st.none() | st.floats(0, 1), max_size=8))
def test_holm_keeps_order_and_never_makes_a_p_smaller(values: list[float | None]) -> None:
    corrected = holm(values)
    pairs = sorted((v, c) for v, c in zip(values, corrected, strict=True) if v is not None and c is not None)
    assert all(v <= c <= 1 for v, c in pairs) and [c for _, c in pairs] == sorted(c for _, c in pairs)
    assert [v is None for v in values] == [c is None for c in corrected]
    if pairs:
        assert pairs[0][1] == min(1.0, pairs[0][0] * len(pairs))


def test_the_front_is_of_runs_that_none_beats() -> None:
    """As good for more calls, or worse for the same, is off it; the dear and good and the cheap and bad are on it."""
    runs = [run_of("good", 30, 5), run_of("dear", 30, 6), run_of("cheap", 10, 1), run_of("bad", 9, 1)]
    rows = {r.run: r.front for r in compare(runs) if r.category == ALL}
    assert rows == {"good": ("calls", "seconds"), "dear": ("seconds",), "cheap": ("calls",), "bad": ()}
    untraced = [replace(run, model_calls={}) for run in runs[:2]]
    assert {r.front for r in compare(untraced) if r.category == ALL} == {("seconds",)}


def test_only_questions_of_every_run_count() -> None:
    some = run_of("some", 0)
    part = replace(some, judged=[j for j in some.judged if j.question.id in ("q0", "q1", "q39")])
    rows = {r.run: r for r in compare([run_of("all", 2), part]) if r.category == ALL}
    assert (rows["all"].n, rows["all"].accuracy, rows["some"].n) == (3, 2 / 3, 3)
    unasked = replace(some, judged=[replace(j, prediction=None) for j in some.judged])
    assert shared([run_of("all", 2), unasked])[0].judged == []


def ablation(name: str, right: int, ablation_: str, model: str) -> Run:
    made = run_of(name, right)
    judged = [replace(j, question=j.question.model_copy(update={"images": ("x.png",)})) for j in made.judged[:20]]
    return replace(made, judged=[*judged, *made.judged[20:]], config={"ablation": ablation_, "model": model})


def test_gain_and_leakage_come_from_the_ablations() -> None:
    seen, blind = ablation("c", 16, "closed_book", "eye"), ablation("n", 6, "no_image", "eye")
    text = ablation("t", 4, "no_image", "llm")
    searched = ablation("s", 40, "", "eye")
    found = figures([searched, seen, blind, text])
    assert found is not None
    (row,), (gained,) = found.pictures, found.searching
    assert (row.model, row.n, row.with_pictures, row.without_pictures) == ("eye", 20, 0.8, 0.3)
    assert row.gain == pytest.approx(0.5) and row.gain_interval[0] > 0.2
    assert (row.language_model, row.language_model_alone) == ("llm", 0.2) and row.leaked == pytest.approx(0.1)
    assert (gained.run, gained.n, gained.gain) == ("s", 40, pytest.approx(0.6))
    alone = figures([seen, blind])
    assert alone is not None and alone.pictures[0].leaked is None and alone.searching == ()
    assert figures([searched]) is None


def test_runs_are_named_by_their_folders(tmp_path: Path) -> None:
    for number, name in enumerate(("b/late", "b/early", "c/early")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "predictions.jsonl").write_text("")
        (tmp_path / name / "run.json").write_text(json.dumps({"order": number}))
    assert list(run_folders([tmp_path / "b"])) == ["late", "early"], "as they were made"
    assert list(run_folders([tmp_path / "b", tmp_path / "c"])) == ["late", "b/early", "c/early"]
    assert list(run_folders([tmp_path / "b" / "late", tmp_path / "b" / "late"])) == ["late"]
    with pytest.raises(BadInput, match="no run in"):
        run_folders([tmp_path])
