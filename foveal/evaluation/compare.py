"""Runs side by side on the same questions: what each costs, and whether one is really better.

Intervals are percentile bootstraps over questions (Efron 1979), 95 %, seeded; the difference of two runs is
bootstrapped over pairs, so that what is hard for both does not blur it.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foveal.evaluation.metrics.stats import Interval, bootstrap
from foveal.evaluation.score import ALL, Judged


@dataclass(frozen=True, slots=True)
class Row:
    """A run on a category. Means over ``n`` questions, ``seconds`` a median; None where nothing was measured.

    ``better`` is the accuracy less that of the first run, on the questions of both, with its interval.
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


@dataclass(frozen=True, slots=True)
class Run:
    """A run's judged questions, and the model calls of each by question id."""

    name: str
    judged: Sequence[Judged]
    model_calls: Mapping[str, int]


def model_calls(traces: Mapping[str, Mapping[str, Any]]) -> dict[str, int]:
    """Return how many model calls each question took, by its trace."""
    return {key: trace["answer"]["usage"]["model_calls"] for key, trace in traces.items() if trace.get("answer")}


def compare(runs: Sequence[Run]) -> list[Row]:
    """Return a row for each category and run, categories sorted, :data:`ALL` last; the first run is the measure."""
    categories = sorted({j.question.category for run in runs for j in run.judged})
    return [_row(run, runs[0], category) for category in (*categories, ALL) for run in runs]


def _row(run: Run, first: Run, category: str) -> Row:
    rows = _of(run, category)
    right = {j.question.id: float(j.correct) for j in rows}
    base = {j.question.id: float(j.correct) for j in _of(first, category)}
    pairs = [right[key] - base[key] for key in right if key in base] if run is not first else []
    given = [j.prediction for j in rows if j.prediction]
    expected = [j for j in rows if j.question.expected_searches is not None and j.prediction]
    answerable = [j for j in rows if not j.question.unanswerable and j.prediction]
    return Row(
        run=run.name,
        category=category,
        n=len(rows),
        accuracy=_mean(list(right.values())) or 0.0,
        interval=bootstrap(list(right.values())),
        chain=_mean([float(j.chain) for j in rows if j.chain is not None]),
        model_calls=_mean([float(run.model_calls[p.id]) for p in given if p.id in run.model_calls]),
        tool_calls=_mean([float(p.searches) for p in given]),
        seconds=statistics.median(p.seconds for p in given) if given else None,
        needless=_mean(
            [float(j.prediction.searches > (j.question.expected_searches or 0)) for j in expected if j.prediction]
        ),
        false_abstention=_mean([float(j.prediction.abstained) for j in answerable if j.prediction]),
        better=_mean(pairs),
        better_interval=bootstrap(pairs) if pairs else None,
    )


def _of(run: Run, category: str) -> list[Judged]:
    return [j for j in run.judged if category in (ALL, j.question.category)]


def _mean(values: Sequence[float]) -> float | None:
    return statistics.fmean(values) if values else None
