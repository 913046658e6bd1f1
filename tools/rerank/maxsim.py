"""Late interaction: a query's tokens against the tokens of a page or passage (ColBERT, ColPali)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from foveal.protocols import PictureReader, Scale
from foveal.tools.rerank.local import LocalReranker, words
from foveal.types import Candidate


def maxsim(query: np.ndarray, document: np.ndarray) -> float:
    """Return Σ_i max_j ⟨q_i, d_j⟩ of *query* [m, dim] and *document* [n, dim]; 0 when either has no token.

    ColBERT (arXiv 2004.12832). Vectors are taken as they are: give unit vectors for cosines.
    """
    return float((query @ document.T).max(axis=1).sum()) if len(query) and len(document) else 0.0


class MaxSimReranker(LocalReranker):
    """MaxSim over unit token vectors, divided by the number of the query's tokens: from -1 to 1, no probability.

    A page's picture is encoded when the model takes pictures (the ColPali family), else its words.
    """

    scale: Scale = "similarity"

    def __init__(self, path: str, pictures: PictureReader | None = None) -> None:
        super().__init__("maxsim", path, pictures)

    def _load(self) -> Any:
        from sentence_transformers import MultiVectorEncoder

        return MultiVectorEncoder(self._path, trust_remote_code=False)

    def _scores(self, query: str, candidates: Sequence[Candidate]) -> list[float]:
        how: dict[str, Any] = {"convert_to_numpy": True, "normalize_embeddings": True, "show_progress_bar": False}
        asked = self._model.encode_query(query, **how)
        pictures = [self._picture(candidate) for candidate in candidates]
        scores = [0.0] * len(candidates)
        for pictured in (False, True):  # a batch is of one kind
            chosen = [n for n, picture in enumerate(pictures) if (picture is not None) is pictured]
            inputs = [pictures[n] if pictured else words(candidates[n]) for n in chosen]
            for n, tokens in zip(chosen, self._model.encode_document(inputs, **how) if inputs else (), strict=True):
                scores[n] = maxsim(asked, tokens) / max(1, len(asked))
        return scores
