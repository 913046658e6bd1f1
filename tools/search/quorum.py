"""Ranking over an index that can only say which entries hold *all* of some words, best first, and how many do.

libzim asks Xapian just that, so that a question with one word too many finds nothing. Here a query is asked by its sets
of words, in the order of what they weigh: an entry counts for the heaviest set it was found by (quorum-level search,
with inverse document frequency as the weight; Xapian's own order within a set).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

MOST_WORDS = 8
MOST_QUERIES = 80
LEAST = 0.3
"""Share of the query's weight below which an entry has nothing to do with it."""
_ASKING = frozenset(
    "a an and are did do does for how in is of on the to was were what when where which who whom whose why".split()
)


class WordIndex(Protocol):
    """An index of entries by their words. Blocking."""

    def count(self, words: Sequence[str]) -> int:
        """Return about how many entries hold all *words*."""
        ...

    def find(self, words: Sequence[str], k: int) -> Sequence[str]:
        """Return at most *k* entries that hold all *words*, best first."""
        ...


@dataclass(frozen=True, slots=True)
class Ranked:
    """An entry, and the share of the query's weight that it holds, 0 to 1."""

    path: str
    score: float


def words_of(text: str) -> list[str]:
    """Return the words of a query, each once, as they are written; single letters are none, single digits are."""
    found: dict[str, str] = {}
    for word in re.findall(r"\w+", text):
        if len(word) > 1 or not (word.isascii() and word.isalpha()):
            found.setdefault(word.casefold(), word)
    return list(found.values())


def ranked(
    index: WordIndex, text: str, *, entries: int, k: int, stop: Callable[[], bool] = lambda: False
) -> list[Ranked]:
    """Return at most *k* of the index's *entries* for *text*, the heaviest share first.

    A word that the index does not know weighs most if it is a name or a number, for what is asked about it is then not
    here; otherwise nothing, for it may be a stop word. Ends early, with what was found, when *stop* says so.
    """
    known: dict[str, float] = {}
    unknown = 0.0
    for word in words_of(text):
        count = index.count([word])
        if count:
            known[word] = math.log(1 + entries / count)
        elif (word != word.lower() or word.isdigit()) and word.casefold() not in _ASKING:
            unknown += math.log(1 + entries)
    total = sum(known.values()) + unknown
    chosen = sorted(known, key=known.__getitem__, reverse=True)[:MOST_WORDS]
    pairs: dict[frozenset[str], bool] = {}
    """Whether any entry holds both: asked when a set had none, so that no other set with such a pair is asked."""
    found: dict[str, float] = {}
    asked = 0
    for words in _sets(chosen, known):
        share = sum(known[word] for word in words) / total
        if share < LEAST or len(found) >= k or asked >= MOST_QUERIES or stop():
            break
        if any(not held and pair <= set(words) for pair, held in pairs.items()):
            continue
        asked += 1
        entries_of = index.find(words, k)
        for path in entries_of:
            found.setdefault(path, share)
        if not entries_of and len(words) > 2:
            new = [pair for some in combinations(words, 2) if (pair := frozenset(some)) not in pairs]
            pairs.update((pair, bool(index.find(sorted(pair), 1))) for pair in new)
            asked += len(new)
    return [Ranked(path, round(share, 4)) for path, share in list(found.items())[:k]]


def _sets(words: Sequence[str], weight: dict[str, float]) -> Iterable[tuple[str, ...]]:
    """Return all sets of *words*, the heaviest first."""
    sets = [some for size in range(1, len(words) + 1) for some in combinations(words, size)]
    return sorted(sets, key=lambda some: (-sum(weight[word] for word in some), some))


def window(text: str, words: Sequence[str], length: int = 300) -> str:
    """Return the part of *text*, at most *length* characters, that holds the most of *words*; its beginning if none.

    Words count by their beginnings, for the index knows stems.
    """
    stems = {word.casefold()[: max(3, len(word) - 2)] for word in words if len(word) > 1}
    if stems and len(text) > length:
        pattern = re.compile(rf"\b({'|'.join(map(re.escape, sorted(stems, key=len, reverse=True)))})", re.IGNORECASE)
        marks = [(found.start(), found[1].casefold()) for found in pattern.finditer(text[:200_000])]
        best, most = 0, 0
        for at, (start, _) in enumerate(marks):
            inside = {stem for place, stem in marks[at : at + 40] if place < start + length * 3 // 4}
            if len(inside) > most:
                best, most = start, len(inside)
        begin = _sentence_before(text, best, length // 4)
        text = text[begin:]
    return text if len(text) <= length else text[:length].rsplit(" ", 1)[0]


def _sentence_before(text: str, at: int, most: int) -> int:
    """Return where the sentence or line of *at* begins, or else a word, at most *most* characters before it."""
    begin = max(0, at - most)
    before = text[begin:at]
    if ends := list(re.finditer(r"[.!?]\s+|\n+", before)):
        return begin + ends[-1].end()
    space = before.find(" ")
    return begin if begin == 0 else begin + space + 1 if space >= 0 else at
