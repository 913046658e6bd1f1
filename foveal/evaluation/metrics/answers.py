"""What a right answer is. Pure functions of text.

Accuracy is lenient about form and strict about content: case, accents, articles and thousands commas do not
count; a number must be the first or the last of the answer, so that naming every number does not win; a long
answer may hold the expected words, a rambling one may not. Exact match and token F1 follow SQuAD
(Rajpurkar et al. 2016): F1 = 2PR / (P + R) over the bag of tokens, the best over the aliases.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from difflib import SequenceMatcher

EXTRA_WORDS = 200
"""Characters an answer may have beside the expected words."""
SPELLING = 0.88
"""Similarity from which a longer name counts as another spelling (Kilimanjaro, Kilimandjaro)."""
SHORT = 3
"""Aliases up to this length (IT, XOF, 35) must stand as printed."""

_ARTICLES = frozenset({"a", "an", "the"})
_COMMA_IN_NUMBER = re.compile(r"(?<=\d),(?=\d{3})")
_DROPPED = re.compile(r"[^a-z0-9.%\-: ]")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_WORDS_FOR_NUMBERS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7,
    "eight": 8, "nine": 9, "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip
_ABSTENTION = re.compile(
    "|".join(
        (
            r"(?:not |un)answerable",
            r"can(?:no|')t (?:be )?(?:answer|determin)",
            r"no (?:such )?(?:information|evidence|answer)",
            r"not (?:mentioned|stated|provided|available|given)",
            r"insufficient",
            r"unable to",
        )
    ),
    re.IGNORECASE,
)


def normalise(text: str) -> str:
    """Return *text* without case, accents, articles, thousands commas and most punctuation."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii").lower()
    plain = _DROPPED.sub(" ", _COMMA_IN_NUMBER.sub("", plain))
    # an article ends at any sign, as in "a-frame", so that both sides of a comparison lose it alike
    parts = re.split(r"([^a-z0-9])", plain)
    words = "".join(" " if part in _ARTICLES else part for part in parts)
    return " ".join(words.split()).strip(" .")


def numbers_in(text: str) -> list[float]:
    """Return the numbers of *text*: those in digits in order, then those in words."""
    plain = normalise(text)
    digits = [float(found) for found in _NUMBER.findall(plain)]
    return digits + [float(_WORDS_FOR_NUMBERS[word]) for word in plain.split() if word in _WORDS_FOR_NUMBERS]


def says_unable(answer: str) -> bool:
    """Whether the answer's own words decline to answer."""
    return _ABSTENTION.search(answer) is not None


def is_correct(answer: str, answers: Sequence[str], answer_type: str, *, abstained: bool = False) -> bool:
    """Whether *answer* is right, judged by the rule of its *answer_type*."""
    if answer_type == "abstain":
        return abstained or says_unable(answer)
    if abstained or not answer.strip():
        return False
    return _JUDGES.get(answer_type, _right_name)(answer, answers)


def _right_yes_or_no(answer: str, answers: Sequence[str]) -> bool:
    said = re.search(r"\b(yes|no)\b", answer.lower())
    return said is not None and bool(answers) and said[1] == answers[0].strip().lower()


def _right_document(answer: str, answers: Sequence[str]) -> bool:
    return any(re.search(re.escape(doc_id) + r"(?![0-9a-f])", answer) for doc_id in answers)


def _right_number(answer: str, answers: Sequence[str], *, tolerance: float = 1e-9) -> bool:
    said = numbers_in(answer)
    if not said:
        return False
    wanted = [found[0] for alias in answers if (found := numbers_in(alias))]
    return any(abs(n - v) <= tolerance * abs(v) + 1e-9 for v in wanted for n in (said[0], said[-1]))


def _right_relaxed_number(answer: str, answers: Sequence[str]) -> bool:
    return _right_number(answer, answers, tolerance=0.05)


def _right_name(answer: str, answers: Sequence[str]) -> bool:
    said = normalise(answer)
    return any(_names(said, answer, alias) for alias in answers)


def _names(said: str, answer: str, alias: str) -> bool:
    wanted = normalise(alias)
    if not wanted:  # a script that has no ASCII: compare as written
        return bool(alias.strip()) and _caseless(alias) in _caseless(answer)
    if said == wanted:
        return True
    if len(wanted) <= SHORT:
        if not (alias.isupper() or any(sign.isdigit() for sign in alias)):
            return False
        return re.search(r"(?<![\w.])" + re.escape(alias) + r"(?!\w|\.\d)", answer) is not None
    if len(said) <= len(wanted) + EXTRA_WORDS and _holds_words(said, wanted):
        return True
    return len(wanted) >= 6 and not wanted[0].isdigit() and _spelt_alike(said.split(), wanted)


def _holds_words(text: str, phrase: str) -> bool:
    return re.search(r"(?<![a-z0-9])" + re.escape(phrase) + r"(?![a-z0-9])", text) is not None


def _spelt_alike(words: Sequence[str], phrase: str) -> bool:
    size = len(phrase.split())
    for start in range(max(1, len(words) - size + 1)):
        candidate = " ".join(words[start : start + size])
        if SequenceMatcher(None, phrase, candidate).ratio() >= SPELLING:
            return True
    return False


def _caseless(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().strip()


_JUDGES: Mapping[str, Callable[[str, Sequence[str]], bool]] = {
    "yesno": _right_yes_or_no,
    "doc_id": _right_document,
    "number": _right_number,
    "number_relaxed5": _right_relaxed_number,
    "string": _right_name,
    "date": _right_name,
}


def exact_match(answer: str, answers: Sequence[str]) -> bool:
    """Whether the normalised answer is one of the normalised aliases."""
    return normalise(answer) in {normalise(alias) for alias in answers}


def token_f1(answer: str, answers: Sequence[str]) -> float:
    """Return the best token F1 over the aliases, 0 to 1."""
    return max((_f1(normalise(answer).split(), normalise(alias).split()) for alias in answers), default=0.0)


def _f1(said: Sequence[str], wanted: Sequence[str]) -> float:
    if not said or not wanted:
        return float(said == wanted)
    shared = sum((Counter(said) & Counter(wanted)).values())
    return 2 * shared / (len(said) + len(wanted))
