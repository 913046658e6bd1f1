"""Content slimming: of a page, the passages that a sub-question asks for.

Like MMSearch (Jiang et al. 2024), which cuts pages into pieces of 200 tokens and keeps the eight best by dense score;
here the score is BM25 over stemmed words and the headings above a piece, fused with the cosine by reciprocal ranks.
"""

from __future__ import annotations

import bisect
import contextlib
import re
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foveal.tools.index.chunk import chunk_spans, weight_of
from foveal.tools.index.fuse import fts_query, reciprocal_rank_fusion
from foveal.types import TextHit, WebPage

if TYPE_CHECKING:
    from foveal.protocols import TextEmbedder

WORDS = 80
"""About how many words a piece has."""
MAX_WORDS = 240
"""Neighbours that are both asked for become one passage of at most so many words."""
MAX_PIECES = 4000
DENSE = 96
"""Pieces that are embedded: the best by words, then the first of the page."""
_HEADING = re.compile(r"^(#{1,6})[ \t]+(.*?)[ \t]*#*$", re.MULTILINE)
_RULE = re.compile(r"\|(?:[ \t]*:?-+:?[ \t]*\|)+")
_PATH_WEIGHT = 0.5


@dataclass(frozen=True, slots=True)
class Piece:
    """``text[start:end]`` of a page and what stands above it: its headings, and the head of its table."""

    start: int
    end: int
    section: int
    path: str


def passages(page: WebPage, query: str, *, k: int = 5, embedder: TextEmbedder | None = None) -> list[TextHit]:
    """Return at most *k* passages of *page* for *query*, best first; they do not overlap and cut no row of a table.

    ``doc_id`` is the page's address, ``page.text[start:end]`` the text, ``title`` the page's with the headings above.
    With an *embedder* ``cosine`` is set. When fewer have a word of the query and nothing is embedded, pieces from the
    beginning of the page make up the number, with score 0. Blocking.
    """
    cut = list(pieces(page.text))[:MAX_PIECES]
    lexical = _by_words(page, cut, query)
    cosines = _cosines(page, cut, query, lexical, embedder) if embedder is not None else {}
    dense = sorted(cosines, key=lambda i: (-cosines[i], i))
    fused = reciprocal_rank_fusion([ranked for ranked in (lexical, dense) if ranked])
    scores = dict(fused[:k])
    for i in range(min(k, len(cut))):  # the beginning of a page says what it is about
        if len(scores) < k:
            scores.setdefault(i, 0.0)
    ranks = {i: rank for rank, i in enumerate(lexical, 1)}, {i: rank for rank, i in enumerate(dense, 1)}
    hits = []
    for group in _neighbours(page.text, cut, sorted(scores)):
        start, end = cut[group[0]].start, cut[group[-1]].end
        lead = max(group, key=lambda i: scores[i])
        hits.append(
            TextHit(
                doc_id=page.url,
                title=" › ".join(filter(None, (page.title, cut[lead].path))),
                text=page.text[start:end],
                part="text",
                start=start,
                end=end,
                score=scores[lead],
                dense_rank=ranks[1].get(lead),
                lexical_rank=ranks[0].get(lead),
                cosine=max((cosines[i] for i in group if i in cosines), default=None),
                page=bisect.bisect_right(page.pages, start) or None,
                url=page.url,
            )
        )
    return sorted(hits, key=lambda hit: -hit.score)


def pieces(text: str) -> Iterator[Piece]:
    """Cut Markdown at its headings, then into about WORDS words at sentences, items and rows."""
    path: list[tuple[int, str]] = []
    bounds = [(m.start(), m.end(), len(m[1]), m[2]) for m in _HEADING.finditer(text)]
    edges = [0, *(end for _, end, _, _ in bounds)], [*(start for start, _, _, _ in bounds), len(text)]
    for number, (start, end) in enumerate(zip(*edges, strict=True)):
        if number:
            _, _, level, name = bounds[number - 1]
            path = [*(above for above in path if above[0] < level), (level, name)]
        # the highest heading is the title of the page
        names = " › ".join(name for level, name in path if level > 1)
        for first, last in _whole_rows(text, start, end):
            yield Piece(first, last, number, " › ".join(filter(None, (names, _table_head(text, start, first)))))


def _whole_rows(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Spans of a section; what the chunker cut inside of a row is put together again."""
    pending: tuple[int, int] | None = None
    for span in chunk_spans(text[start:end], max_words=WORDS):
        first, last = start + span.start, start + span.end
        line = text[text.rfind("\n", 0, first) + 1 : first].lstrip()
        if pending and line.startswith("|"):
            pending = (pending[0], last)
            continue
        if pending:
            yield pending
        pending = (first, last)
    if pending:
        yield pending


def _table_head(text: str, section: int, start: int) -> str:
    """The columns of the table that goes on at *start* with its head before it."""
    if text[start : start + 1] != "|":
        return ""
    above = text[section:start].rstrip("\n").split("\n")
    rows: list[str] = []
    while above and above[-1].lstrip().startswith("|"):
        rows.append(above.pop())
    if len(rows) < 2 or not _RULE.fullmatch(rows[-2].strip()):
        return ""
    return " | ".join(filter(None, (cell.strip() for cell in rows[-1].split("|"))))[:200]


def _by_words(page: WebPage, cut: Sequence[Piece], query: str) -> list[int]:
    """Pieces with words of the query, best first by BM25; words of the headings above count for less."""
    if not (words := fts_query(query)):
        return []
    with contextlib.closing(sqlite3.connect(":memory:")) as memory:
        memory.execute("CREATE VIRTUAL TABLE p USING fts5(path, body, tokenize='porter unicode61 remove_diacritics 2')")
        rows = ((i, piece.path, page.text[piece.start : piece.end]) for i, piece in enumerate(cut))
        memory.executemany("INSERT INTO p(rowid, path, body) VALUES (?, ?, ?)", rows)
        found = memory.execute(
            "SELECT rowid FROM p WHERE p MATCH ? ORDER BY bm25(p, ?, 1.0), rowid", (words, _PATH_WEIGHT)
        )
        return [row for (row,) in found]


def _cosines(
    page: WebPage, cut: Sequence[Piece], query: str, lexical: Sequence[int], embedder: TextEmbedder
) -> dict[int, float]:
    chosen = list(dict.fromkeys([*lexical, *range(len(cut))]))[:DENSE]
    if not chosen:
        return {}
    texts = [f"{page.title}: {page.text[cut[i].start : cut[i].end]}" for i in chosen]
    vectors = embedder.embed_texts([query, *texts])
    return dict(zip(chosen, (vectors[1:] @ vectors[0]).tolist(), strict=True))


def _neighbours(text: str, cut: Sequence[Piece], chosen: Sequence[int]) -> list[list[int]]:
    """Group *chosen* (ascending) by adjacency in one section, up to MAX_WORDS words a group."""
    groups: list[list[int]] = []
    for i in chosen:
        last = groups[-1] if groups else []
        if (
            last
            and last[-1] == i - 1
            and cut[i].section == cut[last[-1]].section
            and weight_of(text[cut[last[0]].start : cut[i].end]) <= MAX_WORDS
        ):
            last.append(i)
        else:
            groups.append([i])
    return groups
