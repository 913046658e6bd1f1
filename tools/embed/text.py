"""Sentences to vectors: MiniLM, mean-pooled over its tokens."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foveal.errors import ModelUnavailable
from foveal.tools.embed.weights import path_of

MAX_TOKENS = 256
"""The length the model was trained for; what follows is not read."""
_BATCH_TOKENS = 4096
_BATCH_TEXTS = 64


class MiniLm:
    """all-MiniLM-L6-v2. Satisfies :class:`~foveal.protocols.TextEmbedder`; may be shared by threads.

    The network is loaded on first use, from *folder* or else from the packaged, verified weights.
    *threads* limits torch, for the whole process.
    """

    id = "all-MiniLM-L6-v2"
    dim = 384

    def __init__(
        self, folder: str | Path | None = None, *, cache_dir: Path | None = None, threads: int | None = None
    ) -> None:
        self._folder = Path(folder) if folder is not None else None
        self._cache_dir = cache_dir
        self._threads = threads
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors, float32 [len(texts), 384]. Blocking.

        Texts are run in batches of like length, so that little is spent on padding.
        Raises ModelUnavailable, WeightsCorrupt.
        """
        vectors = np.zeros((len(texts), self.dim), dtype=np.float32)
        if not texts:
            return vectors
        tokenizer, model = self._load()
        rows = tokenizer([_storable(text) for text in texts], truncation=True, max_length=MAX_TOKENS)["input_ids"]
        for batch in _batches([len(row) for row in rows]):
            vectors[batch] = _forward(model, [rows[i] for i in batch], tokenizer.pad_token_id)
        return vectors

    def _load(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._read()
            return self._loaded

    def _read(self) -> tuple[Any, Any]:
        folder = self._folder or path_of("text-embedder", cache_dir=self._cache_dir).parent
        import torch
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        if self._threads is not None:
            torch.set_num_threads(self._threads)
        # loading takes a tenth of a second; its progress bar would stand in the middle of the live plan
        bar = logging.is_progress_bar_enabled()
        logging.disable_progress_bar()
        try:
            tokenizer = AutoTokenizer.from_pretrained(str(folder), local_files_only=True)
            model = AutoModel.from_pretrained(str(folder), local_files_only=True, dtype=torch.float32)
        except (OSError, ValueError) as error:
            raise ModelUnavailable(
                f"The text embedder in {folder} cannot be loaded.",
                remedy="Run: pip install --force-reinstall 'foveal[embedded]'",
            ) from error
        finally:
            if bar:
                logging.enable_progress_bar()
        return tokenizer, model.eval()


def _storable(text: str) -> str:
    """Replace lone surrogates, which the tokenizer cannot take."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _batches(lengths: Sequence[int]) -> list[list[int]]:
    """Group indices by falling length, so that padded batches stay within a fixed number of tokens."""
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    batches: list[list[int]] = []
    for i in order:
        longest = lengths[batches[-1][0]] if batches else 0
        if batches and len(batches[-1]) < min(_BATCH_TEXTS, _BATCH_TOKENS // max(longest, 1)):
            batches[-1].append(i)
        else:
            batches.append([i])
    return batches


def _forward(model: Any, rows: Sequence[Sequence[int]], pad: int) -> np.ndarray:
    """Return the unit mean of the last hidden states over each row's own tokens, [len(rows), dim]."""
    import torch

    longest = max(len(row) for row in rows)
    ids = torch.full((len(rows), longest), pad, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row)
        mask[i, : len(row)] = 1
    with torch.inference_mode():
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
        weight = mask.unsqueeze(-1).to(hidden.dtype)
        pooled = (hidden * weight).sum(1) / weight.sum(1)
        return torch.nn.functional.normalize(pooled, dim=-1).numpy()
