"""Long screenshots made short: bands of one colour are cut out, and what is left is cut into tiles for a model.

MMSearch (Jiang et al. 2024) cuts blank bands by edges and slices at 512 pixels; here a band is rows, or columns, in
which no colour varies, and every pixel that stays knows where it was.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from foveal.types import Region

if TYPE_CHECKING:
    from PIL import Image

LONGEST = 48
"""Pixels over which a band is cut down."""
KEPT = 16
"""Pixels of it that stay, so that parts do not run into each other."""
TOLERANCE = 8
"""How much a colour may vary, of 255, and still be one colour."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Where the kept rows (or columns) were: ``runs`` of (first here, first in the original, how many)."""

    runs: tuple[tuple[int, int, int], ...]

    def original(self, position: int) -> int:
        """Return the place in the original of the row (or column) *position*, clipped to the picture."""
        run = max(0, bisect.bisect_right(self.runs, position, key=lambda r: r[0]) - 1)
        here, there, count = self.runs[run]
        return there + min(max(position - here, 0), count - 1)


@dataclass(frozen=True, slots=True)
class Shortened:
    """A picture without its blank bands, and the way back to the original."""

    image: Image.Image
    rows: Axis
    columns: Axis

    def original(self, region: Region) -> Region:
        """Return the box in the original that *region* of the shortened picture shows, bands in between included."""
        return Region(
            self.columns.original(region.x0),
            self.rows.original(region.y0),
            self.columns.original(region.x1 - 1) + 1,
            self.rows.original(region.y1 - 1) + 1,
        )


def without_bands(
    image: Image.Image, *, longest: int = LONGEST, kept: int = KEPT, tolerance: int = TOLERANCE
) -> Shortened:
    """Cut bands of one colour of more than *longest* pixels down to *kept*; ``1 <= kept <= longest``."""
    from PIL import Image as Pillow

    pixels = np.asarray(image.convert("RGB"))
    rows = _axis(pixels, longest, kept, tolerance)
    pixels = _taken(pixels, rows)
    columns = _axis(pixels.swapaxes(0, 1), longest, kept, tolerance)
    pixels = _taken(pixels.swapaxes(0, 1), columns).swapaxes(0, 1)
    return Shortened(Pillow.fromarray(np.ascontiguousarray(pixels)), rows, columns)


def tiles(width: int, height: int, *, size: int = 1024, overlap: int = 96) -> list[Region]:
    """Return boxes of at most *size* pixels of height, from the top, each sharing *overlap* rows with the one before.

    They are as equal in height as can be, so that no sliver is left at the end; ``0 <= overlap < size``.
    """
    if height <= size:
        return [Region(0, 0, width, height)]
    count = -(-(height - overlap) // (size - overlap))
    starts = [round(i * (height - size) / (count - 1)) for i in range(count)]
    return [Region(0, start, width, start + size) for start in starts]


def _axis(pixels: np.ndarray, longest: int, kept: int, tolerance: int) -> Axis:
    """What to keep of the first axis of uint8 [n, m, 3]."""
    low, high = pixels.min(axis=1), pixels.max(axis=1)
    plain = (high.astype(np.int16) - low).max(axis=1) <= tolerance
    runs: list[tuple[int, int, int]] = []
    here = start = 0
    while start < len(pixels):
        end = _end_of_band(plain, low, high, start, tolerance)
        count = end - start
        taken = kept if plain[start] and count > longest else count
        if runs and sum(runs[-1][1:]) == start:
            runs[-1] = (runs[-1][0], runs[-1][1], runs[-1][2] + taken)
        else:
            runs.append((here, start, taken))
        here += taken
        start = end
    return Axis(tuple(runs))


def _end_of_band(plain: np.ndarray, low: np.ndarray, high: np.ndarray, start: int, tolerance: int) -> int:
    """Where the band of one colour that begins at *start* ends, or the rows that are none."""
    rest = plain[start:]
    if not rest[0]:
        return start + (int(rest.argmax()) if rest.any() else len(rest))
    same = rest & (np.abs(low[start:].astype(np.int16) - high[start]).max(axis=1) <= tolerance)
    return start + (int((~same).argmax()) if not same.all() else len(same))


def _taken(pixels: np.ndarray, axis: Axis) -> np.ndarray:
    return np.concatenate([pixels[there : there + count] for _, there, count in axis.runs])
