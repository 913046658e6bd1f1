"""What the web is asked: a search query written from a sub-question.

A query names the thing and keeps quoted names whole; it never points ("this image"): a search engine sees no
picture (asking it for one is a fault of systems that hand a model's words on). Pure, and for a strong model by a prompt
whose reply must keep the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from foveal.agents.names import proper_names
from foveal.agents.values import fold
from foveal.agents.words import base, tokens
from foveal.errors import ENDING, FovealError
from foveal.prompts.loader import render
from foveal.protocols import ChatModel

WORDS = 12
"""Most words of a query; a longer one finds less."""
POINTING = re.compile(
    r"\b(?:this|that|these|those|here|above|below|shown|showing|shows?|pictured|depicted|displayed|seen|attached|"
    r"images?|pictures?|photos?|photographs?|screenshots?)\b",
    re.I,
)
"""Words that mean something only beside a picture."""
SCHEMA: Mapping[str, object] = {
    "type": "object",
    "properties": {"query": {"type": "string", "minLength": 2, "maxLength": 120}},
    "required": ["query"],
    "additionalProperties": False,
}
_ADDRESS = re.compile(r"\bhttps?://\S+", re.I)
_PLACE = re.compile(r"#(?:s\d[\w.]*|each)\b")
_YEAR = re.compile(r"\b(?:1\d{3}|20\d{2})\b")
_QUOTED = re.compile(r"[\"“]([^\"”]+)[\"”]")
_KEPT = frozenset(("name", "word", "verb", "number"))
_ATTRIBUTES = dict(
    pair.split("=")
    for pair in "tall=height high=height long=length old=age far=distance deep=depth wide=width heavy=weight "
    "large=area big=size fast=speed hot=temperature cold=temperature many=number much=amount expensive=price".split()
)
_NOUNS = dict(
    pair.split("=")
    for pair in "build=construction found=founder write=author paint=painter design=designer direct=director "
    "compose=composer invent=inventor discover=discovery bear=birth die=death open=opening locate=location lead=leader "
    "own=owner win=winner marry=spouse play=cast sing=singer make=maker publish=publication rule=ruler".split()
)
_HINTS = {"when": "date", "where": "location", "why": "reason"}


def write(question: str, names: Sequence[str] = (), *, year: str = "") -> str:
    """Return the query of *question*: its names and content words in their order, at most :data:`WORDS` words.

    *names* that the question does not hold come first. *year* is added unless the question names one.
    """
    text = _plain(question)
    kept = [t.text for t in tokens(text) if t.kind in _KEPT and (t.kind == "name" or not POINTING.fullmatch(t.text))]
    return _joined(_missing(names, text), kept, text, year)


def other(question: str, names: Sequence[str] = (), *, year: str = "") -> str:
    """Return a query for the same in other words: the names, and nouns in place of verbs and measures."""
    text = _plain(question)
    asked = tokens(text)
    called = [*_missing(names, text), *(t.text for t in asked if t.kind == "name")]
    said = [t.text.lower() for t in asked if t.kind in ("word", "verb", "number")]
    nouns = [_ATTRIBUTES.get(w) or _NOUNS.get(base(w) or "") or w for w in said if not POINTING.fullmatch(w)]
    hints = [_HINTS[low] for t in asked if t.kind == "wh" and (low := t.text.lower()) in _HINTS]
    return _joined(called, [*nouns, *hints], text, year)


def faults(query: str, names: Sequence[str] = ()) -> list[str]:
    """Return what is wrong with a query that a model wrote; none: it may be asked."""
    unnamed = _QUOTED.sub(" ", query)
    for name in sorted(names, key=len, reverse=True):
        unnamed = re.sub(re.escape(name), " ", unnamed, flags=re.I)
    wrong = []
    if not re.search(r"\w", query):
        wrong.append("it is empty")
    if len(query.split()) > WORDS:
        wrong.append(f"it has more than {WORDS} words")
    if pointing := POINTING.search(unnamed):
        wrong.append(f"it says {pointing[0]!r}")
    if _PLACE.search(query) or _ADDRESS.search(query):
        wrong.append("it holds a placeholder or an address")
    if names and not any(f" {fold(n)} " in f" {fold(query)} " for n in names):
        wrong.append(f"it does not name {names[0]}")
    return wrong


async def asked(model: ChatModel, question: str, names: Sequence[str] = (), *, year: str = "", again: str = "") -> str:
    """Return the query: a strong model's when it keeps the rules, else the form's.

    *again* is a query that did not find it: another one is written. Raises only what is :data:`ENDING`.
    """
    formed = (other if again else write)(question, names, year=year)
    if not model.capabilities.plans_freely:
        return formed
    inputs = {"question": _ADDRESS.sub("", question), "names": ", ".join(names), "year": year, "tried": again}
    try:
        reply = await model.generate(render("query", **inputs), schema=SCHEMA, max_tokens=80, task="query")
        written = " ".join(str(reply.parsed["query"]).split())
    except ENDING:
        raise
    except (FovealError, KeyError, TypeError):
        return formed
    same = again and set(fold(written).split()) == set(fold(again).split())
    return formed if same or faults(written, names) else written


def addresses(text: str) -> list[str]:
    """Return the web addresses that *text* names, each once."""
    found = (m[0].rstrip(".,;:!?)]}>\"'”’") for m in _ADDRESS.finditer(text))
    return list(dict.fromkeys(found))


def _plain(question: str) -> str:
    """Return *question* without addresses, places of answers and words about its form."""
    return " ".join(_PLACE.sub(" ", _ADDRESS.sub(" ", question)).split())


def _missing(names: Sequence[str], text: str) -> list[str]:
    """Return those of *names* that *text* does not hold."""
    held = f" {fold(text)} "
    return [n for n in dict.fromkeys(" ".join(n.split()) for n in names) if fold(n) and f" {fold(n)} " not in held]


def _joined(first: Sequence[str], rest: Sequence[str], text: str, year: str) -> str:
    """Return *first* and *rest* as a query: names whole, other words as far as there is room."""
    called = [*first, *(_QUOTED.sub(r'"\1"', n) for n in proper_names(text))]
    room = WORDS - sum(len(n.split()) for n in dict.fromkeys(called))
    parts: dict[str, None] = {}
    for part in (*first, *rest):
        is_name = any(fold(part) in fold(n) or fold(n) in fold(part) for n in called if fold(n))
        if not is_name:
            if room <= 0:
                continue
            room -= len(part.split())
        parts.setdefault(part)
    if not parts:
        parts = dict.fromkeys(w for w in re.findall(r"[\w'’-]+", text) if not POINTING.fullmatch(w))
    query = " ".join(list(parts)[:WORDS]) or "facts"
    return query if not year or _YEAR.search(query) else f"{query} {year}"
