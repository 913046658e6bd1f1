"""Any embedder that sentence-transformers can read: of text, and of pictures when the checkpoint sees."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from foveal.errors import ModelUnavailable
from foveal.tools.embed.checkpoint import device_and_dtype, fingerprint, loading, running
from foveal.tools.embed.vectors import unit

_BATCH = 16


class SentenceEmbedder:
    """A bi-encoder such as Qwen3-VL-Embedding. Satisfies TextEmbedder and, with *pictures*, ImageEmbedder.

    *source* is a folder or a model's name on the Hugging Face hub, loaded on first use onto *device* (default: the
    GPU when there is one). Questions are embedded with the model's own prompt for queries, everything else as
    documents. May be shared by threads.
    """

    def __init__(
        self, source: str | Path, *, pictures: bool = False, device: str | None = None, threads: int | None = None
    ) -> None:
        self.source = str(source)
        self.spec = f"st:{self.source}"
        self._pictures = pictures
        self._device = device
        self._threads = threads
        self._lock = threading.Lock()
        self._model: Any = None

    @cached_property
    def id(self) -> str:
        """Name and fingerprint, such as ``st:Qwen3-VL-Embedding-2B@0123456789ab``. Raises ModelUnavailable."""
        return f"st:{fingerprint(self.source)}"

    @cached_property
    def dim(self) -> int:
        """Length of the vectors; loads the model. Raises ModelUnavailable."""
        model = self._load()
        size = model.get_embedding_dimension()
        return int(size) if size else int(model.encode([" "], show_progress_bar=False).shape[1])

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors of documents, float32 [len(texts), dim]. Blocking."""
        return self._encode(self._load().encode_document, [storable(text) for text in texts])

    def embed_queries(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors of questions, float32 [len(texts), dim]. Blocking."""
        return self._encode(self._load().encode_query, [storable(text) for text in texts])

    def embed_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return unit vectors, float32 [len(images), dim]. Blocking."""
        return self._encode(self._load().encode_document, [image.convert("RGB") for image in images])

    def _encode(self, encode: Any, inputs: list[Any]) -> np.ndarray:
        if not inputs:
            return np.zeros((0, self.dim), dtype=np.float32)
        with running(self.source):
            return unit(encode(inputs, batch_size=_BATCH, convert_to_numpy=True, show_progress_bar=False))

    def _load(self) -> Any:
        with self._lock:
            if self._model is None:
                self._model = self._read()
            return self._model

    def _read(self) -> Any:
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ModelUnavailable(
                f"The embedder {self.spec} needs sentence-transformers.",
                remedy="Run: pip install 'sentence-transformers[image]>=6,<7'",
            ) from error
        import torch

        if self._threads is not None:
            torch.set_num_threads(self._threads)
        device, dtype = device_and_dtype(self._device)
        with loading(self.source), running(self.source):
            model = SentenceTransformer(
                self.source, device=device, trust_remote_code=False, model_kwargs={"dtype": dtype}
            )
        if self._pictures and not model.supports("image"):
            raise ModelUnavailable(
                f"The model {self.source!r} embeds {' and '.join(map(str, model.modalities))} only, not pictures.",
                remedy="Use it as text embedder, and a multimodal checkpoint as image embedder.",
            )
        return model.eval()


def storable(text: str) -> str:
    """Replace lone surrogates, which tokenizers cannot take."""
    return text.encode("utf-8", "replace").decode("utf-8")
