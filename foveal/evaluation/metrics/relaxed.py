"""Answers read from charts and documents: relaxed accuracy (ChartQA) and ANLS (DocVQA)."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.evaluation.metrics.sequences import edits

TOLERANCE = 0.05
NEAR = 0.5


def relaxed_correct(answer: str, gold: str, *, tolerance: float = TOLERANCE) -> bool:
    """Whether a number is within *tolerance* of *gold*, relative to it, or other text the same but for case.

    ChartQA (Masry et al. 2022, section 5.1), as its scorer in pix2struct has it: a number may end in ``%`` and is
    then a hundredth; with a gold of 0, or an answer that is no number, the texts are compared. Thousands commas and
    units are not read: "1,200" is text.
    """
    answer, gold = answer.strip(), gold.strip()
    said, wanted = _number(answer), _number(gold)
    if said is not None and wanted:
        return abs(said - wanted) / abs(wanted) <= tolerance
    return answer.lower() == gold.lower()


def anls(answer: str, golds: Sequence[str], *, near: float = NEAR) -> float:
    """Return the average normalised Levenshtein similarity of one answer, 0 to 1: the best over *golds*.

    ``1 - NL`` when ``NL < near``, else 0, with ``NL = edits / longer length`` over texts without case and outer
    spaces (Biten et al. 2019, equation 1). Some scorers keep an answer that is off by exactly *near*; the paper
    does not.
    """
    return max((_similarity(_plain(answer), _plain(gold), near) for gold in golds), default=0.0)


def _similarity(one: str, other: str, near: float) -> float:
    if one == other:
        return 1.0
    off = edits(one, other) / max(len(one), len(other))
    return 1 - off if off < near else 0.0


def _plain(text: str) -> str:
    return " ".join(text.lower().split())


def _number(text: str) -> float | None:
    try:
        value = float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None
