"""Scores that a model gives: L3Score from yes/no probabilities, scales of 1 to 5, and SimpleQA's three grades.

Whoever asks the judge is elsewhere; this reads what it said. Every result names its judge, and what it failed to
judge stays in the denominator with the worst score: a judge that fails on hard items must not make a run look better.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

YES = frozenset({"yes", "yeah"})
NO = frozenset({"no"})
LEAST = 1e-8
"""The smallest probability a missing word is given."""

_NUMBER = re.compile(r"(?<![\d.])-?\d+(?:\.\d+)?(?![\d.]*\d)")
_GIVEN = re.compile(r"(?:score|rating|grade)\s*(?:is|of|:|=)?\s*\**\s*(-?\d+(?:\.\d+)?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class JudgedScore:
    """A mean over ``n`` items on a scale from ``low`` to ``high``, given by ``judge``; ``failed`` count as ``low``."""

    judge: str
    mean: float
    n: int
    failed: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The mean on 0 to 1."""
        return (self.mean - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Grades:
    """SimpleQA (Wei et al. 2024). ``given_attempted``: correct / attempted; ``f1``: its harmonic mean with correct."""

    judge: str
    correct: float
    given_attempted: float
    f1: float
    n: int
    failed: int


def yes_probability(first_token: Sequence[tuple[str, float]]) -> float:
    """Return L3Score (SPIQA, Pramanick et al. 2024), 0 to 1, of the first token's likeliest words.

    *first_token*: (word, log-probability), in any order; words are compared without case and outer spaces. With yes
    and no both there: P(yes) / (P(yes) + P(no)), by the likelier of several spellings. With neither: 0. With one: the
    other is given the lesser of the lowest probability listed and of what the list leaves of 1, and not less than
    :data:`LEAST`.
    """
    ranked = sorted(first_token, key=lambda pair: -pair[1])
    yes = next((math.exp(logprob) for word, logprob in ranked if _word(word) in YES), None)
    no = next((math.exp(logprob) for word, logprob in ranked if _word(word) in NO), None)
    if yes is None and no is None:
        return 0.0
    listed = [math.exp(logprob) for _, logprob in ranked]
    missing = max(LEAST, min(min(listed), 1 - sum(listed)))
    yes, no = missing if yes is None else yes, missing if no is None else no
    return yes / (yes + no) if yes + no else 0.0


def scale_value(reply: str, low: float = 1, high: float = 5) -> float | None:
    """Return the score that a judge's *reply* gives, None when there is none within *low* and *high*.

    The last "score: N" counts, else the only number of the reply. Two numbers, as in "4 of 5" said freely, or a number
    off the scale, is a failure and is not clipped.
    """
    said = _GIVEN.findall(reply)[-1:] or _NUMBER.findall(reply)
    value = float(said[0]) if len(said) == 1 else None
    return value if value is not None and low <= value <= high else None


def judged_mean(judge: str, values: Iterable[float | None], *, low: float = 1, high: float = 5) -> JudgedScore:
    """Return the mean of *values*; None is a failure of the judge and counts as *low*."""
    rows = list(values)
    failed = sum(value is None for value in rows)
    total = math.fsum(low if value is None else value for value in rows)
    return JudgedScore(judge, total / len(rows) if rows else low, len(rows), failed, low, high)


def grades(judge: str, given: Iterable[str | None]) -> Grades:
    """Count CORRECT, INCORRECT and NOT_ATTEMPTED; any other reply is a failure of the judge and counts as incorrect."""
    rows = [(grade or "").strip().upper().replace(" ", "_") for grade in given]
    correct, skipped = rows.count("CORRECT"), rows.count("NOT_ATTEMPTED")
    failed = len(rows) - correct - skipped - rows.count("INCORRECT")
    share = correct / len(rows) if rows else 0.0
    attempted = correct / (len(rows) - skipped) if len(rows) > skipped else 0.0
    f1 = 2 * share * attempted / (share + attempted) if share + attempted else 0.0
    return Grades(judge, share, attempted, f1, len(rows), failed)


def panel_mean(values: Sequence[float | None]) -> float | None:
    """Return the mean of several judges on one item (M-LongDoc), of those that gave a score; None when none did."""
    given = [value for value in values if value is not None]
    return math.fsum(given) / len(given) if given else None


def _word(token: str) -> str:
    return token.strip().lower()
