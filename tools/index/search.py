"""Hybrid text search: nearest vectors, BM25 and named titles, fused by rank."""

from __future__ import annotations

import numpy as np

from foveal.protocols import TextEmbedder
from foveal.tools.embed.registry import query_vector
from foveal.tools.index.fuse import fts_query, phrases, reciprocal_rank_fusion
from foveal.tools.index.means import DocumentMeans
from foveal.tools.index.pages import PageSearch
from foveal.tools.index.projection import Projection
from foveal.tools.index.rows import Rows
from foveal.tools.index.store import TEXT_CHUNKS
from foveal.types import Scope, TextHit

DEPTH = 50
TITLE_CHUNKS = 300


class TextSearch:
    """Searches chunks. Blocking; safe to call from several threads.

    With *pages* a list by the looks of pages is fused too. With *document_means* the dense list is of the chunks of
    that many documents, found by their mean vector.
    """

    def __init__(
        self,
        rows: Rows,
        projection: Projection,
        embedder: TextEmbedder,
        *,
        document_means: int = 0,
        pages: PageSearch | None = None,
    ) -> None:
        self._rows = rows
        self._projection = projection
        self._embedder = embedder
        self._documents = document_means
        self._means = DocumentMeans(rows)
        self._pages = pages

    def search(self, query: str, k: int, scope: Scope | None = None, *, titles: bool = True) -> list[TextHit]:
        """Fuse three ranked lists (RRF, k = 60): dense, lexical, and chunks of documents that *query* names.

        In a *scope* the dense list is exact, over the vectors in SQLite.
        """
        if not query.strip() or k <= 0:
            return []
        doc_ids = None
        if scope is not None and (scope.name or scope.page is not None or scope.doc_ids):
            doc_ids = self._rows.in_scope(scope)
            if not doc_ids:
                return []
        depth = max(DEPTH, k)
        vector = query_vector(self._embedder, query)
        cosines: dict[int, float] = {}
        if doc_ids is None and self._documents:
            chunk_ids, _, matrix = self._rows.chunk_vectors(self._means.nearest(vector, self._documents))
            dense = _top(chunk_ids, matrix, vector, depth)
        elif doc_ids is None:
            near = self._projection.nearest(TEXT_CHUNKS, vector, depth)
            ids = self._rows.chunk_ids([key for key, _ in near])
            dense = [(ids[key], cosine) for key, cosine in near if key in ids]
        else:
            chunk_ids, _, matrix = self._rows.chunk_vectors(doc_ids)
            dense = _top(chunk_ids, matrix, vector, depth)
        cosines.update(dense)
        lexical = [chunk for chunk, _ in self._rows.lexical(fts_query(query), depth, doc_ids=doc_ids)]
        lists = [[chunk for chunk, _ in dense], lexical]
        if titles and doc_ids is None:
            named = self._named(query, vector)
            cosines.update(named)
            lists.append([chunk for chunk, _ in named][:depth])
        if self._pages is not None and doc_ids is None:
            lists.append(self._of_pages(query, vector, depth))
        fused = reciprocal_rank_fusion(lists)[:k]
        return self._hits(fused, lists[0], lexical, cosines)

    def _named(self, query: str, vector: np.ndarray) -> list[tuple[int, float]]:
        """Chunks of documents whose title stands in *query*: longest name first, whole titles before name
        parts, then by cosine."""
        matches = self._rows.title_matches(phrases(query))
        if not matches:
            return []
        matches.sort(key=lambda m: (-len(m.words.split()), not m.whole, m.doc_id))
        rank = {m.doc_id: (-len(m.words.split()), not m.whole) for m in matches[:TITLE_CHUNKS]}
        ids, docs, matrix = self._rows.chunk_vectors(rank)
        cosines = matrix @ vector
        order = sorted(range(len(ids)), key=lambda i: (*rank[docs[i]], -float(cosines[i])))
        return [(ids[i], float(cosines[i])) for i in order[:TITLE_CHUNKS]]

    def _of_pages(self, query: str, vector: np.ndarray, depth: int) -> list[int]:
        """The passage nearest to *vector* of each page that looks like an answer, best page first."""
        assert self._pages is not None
        found = self._pages.nearest(query, depth)
        ids, docs, matrix = self._rows.chunk_vectors(found)
        best: dict[str, tuple[float, int]] = {}
        for chunk, doc, cosine in zip(ids, docs, matrix @ vector if ids else (), strict=True):
            best[doc] = max(best.get(doc, (-2.0, 0)), (float(cosine), chunk))
        return [best[doc][1] for doc in found if doc in best]

    def _hits(
        self,
        fused: list[tuple[int, float]],
        dense: list[int],
        lexical: list[int],
        cosines: dict[int, float],
    ) -> list[TextHit]:
        dense_rank = {chunk: rank for rank, chunk in enumerate(dense, start=1)}
        lexical_rank = {chunk: rank for rank, chunk in enumerate(lexical, start=1)}
        chunks = self._rows.chunks([chunk for chunk, _ in fused])
        return [
            TextHit(
                doc_id=c.doc_id, title=c.title, text=c.text, part=c.part, start=c.start, end=c.end,
                score=score, dense_rank=dense_rank.get(chunk), lexical_rank=lexical_rank.get(chunk),
                cosine=cosines.get(chunk), image=c.image, page=c.page, url=c.url,
            )
            for chunk, score in fused
            if (c := chunks.get(chunk)) is not None
        ]  # fmt: skip


def _top(ids: list[int], matrix: np.ndarray, vector: np.ndarray, k: int) -> list[tuple[int, float]]:
    if not ids:
        return []
    cosines = matrix @ vector
    order = np.argsort(-cosines, kind="stable")[:k]
    return [(ids[i], float(cosines[i])) for i in order]
