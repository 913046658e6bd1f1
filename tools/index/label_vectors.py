"""Labels of a picture as one vector among the texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from foveal.types import Label


class LabelVectors:
    """Expected label vectors; what *embed* (texts to unit rows) gave for a label's words is remembered."""

    def __init__(self, embed: Callable[[list[str]], np.ndarray]) -> None:
        self._embed = embed
        self._known: dict[str, np.ndarray] = {}

    def of(self, labels: Sequence[Label]) -> np.ndarray | None:
        """Return the mean of the labels' vectors weighted by probability, unit length [dim]; None without any.

        ConSE: Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", 2014.
        """
        if not labels:
            return None
        words = [f"{label.name}: {label.gloss}" for label in labels]
        if new := [text for text in dict.fromkeys(words) if text not in self._known]:
            self._known.update(zip(new, self._embed(new), strict=True))
        total = np.sum(
            [label.probability * self._known[text] for label, text in zip(labels, words, strict=True)], axis=0
        )
        norm = float(np.linalg.norm(total))
        return np.asarray(total / norm, dtype=np.float32) if np.isfinite(norm) and norm > 1e-6 else None
