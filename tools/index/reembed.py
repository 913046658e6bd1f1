"""Another embedder for a collection: all vectors made again from the rows and pictures, then taken at once.

What was embedded is kept in a file of its own, so that a run that was stopped, or killed, goes on where it was.
The rows, the full-text index and the projection in use stay as they are until one commit swaps them.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from foveal.errors import BadImage, Cancelled, IndexCorrupt, IndexMismatch
from foveal.protocols import ImageEmbedder, TextEmbedder
from foveal.tools.embed.registry import spec_of
from foveal.tools.index.label_vectors import LabelVectors
from foveal.tools.index.project import projection_folder, spaces_of, sweep
from foveal.tools.index.projection import Projection, reject_bad_vectors
from foveal.tools.index.stage import Stage, key_of_text
from foveal.tools.index.store import COLLECTION_OF_ROLE, TEXT_CHUNKS, Store, chunk_key, image_key, indexed
from foveal.types import Label

TEXTS_AT_ONCE = 64
PICTURES_AT_ONCE = 16
PIXELS_AT_ONCE = 24_000_000
ROWS_AT_ONCE = 1000

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class ReembedReport:
    """What was done: vectors in the collection, passages and pictures embedded by this run, the embedders now."""

    vectors: int
    texts: int
    pictures: int
    embedders: dict[str, str]


class Reembedding:
    """One change of embedders; None leaves the one that is in use. The caller holds the writer lock.

    :meth:`prepare` takes as long as the models do and changes nothing that is in use; :meth:`swap` is quick.
    """

    def __init__(
        self,
        store: Store,
        blobs: Any,
        text: TextEmbedder | None,
        eye: ImageEmbedder | None,
        *,
        progress: Progress | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        self._store = store
        self._blobs = blobs
        old = store.meta()
        self._text = text if text is not None and text.id != old.get("text_embedder") else None
        self._eye = eye if eye is not None and eye.id != old.get("image_embedder") else None
        self._progress = progress or (lambda done, total, stage: None)
        self._cancel = cancel or threading.Event()
        self._meta = {**old, **meta_of(self._text, self._eye), "projection": str(int(old["projection"]) + 1)}
        self._old = old
        self._stage = Stage(store.folder, self._meta)
        self._labels = LabelVectors(self._embed_texts)
        self._texts = self._pictures = 0

    def close(self) -> None:
        """Let go of the file of what was embedded; it stays for the next run."""
        self._stage.close()

    def prepare(self) -> None:
        """Embed what is not embedded yet and project all of it.

        Raises Cancelled, StorageFull, ModelError, IndexCorrupt.
        """
        self._embed_pictures()
        self._embed_chunks()
        folder = projection_folder(self._store.folder, self._meta)
        shutil.rmtree(folder, ignore_errors=True)
        projection = Projection(folder, spaces_of(self._meta), index=self._store.folder)
        total, done = self._count("chunks") + self._count("images"), 0
        try:
            for name in spaces_of(self._meta):
                for rows in _pages(self._rows(name), ROWS_AT_ONCE):
                    self._at(done, total, "writing")
                    projection.upsert(name, [r.key for r in rows], np.stack([r.vector for r in rows]),
                                      [r.doc_id for r in rows])  # fmt: skip
                    done += len(rows)
        finally:
            projection.close()

    def swap(self) -> ReembedReport:
        """Put the new vectors in the place of the old in one commit, then forget the old."""
        store, total = self._store, 0
        # a projection that is gone cannot be taken back: the commit must have reached the disk
        store.db.execute("PRAGMA synchronous = FULL")
        with store.transaction() as db:
            for name in spaces_of(self._meta):
                table = "chunks" if name == TEXT_CHUNKS else "images"
                changed = self._text is not None if name == TEXT_CHUNKS else self._eye is not None
                for row in self._rows(name):
                    total += 1
                    if changed:
                        db.execute(f"UPDATE {table} SET key = ?, vector = ? WHERE id = ?",
                                   (row.key, row.vector.tobytes(), row.id))  # fmt: skip
            if self._text is not None:
                self._relabel(db)
            if self._eye is not None:
                self._recentre(db)
            db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(self._meta.items()))
            for (fingerprint,) in db.execute("SELECT DISTINCT fingerprint FROM sources").fetchall():
                db.execute("UPDATE sources SET fingerprint = ? WHERE fingerprint = ?",
                           (self._refingerprinted(fingerprint), fingerprint))  # fmt: skip
            db.execute("UPDATE chunks SET projected = 1 WHERE projected = 0")
            db.execute("UPDATE images SET projected = 1 WHERE projected = 0")
            db.execute("DELETE FROM tombstones")
        self._stage.remove()
        sweep(store.folder, self._meta)
        used = {key: self._meta[key] for key in ("text_embedder", "image_embedder")}
        return ReembedReport(total, self._texts, self._pictures, used)

    def _embed_chunks(self) -> None:
        if self._text is None:
            return
        total, done = self._count("chunks"), 0
        query = "SELECT f.title, f.body FROM chunks c JOIN chunks_fts f ON f.rowid = c.id ORDER BY c.id"
        for page in _pages(self._store.db.execute(query), TEXTS_AT_ONCE):
            self._at(done, total, "embedding passages")
            self._embed_texts([indexed(*row) for row in page])
            done += len(page)
        for (labels,) in self._store.db.execute("SELECT DISTINCT labels FROM images"):
            self._at(done, total, "embedding labels")
            self._labels.of(_labels(labels))

    def _embed_texts(self, texts: list[str]) -> np.ndarray:
        """Return the vectors of *texts* [n, dim], from the file or else from the model, which fills the file."""
        assert self._text is not None
        keys = [key_of_text(text) for text in texts]
        known = self._stage.vectors(keys)
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if new:
            found = _checked(self._text.embed_texts(list(new.values())), len(new), self._text)
            self._stage.keep(dict(zip(new, found, strict=True)))
            known.update(zip(new, found, strict=True))
            self._texts += len(new)
        return np.stack([known[key] for key in keys])

    def _embed_pictures(self) -> None:
        if self._eye is None:
            return
        rows = self._store.db.execute(
            "SELECT sha256, max(width * height) FROM images GROUP BY sha256 ORDER BY min(id)"
        ).fetchall()
        if lost := [sha for sha, _ in rows if sha not in self._blobs]:
            raise IndexCorrupt(
                f"{len(lost)} of {len(rows)} pictures are missing from the picture store: they cannot be embedded.",
                remedy="Restore the folder `blobs` of the collection, or remove their documents and add them again.",
            )
        waiting = [row for row in rows if row[0] not in self._stage.vectors([row[0]])]
        done = len(rows) - len(waiting)
        for group in _groups(waiting):
            self._at(done, len(rows), "looking at pictures")
            vectors = _checked(self._eye.embed_images([self._picture(sha) for sha in group]), len(group), self._eye)
            self._stage.keep(dict(zip(group, vectors, strict=True)))
            done, self._pictures = done + len(group), self._pictures + len(group)

    def _picture(self, sha256: str) -> Image.Image:
        try:
            image: Image.Image = self._blobs.open(sha256)
        except BadImage as error:
            raise IndexCorrupt(error.message, remedy="Restore the folder `blobs` of the collection.") from error
        return image

    def _rows(self, name: str) -> Iterator[_Row]:
        """Every row of a projected collection as it will be."""
        db = self._store.db
        if name != TEXT_CHUNKS:
            role = next(role for role, collection in COLLECTION_OF_ROLE.items() if collection == name)
            for page in _by_id(db, "images", "id, key, doc_id, sha256, vector", "", (role,), "role = ?"):
                new = self._stage.vectors([row[3] for row in page]) if self._eye is not None else {}
                for row_id, key, doc_id, sha, vector in page:
                    if sha in new:
                        key = image_key(doc_id, sha, new[sha].tobytes())
                    yield _Row(row_id, key, doc_id, new.get(sha, np.frombuffer(vector, dtype=np.float32)))
            return
        columns = "c.id, c.key, c.doc_id, c.vector, c.part, c.start, c.end, f.title, f.body"
        for page in _by_id(db, "chunks c", columns, "JOIN chunks_fts f ON f.rowid = c.id", (), "1 = 1"):
            keys = [key_of_text(indexed(*row[-2:])) for row in page]
            new = self._stage.vectors(keys) if self._text is not None else {}
            for staged, (row_id, key, doc_id, vector, part, start, end, title, body) in zip(keys, page, strict=True):
                if staged in new:
                    key = chunk_key(doc_id, part, start, end, title, body, new[staged].tobytes())
                yield _Row(row_id, key, doc_id, new.get(staged, np.frombuffer(vector, dtype=np.float32)))

    def _relabel(self, db: sqlite3.Connection) -> None:
        for (labels,) in db.execute("SELECT DISTINCT labels FROM images").fetchall():
            vector = self._labels.of(_labels(labels))
            blob = None if vector is None else vector.tobytes()
            db.execute("UPDATE images SET label_vector = ? WHERE labels = ?", (blob, labels))

    def _recentre(self, db: sqlite3.Connection) -> None:
        db.execute("DELETE FROM centres")
        for role in COLLECTION_OF_ROLE:
            total, n = np.zeros(int(self._meta["image_dim"])), 0
            for (vector,) in db.execute("SELECT vector FROM images WHERE role = ?", (role,)):
                total, n = total + np.frombuffer(vector, dtype=np.float32), n + 1
            if n:
                db.execute("INSERT INTO centres VALUES (?, ?, ?)", (role, n, total.tobytes()))

    def _refingerprinted(self, fingerprint: str) -> str:
        """Return a source's fingerprint with the new embedders, so that adding it again stays a no-op."""
        parts = fingerprint.split("|")
        before = [self._old[k] for k in ("text_embedder", "text_dim", "image_embedder", "image_dim")]
        if parts[1:5] == before:
            parts[1:5] = [self._meta[k] for k in ("text_embedder", "text_dim", "image_embedder", "image_dim")]
        return "|".join(parts)

    def _at(self, done: int, total: int, stage: str) -> None:
        if self._cancel.is_set():
            raise Cancelled("The change of embedders was stopped; the collection is as it was.",
                            remedy="Run the same command again: it goes on where it was.")  # fmt: skip
        self._progress(done, total, stage)

    def _count(self, table: str) -> int:
        return int(self._store.db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@dataclass(frozen=True, slots=True)
class _Row:
    id: int
    key: str
    doc_id: str
    vector: np.ndarray


def meta_of(text: TextEmbedder | None, eye: ImageEmbedder | None) -> dict[str, str]:
    """Return what a collection remembers of its embedders."""
    meta: dict[str, str] = {}
    for what, embedder in (("text", text), ("image", eye)):
        if embedder is not None:
            meta |= {
                f"{what}_embedder": embedder.id,
                f"{what}_dim": str(embedder.dim),
                f"{what}_spec": spec_of(embedder),
            }
    return meta


def _checked(vectors: np.ndarray, n: int, embedder: TextEmbedder | ImageEmbedder) -> np.ndarray:
    rows = np.ascontiguousarray(vectors, dtype=np.float32)
    if rows.shape != (n, embedder.dim):
        raise IndexMismatch(
            f"The embedder {embedder.id} gave vectors of shape {rows.shape}.", remedy="Check its checkpoint."
        )
    reject_bad_vectors(rows)
    return rows


def _labels(kept: str) -> list[Label]:
    return [Label(name, gloss, probability) for name, gloss, probability in json.loads(kept)]


def _groups(pictures: Sequence[tuple[str, int]]) -> Iterator[list[str]]:
    """Cut (sha256, pixels) into groups of a bounded number of pictures and of pixels."""
    group: list[str] = []
    pixels = 0
    for sha, size in pictures:
        if group and (pixels + size > PIXELS_AT_ONCE or len(group) == PICTURES_AT_ONCE):
            yield group
            group, pixels = [], 0
        group.append(sha)
        pixels += size
    if group:
        yield group


def _pages(rows: Any, size: int) -> Iterator[list[Any]]:
    page: list[Any] = []
    for row in rows:
        page.append(row)
        if len(page) == size:
            yield page
            page = []
    if page:
        yield page


def _by_id(
    db: sqlite3.Connection, table: str, columns: str, join: str, values: tuple[Any, ...], where: str
) -> Iterator[list[tuple[Any, ...]]]:
    """Pages of rows in the order of their ids; each is read before rows are written."""
    row_id = columns.split(",")[0]
    last = -1
    query = f"SELECT {columns} FROM {table} {join} WHERE {where} AND {row_id} > ? ORDER BY {row_id} LIMIT ?"
    while page := db.execute(query, (*values, last, ROWS_AT_ONCE)).fetchall():
        yield page
        last = page[-1][0]
