"""Whether a difference is one: bootstrap intervals, the tests of McNemar and Wilcoxon, and Holm's correction.

Values are one a question; two runs are compared on the questions of both, in one order. Seeded, so that a report
is the same twice.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SAMPLES = 2000
SEED = 7
LEVEL = 0.95
EXACT = 200
"""Pairs up to which Wilcoxon's distribution is counted out rather than approximated."""
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Difference:
    """The mean of one run less that of another, its bootstrap interval, and a two-sided bootstrap p value."""

    mean: float
    interval: Interval
    p: float


def bootstrap(values: Sequence[float], *, samples: int = SAMPLES, seed: int = SEED, level: float = LEVEL) -> Interval:
    """Return the percentile interval of the mean of *values* (Efron 1979); (0, 0) for none."""
    if not values:
        return 0.0, 0.0
    return _interval(_means(np.asarray(values, float), samples, seed), level)


def paired_bootstrap(
    values: Sequence[float], base: Sequence[float], *, samples: int = SAMPLES, seed: int = SEED, level: float = LEVEL
) -> Difference:
    """Return *values* less *base*, bootstrapped over pairs, so that what is hard for both does not blur it.

    p is twice the share of the resamples on the lesser side of 0, ties half, and never below 1 / samples.
    """
    pairs = np.asarray(values, float) - np.asarray(base, float)
    if not len(pairs):
        return Difference(0.0, (0.0, 0.0), 1.0)
    means = _means(pairs, samples, seed)
    below = float(np.mean(means < 0) + np.mean(means == 0) / 2)
    return Difference(
        float(pairs.mean()), _interval(means, level), min(1.0, max(1 / samples, 2 * min(below, 1 - below)))
    )


def mcnemar(values: Sequence[bool], base: Sequence[bool]) -> float:
    """Return the exact two-sided p of McNemar's test (1947): are the questions only one run got right split evenly?

    Twice the lesser tail of Binomial(b + c, 1/2), at most 1.
    """
    won = sum(one and not other for one, other in zip(values, base, strict=True))
    lost = sum(other and not one for one, other in zip(values, base, strict=True))
    total, tail, ways = won + lost, 0, 1
    for k in range(min(won, lost) + 1):  # in whole numbers: thousands of questions overflow a float
        tail += ways
        ways = ways * (total - k) // (k + 1)
    return min(1.0, 2 * tail / 2**total)


def wilcoxon(values: Sequence[float], base: Sequence[float]) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test (1945) on graded scores such as F1.

    Pairs without a difference are dropped, ties share their mean rank. Up to :data:`EXACT` pairs every assignment of
    signs to these ranks is counted; beyond, the normal approximation with the variance of the ranks as they are.
    """
    off = np.asarray(values, float) - np.asarray(base, float)
    off = off[off != 0]
    if not len(off):
        return 1.0
    doubled = _doubled_ranks(np.abs(off))
    total = int(doubled.sum())
    less = min(int(doubled[off > 0].sum()), int(doubled[off < 0].sum()))
    if len(off) > EXACT:
        z = (less - total / 2) / math.sqrt(float((doubled.astype(float) ** 2).sum()) / 4)
        return min(1.0, math.erfc(-z / math.sqrt(2)))
    chances = np.zeros(total + 1)
    chances[0] = 1.0
    for rank in doubled:
        chances[rank:] = (chances[rank:] + chances[: total + 1 - rank]) / 2
        chances[:rank] /= 2
    return min(1.0, 2 * float(chances[: less + 1].sum()))


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Return the p values of tests made together, corrected (Holm 1979); None stays and counts for none.

    The k-th smallest of m is multiplied by m - k + 1; a larger one is never left below a smaller, nor any above 1.
    """
    ranked = sorted((value, place) for place, value in enumerate(values) if value is not None)
    corrected: list[float | None] = [None] * len(values)
    most = 0.0
    for before, (value, place) in enumerate(ranked):
        most = max(most, min(1.0, value * (len(ranked) - before)))
        corrected[place] = most
    return corrected


def _doubled_ranks(sizes: np.ndarray) -> np.ndarray:
    """Return twice the mid-ranks of *sizes*, which are whole numbers."""
    _, place, counts = np.unique(sizes, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (2 * last - counts + 1)[place]


def _means(values: np.ndarray, samples: int, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).integers(0, len(values), (samples, len(values)))
    return values[drawn].mean(axis=1)


def _interval(means: np.ndarray, level: float) -> Interval:
    low, high = np.percentile(means, (50 * (1 - level), 50 * (1 + level)))
    return float(low), float(high)
