"""Documents as the mean of their sections: first the documents are found, then only their sections compared.

After IDentIfy, "Unified Multi-Modal Interleaved Document Representation for Information Retrieval" (2024): a
document's vector is the mean of its sections' vectors, and the sections of the top documents are ranked anew.
"""

from __future__ import annotations

import threading

import numpy as np

from foveal.tools.embed.vectors import unit
from foveal.tools.index.rows import Rows

_ROWS = 5000


class DocumentMeans:
    """The mean vector of each document's chunks, loaded again after a commit. Safe to call from several threads."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._lock = threading.Lock()
        self._revision = -1
        self._docs: list[str] = []
        self._means = np.zeros((0, 0), dtype=np.float32)

    def nearest(self, vector: np.ndarray, n: int) -> list[str]:
        """Return the *n* documents whose mean is nearest to unit *vector* [dim], best first."""
        docs, means = self._load()
        if not docs or n <= 0:
            return []
        return [docs[i] for i in np.argsort(-(means @ vector), kind="stable")[:n]]

    def _load(self) -> tuple[list[str], np.ndarray]:
        with self._lock:
            revision = self._rows.revision()
            if revision != self._revision:
                sums: dict[str, np.ndarray] = {}
                last = -1
                query = "SELECT id, doc_id, vector FROM chunks WHERE id > ? ORDER BY id LIMIT ?"
                while page := self._rows.all(query, (last, _ROWS)):
                    for _, doc, blob in page:
                        vector = np.frombuffer(blob, dtype=np.float32)
                        sums[doc] = sums[doc] + vector if doc in sums else vector
                    last = page[-1][0]
                # at unit length a sum and a mean are the same
                self._means = unit(np.stack(list(sums.values()))) if sums else np.zeros((0, 0), dtype=np.float32)
                self._docs, self._revision = list(sums), revision
            return self._docs, self._means
