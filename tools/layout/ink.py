"""Which series a number belongs to, by colour: the legend's marks and what is painted around the number."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import TYPE_CHECKING

import numpy as np

from foveal.tools.layout.cells import Cell, unglued
from foveal.tools.layout.colours import colour_name
from foveal.tools.layout.tables import Mark, Where

if TYPE_CHECKING:
    from PIL import Image

NEAR = 40.0
"""Distance in RGB (0 to 441) below which two colours are the same ink: JPEG blurs them."""
LEAST_PIXELS = 10
CLEAR = 0.3
"""By so much of the ink around one number an assignment must be better than the next best."""
MOST_MARKS = 7
"""Series whose numbers are told apart by trying all assignments."""
_REACH = 0.8
"""How far from a number its bar or point is looked for, in heights of its text."""
_SIDES = (("left", "around"), ("around",), ("around",), ("below", "around"))
_BEFORE = 1.3
"""How far left of a name its mark may begin, in heights of its text."""
_SOLID = (0.18, 0.4)
"""Height and width of a mark at least, in heights of the text: more than a stroke of a letter has."""


class PictureInks:
    """The colours of one picture. Satisfies :class:`~foveal.tools.layout.tables.Inks`."""

    def __init__(self, image: Image.Image) -> None:
        self._pixels = np.asarray(image.convert("RGB"), dtype=np.int16)
        self._paper = _commonest(self._pixels.reshape(-1, 3))

    def marked(self, words: Sequence[Cell]) -> list[Mark]:
        """Return the names in *words* that have a mark of a colour of their own on their left."""
        found: list[Mark] = []
        for cell in words:
            inks = self._solid(cell)
            names = unglued(cell, len(inks)) if inks else []
            for name, ink in zip(names, inks, strict=False):
                found.append(Mark(name, tuple(ink), colour_name([float(part) for part in ink])))
        alike = any(_away(a.ink, b.ink) < NEAR for n, a in enumerate(found) for b in found[n + 1 :])
        return [] if alike else found

    def places(self, groups: Sequence[Sequence[Cell]], marks: Sequence[Mark], where: Where) -> list[int] | None:
        """Return which of *marks* each group of numbers belongs to, each to another one.

        The assignment with the most of the right ink at the numbers; None when another is about as good.
        """
        if len(groups) > len(marks) or len(marks) > MOST_MARKS:
            return None
        inks = np.array([mark.ink for mark in marks])
        shares = np.stack([np.mean([self._shares(c, inks, where) for c in group], axis=0) for group in groups])
        ways = np.array(list(permutations(range(len(marks)), len(groups))))
        totals = shares[np.arange(len(groups)), ways].sum(axis=1)
        best, second = np.sort(totals)[::-1][:2]
        return [int(n) for n in ways[totals.argmax()]] if best - second >= CLEAR else None

    def _shares(self, number: Cell, inks: np.ndarray, where: Where) -> np.ndarray:
        """Return how the ink at *number* is shared by *inks* [n, 3]: [n], sum 1 (0 where there is too little)."""
        reach = _REACH * number.height
        left, up, right, down = (reach * (where in sides) for sides in _SIDES)
        around = self._cut(number.x0 - left, number.y0 - up, number.x1 + right, number.y1 + down)
        distances = np.linalg.norm(around.reshape(-1, 1, 3) - inks, axis=-1)
        counts = np.bincount(distances.argmin(axis=1)[distances.min(axis=1) < NEAR], minlength=len(inks))
        return counts / max(counts.sum(), LEAST_PIXELS)

    def _solid(self, name: Cell) -> list[np.ndarray]:
        """Return the colours of solid marks in and left of *name*, from left to right, each [3]."""
        band = self._cut(name.x0 - _BEFORE * name.height, name.y0, name.x1, name.y1)
        size = tuple(max(3, round(share * name.height)) for share in _SOLID)
        if band.shape[0] < size[0] or band.shape[1] < size[1]:
            return []
        windows = np.lib.stride_tricks.sliding_window_view(band, size, axis=(0, 1))
        means = windows.mean(axis=(-2, -1))
        even = (windows.max(axis=(-2, -1)) - windows.min(axis=(-2, -1))).max(axis=-1) < NEAR
        inked = even & (np.linalg.norm(means - self._paper, axis=-1) > NEAR)
        columns = np.flatnonzero(inked.any(axis=0))
        runs = np.split(columns, np.flatnonzero(np.diff(columns) > size[1]) + 1) if len(columns) else []
        return [_commonest(means[:, run][inked[:, run]]) for run in runs]

    def _cut(self, x0: float, y0: float, x1: float, y1: float) -> np.ndarray:
        """Return the pixels of a box, [h, w, 3]; what lies outside of the picture is left out."""
        return self._pixels[max(0, int(y0)) : max(0, int(y1)), max(0, int(x0)) : max(0, int(x1))]


def _away(a: Sequence[float], b: Sequence[float]) -> float:
    return float(np.linalg.norm(np.subtract(a, b)))


def _commonest(colours: np.ndarray) -> np.ndarray:
    """Return the mean of the largest group of alike *colours* [n, 3]."""
    codes = (colours.astype(np.int64) >> 4) @ np.array([256, 16, 1])
    values, counts = np.unique(codes, return_counts=True)
    return colours[codes == values[counts.argmax()]].mean(axis=0)
