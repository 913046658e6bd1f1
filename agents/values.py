"""Values in text: numbers, dates, lists, and what code can decide with them instead of a model.

Every comparison says None when its operands cannot be compared, so that the caller abstains.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from foveal.agents.quantities import unit

MORE = frozenset(
    [
        "largest",
        "biggest",
        "highest",
        "longest",
        "most",
        "greatest",
        "tallest",
        "larger",
        "bigger",
        "higher",
        "longer",
        "greater",
        "taller",
        "latest",
        "newest",
        "youngest",
        "last",
        "more",
        "later",
        "heaviest",
        "deepest",
        "widest",
        "maximum",
        *"deeper wider heavier newer younger faster fastest hotter hottest richer richest broader broadest".split(),
    ]
)
LESS = frozenset(
    [
        "smallest",
        "lowest",
        "shortest",
        "least",
        "fewest",
        "smaller",
        "lower",
        "shorter",
        "fewer",
        "earliest",
        "oldest",
        "first",
        "less",
        "earlier",
        "lightest",
        "minimum",
        *"older elder eldest lighter narrower slower slowest colder coldest poorer poorest shallower".split(),
    ]
)
_OTHER = re.compile(r"[^a-z0-9]+")
_MONTH_NAMES = "january february march april may june july august september october november december"
_MONTHS = {name: number for number, name in enumerate(_MONTH_NAMES.split(), 1)}
_SCALE = {"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12}
_NUMBER = re.compile(r"(?<![\w.])-?\d{1,3}(?:[,\u202f\u00a0 ]\d{3})+(?:\.\d+)?|(?<![\w.])-?\d+(?:\.\d+)?")
_VALUED = re.compile(
    r"^\s*(?:[^:;]*:\s*)?(?P<name>[^\d:;]*?[A-Za-z\u00c0-\u024f)][^\d:;]*?)\s*[-–(:]?\s*"
    r"(?P<number>\d[\d,. ]*\d|\d)\s*(?P<unit>%|[A-Za-z]+[²³]?(?:\s(?:km|m|miles?))?)?"
)
_WORDS = {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
          "nine": 9, "ten": 10, "eleven": 11, "twelve": 12}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Valued:
    """An item of a list with its value: ``Argentina 6,691 km``. Offsets are in the text it was read from."""

    name: str
    value: float
    unit: str
    start: int
    end: int


@lru_cache(maxsize=4096)
def fold(text: str) -> str:
    """Return *text* without case, accents and punctuation, for comparing names.

    Remembered: a branch folds the same titles and passages for every name it looks for.
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return _OTHER.sub(" ", plain).strip()


