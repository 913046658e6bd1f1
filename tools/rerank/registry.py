"""From the spec of a reranker that runs in this process to the reranker."""

from __future__ import annotations

from foveal.errors import BadConfig
from foveal.protocols import PictureReader, Reranker

KNOWN = "Use none, model, listwise, listwise:full, listwise:sliding, cross-encoder:DIR_OR_ID or maxsim:DIR_OR_ID."


def make_local(spec: str, pictures: PictureReader | None = None) -> Reranker:
    """Return the reranker of ``cross-encoder:DIR_OR_ID`` or ``maxsim:DIR_OR_ID``; nothing is loaded yet.

    *pictures* gives the bytes of candidates' pictures to one that takes them. Raises BadConfig.
    """
    kind, _, path = spec.strip().partition(":")
    if kind == "cross-encoder" and path:
        from foveal.tools.rerank.cross_encoder import CrossEncoderReranker

        return CrossEncoderReranker(path, pictures)
    if kind == "maxsim" and path:
        from foveal.tools.rerank.maxsim import MaxSimReranker

        return MaxSimReranker(path, pictures)
    raise BadConfig(f"There is no reranker {spec!r}.", remedy=KNOWN)
