"""A data set's own measures over a run, each by the name that its questions give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.cli.app import run as command
from foveal.evaluation.judging import JUDGED, NEEDS, grade, wanted
from foveal.evaluation.loaders.registry import FORMATS
from foveal.evaluation.measures import MEASURES, measured, unmeasured
from foveal.evaluation.metrics.lists import list_exact, list_f1
from foveal.evaluation.predictions import Prediction
from foveal.evaluation.questions import Question
from foveal.evaluation.score import ALL, judge
from foveal.tools.models.scripted import ScriptedModel


def asked(metric: str, **fields: Any) -> Question:
    return Question(**{"id": "q", "question": "?", "answers": ("Chad",), **fields, "metrics": (metric,)})


def value(question: Question, answer: str = "", trace: Any = None, **fields: Any) -> float | None:
    """Return the one measure of one question; None when it has no value."""
    prediction = Prediction(question.id, answer, status="answered", **fields)
    rows = measured(judge([question], {question.id: prediction}), {question.id: trace} if trace else {})
    return rows[-1].mean if rows else None


def trace_of(cited: list[str], kind: str = "text", query: str = "lake chad", **evidence: Any) -> dict[str, Any]:
    ledger = [{"id": f"e{n}", "doc_id": doc, "kind": kind, **evidence} for n, doc in enumerate(cited)]
    citations = [{"n": n + 1, "evidence_id": f"e{n}", "doc_id": doc} for n, doc in enumerate(cited)]
    events = [{"type": "tool.called", "data": {"tool": "collection", "query": query}}]
    return {"answer": {"evidence": ledger, "citations": citations}, "events": events}


def test_every_measure_that_a_data_set_names_is_known() -> None:
    named = {name for form in FORMATS.values() for name in form.metrics}
    assert named <= {*MEASURES, *JUDGED, *NEEDS}


@pytest.mark.parametrize(
    ("metric", "fields", "answer", "expected"),
    [
        ("exact_match", {}, "the Chad.", 1.0),
        ("exact_match", {}, "Chad lake", 0.0),
        ("token_f1", {}, "Chad lake", 2 / 3),
        ("f1_recall", {"answers": ("Lake Chad",)}, "Mali or Chad", 0.5),
        ("relaxed_accuracy", {"answers": ("100",)}, "104", 1.0),
        ("relaxed_accuracy", {"answers": ("100",)}, "106", 0.0),
        ("anls", {"answers": ("Chad",)}, "Chat", 0.75),
        ("choice_accuracy", {"choices": ("Mali", "Chad"), "meta": {"choice": "B"}}, "The answer is B", 1.0),
        ("choice_accuracy", {"choices": ("Mali", "Chad"), "meta": {"choice": "B"}}, "neither", 0.0),
        ("choice_accuracy", {}, "B", None),
        ("vqa_accuracy", {}, "chad", 1.0),
        ("vqa_accuracy", {"answer_type": "number"}, "5", None),
        ("relaxed_range_accuracy", {"answer_type": "number", "meta": {"ranges": [[9, 11]]}}, "10.5 m", 1.0),
        ("relaxed_range_accuracy", {"answer_type": "number", "meta": {"ranges": [[9, 11]]}}, "12", 0.0),
        ("relaxed_range_accuracy", {"answer_type": "number", "meta": {"ranges": [[10, 20]]}}, "12-22", 1.0),
        ("relaxed_range_accuracy", {"answer_type": "number", "meta": {"ranges": [[10, 20]]}}, "18 - 28", 0.0),
        ("list_f1", {"answers": ("Chad", "Mali")}, "Mali and Togo", 0.5),
        ("list_exact_match", {"answers": ("Chad", "Mali")}, "Mali, Chad", 1.0),
        ("webqa_keywords", {"meta": {"keywords": "red brick"}}, "It is of red stone.", 0.5),
        ("mmsearch_end2end", {"answers": ("Lake Chad", "Chad")}, "Chad", 1.0),
        ("rouge_l", {"answers": ("a lake in Chad",)}, "lake Chad", 0.8),
        ("accuracy", {}, "It is Chad", 1.0),
    ],
)
def test_words(metric: str, fields: dict[str, Any], answer: str, expected: float | None) -> None:
    assert value(asked(metric, **fields), answer) == (expected if expected is None else pytest.approx(expected))


def test_rankings() -> None:
    gold: dict[str, Any] = {"evidence": ("a", "b"), "candidates": ("a", "b", "c", "d")}
    for metric, expected in (
        ("mrr", 0.5), ("recall", 1.0), ("page_recall", 1.0), ("figure_recall", 1.0),
        ("average_precision_50", (1 / 2 + 2 / 3) / 2), ("mmsearch_rerank", 0.0),
    ):  # fmt: skip
        assert value(asked(metric, **gold), "x", retrieved=("c", "b", "a")) == pytest.approx(expected)
    assert value(asked("mmsearch_rerank", **gold), "x", retrieved=("z", "b", "c")) == 1.0
    assert value(asked("mmsearch_rerank", **gold, meta={"not_sure": ["c"]}), "x", retrieved=("c",)) == 0.5
    assert value(asked("mmsearch_rerank", **gold), "x", retrieved=()) == 0.0


def test_what_stands_in_a_trace() -> None:
    gold: dict[str, Any] = {"evidence": ("a", "b")}
    for metric in ("support_f1", "source_f1", "supporting_facts_f1"):
        assert value(asked(metric, **gold), "x", trace_of(["a", "c", "a"])) == pytest.approx(0.5)
        assert value(asked(metric, **gold), "x") is None
    assert value(asked("mmsearch_requery", gold_query="lake chad"), "x", trace_of([])) == 1.0
    assert value(asked("mmsearch_requery", gold_query="lake chad"), "x") is None
    assert value(asked("picture_f1", pictures=("p", "q")), "x", trace_of(["p"], "image")) == pytest.approx(2 / 3)
    assert value(asked("picture_f1", pictures=("p", "q")), "x", trace_of(["p"])) == 0.0, "a text is no picture"
    assert value(asked("picture_order", pictures=("p", "q")), "x", trace_of(["p", "q"], "image")) == 1.0
    shown = trace_of(["t", "p"], image="a" * 64)
    shown["answer"]["evidence"][0]["image"] = "b" * 64
    shown["answer"]["answer"] = f"First ![p](<{'a' * 64}>) then ![?](<{'c' * 64}>)"
    assert value(asked("picture_f1", pictures=("p",)), "x", shown) == pytest.approx(2 / 3)
    boxed = asked("layout_recall", boxes=(("a", 0.0, 0.0, 2.0, 1.0),))
    region = {"x0": 0, "y0": 0, "x1": 1, "y1": 1}
    assert value(boxed, "x", trace_of(["a"], "page", region=region)) == 0.5
    assert value(boxed, "x", trace_of(["a"])) is None


def test_an_f1_over_a_set_is_a_quotient_of_sums() -> None:
    questions = [
        Question(id="1", question="?", answers=("Chad",), metrics=("answerable_f1",)),
        Question(id="2", question="?", answers=("Mali",), metrics=("answerable_f1",)),
        Question(id="3", question="?", answer_type="abstain", metrics=("answerable_f1",)),
        Question(id="4", question="?", answers=("Togo",), metrics=("answerable_f1",)),
    ]
    given_ = {
        "1": Prediction("1", "Chad", status="answered"),
        "2": Prediction("2", "Chad", status="answered"),
        "3": Prediction("3", "not answerable", abstained=True),
    }
    (row,) = measured(judge(questions, given_), {})
    assert row.mean == pytest.approx(2 * 1 / (2 + 3))  # one right of two answered, of three that can be
    assert row.interval[0] <= row.mean <= row.interval[1]


def test_what_was_declined_failed_or_is_missing_is_worth_nothing_and_counts() -> None:
    questions = [asked("f1_recall", answers=("not stated Chad",)).model_copy(update={"id": str(n)}) for n in range(4)]
    given_ = {
        "0": Prediction("0", "not stated Chad", abstained=True),
        "1": Prediction("1", "not stated Chad", status="failed"),
        "2": Prediction("2", "Chad", status="answered"),
    }
    (row,) = measured(judge(questions, given_), {})
    assert (row.n, row.mean) == (4, pytest.approx(1 / 12))


def test_categories_and_what_has_no_value() -> None:
    rows = judge(
        [asked("token_f1", category=c).model_copy(update={"id": c}) for c in ("one", "two")]
        + [asked("l3score").model_copy(update={"id": "x"}), asked("magic").model_copy(update={"id": "y"})],
        {"one": Prediction("one", "Chad", status="answered")},
    )
    done = measured(rows, {})
    assert [(row.category, row.mean, row.n) for row in done] == [("one", 1.0, 1), ("two", 0.0, 1), (ALL, 0.5, 2)]
    assert unmeasured(rows, done) == {"l3score": "a model gives it: --judge SPEC", "magic": "unknown here"}


@given(st.lists(st.sampled_from(["Chad", "Mali", "7 lakes", "Lake Chad"]), min_size=1, max_size=5), st.randoms())
def test_lists_do_not_hang_on_order(golds: list[str], shuffle: Any) -> None:
    said = list(golds)
    shuffle.shuffle(said)
    answer = "; ".join(said) if len(said) > 1 else said[0]
    assert list_exact(answer, golds) and list_f1(answer, golds) == pytest.approx(1.0)
    assert 0 <= list_f1(answer + "; Togo", golds) <= 1


def rows_to_judge(metric: str = "judged_grade") -> Any:
    questions = [
        Question(id=n, question=f"Which is {n}?", answers=("Chad",), metrics=(metric,) if metric else ())
        for n in ("right", "wrong", "none", "odd", "failed", "unasked")
    ]
    given_ = {n: Prediction(n, f"I say {n}", status="answered") for n in ("right", "wrong", "none", "odd")}
    return judge(questions, {**given_, "failed": Prediction("failed", "Chad", status="failed")})


GRADES = [
    {"task": "grade", "contains": "I say right", "reply": "CORRECT"},
    {"task": "grade", "contains": "I say wrong", "reply": "Incorrect."},
    {"task": "grade", "contains": "I say none", "reply": "NOT ATTEMPTED"},
    {"task": "grade", "contains": "I say odd", "reply": "It depends."},
]


async def test_a_judge_grades_and_its_failures_count_nothing() -> None:
    rows = rows_to_judge()
    grades = await grade(rows, ScriptedModel(GRADES))
    assert (grades.judge, grades.asked, grades.failed) == ("scripted", 4, 1)
    assert grades.problems == {"odd": "its reply is no grade"}
    (row,) = measured(rows, {}, grades=grades)
    assert (row.measure, row.mean, row.n) == ("judged_grade", pytest.approx(1 / 6), 6)
    assert grades.attempted == {"right", "wrong"}


async def test_given_attempted_is_of_what_was_attempted() -> None:
    rows = rows_to_judge("accuracy_given_attempted")
    given_, graded = measured(rows, {}, grades=await grade(rows, ScriptedModel(GRADES)))
    assert (given_.measure, given_.mean) == ("accuracy_given_attempted", 0.5)
    assert (graded.measure, graded.mean) == ("judged_grade", pytest.approx(1 / 6))


async def test_ratings_and_yes_probabilities_are_0_to_1() -> None:
    rows = rows_to_judge("judged_scale")[:2]
    script = [{"task": "rate", "contains": "right", "reply": "5"}, {"task": "rate", "reply": "Rating: 2"}]
    (row,) = measured(rows, {}, grades=await grade(rows, ScriptedModel(script)))
    assert row.mean == pytest.approx((1 + 0.25) / 2)
    rows = rows_to_judge("l3score")[:2]
    script = [{"task": "same", "probability": 0.75, "repeat": True}]  # type: ignore[dict-item]
    (row,) = measured(rows, {}, grades=await grade(rows, ScriptedModel(script)))
    assert row.mean == 0.75


async def test_a_judge_that_replies_nothing_fails_on_all() -> None:
    rows = rows_to_judge()
    grades = await grade(rows, ScriptedModel([]))
    assert grades.failed == 4 and measured(rows, {}, grades=grades)[0].mean == 0.0


def test_sets_without_a_judged_measure_are_graded() -> None:
    assert set(wanted(rows_to_judge("")).values()) == {("judged_grade",)}
    mixed = [*rows_to_judge("l3score")[:1], *rows_to_judge("")[1:]]
    assert wanted(mixed)["right"] == ("l3score",) and wanted(mixed)["wrong"] == ()


def test_the_command_scores_by_the_sets_own_measures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": n, "question": "?", "answers": ["Chad"], "metrics": ["f1_recall", "judged_grade"]} for n in "ab"]
    (tmp_path / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    said = [
        {"id": "a", "answer": "I say right Chad", "status": "answered"},
        {"id": "b", "answer": "", "status": "failed"},
    ]
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, said)))
    (tmp_path / "judge.json").write_text(json.dumps(GRADES))
    given_ = ["eval", "score", str(tmp_path / "q.jsonl"), str(tmp_path / "p.jsonl")]
    assert command(given_) == 0
    shown = capsys.readouterr().out
    assert "f1_recall  ALL       0.500" in shown and "not measured: judged_grade: a model gives it" in shown
    assert command([*given_, "--judge", f"scripted:{tmp_path / 'judge.json'}", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["judge"] == {"name": "scripted:judge.json", "asked": 1, "failed": 0}
    assert {row["measure"]: row["mean"] for row in found["measures"]} == {"f1_recall": 0.5, "judged_grade": 0.5}
    assert command([*given_, "--judge", f"scripted:{tmp_path / 'judge.json'}"]) == 0
    assert "judge: scripted:judge.json, 1 answers, 0 not judged" in capsys.readouterr().out
    assert command([*given_, "--judge", "magic"]) == 2
