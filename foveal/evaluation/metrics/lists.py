"""Answers that are lists (MultimodalQA, Talmor et al. 2021): exact match and F1 over items, as DROP has them.

Texts are normalised as SQuAD does. An answer that is one text is cut at line ends, semicolons, commas and "and".
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from foveal.evaluation.metrics.squad import squad_f1, squad_tokens

_BETWEEN = re.compile(r"\n+|;|,(?!\d)|\band\b")


def items_of(answer: str, expected: int) -> list[str]:
    """Return the items of *answer*: itself when one is *expected*, for a name may hold a comma."""
    parts = [answer] if expected == 1 else _BETWEEN.split(answer)
    return [part.strip() for part in parts if part.strip()]


def list_exact(answer: str, golds: Sequence[str]) -> bool:
    """Whether the items are the golds, in any order."""
    said = sorted(squad_tokens(item) for item in items_of(answer, len(golds)))
    return said == sorted(squad_tokens(gold) for gold in golds)


def list_f1(answer: str, golds: Sequence[str]) -> float:
    """Return the token F1 of items paired with golds so that the sum is largest, over the longer list; 0 to 1.

    DROP (Dua et al. 2019); a number must be the same for its pair to count.
    """
    from scipy.optimize import linear_sum_assignment

    said = items_of(answer, len(golds))
    if not said or not golds:
        return float(not said and not golds)
    scores = np.array([[_pair(item, gold) for gold in golds] for item in said])
    rows, columns = linear_sum_assignment(scores, maximize=True)
    return float(scores[rows, columns].sum() / max(len(said), len(golds)))


def _pair(item: str, gold: str) -> float:
    numbers = {word for word in squad_tokens(gold) if word.isdigit()}
    return squad_f1(item, (gold,)) if not numbers or numbers & set(squad_tokens(item)) else 0.0
