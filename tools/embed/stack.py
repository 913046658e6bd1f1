"""The embedded stack: every embedder, eye and reader that comes with the packages, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from foveal.protocols import ImageEmbedder, Labeller, OcrReader, TextEmbedder
from foveal.tools.embed.eye import Eye
from foveal.tools.embed.ocr import PaddleOcr
from foveal.tools.embed.text import MiniLm


@dataclass(frozen=True, slots=True)
class EmbeddedStack:
    """What turns text and pictures into vectors and words.

    ``images`` and ``labels`` are one :class:`Eye` by default, whose ``look`` runs the network once for both.
    Any part may be replaced by another that satisfies its protocol, for instance
    :class:`~foveal.tools.embed.clip.ClipEmbedder` for ``images``.
    """

    texts: TextEmbedder
    images: ImageEmbedder
    labels: Labeller
    ocr: OcrReader

    @property
    def id(self) -> str:
        """Name all models, so that an index knows when it was built by others."""
        return "+".join((self.texts.id, self.images.id, self.labels.id, self.ocr.id))


def embedded_stack(*, threads: int | None = None, cache_dir: Path | None = None) -> EmbeddedStack:
    """Return the stack of the packaged models. Loads nothing: each part does so on its first use.

    *threads* limits what each runs on; None leaves it to torch and onnxruntime.
    """
    eye = Eye(cache_dir=cache_dir, threads=threads)
    return EmbeddedStack(
        texts=MiniLm(cache_dir=cache_dir, threads=threads),
        images=eye,
        labels=eye,
        ocr=PaddleOcr(cache_dir=cache_dir, threads=threads),
    )
