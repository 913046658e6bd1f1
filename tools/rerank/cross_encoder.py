"""Cross-encoders of sentence-transformers: text, or text with a picture, as their checkpoint can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foveal.errors import ModelError
from foveal.protocols import PictureReader, Scale
from foveal.tools.rerank.local import LocalReranker, words
from foveal.types import Candidate


class CrossEncoderReranker(LocalReranker):
    """p = σ(score) of a one-label cross-encoder; for a yes/no language model that is softmax over {yes, no}."""

    scale: Scale = "probability"

    def __init__(self, path: str, pictures: PictureReader | None = None) -> None:
        super().__init__("cross-encoder", path, pictures)

    def _load(self) -> Any:
        from sentence_transformers import CrossEncoder

        model = CrossEncoder(self._path, trust_remote_code=False)
        if model.num_labels != 1:
            raise ModelError(f"{self.name} has {model.num_labels} labels: it is a classifier and no reranker.")
        return model

    def _scores(self, query: str, candidates: Sequence[Candidate]) -> list[float]:
        import torch

        pairs: list[tuple[str, Any]] = []
        for candidate in candidates:
            picture = self._picture(candidate)
            pairs.append((query, {"text": words(candidate), "image": picture} if picture else words(candidate)))
        scores = [0.0] * len(pairs)
        for pictured in (False, True):  # a batch is of one kind
            chosen = [n for n, (_, document) in enumerate(pairs) if isinstance(document, dict) is pictured]
            if chosen:
                batch = [pairs[n] for n in chosen]
                found = self._model.predict(batch, activation_fn=torch.nn.Sigmoid(), show_progress_bar=False)
                for n, score in zip(chosen, found, strict=True):
                    scores[n] = float(score)
        return scores
