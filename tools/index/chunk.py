"""Cuts a document's words into chunks that know where they stand in it.

Prose is cut at sentences and packed to about 70 words; lines of a table, list or "key: value" outline stay
whole. ``text[chunk.start:chunk.end]`` is the chunk, always; chunks are in order, do not overlap, and hold
every character that is not white space.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

CHUNKER = "lines-70/1"
"""Name and version of the method; part of the ingestion ledger, so that a change re-chunks."""

MAX_WORDS = 70
MAX_LINE_WORDS = 200
MAX_LINE_CHARACTERS = 12 * MAX_LINE_WORDS

_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|[a-z]\.[a-z]|Mr|Mrs|Ms|Dr|St|Mt|Jr|Sr|Gen|Col|Lt|Prof|Gov|Sen|Rep|vs|etc|ca|cf|no|No|vol|approx|est"
    r"|U\.S|U\.K|U\.N|D\.C|e\.g|i\.e|Inc|Ltd|Co|Corp|Fig|fig|pp|p))\.$"
)
_SENTENCE_END = re.compile(r"(?:[.!?…]+[\"'”’)\]]*(?=\s)|[。！？]+)")
_STRUCTURED = re.compile(r"^\s*(?:[-*•·–—]\s|\(?\d{1,3}[.)]\s|\|)|\t|\S\s{3,}\S|\|.*\|")
_KEYED = re.compile(r"^\s*[^\s:][^:.!?]{0,60}:(?:\s|$)")
_IDEOGRAPH = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")


@dataclass(frozen=True, slots=True)
class Span:
    """A chunk: character offsets, and the outline heading it stands under when that is outside of it."""

    start: int
    end: int
    heading: str = ""


@dataclass(frozen=True, slots=True)
class _Unit:
    start: int
    end: int
    weight: float
    indent: int
    opens: bool
    """A heading line ("Key:") that belongs to what follows."""
    after_blank: bool


def weight_of(text: str) -> float:
    """How many words *text* counts for: words, but never fewer than its length suggests."""
    ideographs = len(_IDEOGRAPH.findall(text))
    return max(len(text.split()) + ideographs / 2, len(text) / 12)


def chunk_spans(text: str, *, max_words: int = MAX_WORDS) -> list[Span]:
    """Cut *text* into spans of about *max_words* words; a structured line of up to 200 words stays whole."""
    spans: list[Span] = []
    pack: list[_Unit] = []
    total = 0.0
    headings: list[_Unit] = []

    def heading_for(first: _Unit) -> str:
        above = [h for h in headings if h.start < first.start and h.indent < first.indent]
        return " ".join(text[h.start : h.end] for h in above[-2:])

    def flush(keep_heading: bool) -> None:
        nonlocal pack, total
        carried = [pack.pop()] if keep_heading and len(pack) > 1 and pack[-1].opens else []
        if pack:
            spans.append(Span(pack[0].start, pack[-1].end, heading_for(pack[0])))
        pack = carried
        total = sum(unit.weight for unit in pack)

    for unit in _units(text, max_words):
        if pack and (
            total + unit.weight > max_words or (unit.after_blank and unit.indent == 0 and total >= max_words * 0.6)
        ):
            flush(keep_heading=True)
        headings = [h for h in headings if h.indent < unit.indent]
        if unit.opens:
            headings.append(unit)
        pack.append(unit)
        total += unit.weight
    flush(keep_heading=False)
    return spans


def _units(text: str, max_words: int) -> Iterator[_Unit]:
    """The smallest pieces that may not be cut: a structured line or a sentence."""
    blank = False
    position = 0
    for line in text.splitlines(keepends=True):
        start = position
        position += len(line)
        body = line.strip()
        if not body:
            blank = True
            continue
        lead = len(line) - len(line.lstrip())
        first, last = start + lead, start + lead + len(body)
        structured = bool(_STRUCTURED.search(line) or _KEYED.match(line))
        weight = weight_of(body)
        opens = body.endswith(":") and weight <= 12
        if weight <= (MAX_LINE_WORDS if structured else max_words / 2):
            pieces = [(first, last)]
        else:
            pieces = list(_sentences(text, first, last))
        for number, (a, b) in enumerate(pieces):
            yield _Unit(a, b, weight_of(text[a:b]), lead, opens, blank and number == 0)
        blank = False


def _sentences(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    cursor = start
    for match in _SENTENCE_END.finditer(text, start, end):
        if _ABBREVIATION.search(text, max(start, match.end() - 12), match.end()):
            continue
        yield from _cut(text, cursor, match.end())
        cursor = match.end()
    yield from _cut(text, cursor, end)


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Trim white space; cut a sentence that is longer than a line may be at spaces, or anywhere if it has
    none."""
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end - start > MAX_LINE_CHARACTERS or weight_of(text[start:end]) > MAX_LINE_WORDS:
        stop = min(end, start + MAX_LINE_CHARACTERS)
        while weight_of(text[start:stop]) > MAX_LINE_WORDS:
            stop = start + (stop - start) * 3 // 4
        space = text.rfind(" ", start + (stop - start) // 2, stop)
        stop = space if space > start else stop
        yield start, start + len(text[start:stop].rstrip())
        start = stop
        while start < end and text[start].isspace():
            start += 1
    if end > start:
        yield start, end
