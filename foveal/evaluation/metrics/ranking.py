"""Ranked retrieval: precision, recall, hit, reciprocal rank, average precision and nDCG at a depth.

*ranked* are ids, best first; an id that comes again is counted where it came first. *relevant* are the ids that
ought to be found, or their gains (0 means not relevant). Each measure of one query is 0 to 1, or None when nothing is
relevant; the measure of a set is the mean over its queries. With every gain 1 they agree with ``trec_eval`` (set
``full=True`` for its average precision).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

Relevant = Mapping[str, float] | Iterable[str]


def recall_at(ranked: Sequence[str], relevant: Relevant, k: int) -> float | None:
    """Return the share of what is relevant that stands among the first *k*."""
    gains = _gains(relevant)
    return len(gains.keys() & set(_once(ranked)[:k])) / len(gains) if gains else None


def precision_at(ranked: Sequence[str], relevant: Relevant, k: int) -> float | None:
    """Return relevant among the first *k* over *k*: a list shorter than *k* pays for what it lacks."""
    gains = _gains(relevant)
    return len(gains.keys() & set(_once(ranked)[:k])) / k if gains else None


def hit_at(ranked: Sequence[str], relevant: Relevant, k: int) -> float | None:
    """Return 1.0 when any of the first *k* is relevant."""
    gains = _gains(relevant)
    return float(bool(gains.keys() & set(_once(ranked)[:k]))) if gains else None


def reciprocal_rank(ranked: Sequence[str], relevant: Relevant, k: int | None = None) -> float | None:
    """Return 1 over the rank of the first relevant one among the first *k* (all, when None), else 0."""
    gains = _gains(relevant)
    if not gains:
        return None
    return next((1 / rank for rank, doc in enumerate(_once(ranked)[:k], 1) if doc in gains), 0.0)


def average_precision(
    ranked: Sequence[str], relevant: Relevant, k: int | None = None, *, full: bool = False
) -> float | None:
    """Return the mean of the precisions at the ranks of relevant ones, among the first *k*.

    The sum is divided by ``min(relevant, k)``, so that a perfect list scores 1 at any depth (INQUIRE, Vendrow et al.
    2024); with *full* by all that are relevant, as ``trec_eval`` does. Never by the number that was found, as the
    scorer published with MMDocIR does: there a list with one early hit out of five scores 1.
    """
    gains = _gains(relevant)
    if not gains:
        return None
    found, total = 0, 0.0
    for rank, doc in enumerate(_once(ranked)[:k], 1):
        if doc in gains:
            found += 1
            total += found / rank
    return total / (len(gains) if full or k is None else min(len(gains), k))


def ndcg_at(ranked: Sequence[str], relevant: Relevant, k: int) -> float | None:
    """Return DCG over the DCG of the best order, DCG = sum of gain / log2(rank + 1) (Järvelin and Kekäläinen 2002)."""
    gains = _gains(relevant)
    if not gains:
        return None
    ideal = _dcg(sorted(gains.values(), reverse=True)[:k])
    return _dcg([gains.get(doc, 0.0) for doc in _once(ranked)[:k]]) / ideal


def _dcg(gains: Iterable[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def _gains(relevant: Relevant) -> dict[str, float]:
    if isinstance(relevant, Mapping):
        return {doc: gain for doc, gain in relevant.items() if gain > 0}
    return dict.fromkeys(relevant, 1.0)


def _once(ranked: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(ranked))
