"""Boxes: clipped to their picture, and mapped back to the pixels of the picture they were first cut from."""

from __future__ import annotations

from foveal.errors import BadImage
from foveal.tools.images.decode import ACCEPTED
from foveal.types import ImageRef, Region


def clip_box(ref: ImageRef, box: Region) -> Region:
    """Return the part of *box* (pixels of *ref*) that lies in the picture. Raises BadImage if none does."""
    width, height = ref.width, ref.height
    if ref.box is not None:
        # a thin crop is padded with white: the padding was never part of the original
        width = min(width, ref.box.x1 - ref.box.x0)
        height = min(height, ref.box.y1 - ref.box.y0)
    clipped = Region(max(box.x0, 0), max(box.y0, 0), min(box.x1, width), min(box.y1, height))
    if clipped.x0 >= clipped.x1 or clipped.y0 >= clipped.y1:
        name = f" '{ref.name}'" if ref.name else ""
        raise BadImage(
            f"The box ({box.x0}, {box.y0}, {box.x1}, {box.y1}) holds no pixel of the picture{name}, "
            f"which is {width} x {height} pixels (pictures may be {ACCEPTED}).",
            remedy="Give left < right and top < bottom, in pixels of the picture.",
        )
    return clipped


def to_original(ref: ImageRef, box: Region) -> Region:
    """Return *box* (pixels of *ref*) in pixels of the original that *ref* was cut from."""
    if ref.box is None:
        return box
    dx, dy = ref.box.x0, ref.box.y0
    return Region(box.x0 + dx, box.y0 + dy, box.x1 + dx, box.y1 + dy)
