"""MUVERA: a set of token vectors as one vector, whose inner product approximates MaxSim.

Dhulipala et al., "MUVERA: Multi-Vector Retrieval via Fixed Dimensional Encodings", 2024. In each of R repetitions
k Gaussian hyperplanes cut the space into B = 2^k cells. A query's tokens are summed in each cell, a document's are
averaged; a cell without a token of the document takes the first token of the occupied cell at the smallest Hamming
distance. Each cell is projected by a random sign matrix over √d, and all are put side by side:
``<encode_query(Q), encode_document(D)> / R ≈ Σ_q max_d <q, d>``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from foveal.errors import BadInput


@dataclass(frozen=True)
class Muvera:
    """An encoder of token matrices [n, dim]. The same numbers give the same encoder, so only they need be kept."""

    dim: int
    k: int = 5
    projected: int = 16
    repetitions: int = 20
    seed: int = 42

    def __post_init__(self) -> None:
        if not (1 <= self.projected <= self.dim and 0 <= self.k <= 16 and self.repetitions >= 1):
            raise BadInput(
                f"MUVERA cannot project {self.dim} numbers to {self.projected} in 2^{self.k} cells.",
                remedy="Project to at most as many numbers as a token has, with k up to 16.",
            )

    @property
    def size(self) -> int:
        """Length of an encoding: R · 2^k · projected."""
        return self.repetitions * (1 << self.k) * self.projected

    def encode_query(self, tokens: np.ndarray) -> np.ndarray:
        """Return the encoding of a query, float32 [size]. Raises BadInput."""
        return self._encode(tokens, of_document=False)

    def encode_document(self, tokens: np.ndarray) -> np.ndarray:
        """Return the encoding of a document, float32 [size]. Raises BadInput."""
        return self._encode(tokens, of_document=True)

    @cached_property
    def _random(self) -> tuple[np.ndarray, np.ndarray]:
        """Hyperplanes [R, dim, k] and signs [R, dim, projected], drawn in that order."""
        rng = np.random.default_rng(self.seed)
        planes = np.stack([rng.normal(size=(self.dim, self.k)) for _ in range(self.repetitions)])
        return planes, rng.choice([-1, 1], size=(self.repetitions, self.dim, self.projected))

    @cached_property
    def _nearest_first(self) -> np.ndarray:
        """For every cell all cells by Hamming distance, lower numbers first among equals [B, B]."""
        cells = np.arange(1 << self.k)
        distance = np.bitwise_count(cells[:, None] ^ cells[None, :])
        return np.argsort(distance, axis=1, kind="stable")

    def _encode(self, tokens: np.ndarray, *, of_document: bool) -> np.ndarray:
        if tokens.ndim != 2 or tokens.shape[1] != self.dim or not len(tokens):
            raise BadInput(f"Token vectors must be [n, {self.dim}] with n > 0, not {list(tokens.shape)}.")
        tokens = tokens.astype(np.float64)
        planes, signs = self._random
        parts = []
        for plane, sign in zip(planes, signs, strict=True):
            cells = self._in_cells(tokens, plane, of_document)
            # a projection to as many numbers as there are would only add noise
            parts.append(cells @ sign / np.sqrt(self.projected) if self.projected < self.dim else cells)
        return np.asarray(np.stack(parts).ravel(), dtype=np.float32)

    def _in_cells(self, tokens: np.ndarray, plane: np.ndarray, of_document: bool) -> np.ndarray:
        """Return what stands in each cell of one repetition, float64 [B, dim]."""
        cell = (tokens @ plane > 0) @ (1 << np.arange(self.k))
        order = np.argsort(cell, kind="stable")
        occupied, first = np.unique(cell[order], return_index=True)
        cells = np.zeros((1 << self.k, self.dim))
        cells[occupied] = np.add.reduceat(tokens[order], first, axis=0)
        if not of_document:
            return cells
        count = np.bincount(cell, minlength=len(cells))
        cells[occupied] /= count[occupied, None]
        empty = np.flatnonzero(count == 0)
        near = self._nearest_first[empty]
        nearest = near[np.arange(len(empty)), (count[near] > 0).argmax(axis=1)]
        cells[empty] = tokens[order[first[np.searchsorted(occupied, nearest)]]]
        return cells
