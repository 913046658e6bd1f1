"""Where in a picture it is worth looking: at what stands out from its ground, around its text, else in tiles.

No model is asked. What stands out is what differs in colour from an even border, or else from the picture's mean by
more than twice as much as is usual (Achanta et al., "Frequency-tuned Salient Region Detection", 2009).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from PIL import Image

from foveal.types import OcrLine, Region

MOST = 6
"""Regions that are proposed at most."""
OVERLAP = 0.6
"""Of two boxes with more intersection over union than this, the later one is dropped."""
LEAST_SIDE = 24
"""Pixels of a box's shorter side below which nothing in it can be recognised."""
_MAP = 160
_LEAST_SHARE, _MOST_SHARE = 0.02, 0.85
_EVEN_BORDER = 0.6


def propose(image: Image.Image, lines: Sequence[OcrLine] = (), *, most: int = MOST) -> tuple[Region, ...]:
    """Return at most *most* boxes in pixels of *image*, top left first; none for a picture too small to cut.

    *lines* is the text that was read in it. Tiles are proposed when nothing stands out.
    """
    seen = distinct(salient(image), image.size) or tiles(image.size)
    chosen = distinct([*seen, *text_blocks(lines)], image.size, most=most)
    return tuple(sorted(chosen, key=lambda r: (r.y0, r.x0, r.y1, r.x1)))


def distinct(boxes: Iterable[Region], size: tuple[int, int], *, most: int = MOST) -> list[Region]:
    """Clip *boxes* to the picture; drop small ones, ones that are nearly all of it, and ones like an earlier one."""
    whole = Region(0, 0, *size)
    kept: list[Region] = []
    for box in boxes:
        x0, y0, x1, y1 = max(box.x0, 0), max(box.y0, 0), min(box.x1, size[0]), min(box.y1, size[1])
        if x1 - x0 < LEAST_SIDE or y1 - y0 < LEAST_SIDE:
            continue
        clipped = Region(x0, y0, x1, y1)
        if iou(clipped, whole) <= _MOST_SHARE and all(iou(clipped, other) <= OVERLAP for other in kept):
            kept.append(clipped)
    return kept[: max(most, 0)]


def iou(a: Region, b: Region) -> float:
    """Return intersection over union of two boxes, 0 to 1."""
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    shared = max(width, 0) * max(height, 0)
    return shared / (area(a) + area(b) - shared) if shared else 0.0


def area(box: Region) -> int:
    """Return the pixels in *box*."""
    return (box.x1 - box.x0) * (box.y1 - box.y0)


def tiles(size: tuple[int, int]) -> list[Region]:
    """The middle and the four corners, each 60 % of the width and of the height; of a strip, its middle and ends."""
    width = size[0] if 2 * size[0] <= size[1] else round(0.6 * size[0])
    height = size[1] if 2 * size[1] <= size[0] else round(0.6 * size[1])
    right, below = size[0] - width, size[1] - height
    corners = [(right // 2, below // 2), (0, 0), (right, 0), (0, below), (right, below)]
    return [Region(x, y, x + width, y + height) for x, y in dict.fromkeys(corners)]


def text_blocks(lines: Sequence[OcrLine]) -> list[Region]:
    """Lines that lie within one line height of each other as one box with that margin, largest first."""
    blocks: list[Region] = []
    for line in lines:
        box = line.box
        margin = max(1, min(box.y1 - box.y0, box.x1 - box.x0))
        block = Region(box.x0 - margin, box.y0 - margin, box.x1 + margin, box.y1 + margin)
        while touching := [other for other in blocks if _touch(block, other)]:
            blocks = [other for other in blocks if other not in touching]
            block = _around([block, *touching])
        blocks.append(block)
    return sorted(blocks, key=lambda b: (-area(b), b.y0, b.x0))


def salient(image: Image.Image) -> list[Region]:
    """Boxes of what stands out, largest first, 2 % to 85 % of the picture each."""
    import cv2

    scale = _MAP / max(image.size)
    small = image.convert("RGB").resize(
        (max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.BOX
    )
    colours = cv2.cvtColor(np.asarray(small, dtype=np.float32) / 255, cv2.COLOR_RGB2LAB)
    mask = cv2.morphologyEx(_off_ground(colours).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask)
    boxes = [(int(w) * int(h), int(x), int(y), int(w), int(h)) for x, y, w, h, _ in stats[1:]]
    return [
        Region(int(x / scale), int(y / scale), int(np.ceil((x + w) / scale)), int(np.ceil((y + h) / scale)))
        for pixels, x, y, w, h in sorted(boxes, key=lambda b: (-b[0], b[2], b[1]))
        if _LEAST_SHARE <= pixels / mask.size <= _MOST_SHARE
    ]


def _off_ground(colours: np.ndarray) -> np.ndarray:
    """Say which pixels of LAB [h, w, 3] stand out: from the border's colour if it has one, else from the mean."""
    import cv2

    border = np.concatenate([colours[0], colours[-1], colours[:, 0], colours[:, -1]])
    ground = np.median(border, axis=0)
    if np.mean(np.linalg.norm(border - ground, axis=1) < 10) >= _EVEN_BORDER:
        return np.asarray(np.linalg.norm(colours - ground, axis=2) > 16)
    smooth = cv2.GaussianBlur(colours, (0, 0), _MAP / 64)
    saliency = np.linalg.norm(smooth - colours.mean(axis=(0, 1)), axis=2)
    return np.asarray(saliency > 2 * saliency.mean())


def _touch(a: Region, b: Region) -> bool:
    return a.x0 <= b.x1 and b.x0 <= a.x1 and a.y0 <= b.y1 and b.y0 <= a.y1


def _around(boxes: Sequence[Region]) -> Region:
    return Region(
        min(b.x0 for b in boxes), min(b.y0 for b in boxes), max(b.x1 for b in boxes), max(b.y1 for b in boxes)
    )
