"""Text and pictures in one space: any CLIP or SigLIP checkpoint that transformers can read."""

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


class ClipEmbedder:
    """A dual encoder. Satisfies both TextEmbedder and ImageEmbedder; may be shared by threads.

    *source* is a folder or a model's name on the Hugging Face hub. ``id`` and ``dim`` read its configuration; the
    model is loaded on first use, onto *device* (default: the GPU when there is one).
    """

    def __init__(self, source: str | Path, *, device: str | None = None, threads: int | None = None) -> None:
        self.source = str(source)
        self.spec = f"clip:{self.source}"
        self._device = device
        self._threads = threads
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    @cached_property
    def id(self) -> str:
        """Name and fingerprint, such as ``clip:siglip2-base@0123456789ab``. Raises ModelUnavailable."""
        return f"clip:{fingerprint(self.source)}"

    @cached_property
    def dim(self) -> int:
        """Length of the vectors of both kinds. Raises ModelUnavailable."""
        from transformers import AutoConfig

        with loading(self.source):
            return _dim(AutoConfig.from_pretrained(self.source, trust_remote_code=False))

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors, float32 [len(texts), dim]; longer texts are cut. Blocking."""
        processor, model = self._load()
        length = model.config.text_config.max_position_embeddings
        rows = [np.zeros((0, self.dim), dtype=np.float32)]
        for start in range(0, len(texts), _BATCH):
            # SigLIP was trained on texts padded to the full length (SigLIP 2: 64), and CLIP does not mind
            inputs = processor.tokenizer(
                [self._written(text, model) for text in texts[start : start + _BATCH]],
                padding="max_length",
                truncation=True,
                max_length=length,
                return_tensors="pt",
            )
            kept = {key: inputs[key] for key in ("input_ids", "attention_mask") if key in inputs}
            rows.append(self._run(model, model.get_text_features, kept))
        return unit(np.concatenate(rows))

    def embed_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return unit vectors, float32 [len(images), dim]. Blocking."""
        processor, model = self._load()
        rows = [np.zeros((0, self.dim), dtype=np.float32)]
        for start in range(0, len(images), _BATCH):
            batch = [image.convert("RGB") for image in images[start : start + _BATCH]]
            # beside the pixels, models of any aspect ratio (NaFlex) are told which patches are there
            inputs = processor.image_processor(images=batch, return_tensors="pt")
            rows.append(self._run(model, model.get_image_features, dict(inputs)))
        return unit(np.concatenate(rows))

    def _written(self, text: str, model: Any) -> str:
        """Return *text* as the model was trained to read it: SigLIP knows no capitals; not every tokenizer says so."""
        text = text.encode("utf-8", "replace").decode("utf-8")
        return text.lower() if model.config.model_type.startswith("siglip") else text

    def _run(self, model: Any, encode: Any, inputs: dict[str, Any]) -> np.ndarray:
        """Return the projected features of one batch, float32 [n, dim]."""
        import torch

        with running(self.source), torch.inference_mode():
            output = encode(**{key: _placed(value, model) for key, value in inputs.items()})
        # transformers 5 wraps the projected features, other versions return them bare
        features = output if torch.is_tensor(output) else output.pooler_output
        return np.asarray(features.float().cpu().numpy(), dtype=np.float32)

    def _load(self) -> tuple[Any, Any]:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._read()
            return self._loaded

    def _read(self) -> tuple[Any, Any]:
        import torch
        from transformers import AutoModel, AutoProcessor

        if self._threads is not None:
            torch.set_num_threads(self._threads)
        device, dtype = device_and_dtype(self._device)
        with loading(self.source), running(self.source):
            processor = AutoProcessor.from_pretrained(self.source, trust_remote_code=False)
            model = AutoModel.from_pretrained(self.source, trust_remote_code=False, dtype=dtype)
            if not (hasattr(model, "get_text_features") and hasattr(model, "get_image_features")):
                raise ModelUnavailable(
                    f"The model {self.source!r} does not put text and pictures into one space.",
                    remedy="Use a CLIP or SigLIP checkpoint.",
                )
            return processor, model.eval().to(device)


def _placed(value: Any, model: Any) -> Any:
    """Return a tensor where the model is, numbers with a fraction in the model's own type."""
    return value.to(model.device, model.dtype) if value.is_floating_point() else value.to(model.device)


def _dim(config: Any) -> int:
    """CLIP projects to ``projection_dim``; SigLIP's text head to ``projection_size``, else its width."""
    if (size := getattr(config, "projection_dim", None)) is not None:
        return int(size)
    text = config.text_config
    return int(getattr(text, "projection_size", None) or text.hidden_size)
