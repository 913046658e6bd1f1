"""Reading record-like text (``Capital: Santiago.``, nested ``Elevation:`` / ``highest point: …``) by its keys.

A key answers a question when all its content words stand in the question. It costs no model call, and a
value read this way is exact: it is what stands behind the key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from foveal.agents.values import fold, singular

_KEY = re.compile(r"(?P<indent>^[ \t]*|(?<=[.;]\s))(?P<key>[A-Za-z][A-Za-z0-9 /'()-]{1,48}?):(?=[ \t\n]|$)", re.M)
_SENTENCE_END = re.compile(r"(?<![A-Z])(?<!\bSt)\.(?=\s+[A-Z]|\s*$)|\n")
_STOP = frozenset(
    [
        "of",
        "the",
        "a",
        "an",
        "in",
        "on",
        "is",
        "are",
        "was",
        "were",
        "to",
        "for",
        "and",
        "by",
        "with",
        "which",
        "what",
        "who",
        "when",
        "where",
        "does",
        "did",
        "do",
    ]
)
_SAME = {
    "neighbour": "border",
    "neighbor": "border",
    "boundary": "border",
    "wrote": "author",
    "write": "author",
}
_WHOLE = frozenset({"total", "name"})
"""Children that stand for their parent: ``Capital:`` / ``name: Praia``."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A value of a record with the path of keys that leads to it; offsets are in the text."""

    path: tuple[str, ...]
    value: str
    start: int
    end: int


def entries(text: str) -> list[Entry]:
    """Return every ``key: value`` of *text*, indented keys under the key above them."""
    found: list[Entry] = []
    parents: list[tuple[int, str]] = []
    for match in _KEY.finditer(text):
        line_start = text.rfind("\n", 0, match.start("key")) + 1
        indent = match.start("key") - line_start if not text[line_start : match.start("key")].strip() else -1
        if indent >= 0:
            while parents and parents[-1][0] >= indent:
                parents.pop()
        path = (*(name for _, name in parents if indent > 0), match["key"].strip())
        if indent >= 0:
            parents.append((indent, match["key"].strip()))
        start = match.end()
        while start < len(text) and text[start] in " \t":
            start += 1
        stop = _SENTENCE_END.search(text, start)
        end = stop.start() if stop else len(text)
        value = text[start:end].strip()
        if value:
            found.append(Entry(path, value, start, start + len(text[start:end].rstrip())))
    return found


def read_record(question: str, text: str, *, names: tuple[str, ...] = ()) -> Entry | None:
    """Return the entry of *text* that *question* asks for, or None.

    *names* are the things the question is about: their words are not asked-for attributes.
    Longer key paths win, since they say more; children "total" and "name" stand for their parent.
    """
    asked = {_stem(w) for w in fold(question).split()} - _STOP
    about = {_stem(w) for name in names for w in fold(name).split()}
    best: tuple[int, Entry] | None = None
    for entry in entries(text):
        words = [_content(key) for key in entry.path]
        leaf, above = words[-1], set().union(*words[:-1]) if len(words) > 1 else set()
        if leaf <= _WHOLE and above and above <= asked:
            matched = above
        elif leaf and leaf <= asked and not leaf <= about:
            matched = leaf | (above & asked)
        else:
            continue
        if matched and (best is None or len(matched) > best[0]):
            best = len(matched), entry
    return best[1] if best else None


def coverage(question: str, key: str) -> float:
    """Return which share of the question's content words the *key* holds, 0 to 1."""
    asked = _content(question)
    return len(asked & _content(key)) / len(asked) if asked else 0.0


def read_lifespan(question: str, text: str) -> Entry | None:
    """Return the year of birth or death from "(1760-1849)", when *question* asks for one of them."""
    asked = re.search(r"\b(born|birth|die|died|death)\b", question, re.I)
    span = re.search(r"\((?:[^()]*?\b)?(?P<born>\d{3,4})\s*[-–]\s*(?P<died>\d{3,4})\)", text)
    if not asked or not span or not re.search(r"\b(?:when|year|date)\b", question, re.I):
        return None
    which = "born" if asked[1].lower().startswith("b") else "died"
    return Entry((which,), span[which], span.start(which), span.end(which))


def _content(key: str) -> set[str]:
    return {_stem(w) for w in fold(re.sub(r"\([^)]*\)", "", key)).split() if w not in _STOP}


def _stem(word: str) -> str:
    return _SAME.get(singular(word), singular(word))
