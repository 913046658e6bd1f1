"""Saying that it cannot be told: precision, recall and F1 of abstaining, coverage, and accuracy where it answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question: whether it can be answered, whether an answer was declined, whether the answer is right."""

    answerable: bool
    declined: bool
    correct: bool


@dataclass(frozen=True, slots=True)
class Abstention:
    """Over ``n`` questions; ``None`` where nothing is counted.

    ``precision``: declined that cannot be answered / declined. ``recall``: declined that cannot be answered / all
    that cannot. ``coverage``: answered / all. ``answered_accuracy``: right / answered. ``false_abstention``: declined
    that can be answered / all that can.
    """

    n: int
    precision: float | None
    recall: float | None
    f1: float | None
    coverage: float | None
    answered_accuracy: float | None
    false_abstention: float | None


def abstention(outcomes: Iterable[Outcome]) -> Abstention:
    """Return the figures of *outcomes*."""
    rows = list(outcomes)
    declined = [row for row in rows if row.declined]
    impossible = [row for row in rows if not row.answerable]
    answered = [row for row in rows if not row.declined]
    right = sum(not row.answerable for row in declined)
    both = len(declined) + len(impossible)
    return Abstention(
        n=len(rows),
        precision=_share(right, len(declined)),
        recall=_share(right, len(impossible)),
        f1=_share(2 * right, both),
        coverage=_share(len(answered), len(rows)),
        answered_accuracy=_share(sum(row.correct for row in answered), len(answered)),
        false_abstention=_share(len(declined) - right, len(rows) - len(impossible)),
    )


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
