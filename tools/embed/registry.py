"""From a spec of the settings to an embedder."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from foveal.errors import BadConfig

if TYPE_CHECKING:
    from foveal.protocols import ImageEmbedder, TextEmbedder
    from foveal.settings import Settings
    from foveal.tools.embed.pages import PageEmbedder


def make_text_embedder(spec: str, settings: Settings) -> TextEmbedder:
    """Return the embedder of texts that *spec* names: ``embedded`` or ``st:DIR_OR_ID``. Raises BadConfig."""
    from foveal.tools.embed.sentence import SentenceEmbedder
    from foveal.tools.embed.text import MiniLm

    if spec == "embedded":
        return MiniLm(cache_dir=settings.cache, threads=settings.threads)
    kind, _, source = spec.partition(":")
    if kind == "st" and source:
        return SentenceEmbedder(source, threads=settings.threads)
    raise BadConfig(f"There is no text embedder `{spec}`.", remedy="Give embedded or st:DIR_OR_ID.")


def make_image_embedder(spec: str, settings: Settings) -> ImageEmbedder:
    """Return the embedder of pictures: ``embedded``, ``clip:DIR_OR_ID`` or ``st:DIR_OR_ID``. Raises BadConfig."""
    from foveal.tools.embed.clip import ClipEmbedder
    from foveal.tools.embed.eye import Eye
    from foveal.tools.embed.sentence import SentenceEmbedder

    if spec == "embedded":
        return Eye(cache_dir=settings.cache, threads=settings.threads)
    kind, _, source = spec.partition(":")
    if kind == "clip" and source:
        return ClipEmbedder(source, threads=settings.threads)
    if kind == "st" and source:
        return SentenceEmbedder(source, pictures=True, threads=settings.threads)
    raise BadConfig(f"There is no image embedder `{spec}`.", remedy="Give embedded, clip:DIR_OR_ID or st:DIR_OR_ID.")


def make_page_embedder(spec: str, settings: Settings) -> PageEmbedder | None:
    """Return the embedder of pages: ``st:DIR_OR_ID``, or None for ``off``. Raises BadConfig."""
    from foveal.tools.embed.pages import PageEmbedder

    kind, _, source = spec.partition(":")
    if kind == "st" and source:
        return PageEmbedder(source, threads=settings.threads)
    if spec == "off":
        return None
    raise BadConfig(f"There is no page embedder `{spec}`.", remedy="Give off or st:DIR_OR_ID.")


def spec_of(embedder: TextEmbedder | ImageEmbedder) -> str:
    """Return what the settings call *embedder*."""
    return str(getattr(embedder, "spec", "embedded"))


def query_vector(embedder: TextEmbedder, query: str) -> np.ndarray:
    """Return the unit vector of a question, float32 [dim]: some embedders read questions and documents apart."""
    embed = getattr(embedder, "embed_queries", embedder.embed_texts)
    return np.asarray(embed([query]), dtype=np.float32)[0]


def in_one_space(eye: ImageEmbedder) -> TextEmbedder | None:
    """Return *eye* as an embedder of texts when it puts both into one space, else None."""
    return cast("TextEmbedder", eye) if hasattr(eye, "embed_texts") else None
