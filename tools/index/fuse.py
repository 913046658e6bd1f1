"""Words to search terms, and ranked lists to one list."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Hashable, Sequence
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

RRF_K = 60
"""The constant of Cormack, Clarke and Büttcher (SIGIR 2009)."""

MAX_TERMS = 48

_WORD = re.compile(r"[^\W_]+", re.UNICODE)
_STOP_WORDS = """
a about after all also an and any are as at be been before but by can could did do does for from had has
have he her his how i if in into is it its many me more most much my of on or our she should so some such
than that the their them then there these they this those to under was we were what when where which while
who whom whose why will with would you your shown show shows called name named give tell find
"""
_STOP = frozenset(_STOP_WORDS.split())


def fold(text: str) -> str:
    """Lower case without accents, punctuation as single spaces: the form in which titles are compared."""
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(c for c in plain if not unicodedata.combining(c)).casefold()
    return " ".join(_WORD.findall(plain))


def query_terms(query: str) -> list[str]:
    """Content words of *query* in order, once each; all its words when nothing else remains."""
    words = list(dict.fromkeys(fold(query).split()))
    content = [word for word in words if word not in _STOP and (len(word) > 1 or word.isdigit())]
    return (content or words)[:MAX_TERMS]


def fts_query(query: str) -> str:
    """An FTS5 expression: any of the words, each quoted, so that nothing in *query* is an operator."""
    return " OR ".join(f'"{term}"' for term in query_terms(query))


def phrases(query: str, *, longest: int = 10) -> list[str]:
    """Every run of at most *longest* folded words of *query*, longest first: what a title may be."""
    words = fold(query).split()[:120]
    runs = (
        " ".join(words[i : i + size])
        for size in range(min(longest, len(words)), 0, -1)
        for i in range(len(words) - size + 1)
    )
    return [run for run in dict.fromkeys(runs) if run not in _STOP]


def title_head(title: str) -> str:
    """The folded name in a title: without "(film)", "- Geography" or "page 3" behind it."""
    head = re.split(r"\s[-–—:|]\s", title, maxsplit=1)[0]
    head = re.sub(r"\s*[(\[][^()\[\]]*[)\]]\s*$", "", head)
    return fold(head) or fold(title)


def reciprocal_rank_fusion(
    lists: Sequence[Sequence[Key]], *, k: int = RRF_K, weights: Sequence[float] | None = None
) -> list[tuple[Key, float]]:
    """Fuse ranked *lists*, best first: score(d) = sum over lists of w / (k + rank(d)), ranks from 1.

    Ties keep the order in which the items were first seen, so the result is the same on every run.
    """
    scores: dict[Key, float] = {}
    for number, ranked in enumerate(lists):
        weight = 1.0 if weights is None else weights[number]
        for rank, key in enumerate(dict.fromkeys(ranked), start=1):
            scores[key] = scores.get(key, 0.0) + weight / (k + rank)
    return sorted(scores.items(), key=lambda item: -item[1])
