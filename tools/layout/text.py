"""From the boxes of text in a picture to text: title, rows "label | series: value", axes, notes."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from foveal.tools.layout.axes import Axis, axes_of
from foveal.tools.layout.cells import Cell, cells_of, line_height, rows_of
from foveal.tools.layout.columns import columns, line_ends, right_end
from foveal.tools.layout.tables import Inks, Row, Table, bars, inline
from foveal.types import OcrLine

if TYPE_CHECKING:
    from PIL import Image

LEAST_SHARE = 0.75
"""Share of the numbers in the table's rectangle that must have found a label."""

ICON = 2
"""So many characters beside a chart, belonging to nothing in it, are a button or a speck."""


LAYOUT = "rows/3"
"""Name and version of the method; part of what a collection was made with."""


def picture_text(lines: Sequence[OcrLine], image: Image.Image) -> str:
    """Return the words that were read in *image* as :func:`as_text` does, series told by their colours."""
    from foveal.tools.layout.ink import PictureInks

    return as_text(lines, PictureInks(image)) if lines else ""


def as_text(lines: Sequence[OcrLine], inks: Inks | None = None) -> str:
    """Return the words of *lines* so that what belongs together stands together.

    A chart or table that is surely understood becomes rows, the rest of its words lines before and after. What is
    not understood becomes rows of cells two blanks apart, columns of prose one after the other. What was read twice
    in one place stands once.
    """
    cells = sorted(set(cells_of(lines)), key=lambda c: (c.y0, c.x0, c.y1, c.x1, c.text))
    upright, level = axes_of(cells)
    table = find_table(cells, upright, level, inks)
    ticks = [axis.ticks for axis in (upright, level) if axis]
    scales = [f"Axis: {' '.join(c.text for c in t)}" for t in ticks]
    rest = [c for c in cells if not any(c in t for t in ticks)]
    if table is None:
        edge = right_end(rest, upright)
        return "\n".join([*_plain([c for c in rest if len(c.text) > ICON or c.x0 < edge]), *scales])
    top = min(c.y0 for c in table.used)
    rest = [c for c in rest if c not in table.used and len(c.text) > ICON]
    before = [c for c in rest if c.cy < top]
    after = [c for c in rest if c.cy >= top]
    said = [*_plain(before), *(_row(row, table.series) for row in table.rows)]
    if table.colours:
        named = zip(table.series, table.colours, strict=True)
        said.append(f"Colours: {' | '.join(f'{series}: {colour}' for series, colour in named)}")
    return "\n".join([*said, *scales, *_plain(after)])


def find_table(
    cells: Sequence[Cell], upright: Axis | None, level: Axis | None, inks: Inks | None = None
) -> Table | None:
    """Return the one table that *cells* are sure to show; None when there is none."""
    ticks = {*(upright.ticks if upright else ()), *(level.ticks if level else ())}
    rest = [c for c in cells if c not in ticks]
    found = [inline(rest)]
    if not upright or level:
        found.append(bars(rest, level, inks))
    if not level or upright:
        found.append(columns(rest, upright, inks))
    found.append(line_ends(rest, upright))
    sure = [
        t for t in found if t and (upright or level or len(t.rows) > 2) and t.numbers >= LEAST_SHARE * _shown(rest, t)
    ]
    return max(sure, key=lambda t: t.numbers, default=None)


def _shown(cells: Sequence[Cell], table: Table) -> int:
    """Count the numbers inside the rectangle that the table's own numbers span."""
    data = [c for c in cells if c.value is not None]
    own = [n for row in table.rows for n in row.numbers if n]
    x0, x1 = min(c.x0 for c in own), max(c.x1 for c in own)
    y0, y1 = min(c.y0 for c in own), max(c.y1 for c in own)
    return sum(x0 <= c.cx <= x1 and y0 <= c.cy <= y1 for c in data)


def _row(row: Row, series: Sequence[str]) -> str:
    if len(row.numbers) == 1 and row.numbers[0]:
        return f"{row.label}: {row.numbers[0].text}"
    if not series or not row.told:
        return " | ".join([row.label, *(n.text for n in row.numbers if n)])
    named = (f"{name}: {n.text}" for name, n in zip(series, row.numbers, strict=True) if n)
    return " | ".join([row.label, *named])


def _plain(cells: Sequence[Cell]) -> list[str]:
    """Return *cells* as lines; two columns of prose are read one after the other."""
    if halves := _gutter(cells):
        return [line for half in halves for line in _plain(half)]
    return ["  ".join(c.text for c in row) for row in rows_of(cells)]


def _gutter(cells: Sequence[Cell]) -> tuple[list[Cell], list[Cell]] | None:
    """Return the left and the right column, when a gap without words runs between two columns of prose."""
    height = line_height(cells)
    for place in sorted({c.x1 for c in cells}):
        left = [c for c in cells if c.x1 <= place]
        right = [c for c in cells if c.x0 >= place + height / 2]
        if len(left) + len(right) == len(cells) and all(_prose(side) for side in (left, right)):
            return left, right
    return None


def _prose(cells: Sequence[Cell]) -> bool:
    return len(cells) >= 4 and median(len(c.text.split()) for c in cells) >= 4
