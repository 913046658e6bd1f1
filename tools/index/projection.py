"""Chroma, as a projection of the SQLite rows: nearest neighbours and nothing that cannot be made again."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foveal.errors import FovealError, IndexCorrupt, IndexMismatch, ModelError, StorageFull

BATCH = 2000
"""Chroma refuses more than 5,461 records at once."""
SYNC_THRESHOLD = 1000
"""From so many records on, Chroma keeps the vectors in files of their own."""


class Projection:
    """Collections of one Chroma folder. Vectors are ours, no embedding function is ever stored or run.

    *spaces* maps a collection's name to (embedder id, dimension); both are written to its metadata and
    checked. Raises IndexCorrupt when Chroma cannot read its folder, IndexMismatch when it was made by
    another embedder.
    """

    def __init__(self, folder: Path, spaces: Mapping[str, tuple[str, int]], *, index: Path) -> None:
        self.folder = folder
        self._index = index
        self._collections: dict[str, Any] = {}
        self._client: Any = None
        with self._translated():
            self._check_files()
            self._open(spaces)

    def _open(self, spaces: Mapping[str, tuple[str, int]]) -> None:
        import chromadb
        from chromadb.config import Settings

        settings = Settings(anonymized_telemetry=False, allow_reset=False)
        self._client = chromadb.PersistentClient(path=str(self.folder), settings=settings)
        existing = {collection.name for collection in self._client.list_collections()}
        for name, (embedder, dim) in spaces.items():
            if name in existing:
                collection = self._client.get_collection(name, embedding_function=None)
                found = collection.metadata or {}
                if (found.get("embedder"), found.get("dim")) != (embedder, dim):
                    raise IndexMismatch(
                        f"The {name} were projected from {found.get('embedder')}"
                        f" ({found.get('dim')} numbers), the collection holds vectors of {embedder} ({dim}).",
                        remedy=f"Make the projection again: foveal index rebuild --index {self._index}",
                    )
            else:
                collection = self._client.create_collection(
                    name,
                    embedding_function=None,
                    metadata={"embedder": embedder, "dim": dim},
                    configuration={"hnsw": {"space": "cosine", "ef_construction": 128, "ef_search": 128}},
                )
            self._collections[name] = collection

    def _check_files(self) -> None:
        """Chroma answers from what is left when its vector files are gone: look for them ourselves."""
        database = self.folder / "chroma.sqlite3"
        if not database.exists():
            return
        with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as db:
            rows = db.execute(
                "SELECT v.id, count(*) FROM segments v JOIN segments m ON m.collection = v.collection"
                " AND m.scope = 'METADATA' JOIN embeddings e ON e.segment_id = m.id"
                " WHERE v.scope = 'VECTOR' GROUP BY v.id"
            ).fetchall()
        for segment, count in rows:
            if count > 2 * SYNC_THRESHOLD and not (self.folder / segment / "header.bin").exists():
                raise self._corrupt("its vector files are missing")

    def close(self) -> None:
        """Let go of files and threads."""
        client, self._client = self._client, None
        self._collections = {}
        if client is not None:
            client.close()

    def count(self, name: str) -> int:
        """How many records collection *name* holds."""
        with self._translated():
            return int(self._collections[name].count())

    def keys(self, name: str) -> set[str]:
        """All ids of collection *name*."""
        found: set[str] = set()
        with self._translated():
            total = self._collections[name].count()
            for offset in range(0, total, BATCH):
                found.update(self._collections[name].get(limit=BATCH, offset=offset, include=[])["ids"])
        return found

    def vectors(self, name: str, keys: Sequence[str]) -> dict[str, np.ndarray]:
        """Stored vectors by id; ids that are not there are left out."""
        with self._translated():
            found = self._collections[name].get(ids=list(keys), include=["embeddings"])
        return {key: np.asarray(v, dtype=np.float32) for key, v in zip(found["ids"], found["embeddings"], strict=True)}

    def upsert(self, name: str, keys: Sequence[str], vectors: np.ndarray, docs: Sequence[str]) -> None:
        """Write records; *vectors* float32 [n, dim] of finite, non-zero rows (else ModelError)."""
        reject_bad_vectors(vectors)
        with self._translated():
            for at in range(0, len(keys), BATCH):
                part = slice(at, at + BATCH)
                self._collections[name].upsert(
                    ids=list(keys[part]),
                    embeddings=np.ascontiguousarray(vectors[part], dtype=np.float32),
                    metadatas=[{"doc": doc} for doc in docs[part]],
                )

    def delete(self, name: str, keys: Sequence[str]) -> None:
        """Drop records; ids that are not there are no error."""
        with self._translated():
            for at in range(0, len(keys), BATCH):
                self._collections[name].delete(ids=list(keys[at : at + BATCH]))

    def nearest(self, name: str, vector: np.ndarray, k: int) -> list[tuple[str, float]]:
        """The *k* nearest ids with their cosine, best first."""
        with self._translated():
            found = self._collections[name].query(
                query_embeddings=[np.asarray(vector, dtype=np.float32)], n_results=k, include=["distances"]
            )
        return [(key, 1.0 - d) for key, d in zip(found["ids"][0], found["distances"][0], strict=True)]

    def probe(self) -> None:
        """Ask every collection one question, so that a damaged one is found at open and not in the middle
        of a run."""
        for name, collection in self._collections.items():
            with self._translated():
                dim = int(collection.metadata["dim"])
                wanted = min(collection.count(), 5)
            if wanted and len(self.nearest(name, np.ones(dim, dtype=np.float32), wanted)) < wanted:
                raise self._corrupt(f"collection {name} answers with too few records")

    def _corrupt(self, what: str) -> IndexCorrupt:
        return IndexCorrupt(
            f"The vector index in {self._index} is damaged: {what}.",
            remedy=f"Nothing is lost, make it again: foveal index rebuild --index {self._index}",
        )

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (FovealError, KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as error:  # a panic of Chroma's Rust core is not an Exception
            text = str(error)
            if "full" in text.lower() or "No space left" in text:
                raise StorageFull(f"The disk is full: the vector index in {self._index} cannot grow.") from error
            raise self._corrupt(text.splitlines()[0][:200] if text else type(error).__name__) from error


def bad_rows(vectors: np.ndarray) -> np.ndarray:
    """Which rows of float [n, dim] are no usable vector: bool [n]."""
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    return ~np.isfinite(norms) | (norms < 1e-6)


def reject_bad_vectors(vectors: np.ndarray) -> None:
    """Raise ModelError for a zero or non-finite vector: Chroma would keep a zero one and find it
    everywhere."""
    if len(vectors) and bool(bad_rows(vectors).any()):
        raise ModelError(
            "The embedder returned a zero or non-finite vector.",
            remedy="Check the embedder's weights: foveal models verify",
        )
