"""The eye: one network that gives a picture's features, to find pictures like it, and words for it.

A picture is looked at twice: whole, squeezed into a square (a centre crop would lose the edges that tell
flags apart), and its middle alone (what a photo is of is rarely at its edge). Each view's last feature map
is pooled by the generalised mean ``(mean x^p)^(1/p)``, p = 3 (Radenović, Tolias and Chum, "Fine-tuning CNN
Image Retrieval with No Human Annotation", 2018), and the two are averaged.

The network was trained to forgive colours; flags and maps differ in little else. So the features carry a
thumbnail too: 8 x 8 YCbCr, brightness taken about its mean. It is not brought to unit length: what is vivid and
high in contrast, as drawings are, weighs on the comparison by as much, and the muted colours of photos hardly.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
from PIL import Image

from foveal.errors import ModelUnavailable
from foveal.tools.embed.labels import LabelTable
from foveal.tools.embed.vectors import unit
from foveal.tools.embed.weights import path_of
from foveal.types import Label

SIDE = 256
"""Side in pixels of the square that each view is resized to."""
MIDDLE = 0.7
"""Share of the width and of the height that the second view keeps."""
THUMBNAIL = 8
"""Cells of the colour thumbnail along each side."""
COLOUR_WEIGHT = 0.5
"""Of the thumbnail, whose root mean square is at most about 1, beside features of length 1. Measured by
benchmarks/eye.py: drawings gain up to here, and other photos of the same thing lose from 0.6 on."""
_POWER = 3.0
_BATCH = 8


class Eye:
    """EfficientNet-lite0. Satisfies ImageEmbedder and Labeller; may be shared by threads.

    :meth:`look` runs the network once for both. The network is loaded on first use, from *weights* or
    else from the packaged, verified file. *threads* limits torch, for the whole process.
    """

    id = "efficientnet-lite0-gem3-square256-middle70-ycc8"
    dim = 1280 + 3 * THUMBNAIL**2

    def __init__(
        self,
        weights: str | Path | None = None,
        *,
        labels: LabelTable | None = None,
        cache_dir: Path | None = None,
        threads: int | None = None,
    ) -> None:
        self._weights = Path(weights) if weights is not None else None
        self._labels = labels
        self._cache_dir = cache_dir
        self._threads = threads
        self._lock = threading.Lock()
        self._network: Any = None

    @property
    def labels(self) -> LabelTable:
        """The words the eye knows, read on first use."""
        if self._labels is None:
            self._labels = LabelTable.load()
        return self._labels

    def embed_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        """Return unit vectors, float32 [len(images), dim], not centred. Blocking."""
        return self._run(images)[0]

    def label_images(self, images: Sequence[Image.Image], *, k: int = 5) -> list[list[Label]]:
        """Return the *k* most probable labels of each picture, most probable first. Blocking."""
        return self.look(images, k=k)[1]

    def look(self, images: Sequence[Image.Image], *, k: int = 5) -> tuple[np.ndarray, list[list[Label]]]:
        """Return what :meth:`embed_images` and :meth:`label_images` do, for the price of one.

        Raises ModelUnavailable, WeightsCorrupt.
        """
        features, probabilities = self._run(images)
        best = np.argsort(-probabilities, axis=1, kind="stable")[:, : max(k, 0)]
        return features, [
            [self.labels[int(i)].label(float(row[i])) for i in chosen]
            for row, chosen in zip(probabilities, best, strict=True)
        ]

    def _run(self, images: Sequence[Image.Image]) -> tuple[np.ndarray, np.ndarray]:
        """Return unit features [n, dim] and class probabilities [n, 1000]."""
        features = np.zeros((len(images), self.dim), dtype=np.float32)
        probabilities = np.zeros((len(images), 1000), dtype=np.float32)
        if not images:
            return features, probabilities
        network = self._load()
        for start in range(0, len(images), _BATCH):
            batch = slice(start, start + _BATCH)
            features[batch], probabilities[batch] = _forward(network, images[batch])
        return unit(features), probabilities

    def _load(self) -> Any:
        with self._lock:
            if self._network is None:
                self._network = self._read()
            return self._network

    def _read(self) -> Any:
        weights = self._weights or path_of("image-embedder", cache_dir=self._cache_dir)
        import torch

        try:
            from efficientnet_lite_pytorch import EfficientNet

            network = EfficientNet.from_name("efficientnet-lite0")
            network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True))
        except (ImportError, OSError, EOFError, RuntimeError, ValueError, UnpicklingError) as error:
            raise ModelUnavailable(
                f"The image embedder cannot be loaded from {weights}: {type(error).__name__}.",
                remedy="Run: pip install --force-reinstall 'foveal[embedded]'",
            ) from error
        if self._threads is not None:
            torch.set_num_threads(self._threads)
        return network.eval()


def _forward(network: Any, images: Sequence[Image.Image]) -> tuple[np.ndarray, np.ndarray]:
    """Run one batch: features [n, dim] and class probabilities [n, 1000], each averaged over the views."""
    import torch

    views = np.stack([_square(image) for image in images] + [_square(_middle(image)) for image in images])
    # scaled as the network was trained
    pixels = torch.from_numpy((views - 127.0) / 128.0).permute(0, 3, 1, 2)
    with torch.inference_mode():
        maps = network.extract_features(pixels)
        pooled = maps.clamp(min=0).pow(_POWER).mean(dim=(2, 3)).pow(1 / _POWER)
        probabilities = torch.softmax(network._fc(maps.mean(dim=(2, 3))), dim=-1)
    shapes = unit(_over_views(unit(pooled.numpy())))
    return np.concatenate([shapes, thumbnails(views[: len(images)])], axis=1), _over_views(probabilities.numpy())


def thumbnails(squares: np.ndarray) -> np.ndarray:
    """Return the weighted thumbnails [n, 3 * THUMBNAIL²] of RGB *squares* [n, SIDE, SIDE, 3] in [0, 255].

    Y is doubled and about its own mean, so that a darker copy is alike; Cb and Cr are tripled.
    """
    step = SIDE // THUMBNAIL
    cells = squares.reshape(-1, THUMBNAIL, step, THUMBNAIL, step, 3).mean(axis=(2, 4)) / 255
    luma = cells @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    about_mean = luma - luma.mean(axis=(1, 2), keepdims=True)
    blue, red = 0.564 * (cells[..., 2] - luma), 0.713 * (cells[..., 0] - luma)
    colours = np.stack([2 * about_mean, 3 * blue, 3 * red], axis=-1)
    return np.asarray(colours.reshape(len(squares), -1) * (COLOUR_WEIGHT / THUMBNAIL), dtype=np.float32)


def _over_views(rows: np.ndarray) -> np.ndarray:
    """Average rows [2n, dim], first all whole pictures and then all middles, to [n, dim]."""
    return rows.reshape(2, len(rows) // 2, -1).mean(axis=0)


def _middle(image: Image.Image) -> Image.Image:
    width, height = image.size
    left, top = int(width * (1 - MIDDLE) / 2), int(height * (1 - MIDDLE) / 2)
    return image.crop((left, top, width - left, height - top))


def _square(image: Image.Image) -> np.ndarray:
    """Return float32 [SIDE, SIDE, 3], 0 to 255."""
    resized = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(resized, dtype=np.float32)
