"""Exact match and token F1 as SQuAD has them (Rajpurkar et al. 2016), for sets whose figures are quoted that way.

HotpotQA, MuSiQue, MMSearch and VisDoMBench use them. The normalisation drops case, ASCII punctuation and articles,
and nothing else: "1,156" is "1156" but "São" is not "Sao". For our own questions see
:mod:`foveal.evaluation.metrics.answers`.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def squad_tokens(text: str) -> list[str]:
    """Return the normalised words of *text*."""
    return _ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split()


def squad_exact(answer: str, golds: Sequence[str]) -> bool:
    """Whether the normalised answer is one of the normalised golds."""
    said = squad_tokens(answer)
    return any(said == squad_tokens(gold) for gold in golds)


def squad_f1(answer: str, golds: Sequence[str]) -> float:
    """Return the best 2PR / (P + R) over the bags of words of the answer and a gold; two empty ones are 1."""
    said = squad_tokens(answer)
    return max((_f1(said, squad_tokens(gold)) for gold in golds), default=0.0)


def _f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    if not said or not wanted:
        return float(said == wanted)
    return 2 * (Counter(said) & Counter(wanted)).total() / (len(said) + len(wanted))
