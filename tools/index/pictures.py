"""Finding documents by their picture: by how it looks, and by words about it."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from foveal.errors import BadInput
from foveal.protocols import TextEmbedder
from foveal.tools.embed.registry import query_vector
from foveal.tools.index.compose import composed_query, composed_scores, mean_by_owner
from foveal.tools.index.fuse import fts_query, reciprocal_rank_fusion
from foveal.tools.index.hubness import Hubness
from foveal.tools.index.options import HubnessMode
from foveal.tools.index.projection import Projection
from foveal.tools.index.rows import Rows, stacked
from foveal.tools.index.store import COLLECTION_OF_ROLE, ROLES
from foveal.types import ImageHit

_LOG = logging.getLogger(__name__)

EXACT_LIMIT = 100_000
"""Up to so many pictures all are compared; beyond, Chroma proposes candidates."""
CANDIDATES = 200
SHRINK = 8.0
"""Pictures that a small collection's mean is pulled towards zero by: one picture's mean is the picture
itself."""

FUSED = 50
"""Depth of the lists that are fused."""
BANK = 2048
"""About how many pictures hubness is learnt from."""

LABEL_WEIGHT, LEXICAL_WEIGHT = 0.2, 0.1
"""Flat around these values on captions and on glosses of photos; what matters is the maximum before them."""


@dataclass(slots=True)
class Corrections:
    """How often the correction for hubness was asked, and changed what was found first."""

    asked: int = 0
    changed: int = 0

    def count(self, changed: bool) -> None:
        """Count one search, and tell the log of it."""
        self.asked, self.changed = self.asked + 1, self.changed + changed
        _LOG.info("hubness changed the first picture in %d of %d searches", self.changed, self.asked)


@dataclass(frozen=True, slots=True)
class _Looks:
    """Features of a role, centred and unit length [n, dim], and the document of each row."""

    docs: list[str]
    matrix: np.ndarray
    centre: np.ndarray
    lengths: np.ndarray
    """Of the centred features before they were brought to unit length [n]."""
    hubness: Hubness | None

    def cosines(self, vector: np.ndarray) -> np.ndarray:
        """Return the cosines of unit *vector* [dim] with the features as they were before, not centred [n]."""
        return np.asarray((self.matrix @ vector) * self.lengths + self.centre @ vector)


@dataclass(frozen=True, slots=True)
class _Words:
    """Vectors of words about pictures: of chunks [c, dim], of expected labels [n, dim].

    ``owner`` is the place in ``docs`` of each chunk's document, ``of_labels`` whether a chunk is of label words.
    """

    docs: list[str]
    owner: np.ndarray
    chunk_ids: np.ndarray
    of_labels: np.ndarray
    chunks: np.ndarray
    labels: np.ndarray


class PictureSearch:
    """Searches pictures. Blocking; safe to call from several threads. Matrices are reloaded after a
    commit.

    *shared* embeds texts into the space of the pictures, when there is such a model. With *hubness* the order by
    looks is corrected (see :mod:`~foveal.tools.index.hubness`); the collection's own pictures are both banks.
    """

    def __init__(
        self,
        rows: Rows,
        projection: Projection,
        embedder: TextEmbedder,
        shared: TextEmbedder | None = None,
        hubness: HubnessMode = "off",
    ) -> None:
        self._rows = rows
        self._projection = projection
        self._embedder = embedder
        self._shared = shared
        self._hubness = hubness
        self.corrections = Corrections()
        self._lock = threading.Lock()
        self._revision = -1
        self._looks: dict[str, _Looks] = {}
        self._words: _Words | None = None

    def by_looks(self, vector: np.ndarray, k: int, roles: Sequence[str] = ("picture",)) -> list[ImageHit]:
        """Documents whose picture has features like *vector*: cosine after the mean of the role is taken off
        both."""
        scored: list[tuple[str, float]] = []
        for role in self._roles(roles):
            looks = self._load_looks(role, vector)
            query = _unit(vector[None, :] - looks.centre)[0]
            scores = looks.matrix @ query
            if looks.hubness is not None:
                fixed = looks.hubness.corrected(scores[None], dynamic=self._hubness == "dynamic")[0]
                self.corrections.count(bool(fixed.argmax() != scores.argmax()))
                scores = fixed
            order = np.argsort(-scores, kind="stable")[: k + 1]
            scored += [(looks.docs[i], float(scores[i])) for i in order]
        return self._hits(sorted(scored, key=lambda pair: -pair[1]), k)

    def by_words(self, description: str, k: int) -> list[ImageHit]:
        """Documents with a picture that *description* fits.

        score = max(t, l) + LABEL_WEIGHT * l + LEXICAL_WEIGHT * BM25 / best BM25, with t the best cosine with a
        chunk of its text or OCR and l the cosine with its expected label vector (ConSE, Norouzi et al. 2014).
        The maximum lets photos without a word compete with captioned ones. Where pictures and texts are in one
        space, this order and that by the pictures' own cosine are fused by reciprocal rank.
        """
        query = described(description)
        if not query.strip() or k <= 0:
            return []
        words = self._load_words()
        if not words.docs:
            return []
        vector = query_vector(self._embedder, query)
        spoken = words.owner[~words.of_labels]
        told = np.zeros(len(words.docs), dtype=np.float32)
        np.maximum.at(told, spoken, (words.chunks @ vector)[~words.of_labels])
        seen = np.maximum(words.labels @ vector, 0.0)
        scores = np.maximum(told, seen) + LABEL_WEIGHT * seen + LEXICAL_WEIGHT * self._lexical(query, words)
        depth = k + 1 if self._shared is None else max(k + 1, FUSED)
        told_of = [(words.docs[i], float(scores[i])) for i in np.argsort(-scores, kind="stable")[:depth]]
        if self._shared is None:
            return self._hits(told_of, k)
        lists = [[doc for doc, _ in told_of], [doc for doc, _ in self._by_meaning(query, self._shared, depth)]]
        return self._hits(reciprocal_rank_fusion(lists), k)

    def _by_meaning(self, query: str, shared: TextEmbedder, depth: int) -> list[tuple[str, float]]:
        """Documents by the cosine of their picture with the words, in the space of both."""
        vector = query_vector(shared, query)
        scored: list[tuple[str, float]] = []
        for role in self._roles(("picture", "chart")):
            looks = self._load_looks(role, vector)
            cosines = looks.cosines(vector)
            scored += [(looks.docs[i], float(cosines[i])) for i in np.argsort(-cosines, kind="stable")[:depth]]
        return sorted(scored, key=lambda pair: -pair[1])[:depth]

    def composed(
        self, image: np.ndarray, text: str, caption: str, k: int, *, without: str, alpha: float, beta: float
    ) -> list[ImageHit]:
        """Documents with a picture like *image* [dim] but as *text* says (see :mod:`~foveal.tools.index.compose`).

        The captions of a picture are the chunks of its document, and are compared as the text embedder sees them.
        Pictures of the digest *without* are left out. Raises BadInput when no model puts both into one space.
        """
        if self._shared is None:
            raise BadInput(
                "This collection's image embedder does not read words: a picture and words make no query together.",
                remedy="Describe what you look for in words, or use one that does: foveal index rebuild "
                "--image-embedder clip:DIR_OR_ID",
            )
        words = self._load_words()
        told, wanted = query_vector(self._embedder, text), query_vector(self._shared, text)
        if caption.strip():
            told = composed_query(self._embedder.embed_texts([caption])[0], told, alpha)
        captions = mean_by_owner(words.chunks @ told, words.owner, len(words.docs)) if len(words.owner) else None
        place = {doc: i for i, doc in enumerate(words.docs)}
        left_out = {row[0] for row in self._rows.all("SELECT doc_id FROM images WHERE sha256 = ?", (without,))}
        query = composed_query(image, wanted, alpha)
        scored: list[tuple[str, float]] = []
        for role in self._roles(("picture",)):
            looks = self._load_looks(role, query)
            said = [np.nan if captions is None or doc not in place else captions[place[doc]] for doc in looks.docs]
            scores = composed_scores(looks.cosines(query), np.array(said), beta)
            scored += [(d, float(s)) for d, s in zip(looks.docs, scores, strict=True) if d not in left_out]
        return self._hits(sorted(scored, key=lambda pair: -pair[1]), k)

    def _lexical(self, query: str, words: _Words) -> np.ndarray:
        """Best BM25 of a document's chunks over the best of all, [n]."""
        scores = np.zeros(len(words.docs), dtype=np.float32)
        found = self._rows.lexical(fts_query(query), 200, pictured=True)
        if found:
            place = {int(chunk): int(owner) for chunk, owner in zip(words.chunk_ids, words.owner, strict=True)}
            top = max(score for _, score in found) or 1.0
            for chunk, score in found:
                if chunk in place:
                    scores[place[chunk]] = max(scores[place[chunk]], score / top)
        return scores

    def _roles(self, roles: Sequence[str]) -> list[str]:
        """The roles asked for, or all when the collection has none of those."""
        present = {row[0] for row in self._rows.all("SELECT role FROM centres WHERE n > 0")}
        return [role for role in roles if role in present] or [role for role in ROLES if role in present]

    def _fresh(self) -> None:
        revision = self._rows.revision()
        if revision != self._revision:
            self._looks, self._words, self._revision = {}, None, revision

    def _load_looks(self, role: str, vector: np.ndarray) -> _Looks:
        with self._lock:
            self._fresh()
            if role in self._looks:
                return self._looks[role]
            n, total = self._rows.all("SELECT n, total FROM centres WHERE role = ?", (role,))[0]
            centre = (np.frombuffer(total, dtype=np.float64) / (n + SHRINK)).astype(np.float32)
            query = "SELECT doc_id, vector FROM images WHERE role = ?"
            if n > EXACT_LIMIT:
                near = self._projection.nearest(COLLECTION_OF_ROLE[role], vector, CANDIDATES)
                marks = ",".join("?" * len(near))
                rows = self._rows.all(f"{query} AND key IN ({marks})", (role, *(key for key, _ in near)))
            else:
                rows = self._rows.all(f"{query} ORDER BY id", (role,))
            centred = stacked([row[1] for row in rows]) - centre
            matrix, lengths = _unit(centred), np.linalg.norm(centred, axis=1)
            hubness = None
            if self._hubness != "off" and 1 < n <= EXACT_LIMIT:
                # every so many, so that a bank never costs more than some seconds
                bank = matrix[:: max(1, len(matrix) // BANK)]
                hubness = Hubness.fit(matrix, bank, bank)
            looks = _Looks([row[0] for row in rows], matrix, centre, lengths, hubness)
            if n <= EXACT_LIMIT:
                self._looks[role] = looks
            return looks

    def _load_words(self) -> _Words:
        with self._lock:
            self._fresh()
            if self._words is None:
                images = self._rows.all("SELECT doc_id, label_vector FROM images WHERE role <> 'page' ORDER BY id")
                place = {row[0]: i for i, row in enumerate(images)}
                chunks = self._rows.all(
                    "SELECT id, doc_id, vector, part = 'labels' FROM chunks WHERE pictured = 1 ORDER BY id"
                )
                chunks = [row for row in chunks if row[1] in place]
                dim = int(self._rows.meta().get("text_dim", 0))
                nothing = np.zeros(dim, dtype=np.float32).tobytes()
                self._words = _Words(
                    [row[0] for row in images],
                    np.array([place[row[1]] for row in chunks], dtype=np.int64),
                    np.array([row[0] for row in chunks], dtype=np.int64),
                    np.array([row[3] for row in chunks], dtype=bool),
                    stacked([row[2] for row in chunks]),
                    stacked([row[1] or nothing for row in images]),
                )
            return self._words

    def _hits(self, scored: Sequence[tuple[str, float]], k: int) -> list[ImageHit]:
        """Each document once, with the distance to the next one; the last of all has margin 0."""
        once = list(dict(reversed(scored)).items())[::-1]
        documents = {d.id: d for d in self._rows.documents([doc for doc, _ in once[:k]])}
        hits = []
        for place, (doc_id, score) in enumerate(once[:k]):
            d = documents.get(doc_id)
            if d is None or d.image is None:
                continue
            margin = score - once[place + 1][1] if place + 1 < len(once) else 0.0
            hits.append(ImageHit(d.id, d.title, d.text, d.image, score, margin, page=d.page, url=d.url, meta=d.meta))
        return hits


def described(request: str) -> str:
    """The description in a request: what stands in quotation marks if it is three words or more, else all of
    it."""
    quoted = re.findall(r"[\"“”«»]([^\"“”«»]+)[\"“”«»]", request)
    longest = max(quoted, key=len, default="")
    return longest if len(longest.split()) >= 3 else request


def _unit(matrix: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    return (matrix / np.maximum(norms, 1e-9)).astype(np.float32)
