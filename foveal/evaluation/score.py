"""Scores of a run, by category and in all: accuracy, retrieval, searches, honesty, and the way to the answers."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from foveal.evaluation import metrics
from foveal.evaluation.metrics import ranking, trajectory
from foveal.evaluation.metrics.citations import Support, support
from foveal.evaluation.predictions import Prediction
from foveal.evaluation.questions import Question

ALL = "ALL"
_MARK = re.compile(r"\[(\d{1,3})\]")


@dataclass(frozen=True, slots=True)
class Judged:
    """One question with what came of it. ``None`` where a measure does not apply."""

    question: Question
    prediction: Prediction | None
    correct: bool
    exact: bool | None
    f1: float | None
    recall: float | None
    ndcg: float | None
    mrr: float | None
    chain: bool | None
    declined: bool
    """The answer says that it cannot be told, by its flag or in its words."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Means over ``n`` questions; ``None`` where no question of the group has the measure.

    ``needless``: share of questions with more searches than expected. ``false_abstention``: share of the
    answerable that were flagged as not answerable. ``abstention_precision`` and ``abstention_recall`` count
    declining, by flag or in words. ``seconds`` is the median. ``missing`` questions have no prediction.
    """

    n: int
    accuracy: float
    exact: float | None
    f1: float | None
    recall: float | None
    ndcg: float | None
    mrr: float | None
    chain: float | None
    searches: float | None
    needless: float | None
    false_abstention: float | None
    abstention_precision: float | None
    abstention_recall: float | None
    seconds: float | None
    failed: int
    missing: int


@dataclass(frozen=True, slots=True)
class Way:
    """How a group's answers were come by, over the ``n`` questions that have a trace with an answer.

    ``citation_precision`` and ``citation_recall``: see :mod:`foveal.evaluation.metrics.citations`, over given answers.
    ``redundant`` and ``idle`` are shares of all calls, ``tool_choice`` and ``coverage`` means; the rest is a mean a
    question (:class:`foveal.evaluation.metrics.trajectory.Trajectory`).
    """

    n: int
    citation_precision: float | None
    citation_recall: float | None
    redundant: float | None
    idle: float | None
    tool_choice: float | None
    coverage: float | None
    calls: float
    model_calls: float
    tokens: float
    usd: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Citations:
    """Whether what answers cite is in their ledgers, counted over traces.

    ``marks`` are the ``[n]`` in answers; ``resolved`` those (and those citations) that lead to evidence.
    """

    traces: int
    citations: int
    marks: int
    resolved: int
    unresolved: tuple[str, ...]
    """Ids of the questions with a citation that leads nowhere."""

    @property
    def rate(self) -> float | None:
        """Share that resolves, 0 to 1; None when nothing was cited."""
        total = self.citations + self.marks
        return self.resolved / total if total else None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "rate": self.rate}


def judge(questions: Iterable[Question], predictions: Mapping[str, Prediction], *, k: int = 10) -> list[Judged]:
    """Judge each question; one without a prediction is wrong."""
    return [_judged(question, predictions.get(question.id), k) for question in questions]


def score(judged: Sequence[Judged]) -> dict[str, Scores]:
    """Return scores by category, sorted, and :data:`ALL` last."""
    groups: dict[str, list[Judged]] = {}
    for row in judged:
        groups.setdefault(row.question.category, []).append(row)
    scores = {category: _scores(groups[category]) for category in sorted(groups)}
    return {**scores, ALL: _scores(judged)}


def ways(judged: Sequence[Judged], traces: Mapping[str, Mapping[str, Any]]) -> dict[str, Way]:
    """Return the way of each category that has traces, sorted, and :data:`ALL` last; empty without traces."""
    gone = [(row, way) for row in judged if (way := _followed(row.question, traces.get(row.question.id, {})))]
    groups = {row.question.category for row, _ in gone}
    named = [(group, [pair for pair in gone if pair[0].question.category == group]) for group in sorted(groups)]
    return {group: _way(pairs, traces) for group, pairs in (*named, (ALL, gone)) if pairs}


def _followed(question: Question, trace: Mapping[str, Any]) -> trajectory.Trajectory | None:
    return trajectory.follow(
        trace,
        evidence=question.evidence,
        steps=question.evidence_steps,
        pictured=bool(question.images),
        expected_searches=question.expected_searches,
    )


def _way(pairs: Sequence[tuple[Judged, trajectory.Trajectory]], traces: Mapping[str, Mapping[str, Any]]) -> Way:
    ways = [way for _, way in pairs]
    calls = sum(way.calls for way in ways)
    cited = sum((_supported(traces[row.question.id]["answer"]) for row, _ in pairs), Support())
    choices = [way.tool_choice for way in ways if way.tool_choice is not None]
    coverage = [way.coverage for way in ways if way.coverage is not None]
    return Way(
        n=len(ways),
        citation_precision=cited.precision,
        citation_recall=cited.recall,
        redundant=sum(way.redundant for way in ways) / calls if calls else None,
        idle=sum(way.idle for way in ways) / calls if calls else None,
        tool_choice=statistics.fmean(choices) if choices else None,
        coverage=statistics.fmean(coverage) if coverage else None,
        calls=calls / len(ways),
        model_calls=statistics.fmean(way.model_calls for way in ways),
        tokens=statistics.fmean(way.tokens for way in ways),
        usd=statistics.fmean(way.usd for way in ways),
        seconds=statistics.fmean(way.seconds for way in ways),
    )


def _supported(answer: Mapping[str, Any]) -> Support:
    """Count the support of an answer that was given; one that declines claims nothing."""
    if answer.get("status") != "answered":
        return Support()
    cited = answer.get("citations") or ()
    # an answer may name the document itself
    spans = {one["n"]: "\n".join(str(one.get(key) or "") for key in ("doc_id", "title", "quote")) for one in cited}
    bridges = [step["answer"] for step in answer.get("plan") or () if step.get("answer")]
    return support(answer.get("answer") or "", spans, bridges=bridges)


def _judged(question: Question, prediction: Prediction | None, k: int) -> Judged:
    given = prediction or Prediction(question.id)
    comparable = not question.unanswerable
    return Judged(
        question=question,
        prediction=prediction,
        correct=metrics.is_correct(given.answer, question.answers, question.answer_type, abstained=given.abstained),
        exact=metrics.exact_match(given.answer, question.answers) if comparable else None,
        f1=metrics.token_f1(given.answer, question.answers) if comparable else None,
        recall=metrics.recall_at(given.retrieved, question.evidence, k),
        ndcg=ranking.ndcg_at(given.retrieved, question.evidence, k),
        mrr=ranking.reciprocal_rank(given.retrieved, question.evidence, k),
        chain=metrics.chain_found(given.retrieved, question.evidence_steps),
        declined=given.abstained or metrics.says_unable(given.answer),
    )


def _scores(rows: Sequence[Judged]) -> Scores:
    answered = [row.prediction for row in rows if row.prediction is not None]
    declined = [row for row in rows if row.declined]
    unanswerable = [row for row in rows if row.question.unanswerable]
    expected = [row for row in rows if row.question.expected_searches is not None]
    answerable = [row for row in rows if not row.question.unanswerable]
    return Scores(
        n=len(rows),
        accuracy=_mean(rows, lambda row: row.correct) or 0.0,
        exact=_mean(rows, lambda row: row.exact),
        f1=_mean(rows, lambda row: row.f1),
        recall=_mean(rows, lambda row: row.recall),
        ndcg=_mean(rows, lambda row: row.ndcg),
        mrr=_mean(rows, lambda row: row.mrr),
        chain=_mean(rows, lambda row: row.chain),
        searches=statistics.fmean(p.searches for p in answered) if answered else None,
        needless=_mean(expected, _needless),
        false_abstention=_mean(answerable, lambda row: bool(row.prediction and row.prediction.abstained)),
        abstention_precision=_mean(declined, lambda row: row.question.unanswerable),
        abstention_recall=_mean(unanswerable, lambda row: row.declined),
        seconds=statistics.median(p.seconds for p in answered) if answered else None,
        failed=sum(p.status == "failed" for p in answered),
        missing=len(rows) - len(answered),
    )


def _needless(row: Judged) -> bool:
    made = row.prediction.searches if row.prediction else 0
    return made > (row.question.expected_searches or 0)


def _mean(rows: Sequence[Judged], measure: Callable[[Judged], float | None]) -> float | None:
    values = [value for row in rows if (value := measure(row)) is not None]
    return statistics.fmean(values) if values else None


def load_traces(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the traces of a run by question id; files that are none are left out."""
    traces: dict[str, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            trace = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(trace, dict) and isinstance(trace.get("id"), str):
            traces[trace["id"]] = trace
    return traces


def check_citations(traces: Mapping[str, Mapping[str, Any]]) -> Citations:
    """Follow every citation and every mark of every answer to its evidence."""
    citations = marks = resolved = 0
    unresolved: list[str] = []
    for question_id, trace in traces.items():
        answer = trace.get("answer") or {}
        ledger = {item["id"]: item for item in answer.get("evidence", ())}
        good = {cited["n"] for cited in answer.get("citations", ()) if _leads_to(cited, ledger)}
        given = len(answer.get("citations", ()))
        found = [int(mark) for mark in _MARK.findall(answer.get("answer") or "")]
        right = len(good) + sum(n in good for n in found)
        if right < given + len(found):
            unresolved.append(question_id)
        citations, marks, resolved = citations + given, marks + len(found), resolved + right
    return Citations(len(traces), citations, marks, resolved, tuple(unresolved))


def _leads_to(cited: Mapping[str, Any], ledger: Mapping[str, Mapping[str, Any]]) -> bool:
    evidence = ledger.get(cited["evidence_id"])
    if evidence is None or evidence.get("doc_id") != cited.get("doc_id"):
        return False
    return (cited.get("quote") or "") in (evidence.get("quote") or "")
