"""Columns, lines and dots over labels: the numbers above a label are its own."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from foveal.tools.layout.axes import Axis, fitting
from foveal.tools.layout.cells import Cell, clusters, line_height, rows_of
from foveal.tools.layout.tables import NOTE, Inks, Row, Table, joined, series_of, step, table_of

REACH = 0.55
"""How far from a label's middle, in steps between labels, a number may stand."""
_EVEN = 0.04
"""Share of the axis by which a number may stray from where its mark must be."""


def columns(cells: Sequence[Cell], upright: Axis | None, inks: Inks | None = None) -> Table | None:
    """Return labels along the bottom with the numbers above them, the series of each named if that is sure."""
    labels = _labels(cells, upright)
    if len(labels) < 2:
        return None
    named = {c for _, parts in labels for c in parts}
    data = fitting([c for c in cells if c.value is not None and c not in named], upright)
    places = [label.cx for label, _ in labels]
    reach = REACH * step(places)
    above: list[list[Cell]] = [[] for _ in labels]
    for c in data:
        nearest = min(range(len(labels)), key=lambda n: abs(places[n] - c.cx))
        if c.cy < labels[nearest][0].cy and abs(places[nearest] - c.cx) <= reach:
            above[nearest].append(c)
    kept = [(label, numbers) for (label, _), numbers in zip(labels, above, strict=True) if numbers]
    if len(kept) < 2:
        return None
    taken = {*named, *(c for _, numbers in kept for c in numbers)}
    side_by_side = _side_by_side(kept, reach)
    if sum(len(n) > 1 for _, n in kept) * 2 < len(kept):
        rows = [sorted(n, key=lambda c: abs(c.cx - label.cx)) for label, n in kept]
    else:
        rows = [sorted(n, key=(lambda c: c.cx) if side_by_side else (lambda c: -c.cy)) for _, n in kept]
    # stacked parts stand in the order of the legend from the bottom up; lines in any
    known = side_by_side or (upright is not None and _stacked(rows, upright))
    others = [c for c in cells if c not in taken]
    series = series_of(rows, others, inks, lies=False, order_known=known)
    used = [c for (_, parts), numbers in zip(labels, above, strict=True) if numbers for c in parts]
    return table_of([label.text for label, _ in kept], series, used, cells)


def line_ends(cells: Sequence[Cell], upright: Axis | None) -> Table | None:
    """Return names at the right ends of lines with the value that the axis has there: about, for want of numbers."""
    labels = [label for label, _ in _labels(cells, upright)] if upright else []
    if not upright or len(labels) < 2:
        return None
    height = line_height(cells)
    low, high = upright.ticks[-1].cy, upright.ticks[0].cy
    right = [c for c in cells if c.words and c.x0 > labels[-1].cx - 2 * height and high - height < c.cy < low + height]
    ends = max(([c for c in right if abs(c.x0 - seed.x0) <= 0.5 * height] for seed in right), key=len, default=[])
    if len(ends) < 2:
        return None
    rows = []
    for end in sorted(ends, key=lambda c: c.cy):
        value = _rounded(upright.at(end.cy), upright)
        text = f"about {re.sub(r'[0-9][0-9.,]*', value, upright.ticks[0].text)} ({labels[-1].text})"
        rows.append(Row(end.text, (replace(end, text=text),)))
    return Table(tuple(rows), (), frozenset(ends))


def right_end(cells: Sequence[Cell], upright: Axis | None) -> float:
    """Return where a chart with an *upright* axis ends: at its last label; infinity when that is not known."""
    labels = [label for label, _ in _labels(cells, upright)] if upright else []
    return labels[-1].x1 if len(labels) > 1 else math.inf


def _rounded(value: float, axis: Axis) -> str:
    """Return *value* with no more digits than can be read off *axis*: a fiftieth of it."""
    whole = abs(axis.slope * (axis.ticks[0].cy - axis.ticks[-1].cy))
    digits = math.ceil(-math.log10(whole / 50))
    return f"{round(value, digits):.{max(0, digits)}f}"


def _labels(cells: Sequence[Cell], upright: Axis | None) -> list[tuple[Cell, list[Cell]]]:
    """Return the labels along the bottom, those of several lines joined, each with the cells it was made of."""
    height = line_height(cells)
    numbers = [c.cy for c in cells if c.value is not None and not c.year]
    if not upright and not numbers:
        return []
    floor = upright.ticks[-1].cy - 0.3 * height if upright else median(numbers)
    below = [c for c in cells if c.label and c.cy > floor and not NOTE.search(c.text)]
    if turned := [c for c in below if c.height > 1.8 * height and len(c.text) > 2]:
        first = min(c.y0 for c in turned)
        zone = [c for c in cells if first - height <= c.y0 <= max(t.y1 for t in turned) and c.cy > floor]
        return _slanted(zone, height)
    lines = rows_of(below)
    start = next((n for n, row in enumerate(lines) if len(row) >= 2), None)
    if start is None:
        return []
    parts = [[c] for c in lines[start]]
    places = [c.cx for c in lines[start]]
    for row in lines[start + 1 :]:
        nearest = [min(range(len(parts)), key=lambda n, c=c: abs(places[n] - c.cx)) for c in row]  # type: ignore[misc]
        far = any(c.y0 - max(p.y1 for p in parts[n]) > 0.3 * height for c, n in zip(row, nearest, strict=True))
        if far or any(c.x1 - c.x0 > 1.2 * step(places) for c in row):
            break
        for c, n in zip(row, nearest, strict=True):
            parts[n].append(c)
    return [(replace(p[0], text=joined(p), x0=min(c.x0 for c in p), x1=max(c.x1 for c in p)), p) for p in parts]


def _slanted(zone: Sequence[Cell], height: float) -> list[tuple[Cell, list[Cell]]]:
    """Return slanted labels as cells over the place that their upper right end points at, each with its parts."""
    labels = []
    for part in clusters(zone, lambda c: c.x1, 0.75 * height):
        end = max(c.x1 for c in part) - 0.5 * height
        text = " ".join(c.text for c in sorted(part, key=lambda c: c.x0))
        label = replace(part[0], text=text, x0=end - height / 2, x1=end + height / 2, value=None)
        labels.append((label, part))
    return labels


def _side_by_side(kept: Sequence[tuple[Cell, Sequence[Cell]]], reach: float) -> bool:
    """Say whether the numbers over a label stand beside each other (grouped columns) and not one over the other."""
    spreads = [max(c.cx for c in n) - min(c.cx for c in n) for _, n in kept if len(n) > 1]
    return bool(spreads) and median(spreads) > 0.35 * reach


def _stacked(rows: Sequence[Sequence[Cell]], axis: Axis) -> bool:
    """Say whether the numbers stand in the middle of parts that lie on each other, from the bottom up."""
    whole = abs(axis.at(axis.ticks[0].cy) - axis.at(axis.ticks[-1].cy))
    misses = []
    for row in rows:
        below = 0.0
        for c in row:
            assert c.value is not None
            misses.append(abs(axis.at(c.cy) - (below + c.value / 2)))
            below += c.value
    return median(misses) <= _EVEN * whole
