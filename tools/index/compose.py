"""A picture and words about how another differs from it ("the same, but at night"), as one query.

WeiMoCIR: Wu et al., "Training-free Zero-shot Composed Image Retrieval via Weighted Modality Fusion and Similarity",
2024. With v the gallery's pictures, t_c their captions, all in one space of pictures and texts:

``q = normalize((1 - α) · f_img(reference) + α · f_txt(text))``
``q_c = normalize((1 - α) · f_txt(caption of the reference) + α · f_txt(text))``
``s = β · mean_c cos(q_c, t_c) + (1 - β) · cos(q, v)``
"""

from __future__ import annotations

import numpy as np

from foveal.tools.embed.vectors import unit

ALPHA, BETA = 0.8, 0.1
"""As published for CLIP (BLIP: 0.95 and 0.2)."""


def composed_query(reference: np.ndarray, text: np.ndarray, alpha: float = ALPHA) -> np.ndarray:
    """Return ``normalize((1 - α) reference + α text)`` of vectors [dim]."""
    return unit((1 - alpha) * reference + alpha * text)


def composed_scores(pictures: np.ndarray, captions: np.ndarray, beta: float = BETA) -> np.ndarray:
    """Return s [n] from ``cos(q, v)`` [n] and ``mean_c cos(q_c, t_c)`` [n].

    A picture without a caption (NaN) is scored by its look alone: nothing speaks against it.
    """
    return np.asarray(np.where(np.isnan(captions), pictures, beta * captions + (1 - beta) * pictures))


def mean_by_owner(cosines: np.ndarray, owner: np.ndarray, n: int) -> np.ndarray:
    """Return the mean of the *cosines* [c] of each of *n* owners, NaN for one without any; *owner* [c] are places."""
    count = np.bincount(owner, minlength=n)
    total = np.bincount(owner, weights=cosines, minlength=n)
    return np.divide(total, count, out=np.full(n, np.nan), where=count > 0)