def singular(word: str) -> str:
    """Return a folded English word without its plural ending."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def same_thing(title: str, name: str) -> bool:
    """Say whether *title* is about *name*: one holds the other as whole words, or is its initials ("US")."""
    a, b = fold(title), fold(name)
    if not a or not b:
        return False
    if f" {b} " in f" {a} " or f" {a} " in f" {b} ":
        return True
    letters = name.replace(".", "")
    return letters.isupper() and len(letters) >= 2 and "".join(w[0] for w in a.split()) == letters.lower()


def agree(first: str, second: str) -> bool:
    """Say whether two values can both be true: numbers and dates as far as both are given, names as words.

    Numbers agree within 2 %, since sources round; "1901" agrees with "5 May 1901", "Arx" with "Arx, Ida".
    """
    a, b = fold(first), fold(second)
    if not a or not b or f" {a} " in f" {b} " or f" {b} " in f" {a} ":
        return True
    pair = comparable(first, second)
    if pair is None:
        return bool(set(items(first)) & set(items(second)))
    one, other = pair
    if isinstance(one, tuple) and isinstance(other, tuple):
        return all(x == y or 0 in (x, y) for x, y in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 0.02 * max(abs(one), abs(other))
    return False


def number(text: str) -> float | None:
    """Return the first number of *text*, with thousands separators and words like "million" understood."""
    match = _NUMBER.search(text)
    if not match:
        return next((float(_WORDS[w]) for w in fold(text).split() if w in _WORDS), None)
    value = float(re.sub(r"[,\u202f\u00a0 ]", "", match[0]))
    scale = re.match(r"\s*(thousand|million|billion|trillion)\b", text[match.end() :], re.I)
    return value * _SCALE[scale[1].lower()] if scale else value


def date(text: str) -> tuple[int, int, int] | None:
    """Return (year, month, day) of the first date of *text*; an unknown month or day is 0."""
    if match := re.search(r"\b(\d{4})-(\d{2})-(\d{2})\b", text):
        return int(match[1]), int(match[2]), int(match[3])
    months = "|".join(_MONTHS)
    if match := re.search(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s+({months})\s+(\d{{3,4}})\b", text, re.I):
        return int(match[3]), _MONTHS[match[2].lower()], int(match[1])
    if match := re.search(rf"\b({months})\s+(?:(\d{{1,2}})(?:st|nd|rd|th)?,?\s+)?(\d{{3,4}})\b", text, re.I):
        return int(match[3]), _MONTHS[match[1].lower()], int(match[2] or 0)
    if match := re.search(r"\b(1\d{3}|20\d{2}|[5-9]\d{2})\b", text):
        return int(match[1]), 0, 0
    return None


def comparable(first: str, second: str) -> tuple[float | tuple[int, int, int], float | tuple[int, int, int]] | None:
    """Return both as dates, or both as numbers; None when neither fits both."""
    dates = date(first), date(second)
    if dates[0] and dates[1] and looks_dated(first) and looks_dated(second):
        return dates[0], dates[1]
    numbers = number(first), number(second)
    if numbers[0] is not None and numbers[1] is not None:
        return numbers[0], numbers[1]
    return None


def looks_dated(text: str) -> bool:
    """Say whether *text* is a date or a year and not some other number."""
    return unit(text) is None and bool(
        re.search("|".join(_MONTHS), text, re.I)
        or re.fullmatch(r"\D*\b\d{3,4}\b\D*", text)
        or re.search(r"\d{4}-\d{2}", text)
    )


def items(text: str) -> tuple[str, ...]:
    """Return the members of a list answer such as "Kenya, Uganda (south) and South Sudan 683 km"."""
    text = re.sub(r"\([^)]*\)", "", text)
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    pieces = re.split(r"[;\n]|,|\band\b(?=\s+[A-Z][^,;]*$)", text)
    cleaned = (re.sub(r"\s+[\d.,]+\s*(?:km|mi|m|miles|%)?\s*$", "", p).strip(" .:-•*") for p in pieces)
    return tuple(dict.fromkeys(c for c in cleaned if re.search(r"[A-Za-z]", c)))


def direction(question: str) -> str | None:
    """Return argmax or argmin when *question* asks for an extreme ("the longest …")."""
    for word in re.findall(r"[a-z]+", question.lower()):
        if word in MORE:
            return "argmax"
        if word in LESS:
            return "argmin"
    return None


def valued(text: str) -> list[Valued]:
    """Return the longest run of ``name value unit`` items with one unit that *text* lists with ``;`` or ``,``."""
    best: list[Valued] = []
    for line in re.finditer(r"[^\n]+", text):
        for separator in (";", ","):
            found: list[Valued] = []
            # a comma between digits separates thousands, not items
            pattern = r"[^;]+" if separator == ";" else r"(?:[^,]|(?<=\d),(?=\d{3}))+"
            for piece in re.finditer(pattern, line[0]):
                match = _VALUED.match(piece[0])
                value = number(match["number"]) if match else None
                if match and value is not None:
                    start = line.start() + piece.start() + match.start("name")
                    end = line.start() + piece.start() + match.end()
                    found.append(Valued(match["name"].strip(" -–("), value, (match["unit"] or "").lower(), start, end))
            units = {v.unit for v in found}
            if len(found) >= 2 and len(units) == 1 and len(found) > len(best):
                best = found
    return best


def extreme(listed: Sequence[Valued], op: str) -> Valued | None:
    """Return the item with the largest (argmax) or smallest (argmin) value; None for an empty list."""
    if not listed:
        return None
    return (max if op == "argmax" else min)(listed, key=lambda v: v.value)
