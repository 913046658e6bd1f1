"""Scores, losses and citations, over a run small enough to count by hand."""

from __future__ import annotations

from typing import Any

import pytest

from foveal.evaluation.failures import LOSSES, count_losses, loss_of
from foveal.evaluation.predictions import Prediction
from foveal.evaluation.questions import Question
from foveal.evaluation.score import ALL, check_citations, judge, score, ways


def question(number: int, **changes: Any) -> Question:
    values = {
        "id": f"q{number}", "question": "?", "category": "hop", "images": ("a.png",), "answers": ("Chad",),
        "evidence": ("d1", "d2"), "evidence_steps": (("d1",), ("d2",)), **changes,
    }  # fmt: skip
    return Question(**values)


def predicted(number: int, answer: str = "Chad", **changes: Any) -> Prediction:
    values = {
        "id": f"q{number}", "answer": answer, "retrieved": ("d1", "x", "d2"), "searches": 2, "seconds": 1.0,
        "status": "answered", **changes,
    }  # fmt: skip
    return Prediction(**values)


def trace(*read: str) -> dict[str, Any]:
    return {"answer": {"evidence": [{"id": f"e{n}", "doc_id": doc} for n, doc in enumerate(read)]}}


def test_scores_by_category_and_in_all() -> None:
    questions = [
        question(1),
        question(2),
        question(3, category="none", answer_type="abstain", answers=(), evidence=(), evidence_steps=()),
        question(4, category="given", evidence=(), evidence_steps=(), expected_searches=0),
        question(5, category="given"),
    ]
    rows = [
        predicted(1),
        predicted(2, "", abstained=True, status="insufficient", retrieved=("d1",), seconds=3.0),
        predicted(3, "It cannot be determined."),
        predicted(4, searches=1),
    ]
    scores = score(judge(questions, {row.id: row for row in rows}, k=2))
    assert list(scores) == ["given", "hop", "none", ALL]
    hop = scores["hop"]
    assert (hop.n, hop.accuracy, hop.recall, hop.chain, hop.false_abstention) == (2, 0.5, 0.5, 0.5, 0.5)
    assert (hop.seconds, hop.needless, hop.f1) == (2.0, None, 0.5)
    assert scores["given"].needless == 1.0 and scores["given"].missing == 1 and scores["given"].accuracy == 0.5
    everything = scores[ALL]
    assert everything.accuracy == pytest.approx(3 / 5)
    assert (everything.abstention_precision, everything.abstention_recall) == (0.5, 1.0)
    assert everything.recall == pytest.approx((0.5 + 0.5 + 0) / 3)


def test_each_loss_is_put_down_to_the_first_stage_that_failed() -> None:
    cases = [
        (question(1), predicted(1), trace("d2"), None),
        (question(1), None, None, "failed"),
        (question(1), predicted(1, "", status="failed"), None, "failed"),
        (question(1), predicted(1, "Mali", retrieved=("x",)), None, "not identified"),
        (question(1, images=()), predicted(1, "Mali", retrieved=("x",)), None, "not retrieved"),
        (question(1), predicted(1, "Mali", retrieved=("d1",)), None, "not retrieved"),
        (question(1), predicted(1, "Mali"), trace("d1"), "not read"),
        (question(1), predicted(1, "Mali"), None, "read but wrong"),
        (question(1), predicted(1, "Mali"), trace("d2"), "read but wrong"),
        (question(1), predicted(1, "", abstained=True), trace("d2"), "wrongly abstained"),
        (question(1, answer_type="abstain"), predicted(1), None, "wrongly answered"),
    ]
    for asked, row, seen, loss in cases:
        judged = judge([asked], {row.id: row} if row else {})[0]
        assert loss_of(judged, seen) == loss
    counts = count_losses(judge([cases[0][0], question(2)], {"q1": predicted(1)}))
    assert counts["hop"] == {"right": 1, **dict.fromkeys(LOSSES, 0), "failed": 1}
    assert counts[ALL] == counts["hop"]


def test_citations_are_followed_to_their_evidence() -> None:
    evidence = [{"id": "e1", "doc_id": "d1", "quote": "Chad has a lake."}]
    good = {"n": 1, "evidence_id": "e1", "doc_id": "d1", "quote": "a lake"}
    traces: dict[str, Any] = {
        "good": {"answer": {"answer": "Yes [1]", "citations": [good], "evidence": evidence}},
        "unknown id": {"answer": {"answer": "Yes", "citations": [{**good, "evidence_id": "e9"}], "evidence": evidence}},
        "other document": {"answer": {"answer": "", "citations": [{**good, "doc_id": "d2"}], "evidence": evidence}},
        "other words": {"answer": {"answer": "", "citations": [{**good, "quote": "a sea"}], "evidence": evidence}},
        "mark without citation": {"answer": {"answer": "Yes [2]", "citations": [good], "evidence": evidence}},
        "failed": {"answer": None},
    }
    found = check_citations(traces)
    assert found.unresolved == ("unknown id", "other document", "other words", "mark without citation")
    assert (found.citations, found.marks, found.resolved) == (5, 2, 3)
    assert found.rate == pytest.approx(3 / 7)
    assert check_citations({}).rate is None


def test_the_way_is_told_by_category_and_an_answer_that_declines_claims_nothing() -> None:
    evidence = [{"id": "e1", "doc_id": "d1", "quote": "Chad has a lake.", "tool": "image_search"}]
    cited = {"n": 1, "evidence_id": "e1", "doc_id": "d1", "quote": "Chad has a lake."}
    said: dict[str, Any] = {
        "status": "answered",
        "evidence": evidence,
        "citations": [cited],
        "usage": {"model_calls": 4},
    }
    events = [
        {"type": "tool.called", "data": {"tool": "image_search", "step": "s1", "query": "x"}},
        {"type": "evidence.added", "data": {"id": "e1", "doc_id": "d1", "step": "s1"}},
    ]
    traces: dict[str, Any] = {
        "q1": {"answer": {**said, "answer": "Chad [1]"}, "events": events},
        "q2": {"answer": {**said, "answer": "Mali lies elsewhere [1]", "status": "insufficient"}, "events": events},
        "q3": {"answer": None, "events": events},
    }
    asked = [question(1), question(2, category="other"), question(3, category="failed"), question(4)]
    found = ways(judge(asked, {}), traces)
    assert list(found) == ["hop", "other", ALL] and found[ALL].n == 2
    assert (found["hop"].citation_recall, found["hop"].citation_precision) == (1.0, 1.0)
    assert found["other"].citation_recall is None and found[ALL].citation_recall == 1.0
    # the first of two hops was seen, the second never found
    assert (found["hop"].tool_choice, found["hop"].coverage, found["hop"].model_calls) == (0.5, 0.5, 4.0)
    assert ways(judge(asked, {}), {}) == {}
