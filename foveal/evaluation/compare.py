"""Runs side by side on the same questions: what each costs, and whether one is really better.

Only questions that every run was asked count. Intervals are percentile bootstraps over questions (Efron 1979), 95 %,
seeded; the difference of two runs is bootstrapped over pairs, so that what is hard for both does not blur it. The
p values against the first run are corrected for there being several runs (Holm 1979), within a category.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from foveal.evaluation.metrics.stats import Interval, bootstrap, holm, mcnemar, wilcoxon
from foveal.evaluation.score import ALL, Judged


@dataclass(frozen=True, slots=True)
class Row:
    """A run on a category. Means over ``n`` questions, ``seconds`` a median; None where nothing was measured.

    ``better`` is the accuracy less that of the first run, with its interval. ``p`` is of McNemar's exact test on right
    and wrong (``p_alone`` before Holm's correction), ``p_f1`` and ``p_seconds`` of Wilcoxon's signed-rank test.
    ``calls`` are model and tool calls together. ``front`` names each cost (``calls``, ``seconds``) at which no other
    run is both as good and as cheap, and in one of them better.
    """

    run: str
    category: str
    n: int
    accuracy: float
    interval: Interval
    chain: float | None
    model_calls: float | None
    tool_calls: float | None
    seconds: float | None
    needless: float | None
    false_abstention: float | None
    better: float | None = None
    better_interval: Interval | None = None
    calls: float | None = None
    f1: float | None = None
    p: float | None = None
    p_alone: float | None = None
    p_f1: float | None = None
    p_seconds: float | None = None
    front: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A run's judged questions, the model calls of each by question id, and the configuration (``run.json``)."""

    name: str
    judged: Sequence[Judged]
    model_calls: Mapping[str, int]
    config: Mapping[str, Any] | None = None


def model_calls(traces: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Return how many model calls each question took, by its trace."""
    return {key: trace["answer"]["usage"]["model_calls"] for key, trace in traces.items() if trace.get("answer")}


def shared(runs: Sequence[Run]) -> list[Run]:
    """Return *runs* with the questions that all of them were asked, in the order of the first."""
    asked = [{j.question.id for j in run.judged if j.prediction is not None} for run in runs]
    common = set.intersection(*asked) if asked else set()
    return [replace(run, judged=[j for j in run.judged if j.question.id in common]) for run in runs]


def compare(runs: Sequence[Run]) -> list[Row]:
    """Return a row for each category and run, categories sorted, :data:`ALL` last; the first run is the measure.

    Only the questions of :func:`shared` count.
    """
    runs = shared(runs)
    categories = sorted({j.question.category for run in runs for j in run.judged})
    return [row for category in (*categories, ALL) for row in _category(runs, category)]


def _category(runs: Sequence[Run], category: str) -> list[Row]:
    rows = [_row(run, runs[0], category) for run in runs]
    others = rows[1:]
    corrected = zip(
        holm([r.p for r in others]), holm([r.p_f1 for r in others]), holm([r.p_seconds for r in others]), strict=True
    )
    rows[1:] = [
        replace(row, p=p, p_f1=p_f1, p_seconds=p_seconds)
        for row, (p, p_f1, p_seconds) in zip(others, corrected, strict=True)
    ]
    return [replace(row, front=_front(row, rows)) for row in rows]


def _front(row: Row, rows: Sequence[Row]) -> tuple[str, ...]:
    return tuple(cost for cost in ("calls", "seconds") if _undominated(row, rows, cost))


def _undominated(row: Row, rows: Sequence[Row], cost: str) -> bool:
    mine = getattr(row, cost)
    others = [(other.accuracy, price) for other in rows if (price := getattr(other, cost)) is not None]
    return mine is not None and not any(
        right >= row.accuracy and price <= mine and (right, price) != (row.accuracy, mine) for right, price in others
    )


def _row(run: Run, first: Run, category: str) -> Row:
    rows, base = _of(run, category), {j.question.id: j for j in _of(first, category)}
    right = [float(j.correct) for j in rows]
    given = [j.prediction for j in rows if j.prediction]
    expected = [j for j in rows if j.question.expected_searches is not None and j.prediction]
    answerable = [j for j in rows if not j.question.unanswerable and j.prediction]
    spent = [(run.model_calls[p.id], p.searches) for p in given if p.id in run.model_calls]
    made = Row(
        run=run.name,
        category=category,
        n=len(rows),
        accuracy=_mean(right) or 0.0,
        interval=bootstrap(right),
        chain=_mean([float(j.chain) for j in rows if j.chain is not None]),
        model_calls=_mean([float(asked) for asked, _ in spent]),
        tool_calls=_mean([float(p.searches) for p in given]),
        seconds=statistics.median(p.seconds for p in given) if given else None,
        needless=_mean(
            [float(j.prediction.searches > (j.question.expected_searches or 0)) for j in expected if j.prediction]
        ),
        false_abstention=_mean([float(j.prediction.abstained) for j in answerable if j.prediction]),
        calls=_mean([float(asked + searched) for asked, searched in spent]),
        f1=_mean([j.f1 for j in rows if j.f1 is not None]),
    )
    return made if run is first or not rows else _against(made, [(j, base[j.question.id]) for j in rows])


def _against(row: Row, pairs: Sequence[tuple[Judged, Judged]]) -> Row:
    """Return *row* with what the pairs (this run, the first) tell; the p values are not corrected yet."""
    better = [float(mine.correct) - float(theirs.correct) for mine, theirs in pairs]
    graded = [(mine.f1, theirs.f1) for mine, theirs in pairs if mine.f1 is not None and theirs.f1 is not None]
    timed = [(a.prediction.seconds, b.prediction.seconds) for a, b in pairs if a.prediction and b.prediction]
    p = mcnemar([mine.correct for mine, _ in pairs], [theirs.correct for _, theirs in pairs])
    return replace(
        row,
        better=_mean(better),
        better_interval=bootstrap(better),
        p=p,
        p_alone=p,
        p_f1=wilcoxon([a for a, _ in graded], [b for _, b in graded]) if graded else None,
        p_seconds=wilcoxon([a for a, _ in timed], [b for _, b in timed]),
    )


def _of(run: Run, category: str) -> list[Judged]:
    return [j for j in run.judged if category in (ALL, j.question.category)]


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None
