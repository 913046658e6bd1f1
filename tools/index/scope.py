"""Which document and page a question names: "In the document report.pdf: what is on the second last
page?"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from foveal.tools.index.fuse import fold
from foveal.types import Scope

_UNIT_WORDS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen"""
_TEN_WORDS = "twenty thirty forty fifty sixty seventy eighty ninety"
_ORDINAL_WORDS = """
first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"""
_UNITS, _TENS, _ORDINALS = _UNIT_WORDS.split(), _TEN_WORDS.split(), _ORDINAL_WORDS.split()

NUMBER = {word: value for value, word in enumerate(_UNITS) if value}
NUMBER |= {word: 10 * value for value, word in enumerate(_TENS, start=2)}
NUMBER |= {
    f"{ten}{join}{unit}": 10 * t + u
    for t, ten in enumerate(_TENS, start=2)
    for u, unit in enumerate(_UNITS[1:10], start=1)
    for join in ("-", " ")
}
ORDINAL = {word: value for value, word in enumerate(_ORDINALS, start=1)}

_EITHER = "|".join(sorted(NUMBER, key=len, reverse=True))
_ORDER = "|".join(sorted(ORDINAL, key=len, reverse=True))
_FROM_END = re.compile(
    rf"\b(?:(?P<nth>{_ORDER}|\d{{1,2}}(?:st|nd|rd|th))[\s-]+(?:to[\s-]+)?(?:the[\s-]+)?(?:last|final)|(?P<pen>penultimate)"
    r"|(?P<last>last|final))\s+page\b"
    rf"|\bpages?\b[^.?!;:]{{0,20}}?\b(?:(?P<nth2>{_ORDER}|\d{{1,2}}(?:st|nd|rd|th))[\s-]+(?:to[\s-]+)?(?:the[\s-]+)?last"
    r"|(?P<pen2>penultimate)|the\s+(?P<last2>last|end))\b",
    re.IGNORECASE,
)
_PAGE = re.compile(
    rf"\b(?:pages?|pg\.?|p\.)\s*(?:no\.?|number|#)?\s*(?:(?P<digits>\d{{1,5}})\b|(?P<word>{_EITHER})\b)",
    re.IGNORECASE,
)
_NTH = re.compile(rf"\b(?:(?P<word>{_ORDER})|(?P<digits>\d{{1,4}})(?:st|nd|rd|th))\s+page\b", re.IGNORECASE)
_FILE = re.compile(r"[^\s\"'“”‘’<>|,;:?!]+\.[A-Za-z]{2,5}\b")
_QUOTED = re.compile(r"[\"“”«»‘’'`]([^\"“”«»‘’`]{4,200}?)[\"“”«»‘’'`]")


@dataclass(frozen=True, slots=True)
class Name:
    """A multi-page document: its file name, its pages and, if the file says so, its title."""

    name: str
    pages: int
    title: str = ""


def page_in(question: str) -> int | None:
    """The page that *question* names: positive from the start, negative from the end."""
    match = _FROM_END.search(question)
    if match:
        groups = match.groupdict()
        if groups["pen"] or groups["pen2"]:
            return -2
        nth = groups["nth"] or groups["nth2"]
        return -_ordinal(nth) if nth else -1
    match = _PAGE.search(question)
    if match:
        return int(match["digits"]) if match["digits"] else NUMBER[re.sub(r"\s+", " ", match["word"].lower())]
    match = _NTH.search(question)
    if match:
        return int(match["digits"]) if match["digits"] else ORDINAL[match["word"].lower()]
    return None


def scope_in(question: str, names: Sequence[Name]) -> Scope | None:
    """The scope that *question* names among *names*; a page that the document does not have is dropped."""
    found = _named(question, names)
    if found is None:
        return None
    page = page_in(_without(question, found))
    if page is not None and not 1 <= abs(page) <= found.pages:
        page = None
    return Scope(name=found.name, page=page)


def _named(question: str, names: Iterable[Name]) -> Name | None:
    """File name with its ending, then a quoted name, then a distinctive name as words; the longest wins."""
    asked = f" {fold(question)} "
    files = {fold(match) for match in _FILE.findall(question)}
    quoted = {fold(match) for match in _QUOTED.findall(question)}
    best: tuple[int, int, Name] | None = None
    for candidate in names:
        whole, stem, title = fold(candidate.name), fold(_stem(candidate.name)), fold(candidate.title)
        if whole in files or (whole != stem and f" {whole} " in asked):
            rank = (3, len(whole))
        elif quoted & {whole, stem, title} - {""}:
            rank = (2, len(stem))
        elif _is_distinctive(_stem(candidate.name)) and f" {stem} " in asked:
            rank = (1, len(stem))
        elif len(title) >= 16 and len(title.split()) >= 3 and f" {title} " in asked:
            rank = (1, len(title))
        else:
            continue
        if best is None or rank > best[:2]:
            best = (*rank, candidate)
    return best[2] if best else None


def _is_distinctive(stem: str) -> bool:
    """Long, and not a word or two that a sentence could hold by chance."""
    return len(stem) >= 8 and (len(fold(stem).split()) >= 3 or any(c.isdigit() for c in stem)) and not stem.isdigit()


def _stem(name: str) -> str:
    return re.sub(r"\.[A-Za-z0-9]{2,5}$", "", name)


def _without(question: str, found: Name) -> str:
    """The question without the name, whose own "page 3" or digits say nothing."""
    for name in (found.name, _stem(found.name)):
        question = re.sub(re.escape(name), " ", question, flags=re.IGNORECASE)
    return question


def _ordinal(word: str) -> int:
    return ORDINAL.get(word.lower()) or int(re.sub(r"\D", "", word))
