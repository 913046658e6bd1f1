"""Axes: numbers along an edge that grow evenly with their place are ticks, not data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from statistics import median

from foveal.tools.layout.cells import Cell, line_height

LEAST_TICKS = 4
LEAST_TICKS_FROM_ZERO = 3
STRAY = 0.06
"""Share of the axis by which a number may stray from the place that its value has."""


@dataclass(frozen=True, slots=True)
class Axis:
    """Ticks in order of their place, and the line ``value = slope * place + offset`` through them."""

    ticks: tuple[Cell, ...]
    slope: float
    offset: float
    upright: bool

    def place(self, c: Cell) -> float:
        """Return where along the axis the middle of *c* is."""
        return c.cy if self.upright else c.cx

    def at(self, place: float) -> float:
        """Return the value that *place* (pixels along the axis) stands for."""
        return self.slope * place + self.offset


def upright_axis(cells: Sequence[Cell]) -> Axis | None:
    """Return the value axis at the left or right edge: values fall from top to bottom."""
    height = line_height(cells)
    best: Axis | None = None
    for edge in (lambda c: c.x1, lambda c: c.x0, lambda c: c.cx):
        for column in _aligned(cells, edge, 0.5 * height):
            axis = _even(column, lambda c: c.cy, 0.3 * height, falling=True)
            if axis and (best is None or len(axis.ticks) > len(best.ticks)) and _at_edge(axis, cells):
                best = axis
    return best


def level_axis(cells: Sequence[Cell]) -> Axis | None:
    """Return the value axis along the bottom or top: values rise from left to right."""
    height = line_height(cells)
    best: Axis | None = None
    for row in _aligned(cells, lambda c: c.cy, 0.25 * height):
        axis = _even(row, lambda c: c.cx, 0.5 * height, falling=False)
        if axis is None or (best and len(axis.ticks) <= len(best.ticks)):
            continue
        left = min(t.x0 for t in axis.ticks)
        labelled = any(c.words and c.x1 <= left and _same_row(c, axis.ticks[0]) for c in cells)
        inside = [c for c in cells if c.value is not None and c not in axis.ticks and left <= c.cx]
        above = sum(c.cy < axis.ticks[0].cy for c in inside)
        if not labelled and (above == 0 or above > 0.8 * len(inside)):
            best = axis
    return best


def axes_of(cells: Sequence[Cell]) -> tuple[Axis | None, Axis | None]:
    """Return the value axis at the side and the one along the bottom, each if there is one.

    Next to an upright axis what looks like a level one must lie below it: else it is a row of data that grow evenly.
    """
    upright, level = upright_axis(cells), level_axis(cells)
    if upright and level and level.ticks[0].y1 < upright.ticks[-1].cy:
        level = None
    return upright, level


def fitting(data: Sequence[Cell], axis: Axis | None) -> list[Cell]:
    """Return the numbers whose place is about what *axis* says, if that are most; else all.

    A number that stands at the end of its bar is as far along the axis as its value, but for a constant gap. One
    that is not is no value of this chart: part of a longer number, or of a button beside the chart.
    """
    if axis is None or len(data) < 3:
        return list(data)
    whole = abs(axis.at(axis.place(axis.ticks[0])) - axis.at(axis.place(axis.ticks[-1])))
    gaps = [axis.at(c.cy if axis.upright else c.x0) - (c.value or 0.0) for c in data]
    usual = median(gaps)
    on = [c for c, gap in zip(data, gaps, strict=True) if abs(gap - usual) <= STRAY * whole]
    return on if len(on) >= 0.75 * len(data) else list(data)


def _aligned(cells: Sequence[Cell], edge: Callable[[Cell], float], apart: float) -> list[list[Cell]]:
    numbers = [c for c in cells if c.value is not None]
    groups = {tuple(c for c in numbers if abs(edge(c) - edge(seed)) <= apart) for seed in numbers}
    return [
        list(g) for g in sorted(groups, key=lambda g: (-len(g), g[0].x0, g[0].y0)) if len(g) >= LEAST_TICKS_FROM_ZERO
    ]


def _even(cells: Sequence[Cell], place: Callable[[Cell], float], slack: float, *, falling: bool) -> Axis | None:
    """Return the largest part of *cells* whose values are linear in their place within *slack* pixels."""
    best: tuple[tuple[Cell, ...], float, float] | None = None
    for a, b in combinations(sorted(cells, key=place)[:40], 2):
        assert a.value is not None and b.value is not None
        run = place(b) - place(a)
        if run < 2 * slack or a.value == b.value or (b.value < a.value) != falling:
            continue
        slope = (b.value - a.value) / run
        offset = a.value - slope * place(a)
        on = [c for c in cells if c.value is not None and abs((c.value - offset) / slope - place(c)) <= slack]
        on = [c for c in on if sum(o.value == c.value for o in on) == 1]
        if best is None or len(on) > len(best[0]):
            best = tuple(sorted(on, key=place)), slope, offset
    if best is None or len(best[0]) < LEAST_TICKS_FROM_ZERO or all(c.year for c in best[0]):
        return None
    least = LEAST_TICKS_FROM_ZERO if any(c.value == 0 for c in best[0]) else LEAST_TICKS
    even = _round([c.value for c in best[0] if c.value is not None])
    return Axis(*best, falling) if even and len(best[0]) >= least else None


def _round(values: Sequence[float]) -> bool:
    """Say whether all *values* are whole multiples of their smallest difference, as the ticks of an axis are."""
    ordered = sorted(values)
    unit = min(b - a for a, b in pairwise(ordered))
    return all(abs(v / unit - round(v / unit)) < 0.02 for v in ordered)


def _at_edge(axis: Axis, cells: Sequence[Cell]) -> bool:
    """Say whether nothing but the axis' own title stands left (or right) of the ticks in their rows."""
    others = [c for c in cells if c not in axis.ticks and any(_same_row(c, t) for t in axis.ticks)]
    left, right = min(t.x0 for t in axis.ticks), max(t.x1 for t in axis.ticks)
    return not any(c.cx < left for c in others) or not any(c.cx > right for c in others)


def _same_row(a: Cell, b: Cell) -> bool:
    return min(a.y1, b.y1) - max(a.y0, b.y0) > 0.5 * min(a.height, b.height)
