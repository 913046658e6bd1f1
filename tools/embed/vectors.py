"""Arithmetic on rows of vectors: unit length, and the shift to a collection's own centre."""

from __future__ import annotations

import numpy as np


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return the rows of *vectors* [n, dim] at length 1, as float32. A zero row stays zero."""
    vectors = np.asarray(vectors, dtype=np.float32)
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def mean_of(vectors: np.ndarray) -> np.ndarray:
    """Return the mean row [dim] of *vectors* [n, dim]; zero (centring does nothing) for n = 0."""
    if len(vectors) == 0:
        return np.zeros(vectors.shape[-1], dtype=np.float32)
    return vectors.mean(axis=0, dtype=np.float64).astype(np.float32)


def centre(vectors: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return unit rows of ``vectors - mean``: what all pictures of a collection share says nothing of one.

    *vectors* [n, dim] or [dim], *mean* [dim]. A row equal to the mean becomes zero.
    """
    return unit(np.asarray(vectors, dtype=np.float32) - mean)
