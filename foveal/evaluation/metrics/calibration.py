"""Whether a confidence means what it says: reliability, ECE, Brier score, and risk against coverage.

*confidences* are 0 to 1, *right* says of each whether its answer was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

BINS = 10
Binning = Literal["width", "mass"]


@dataclass(frozen=True, slots=True)
class Bin:
    """``n`` answers with confidences from ``low`` to ``high``: their mean confidence and their accuracy."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Point:
    """With only the answers of at least ``threshold``: the share answered and the share of those that is wrong."""

    threshold: float
    coverage: float
    risk: float


def reliability(
    confidences: Sequence[float], right: Sequence[bool], *, bins: int = BINS, by: Binning = "width"
) -> list[Bin]:
    """Return the bins that hold an answer: of equal *width* over 0 to 1, or of equal *mass* (as near as ties let).

    Answers of one confidence always share a bin.
    """
    given, truth = _arrays(confidences, right)
    if not len(given):
        return []
    if by == "width":
        places = np.minimum((given * bins).astype(int), bins - 1)
    else:
        first = np.searchsorted(np.sort(given), given, side="left")
        places = np.minimum(first * bins // len(given), bins - 1)
    return [
        Bin(float(mine.min()), float(mine.max()), len(mine), float(mine.mean()), float(truth[places == place].mean()))
        for place in np.unique(places)
        if len(mine := given[places == place])
    ]


def ece(confidences: Sequence[float], right: Sequence[bool], *, bins: int = BINS, by: Binning = "width") -> float:
    """Return the expected calibration error: sum over bins of n/N |accuracy - confidence| (Naeini et al. 2015).

    By *mass* it does not hang on where the confidences happen to lie (Nguyen and O'Connor 2015). 0.0 for no answer.
    """
    table = reliability(confidences, right, bins=bins, by=by)
    total = sum(row.n for row in table)
    return sum(row.n * abs(row.accuracy - row.confidence) for row in table) / total if total else 0.0


def brier(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Return the mean of (confidence - right)^2 (Brier 1950), 0 to 1; 0.0 for no answer."""
    given, truth = _arrays(confidences, right)
    return float(((given - truth) ** 2).mean()) if len(given) else 0.0


def risk_coverage(confidences: Sequence[float], right: Sequence[bool]) -> list[Point]:
    """Return a point for every confidence there is, highest threshold first (El-Yaniv and Wiener 2010)."""
    given, truth = _arrays(confidences, right)
    points = []
    for threshold in np.unique(given)[::-1]:
        kept = truth[given >= threshold]
        points.append(Point(float(threshold), len(kept) / len(given), float(1 - kept.mean())))
    return points


def aurc(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Return the mean risk over all coverages 1/N, 2/N, ... (Geifman et al. 2019), 0 to 1; lower is better.

    Answers of one confidence enter together, at their mean risk, so that their order does not matter.
    """
    given, truth = _arrays(confidences, right)
    if not len(given):
        return 0.0
    mean_wrong = {value: 1 - truth[given == value].mean() for value in np.unique(given)}
    wrong = np.array([mean_wrong[value] for value in np.sort(given)[::-1]])
    return float((np.cumsum(wrong) / np.arange(1, len(wrong) + 1)).mean())


def threshold_for(confidences: Sequence[float], right: Sequence[bool], *, risk: float, least: int = 1) -> float | None:
    """Return the lowest confidence from which on no more than *risk* of the answers is wrong; None for no such one.

    Fewer than *least* answers prove nothing: a threshold keeps that many.
    """
    curve = risk_coverage(confidences, right)
    kept = (p.threshold for p in curve if p.risk <= risk and round(p.coverage * len(confidences)) >= least)
    return min(kept, default=None)


def _arrays(confidences: Sequence[float], right: Sequence[bool]) -> tuple[np.ndarray, np.ndarray]:
    given, truth = np.asarray(confidences, float), np.asarray(right, float)
    if given.shape != truth.shape:
        raise ValueError("each confidence needs one outcome")
    if len(given) and not (given.min() >= 0 and given.max() <= 1):
        raise ValueError("a confidence lies between 0 and 1")
    return given, truth
