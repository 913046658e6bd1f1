"""The proper names that a question holds."""

from __future__ import annotations

import re

_NAMES = re.compile(
    r"\"([^\"]+)\"|“([^”]+)”|\b([A-Z0-9][\w.'’&-]*(?:\s(?:(?:of|the|de|la|and|in)\s){0,2}[A-Z0-9][\w.'’&-]*)*)"
)
_TITLE = re.compile(
    r"\b[A-Z0-9][\w.'’&-]*(?:\s(?:(?:of|the|and|in|a|an|with|for|on|to|at|from|by)\s){0,2}[A-Z0-9][\w.'’&-]*)+"
)
_ASKING = frozenset("what which who when where how in on is are was were did does the from of at".split())


def proper_names(text: str) -> list[str]:
    """Return the names in *text*: quoted, or runs of capitalised words that are not the question word."""
    found: list[str] = []
    for match in _NAMES.finditer(text):
        name = next(g for g in match.groups() if g)
        words = name.split()
        while words and words[0].lower() in _ASKING:
            words = words[1:]
        if words and not re.fullmatch(r"[\d.,]+", " ".join(words)):
            found.append(re.sub(r"['’]s$", "", " ".join(words)))
    return list(dict.fromkeys(found))


def long_names(text: str) -> list[str]:
    """Return runs of capitalised words joined by any small words: "Songs I Wrote with Amy" may be one title."""
    known = proper_names(text)
    return [
        name for m in _TITLE.finditer(text) if (name := m[0]) not in known and name.split()[0].lower() not in _ASKING
    ]
