"""Small copies of pictures, as data that a page carries in itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from PIL import Image

LARGE, SMALL = 480, 240
"""Longest side in pixels of a picture of the question, and of one that was found."""
ROOM = 1_800_000
"""Characters that all pictures of a page may take together."""


@dataclass(frozen=True, slots=True)
class Thumb:
    """A picture in the page: its id there, the size of the whole picture, and the small copy as a data: address."""

    id: str
    width: int
    height: int
    data: str


def make_thumbs(
    wanted: Iterable[tuple[str, int]], picture: Callable[[str], bytes | None], *, room: int = ROOM
) -> dict[str, Thumb]:
    """Return a thumbnail for each picture, by sha256, as far as it can be read and *room* lasts; first come first.

    *wanted* gives digests and the longest side of the copy; *picture* gives a picture's bytes, None when it is gone.
    """
    made: dict[str, Thumb] = {}
    for sha256, side in wanted:
        if sha256 in made or (data := picture(sha256)) is None:
            continue
        try:
            with Image.open(io.BytesIO(data)) as whole:
                width, height = whole.size
                whole.draft("RGB", (side, side))
                small = whole.convert("RGB")
        except (OSError, ValueError, Image.DecompressionBombError):  # damaged on disk: the page does without it
            continue
        small.thumbnail((side, side))
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=80, optimize=True)
        encoded = base64.b64encode(buffer.getvalue()).decode("ascii")
        if len(encoded) <= room:
            room -= len(encoded)
            made[sha256] = Thumb(f"picture-{len(made) + 1}", width, height, f"data:image/jpeg;base64,{encoded}")
    return made
