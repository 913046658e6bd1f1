"""Writes to SQLite, the source of truth: prepared documents in, one transaction a batch."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from foveal.tools.index.chunk import CHUNKER
from foveal.tools.index.fuse import fold, title_head
from foveal.tools.index.schema import connect, translated
from foveal.types import Document, ImageRef, Label, Part

TEXT_CHUNKS = "text_chunks"
ROLES = ("picture", "chart", "page")
"""What a picture is: searched apart, each centred by its own mean."""
COLLECTION_OF_ROLE = {"picture": "pictures", "chart": "charts", "page": "pages"}


@dataclass(frozen=True, slots=True)
class Source:
    """A line of the ledger: where documents came from and what state of it is in the collection.

    ``root`` is the folder or corpus file that was given to ``add``; ``fingerprint`` names embedders and
    chunker.
    """

    uri: str
    root: str
    digest: str
    fingerprint: str
    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk to be written. ``body`` is what is indexed beside the title: heading and words."""

    part: Part
    start: int
    end: int
    body: str
    vector: np.ndarray


@dataclass(frozen=True, slots=True)
class ImageRow:
    """A picture to be written: unit features [dim], and the expected label vector (see pictures.py)."""

    ref: ImageRef
    role: str
    labels: tuple[Label, ...]
    vector: np.ndarray
    label_vector: np.ndarray | None


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document with everything derived from it; ``name`` is the file that a page belongs to."""

    document: Document
    name: str | None
    chunks: tuple[ChunkRow, ...]
    image: ImageRow | None


@dataclass(frozen=True, slots=True)
class UnitRow:
    """One source and all its documents: replaced as a whole."""

    source: Source
    documents: tuple[DocumentRow, ...]


class Store:
    """One writing connection. Not for several threads at once; the writer lock is the caller's."""

    def __init__(self, folder: Path, *, create: bool = False) -> None:
        self.folder = folder
        self.db = connect(folder, create=create)

    def close(self) -> None:
        """Close the connection."""
        self.db.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing. Raises StorageFull, IndexLocked, IndexCorrupt."""
        with translated(self.folder):
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield self.db
                self.db.execute("COMMIT")
            except BaseException:
                # SQLite may already have rolled back on a full disk
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    def meta(self) -> dict[str, str]:
        """Every key and value of the meta table."""
        with translated(self.folder):
            return dict(self.db.execute("SELECT key, value FROM meta").fetchall())

    def set_meta(self, values: Mapping[str, str]) -> None:
        """Set keys of the meta table."""
        with self.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(values.items()))

    def ledger(self) -> dict[str, Source]:
        """All sources by uri."""
        with translated(self.folder):
            rows = self.db.execute("SELECT uri, root, digest, fingerprint, kind, path FROM sources").fetchall()
        return {row[0]: Source(*row) for row in rows}

    def owner_of(self, doc_id: str) -> str | None:
        """The uri of the source that document *doc_id* came from."""
        row = self.db.execute("SELECT source_uri FROM documents WHERE id = ?", (doc_id,)).fetchone()
        return row[0] if row else None

    def documents_of(self, uri: str) -> list[str]:
        """Ids of a source's documents."""
        return [row[0] for row in self.db.execute("SELECT id FROM documents WHERE source_uri = ?", (uri,))]

    def replace(self, units: Sequence[UnitRow]) -> None:
        """Write *units*, each in place of what its source had before, in one transaction."""
        with self.transaction() as db:
            for unit in units:
                self._drop_source(db, unit.source.uri)
                for row in unit.documents:
                    owner = self.owner_of(row.document.id)
                    if owner is not None:
                        self._drop_document(db, row.document.id)
                self._insert_unit(db, unit)

    def move(
        self,
        old_uri: str,
        new: Source,
        *,
        url: str | None = None,
        renamed: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """A source has another place now. Its vectors stay; titles made of its name follow (*renamed*: old,
        new)."""
        with self.transaction() as db:
            db.execute(
                "UPDATE sources SET uri = ?, root = ?, path = ? WHERE uri = ?",
                (new.uri, new.root, new.path, old_uri),
            )
            rows = db.execute("SELECT id, title, url, doc_name FROM documents WHERE source_uri = ?", (new.uri,))
            for doc_id, title, old_url, name in rows.fetchall():
                for before, after in renamed:
                    if title == before or (name and title.startswith(f"{before} page ")):
                        title = after + title[len(before) :]
                    name = after if name == before else name
                anchor = f"#{old_url.split('#', 1)[1]}" if old_url and "#" in old_url else ""
                db.execute(
                    "UPDATE documents SET title = ?, folded = ?, head = ?, url = ?, doc_name = ?,"
                    " doc_folded = ? WHERE id = ?",
                    (
                        title, fold(title), title_head(title), f"{url}{anchor}" if url else old_url, name,
                        fold(name) if name else None, doc_id,
                    ),
                )  # fmt: skip
                db.execute(
                    "UPDATE chunks_fts SET title = ? WHERE rowid IN (SELECT id FROM chunks WHERE doc_id = ?)",
                    (title, doc_id),
                )

    def remove_sources(self, uris: Iterable[str]) -> None:
        """Forget sources and their documents, in one transaction."""
        with self.transaction() as db:
            for uri in uris:
                self._drop_source(db, uri)

    def remove_documents(self, ids: Iterable[str]) -> None:
        """Forget single documents; a source without documents goes too, so that adding it again works."""
        with self.transaction() as db:
            for doc_id in ids:
                owner = self.owner_of(doc_id)
                self._drop_document(db, doc_id)
                if owner is not None and not self.documents_of(owner):
                    db.execute("DELETE FROM sources WHERE uri = ?", (owner,))

    def pending(self, collection: str, limit: int) -> list[tuple[int, str, str, np.ndarray]]:
        """Rows not in the projection yet: (row id, key, document id, vector)."""
        return self._vector_rows(collection, "projected = 0", (), limit)

    def rows_after(self, collection: str, row_id: int, limit: int) -> list[tuple[int, str, str, np.ndarray]]:
        """All rows of a collection, a page at a time: those behind *row_id*."""
        return self._vector_rows(collection, "id > ?", (row_id,), limit)

    def _vector_rows(
        self, collection: str, condition: str, values: tuple[Any, ...], limit: int
    ) -> list[tuple[int, str, str, np.ndarray]]:
        table, where, scope = _table_of(collection)
        rows = self.db.execute(
            f"SELECT id, key, doc_id, vector FROM {table} WHERE {condition} AND {where} ORDER BY id LIMIT ?",
            (*values, *scope, limit),
        ).fetchall()
        return [(row[0], row[1], row[2], np.frombuffer(row[3], dtype=np.float32)) for row in rows]

    def mark_projected(self, collection: str, row_ids: Sequence[int]) -> None:
        """Say that these rows are in the projection."""
        table = "chunks" if collection == TEXT_CHUNKS else "images"
        with self.transaction() as db:
            db.executemany(f"UPDATE {table} SET projected = 1 WHERE id = ?", [(i,) for i in row_ids])

    def mark_missing(self, collection: str, present: set[str]) -> list[str]:
        """Compare with the keys *present* in the projection: mark rows that lack there, return keys too
        many."""
        table, where, values = _table_of(collection)
        rows = self.db.execute(f"SELECT id, key FROM {table} WHERE {where}", values).fetchall()
        missing = [(row_id,) for row_id, key in rows if key not in present]
        with self.transaction() as db:
            db.executemany(f"UPDATE {table} SET projected = 0 WHERE id = ?", missing)
        return sorted(present - {key for _, key in rows})

    def count_projected(self, collection: str) -> int:
        """How many rows the projection should hold."""
        table, where, values = _table_of(collection)
        # counted in two indexes: a scan would read every vector
        total = self.db.execute(f"SELECT count(*) FROM {table} WHERE {where}", values).fetchone()[0]
        waiting = self.db.execute(f"SELECT count(*) FROM {table} WHERE {where} AND projected = 0", values).fetchone()[0]
        return int(total - waiting)

    def tombstones(self, collection: str) -> list[str]:
        """Keys that must leave the projection: dropped rows, unless the same key was written again."""
        table, _, _ = _table_of(collection)
        rows = self.db.execute(
            f"SELECT key FROM tombstones t WHERE collection = ? AND NOT EXISTS"
            f" (SELECT 1 FROM {table} r WHERE r.key = t.key)",
            (collection,),
        ).fetchall()
        return [row[0] for row in rows]

    def clear_tombstones(self, collection: str) -> None:
        """The projection has dropped them."""
        if self.db.execute("SELECT 1 FROM tombstones WHERE collection = ? LIMIT 1", (collection,)).fetchone():
            with self.transaction() as db:
                db.execute("DELETE FROM tombstones WHERE collection = ?", (collection,))

    def _drop_source(self, db: sqlite3.Connection, uri: str) -> None:
        for doc_id in self.documents_of(uri):
            self._drop_document(db, doc_id)
        db.execute("DELETE FROM sources WHERE uri = ?", (uri,))

    def _drop_document(self, db: sqlite3.Connection, doc_id: str) -> None:
        rows = db.execute("SELECT id, key FROM chunks WHERE doc_id = ?", (doc_id,)).fetchall()
        db.executemany("DELETE FROM chunks_fts WHERE rowid = ?", [(row[0],) for row in rows])
        db.executemany("INSERT OR IGNORE INTO tombstones VALUES (?, ?)", [(TEXT_CHUNKS, row[1]) for row in rows])
        db.execute("DELETE FROM chunks WHERE doc_id = ?", (doc_id,))
        for key, role, blob in db.execute(
            "SELECT key, role, vector FROM images WHERE doc_id = ?", (doc_id,)
        ).fetchall():
            db.execute("INSERT OR IGNORE INTO tombstones VALUES (?, ?)", (COLLECTION_OF_ROLE[role], key))
            self._shift_centre(db, role, -1, np.frombuffer(blob, dtype=np.float32))
        db.execute("DELETE FROM images WHERE doc_id = ?", (doc_id,))
        db.execute("DELETE FROM documents WHERE id = ?", (doc_id,))

    def _insert_unit(self, db: sqlite3.Connection, unit: UnitRow) -> None:
        s = unit.source
        db.execute(
            "INSERT INTO sources VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                s.uri,
                s.root,
                s.digest,
                s.fingerprint,
                s.kind,
                s.path,
                datetime.now(UTC).isoformat(timespec="seconds"),
            ),
        )
        for row in unit.documents:
            self._insert_document(db, s.uri, row)

    def _insert_document(self, db: sqlite3.Connection, uri: str, row: DocumentRow) -> None:
        d = row.document
        db.execute(
            "INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                d.id, uri, d.title, fold(d.title), title_head(d.title), d.text, d.ocr, d.labels, d.image,
                d.url, d.source, d.licence, d.page, row.name, fold(row.name) if row.name else None,
                json.dumps(dict(d.meta), ensure_ascii=False),
            ),
        )  # fmt: skip
        pictured = int(row.image is not None)
        for chunk in row.chunks:
            cursor = db.execute(
                "INSERT INTO chunks (key, doc_id, part, start, end, pictured, vector) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    chunk_key(d.id, chunk.part, chunk.start, chunk.end, d.title, chunk.body, _blob(chunk.vector)),
                    d.id,
                    chunk.part,
                    chunk.start,
                    chunk.end,
                    pictured,
                    _blob(chunk.vector),
                ),
            )
            db.execute(
                "INSERT INTO chunks_fts (rowid, title, body) VALUES (?, ?, ?)",
                (cursor.lastrowid, d.title, chunk.body),
            )
        if row.image is not None:
            self._insert_image(db, d.id, row.image)

    def _insert_image(self, db: sqlite3.Connection, doc_id: str, image: ImageRow) -> None:
        key = image_key(doc_id, image.ref.sha256, _blob(image.vector))
        labels = json.dumps([[label.name, label.gloss, round(label.probability, 5)] for label in image.labels])
        words = None if image.label_vector is None else _blob(image.label_vector)
        ref = image.ref
        db.execute(
            "INSERT INTO images (key, doc_id, sha256, width, height, role, labels, vector, label_vector)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (key, doc_id, ref.sha256, ref.width, ref.height, image.role, labels, _blob(image.vector), words),
        )
        self._shift_centre(db, image.role, 1, image.vector)

    def _shift_centre(self, db: sqlite3.Connection, role: str, sign: int, vector: np.ndarray) -> None:
        """Keep the sum of all features of a role, so that the mean is right at every commit without a full
        pass."""
        row = db.execute("SELECT n, total FROM centres WHERE role = ?", (role,)).fetchone()
        n, total = (row[0], np.frombuffer(row[1], dtype=np.float64)) if row else (0, np.zeros(len(vector)))
        n, total = n + sign, total + sign * vector.astype(np.float64)
        db.execute("INSERT OR REPLACE INTO centres VALUES (?, ?, ?)", (role, n, total.tobytes()))


def _table_of(collection: str) -> tuple[str, str, tuple[Any, ...]]:
    if collection == TEXT_CHUNKS:
        return "chunks", "1 = 1", ()
    role = next(role for role, name in COLLECTION_OF_ROLE.items() if name == collection)
    return "images", "role = ?", (role,)


def chunk_key(doc_id: str, part: str, start: int, end: int, title: str, body: str, vector: bytes) -> str:
    """Deterministic, so that the same chunk has the same id in every rebuild."""
    text = "\0".join((doc_id, part, str(start), str(end), title, body, CHUNKER))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass") + vector).hexdigest()[:32]


def indexed(title: str, body: str) -> str:
    """Return the words of a chunk that are embedded."""
    return f"{title}\n{body}" if body else title


def image_key(doc_id: str, sha256: str, vector: bytes) -> str:
    """Deterministic, like :func:`chunk_key`."""
    return hashlib.sha256(f"{doc_id}\0{sha256}".encode() + vector).hexdigest()[:32]


def _blob(vector: np.ndarray) -> bytes:
    return np.ascontiguousarray(vector, dtype=np.float32).tobytes()
