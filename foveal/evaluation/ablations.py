"""What pictures and what searching added, from runs in which one of them was left out.

A run with ``ablation: closed_book`` in its configuration asked the answer model alone, with the pictures of the
question; one with ``no_image`` without them. See :mod:`foveal.evaluation.metrics.leakage` for the figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foveal.evaluation.compare import Run, shared
from foveal.evaluation.metrics.leakage import leakage, retrieval_gain
from foveal.evaluation.metrics.stats import Interval, paired_bootstrap
from foveal.evaluation.score import Judged

CLOSED_BOOK, NO_IMAGE = "closed_book", "no_image"


@dataclass(frozen=True, slots=True)
class Pictures:
    """MMStar's gain and leakage of *model* over the ``n`` questions with pictures, as accuracies.

    ``language_model`` is another model that was asked without pictures: the text model below this one, if it is.
    ``leaked`` is what this model knows without pictures beyond it.
    """

    model: str
    n: int
    with_pictures: float
    without_pictures: float
    gain: float
    gain_interval: Interval
    language_model: str | None = None
    language_model_alone: float | None = None
    leaked: float | None = None


@dataclass(frozen=True, slots=True)
class Searching:
    """What a run has that the same model without a search has not, over ``n`` questions."""

    run: str
    n: int
    accuracy: float
    closed_book: float
    gain: float
    gain_interval: Interval


@dataclass(frozen=True, slots=True)
class Figures:
    """All that the runs tell."""

    pictures: tuple[Pictures, ...]
    searching: tuple[Searching, ...]


def figures(runs: Sequence[Run]) -> Figures | None:
    """Return the figures of *runs*, over the questions that all of them were asked; None without an ablation."""
    runs = shared(runs)
    closed = [run for run in runs if _ablation(run) == CLOSED_BOOK]
    blind = [run for run in runs if _ablation(run) == NO_IMAGE]
    searched = [run for run in runs if not _ablation(run)]
    if not closed and not blind:
        return None
    own = {_model(run): run for run in closed}
    pictures = [
        _pictures(run, own[_model(run)], [other for other in blind if _model(other) not in own])
        for run in blind
        if _model(run) in own
    ]
    searching = [_searching(run, own[_model(run)]) for run in searched if _model(run) in own]
    return Figures(tuple(row for rows in pictures for row in rows), tuple(searching))


def _pictures(blind: Run, seeing: Run, others: Sequence[Run]) -> list[Pictures]:
    pictured = {row.question.id for row in seeing.judged if row.question.images}
    shown, hidden = _right(seeing, pictured), _right(blind, pictured)
    if not shown:
        return []
    difference = paired_bootstrap(shown, hidden)
    rows = []
    for other in others or (None,):
        alone = None if other is None else _mean(_right(other, pictured))
        found = leakage(_mean(shown), _mean(hidden), alone)
        rows.append(
            Pictures(
                _model(seeing), len(shown), _mean(shown), _mean(hidden), found.gain, difference.interval,
                None if other is None else _model(other), alone, found.leaked,
            )
        )  # fmt: skip
    return rows


def _searching(run: Run, closed: Run) -> Searching:
    asked = {row.question.id for row in run.judged}
    with_search, without = _right(run, asked), _right(closed, asked)
    found = paired_bootstrap(with_search, without)
    gain = retrieval_gain(_mean(with_search), _mean(without))
    return Searching(run.name, len(with_search), _mean(with_search), _mean(without), gain, found.interval)


def _right(run: Run, ids: set[str]) -> list[float]:
    rows: dict[str, Judged] = {row.question.id: row for row in run.judged if row.question.id in ids}
    return [float(rows[key].correct) for key in sorted(rows)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _ablation(run: Run) -> str:
    return str((run.config or {}).get("ablation") or "")


def _model(run: Run) -> str:
    """Return the model that answers without a search."""
    config: Mapping[str, object] = run.config or {}
    return str(config.get("answer_model") or config.get("model") or "unknown")
