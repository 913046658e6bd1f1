"""Reads from SQLite: one connection behind a lock, safe to use from several threads."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foveal.tools.index.fuse import fold
from foveal.tools.index.schema import connect, translated
from foveal.types import Document, Part, Scope

_DOCUMENT = "id, title, text, image, ocr, labels, url, source, licence, page, meta"


@dataclass(frozen=True, slots=True)
class ChunkText:
    """A chunk with what a hit shows of its document."""

    id: int
    doc_id: str
    part: Part
    start: int
    end: int
    text: str
    title: str
    image: str | None
    page: int | None
    url: str | None


@dataclass(frozen=True, slots=True)
class TitleMatch:
    """A document whose title stands in a query: the folded words that matched, and whether they are all of
    it."""

    doc_id: str
    words: str
    whole: bool


class Rows:
    """A reading connection. It sees each commit of a writer, in this process or another, and never a half
    one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._db = connect(folder)

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            self._db.close()

    def all(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Every row of a reading query."""
        with self._lock, translated(self.folder):
            return self._db.execute(query, values).fetchall()

    def revision(self) -> int:
        """A number that changes when another connection has committed."""
        return int(self.all("PRAGMA data_version")[0][0])

    def meta(self) -> dict[str, str]:
        """The meta table."""
        return dict(self.all("SELECT key, value FROM meta"))

    def lexical(
        self, match: str, limit: int, *, doc_ids: Sequence[str] | None = None, pictured: bool = False
    ) -> list[tuple[int, float]]:
        """BM25 over title (weight 4) and body: (chunk id, score), higher is better."""
        if not match:
            return []
        query = "SELECT rowid, -rank FROM chunks_fts WHERE chunks_fts MATCH ?"
        values: list[Any] = [match]
        if doc_ids is not None:
            query += " AND rowid IN (SELECT id FROM chunks WHERE doc_id IN (SELECT value FROM json_each(?)))"
            values.append(json.dumps(list(doc_ids)))
        if pictured:
            query += " AND rowid IN (SELECT id FROM chunks WHERE pictured = 1)"
        try:
            return [(row[0], row[1]) for row in self.all(query + " ORDER BY rank LIMIT ?", (*values, limit))]
        except sqlite3.OperationalError:  # pragma: no cover - every term is quoted
            return []

    def chunk_ids(self, keys: Sequence[str]) -> dict[str, int]:
        """Row ids of chunk keys; keys that were removed meanwhile are left out."""
        marks = ",".join("?" * len(keys))
        return {row[0]: row[1] for row in self.all(f"SELECT key, id FROM chunks WHERE key IN ({marks})", list(keys))}

    def chunks(self, ids: Sequence[int]) -> dict[int, ChunkText]:
        """Chunks by row id."""
        marks = ",".join("?" * len(ids))
        rows = self.all(
            "SELECT c.id, c.doc_id, c.part, c.start, c.end, substr(CASE c.part WHEN 'text' THEN d.text"
            " WHEN 'ocr' THEN d.ocr ELSE d.labels END, c.start + 1, c.end - c.start),"
            " d.title, d.image, d.page, d.url"
            f" FROM chunks c JOIN documents d ON d.id = c.doc_id WHERE c.id IN ({marks})",
            list(ids),
        )
        return {row[0]: ChunkText(*row) for row in rows}

    def chunk_vectors(self, doc_ids: Iterable[str]) -> tuple[list[int], list[str], np.ndarray]:
        """Row ids, document ids and vectors [n, dim] of all chunks of some documents."""
        rows = self.all(
            "SELECT id, doc_id, vector FROM chunks WHERE doc_id IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json.dumps(list(doc_ids)),),
        )
        return [row[0] for row in rows], [row[1] for row in rows], stacked([row[2] for row in rows])

    def document(self, doc_id: str) -> Document | None:
        """A whole document."""
        found = self.documents([doc_id])
        return found[0] if found else None

    def documents(self, ids: Sequence[str]) -> list[Document]:
        """Whole documents in the order of *ids*; unknown ids are left out."""
        marks = ",".join("?" * len(ids))
        rows = self.all(f"SELECT {_DOCUMENT} FROM documents WHERE id IN ({marks})", list(ids))
        by_id = {row[0]: _document(row) for row in rows}
        return [by_id[doc_id] for doc_id in ids if doc_id in by_id]

    def titled(self, name: str, k: int) -> list[Document]:
        """Documents titled *name*, then those whose name part is it, then those that begin with it."""
        folded = fold(name)
        if not folded:
            return []
        rows = self.all(
            "SELECT id, 0 FROM documents WHERE folded = ?1"
            " UNION ALL SELECT id, 1 FROM documents WHERE head = ?1 AND folded <> ?1"
            " UNION ALL SELECT id, 2 FROM documents"
            " WHERE folded >= ?1 || ' ' AND folded < ?1 || '!' AND head <> ?1 ORDER BY 2, 1 LIMIT ?2",
            (folded, k),
        )
        return self.documents([row[0] for row in rows])

    def title_matches(self, runs: Sequence[str], *, most: int = 40) -> list[TitleMatch]:
        """Documents whose folded title, or name part of it, is one of *runs*; a title of many documents is no
        name."""
        wanted = json.dumps(list(runs))
        rows = self.all(
            "SELECT id, folded, head FROM documents WHERE folded IN (SELECT value FROM json_each(?1))"
            " OR head IN (SELECT value FROM json_each(?1))",
            (wanted,),
        )
        known = set(runs)
        matches = [TitleMatch(row[0], row[1] if row[1] in known else row[2], row[1] in known) for row in rows]
        counts: dict[str, int] = {}
        for match in matches:
            counts[match.words] = counts.get(match.words, 0) + 1
        return [match for match in matches if counts[match.words] <= most]

    def in_scope(self, scope: Scope) -> list[str]:
        """Ids of the documents that *scope* allows, by page. A page that does not exist allows none."""
        conditions = ["1 = 1"]
        values: list[Any] = []
        if scope.doc_ids:
            conditions.append("id IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(list(scope.doc_ids)))
        name = fold(scope.name) if scope.name else ""
        if name:
            conditions.append("(instr(folded, ?) OR instr(doc_folded, ?) OR id = ? OR instr(lower(id), lower(?)))")
            values += [name, name, scope.name, scope.name]
        rows = self.all(
            f"SELECT id, page, doc_name FROM documents WHERE {' AND '.join(conditions)} ORDER BY doc_name, page, id",
            values,
        )
        if scope.page is None:
            return [row[0] for row in rows]
        last: dict[str | None, int] = {}
        for _, page, doc in rows:
            if page is not None:
                last[doc] = max(last.get(doc, 0), page)
        return [
            row[0]
            for row in rows
            if row[1] is not None and row[1] == (scope.page if scope.page > 0 else last[row[2]] + 1 + scope.page)
        ]


def _document(row: tuple[Any, ...]) -> Document:
    names = [name.strip() for name in _DOCUMENT.split(",")]
    return Document(**{**dict(zip(names, row, strict=True)), "meta": json.loads(row[-1])})


def stacked(blobs: Sequence[bytes]) -> np.ndarray:
    """Float32 blobs of one length as a matrix [n, dim]; [0, 0] when there are none."""
    if not blobs:
        return np.zeros((0, 0), dtype=np.float32)
    return np.frombuffer(b"".join(blobs), dtype=np.float32).reshape(len(blobs), -1)
