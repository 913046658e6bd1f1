"""Pages found by their looks: token vectors of every page and chart, kept beside the collection."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from foveal.errors import Cancelled, IndexMissing
from foveal.tools.embed.muvera import Muvera
from foveal.tools.embed.pages import PageEmbedder
from foveal.tools.index.rows import Rows
from foveal.tools.index.tokens import TokenIndex

FOLDER = "pages"
PAGES_AT_ONCE = 4


class PageSearch:
    """Documents by the tokens of their page. Blocking; safe to call from several threads."""

    def __init__(self, folder: Path, rows: Rows, embedder: PageEmbedder) -> None:
        self._folder = folder
        self._rows = rows
        self._embedder = embedder
        self._lock = threading.Lock()
        self._opened: tuple[int, TokenIndex] | None = None

    def nearest(self, query: str, k: int) -> list[str]:
        """Return the ids of the *k* documents whose page answers *query* best. Raises IndexMissing, IndexMismatch."""
        found = self._index().search(self._embedder.embed_query(query), k)
        owners: dict[str, list[str]] = {}
        marks = ",".join("?" * len(found))
        for sha, doc in self._rows.all(
            f"SELECT sha256, doc_id FROM images WHERE sha256 IN ({marks}) ORDER BY id", [key for key, _ in found]
        ):
            owners.setdefault(sha, []).append(doc)
        return [doc for key, _ in found for doc in owners.get(key, ())][:k]

    def _index(self) -> TokenIndex:
        """The tokens, opened again when they were written again."""
        folder = self._folder / FOLDER
        with self._lock:
            try:
                written = folder.stat().st_mtime_ns
                if self._opened is None or self._opened[0] != written:
                    self._opened = (written, TokenIndex(folder, self._embedder.id))
            except (FileNotFoundError, IndexMissing) as error:
                raise IndexMissing(
                    f"The pages of {self._folder} were not embedded.",
                    remedy=f"Run: foveal index rebuild --index {self._folder} --page-embedder {self._embedder.spec}",
                ) from error
            return self._opened[1]


def write_pages(
    folder: Path,
    rows: Rows,
    blobs: Any,
    embedder: PageEmbedder,
    *,
    progress: Callable[[int, int, str], None] | None = None,
    cancel: threading.Event | None = None,
) -> int:
    """Embed every page and chart of the collection in *folder*; return how many. What was there serves until the end.

    Raises Cancelled, ModelUnavailable, BadImage, StorageFull.
    """
    shas = [row[0] for row in rows.all("SELECT DISTINCT sha256 FROM images WHERE role <> 'picture' ORDER BY sha256")]

    def embedded() -> Iterator[tuple[str, np.ndarray]]:
        for at in range(0, len(shas), PAGES_AT_ONCE):
            if cancel is not None and cancel.is_set():
                raise Cancelled("The pages were not embedded to the end.", remedy="Run the same command again.")
            if progress is not None:
                progress(at, len(shas), "embedding pages")
            group = shas[at : at + PAGES_AT_ONCE]
            yield from zip(group, embedder.embed_images([blobs.open(sha) for sha in group]), strict=True)

    pages = embedded()
    first = next(pages, None)
    muvera = _muvera(first[1].shape[1] if first else 1)
    TokenIndex.write(folder / FOLDER, embedder.id, itertools.chain([first] if first else [], pages), muvera)
    return len(shas)


def _muvera(dim: int) -> Muvera:
    return Muvera(dim, projected=min(16, dim))
