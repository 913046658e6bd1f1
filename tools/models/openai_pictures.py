"""Pictures on their way to an endpoint: ``data:`` URLs of our own re-encoded bytes, within a budget of bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foveal.errors import BadImage, ContextOverflow
from foveal.protocols import PictureReader

_QUALITIES = (90, 75)
_TYPES: Mapping[bytes, str] = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class PictureBudget:
    """Most pixels of the long edge, most bytes of a picture and of all in a request; ``least`` is the shortest long
    edge to which pictures are shrunk before the request is refused."""

    edge: int = 1536
    picture: int = 2_000_000
    request: int = 16_000_000
    least: int = 256


def data_urls(digests: Sequence[str], read: PictureReader, budget: PictureBudget) -> dict[str, str]:
    """Return the ``data:`` URL of each picture, each digest once; base64 counts towards the budget. Blocking.

    All are shrunk alike until they fit. Raises BadImage for one that is not in the store, and ContextOverflow when
    they do not fit at the shortest edge.
    """
    found = {digest: read(digest) for digest in dict.fromkeys(digests)}
    edge = budget.edge
    while True:
        made = {digest: _fitted(data, edge, budget) for digest, data in found.items()}
        total = sum(len(made[digest]) for digest in digests)
        if total <= budget.request:
            return made
        if edge <= budget.least:
            raise ContextOverflow(
                f"{len(digests)} pictures are {total / 1e6:.1f} MB even when made small; "
                f"a request takes {budget.request / 1e6:.1f} MB.",
                remedy="Give fewer pictures.",
            )
        edge = max(budget.least, min(edge - 1, int(edge * (budget.request / total) ** 0.5)))


def _fitted(data: bytes, edge: int, budget: PictureBudget) -> str:
    """Return the URL of a picture no longer than *edge* and, down to the shortest edge, within its bytes."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as opened:
            kind = next((name for head, name in _TYPES.items() if data.startswith(head)), None)
            if kind and max(opened.size) <= edge and len(data) * 4 / 3 <= budget.picture:
                return _url(kind, data)
            image = opened.convert("RGB")
    except (OSError, ValueError) as problem:
        raise BadImage("A picture in the store cannot be read.") from problem
    while True:
        if max(image.size) > edge:
            image.thumbnail((edge, edge), Image.Resampling.LANCZOS)
        for quality in _QUALITIES:
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=quality)
            if buffer.tell() * 4 / 3 <= budget.picture:
                return _url("image/jpeg", buffer.getvalue())
        if edge <= budget.least:
            return _url("image/jpeg", buffer.getvalue())
        edge = max(budget.least, edge * 3 // 4)


def _url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
