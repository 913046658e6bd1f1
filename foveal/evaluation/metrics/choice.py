"""Multiple choice: which option a reply picks, and the share that is right (MRAG-Bench, MMStar, MMIR).

A reply that picks none is wrong. It is never given a random option, as some released scorers do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LETTERS = "ABCDEFGHIJ"

_SAYS = re.compile(r"(?:answer|option|choice)(?:\s+is|\s*:)?\s*:?\s*[*(\[]*\s*([A-J])\b(?!['’])", re.IGNORECASE)
_ALONE = re.compile(r"[*(\[\s]*([A-J])[*)\].:\s]*", re.IGNORECASE)
_LEADS = re.compile(r"\s*[*(\[]*([A-J])[)\].:]+\s", re.ASCII)
_IN_BRACKETS = re.compile(r"[(\[]([A-J])[)\]]")


def picked(reply: str, options: Sequence[str]) -> str | None:
    """Return the letter of the option that *reply* picks, or None; *options* are the texts of A, B, ...

    In this order: the reply is a letter; it says "the answer is X" (the last time it does); it starts with "X.";
    it names one letter only in brackets; it is the text of an option, or holds the text of only one.
    """
    letters = LETTERS[: len(options)]

    def known(letter: str) -> str | None:
        return letter.upper() if letter.upper() in letters else None

    if alone := _ALONE.fullmatch(reply):
        return known(alone[1])
    if said := _SAYS.findall(reply):
        return known(said[-1])
    if leads := _LEADS.match(reply):
        return known(leads[1])
    bracketed = set(_IN_BRACKETS.findall(reply))
    if len(bracketed) == 1:
        return known(bracketed.pop())
    return _by_text(reply, options, letters)


def choice_accuracy(replies: Sequence[str], options: Sequence[Sequence[str]], golds: Sequence[str]) -> float:
    """Return the share of *replies* that pick their gold letter, over all of them; 0.0 for none."""
    right = [picked(reply, given) == gold for reply, given, gold in zip(replies, options, golds, strict=True)]
    return sum(right) / len(right) if right else 0.0


def _by_text(reply: str, options: Sequence[str], letters: str) -> str | None:
    said = _plain(reply)
    same = [letter for letter, option in zip(letters, options, strict=False) if _plain(option) == said != ""]
    if len(same) == 1:
        return same[0]
    held = [letter for letter, option in zip(letters, options, strict=False) if _holds(said, _plain(option))]
    return held[0] if len(held) == 1 else None


def _holds(text: str, phrase: str) -> bool:
    return bool(phrase) and re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text) is not None


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).strip(" .!\"'")
