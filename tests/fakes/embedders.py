"""Deterministic stand-ins for the embedders: no weights, same protocols."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from foveal.types import Label, OcrLine, Region


class HashText:
    """Words to vectors by hashing: texts that share words are near. Counts what it embeds."""

    def __init__(self, name: str = "hash-text", dim: int = 64) -> None:
        self.id = name
        self.dim = dim
        self.embedded: list[str] = []

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        self.embedded += texts
        out = np.zeros((len(texts), self.dim), dtype=np.float32)
        for row, text in zip(out, texts, strict=True):
            for word in text.lower().split() or ["-"]:
                seed = int.from_bytes(hashlib.sha256(word.strip(".,:;?!").encode()).digest()[:4], "big")
                row += np.random.default_rng(seed).standard_normal(self.dim)
        return out / np.linalg.norm(out, axis=1, keepdims=True)


class ColourEye:
    """Pictures to a coarse thumbnail; labels by the strongest colour. Counts what it sees."""

    id = "colour-eye"
    dim = 48

    def __init__(self) -> None:
        self.seen = 0

    def embed_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        self.seen += len(images)
        rows = [np.asarray(i.resize((4, 4)).convert("RGB"), dtype=np.float32).ravel() + 1 for i in images]
        out = np.stack(rows)
        return (out / np.linalg.norm(out, axis=1, keepdims=True)).astype(np.float32)

    def look(self, images: Sequence[Image.Image], *, k: int = 5) -> tuple[np.ndarray, list[list[Label]]]:
        return self.embed_images(images), self.label_images(images, k=k)

    def label_images(self, images: Sequence[Image.Image], *, k: int = 5) -> list[list[Label]]:
        names = [("crimson", "a deep red colour"), ("emerald", "a green gem"), ("azure", "blue like the sky")]
        labels = []
        for image in images:
            strongest = int(np.argmax(np.asarray(image.convert("RGB"), dtype=np.float32).mean((0, 1))))
            labels.append([Label(*names[strongest], 0.8), Label(*names[(strongest + 1) % 3], 0.1)][:k])
        return labels


class SizeReader:
    """OCR that "reads" the size of a picture."""

    id = "size-reader"

    def __init__(self) -> None:
        self.read_pictures = 0

    def read(self, image: Image.Image) -> list[OcrLine]:
        self.read_pictures += 1
        words = f"width {image.width} height {image.height}"
        return [OcrLine(words, Region(0, 0, image.width, image.height), 0.9)]
