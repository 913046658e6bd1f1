"""MMIR (Yan et al. 2025): which elements of a page contradict one another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

CATEGORIES = (
    "factual contradiction",
    "identity misattribution",
    "contextual mismatch",
    "quantitative discrepancy",
    "temporal or spatial incoherence",
)


def ids_in(text: str) -> frozenset[int]:
    """Return the element ids that *text* names: every whole number in it."""
    return frozenset(int(number) for number in re.findall(r"\d+", text))


def mmir_score(said: Iterable[int], gold: Sequence[int]) -> float:
    """Return 1, 0.5 or 0 for the elements that were *said*, against one or two of *gold*.

    None, or more than two, score 0. One gold element: 1 when it alone was said, 0.5 when it is one of two. A pair:
    half a point for each that was said. As the published scorer has it. Raises ValueError for another number of gold.
    """
    named, wanted = set(said), set(gold)
    if len(wanted) not in (1, 2):
        raise ValueError("an inconsistency is between one or two elements")
    if not 1 <= len(named) <= 2:
        return 0.0
    hits = len(named & wanted)
    if len(wanted) == 1:
        return hits / len(named)
    return hits / 2


def mmir(said: Sequence[Iterable[int]], gold: Sequence[Sequence[int]]) -> float:
    """Return the mean score over all items; 0.0 for none. An item without an answer is an empty entry of *said*."""
    scores = [mmir_score(one, other) for one, other in zip(said, gold, strict=True)]
    return sum(scores) / len(scores) if scores else 0.0
