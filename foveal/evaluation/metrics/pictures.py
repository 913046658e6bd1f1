"""Answers with pictures in them (MRAMG-Bench, Yu et al. 2025): which pictures, and in which order.

*gold* and *placed* are picture ids in the order in which they stand in the answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from foveal.evaluation.metrics.sequences import common, edits

DELETE, INSERT, SUBSTITUTE, WORST = 3.0, 2.0, 1.0, 3.0
"""Costs of an edit (a missing, an additional and another picture) and the distance a place from which nothing is
left. The figures are those of the re-implementation that could be read; the paper's own were not at hand."""


@dataclass(frozen=True, slots=True)
class PictureScores:
    """Precision, recall and F1 over sets of pictures, each 0 to 1."""

    precision: float
    recall: float
    f1: float


def picture_scores(gold: Iterable[str], placed: Iterable[str]) -> PictureScores:
    """Score the pictures of an answer as sets: nothing wanted and nothing placed is 1, 1, 1.

    With nothing wanted the recall of what was placed is 1 and its precision 0, as published.
    """
    wanted, given = set(gold), set(placed)
    if not wanted and not given:
        return PictureScores(1.0, 1.0, 1.0)
    shared = len(wanted & given)
    precision = shared / len(given) if given else 0.0
    recall = shared / len(wanted) if wanted else 1.0
    return PictureScores(precision, recall, 2 * shared / (len(wanted) + len(given)))


def ordering_score(gold: Sequence[str], placed: Sequence[str]) -> float:
    """Return ``|gold & placed| / |gold| * (1 - min(D / max(n, m), p) / p)``, 0 to 1.

    D is the weighted edit distance from *gold* (n pictures) to *placed* (m pictures), p is :data:`WORST`.
    """
    if not gold:
        return float(not placed)
    shared = len(set(gold) & set(placed)) / len(set(gold))
    if not shared:
        return 0.0
    off = edit_distance(gold, placed) / max(len(gold), len(placed))
    return shared * (1 - min(off, WORST) / WORST)


def edit_distance(gold: Sequence[str], placed: Sequence[str]) -> float:
    """Return the least cost of turning *gold* into *placed*."""
    return edits(gold, placed, delete=DELETE, insert=INSERT, substitute=SUBSTITUTE)


def common_order(gold: Sequence[str], placed: Sequence[str]) -> float:
    """Return the length of the longest common subsequence over that of the longer list; 1.0 when both are empty.

    Beside :func:`ordering_score`: it has no weights to choose.
    """
    longer = max(len(gold), len(placed))
    return common(gold, placed) / longer if longer else 1.0


def all_gold_rate(golds: Sequence[Iterable[str]], candidates: Sequence[Iterable[str]]) -> float | None:
    """Return the share of questions whose candidates are all gold: there any picture is right and precision says
    nothing. None for no question."""
    same = [set(given) <= set(gold) for gold, given in zip(golds, candidates, strict=True)]
    return sum(same) / len(same) if same else None
