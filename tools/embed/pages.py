"""Pages as sets of token vectors: late-interaction models of the ColPali family, through sentence-transformers."""

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
from foveal.tools.embed.sentence import storable

_BATCH = 4


class PageEmbedder:
    """A multi-vector encoder of pictures of pages and of questions; may be shared by threads.

    *source* is a folder or a model's name on the Hugging Face hub, loaded on first use onto *device* (default: the
    GPU when there is one).
    """

    def __init__(self, source: str | Path, *, device: str | None = None, threads: int | None = None) -> None:
        self.source = str(source)
        self.spec = f"st:{self.source}"
        self._device = device
        self._threads = threads
        self._lock = threading.Lock()
        self._model: Any = None

    @cached_property
    def id(self) -> str:
        """Name and fingerprint. Raises ModelUnavailable."""
        return f"st:{fingerprint(self.source)}"

    def embed_query(self, text: str) -> np.ndarray:
        """Return unit vectors of a question's tokens, float32 [m, dim]. Blocking."""
        return self._encode(self._load().encode_query, [storable(text)])[0]

    def embed_images(self, images: Sequence[Image.Image]) -> list[np.ndarray]:
        """Return unit vectors of each picture's tokens, float32 [n_i, dim]. Blocking."""
        return self._encode(self._load().encode_document, [image.convert("RGB") for image in images])

    def _encode(self, encode: Any, inputs: list[Any]) -> list[np.ndarray]:
        if not inputs:
            return []
        with running(self.source):
            found = encode(
                inputs, batch_size=_BATCH, convert_to_numpy=True, normalize_embeddings=True, show_progress_bar=False
            )
        return [np.asarray(tokens, dtype=np.float32) for tokens in found]

    def _load(self) -> Any:
        with self._lock:
            if self._model is None:
                self._model = self._read()
            return self._model

    def _read(self) -> Any:
        try:
            from sentence_transformers import MultiVectorEncoder
        except ImportError as error:
            raise ModelUnavailable(
                f"The page embedder {self.spec} needs sentence-transformers.",
                remedy="Run: pip install 'sentence-transformers[image]>=6,<7'",
            ) from error
        import torch

        if self._threads is not None:
            torch.set_num_threads(self._threads)
        device, dtype = device_and_dtype(self._device)
        with loading(self.source), running(self.source):
            model = MultiVectorEncoder(
                self.source, device=device, trust_remote_code=False, model_kwargs={"dtype": dtype}
            )
        if not model.supports("image"):
            raise ModelUnavailable(
                f"The model {self.source!r} does not look at pages.", remedy="Use a model of the ColPali family."
            )
        return model.eval()
