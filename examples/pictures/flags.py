"""Flags from their public geometric descriptions: stripes, crosses, discs, triangles and plain stars.

Widths are shares of the flag, lengths of crosses are in the units of each flag's own description.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from pictures.canvas import Canvas


@dataclass(frozen=True, slots=True)
class Flag:
    """Width / height by law or custom, and what paints it."""

    aspect: float
    paint: Callable[[Canvas], None]


def across(*stripes: tuple[str, float]) -> Callable[[Canvas], None]:
    """Horizontal stripes, top first: (colour, weight)."""

    def paint(canvas: Canvas) -> None:
        total, at = sum(weight for _, weight in stripes), 0.0
        for colour, weight in stripes:
            canvas.rect(0, at / total, canvas.aspect, (at + weight) / total, colour)
            at += weight

    return paint


def upright(*stripes: tuple[str, float]) -> Callable[[Canvas], None]:
    """Vertical stripes, hoist first: (colour, weight)."""

    def paint(canvas: Canvas) -> None:
        total, at = sum(weight for _, weight in stripes), 0.0
        for colour, weight in stripes:
            canvas.rect(at / total * canvas.aspect, 0, (at + weight) / total * canvas.aspect, 1, colour)
            at += weight

    return paint


def nordic(
    field: str,
    cross: str,
    columns: Sequence[float],
    rows: Sequence[float],
    inner: str | None = None,
    border: float = 0,
) -> Callable[[Canvas], None]:
    """A cross whose upright stands nearer to the hoist.

    ``columns`` and ``rows``: field, arm, field in the flag's units. ``inner``, if any, is a second
    cross in the first, which shows on each side of it by ``border`` units.
    """

    def paint(canvas: Canvas) -> None:
        wide, high = canvas.aspect / sum(columns), 1 / sum(rows)
        canvas.rect(0, 0, canvas.aspect, 1, field)
        for colour, edge in ((cross, 0.0), (inner, border)):
            if colour is None:
                continue
            x0, x1 = (columns[0] + edge) * wide, (columns[0] + columns[1] - edge) * wide
            y0, y1 = (rows[0] + edge) * high, (rows[0] + rows[1] - edge) * high
            canvas.rect(x0, 0, x1, 1, colour)
            canvas.rect(0, y0, canvas.aspect, y1, colour)

    return paint


def _switzerland(canvas: Canvas) -> None:
    middle, arm, half = canvas.aspect / 2, 10 / 32, 3 / 32
    canvas.rect(0, 0, canvas.aspect, 1, "#da291c")
    canvas.rect(middle - arm, 0.5 - half, middle + arm, 0.5 + half, "#ffffff")
    canvas.rect(middle - half, 0.5 - arm, middle + half, 0.5 + arm, "#ffffff")


def _czechia(canvas: Canvas) -> None:
    across(("#ffffff", 1), ("#d7141a", 1))(canvas)
    canvas.poly([(0, 0), (canvas.aspect / 2, 0.5), (0, 1)], "#11457e")


def _disc(field: str, colour: str, at: float, radius: float) -> Callable[[Canvas], None]:
    def paint(canvas: Canvas) -> None:
        canvas.rect(0, 0, canvas.aspect, 1, field)
        canvas.disc(at * canvas.aspect, 0.5, radius, colour)

    return paint


def _chile(canvas: Canvas) -> None:
    across(("#ffffff", 1), ("#da291c", 1))(canvas)
    side = canvas.aspect / 3
    canvas.rect(0, 0, side, 0.5, "#0032a0")
    canvas.star(side / 2, 0.25, 0.125, "#ffffff")


def _greece(canvas: Canvas) -> None:
    blue, stripe = "#0d5eaf", 1 / 9
    for row in range(9):
        canvas.rect(0, row * stripe, canvas.aspect, (row + 1) * stripe, blue if row % 2 == 0 else "#ffffff")
    side = 5 * stripe * canvas.aspect / 1.5
    canvas.rect(0, 0, side, 5 * stripe, blue)
    canvas.rect(side * 0.4, 0, side * 0.6, 5 * stripe, "#ffffff")
    canvas.rect(0, 2 * stripe, side, 3 * stripe, "#ffffff")


FLAGS: Mapping[str, Flag] = {
    "france": Flag(3 / 2, upright(("#000091", 1), ("#ffffff", 1), ("#e1000f", 1))),
    "germany": Flag(5 / 3, across(("#000000", 1), ("#dd0000", 1), ("#ffce00", 1))),
    "italy": Flag(3 / 2, upright(("#008c45", 1), ("#f4f5f0", 1), ("#cd212a", 1))),
    "ireland": Flag(2 / 1, upright(("#169b62", 1), ("#ffffff", 1), ("#ff883e", 1))),
    "belgium": Flag(15 / 13, upright(("#000000", 1), ("#fdda24", 1), ("#ef3340", 1))),
    "netherlands": Flag(3 / 2, across(("#ae1c28", 1), ("#ffffff", 1), ("#21468b", 1))),
    "austria": Flag(3 / 2, across(("#c8102e", 1), ("#ffffff", 1), ("#c8102e", 1))),
    "switzerland": Flag(1 / 1, _switzerland),
    "czechia": Flag(3 / 2, _czechia),
    "poland": Flag(8 / 5, across(("#ffffff", 1), ("#dc143c", 1))),
    "hungary": Flag(2 / 1, across(("#cd2a3e", 1), ("#ffffff", 1), ("#436f4d", 1))),
    "romania": Flag(3 / 2, upright(("#002b7f", 1), ("#fcd116", 1), ("#ce1126", 1))),
    "bulgaria": Flag(5 / 3, across(("#ffffff", 1), ("#00966e", 1), ("#d62612", 1))),
    "ukraine": Flag(3 / 2, across(("#0057b7", 1), ("#ffd700", 1))),
    "estonia": Flag(11 / 7, across(("#0072ce", 1), ("#000000", 1), ("#ffffff", 1))),
    "latvia": Flag(2 / 1, across(("#a4343a", 2), ("#ffffff", 1), ("#a4343a", 2))),
    "lithuania": Flag(5 / 3, across(("#ffb81c", 1), ("#046a38", 1), ("#be3a34", 1))),
    "russia": Flag(3 / 2, across(("#ffffff", 1), ("#0039a6", 1), ("#d52b1e", 1))),
    "sweden": Flag(8 / 5, nordic("#006aa7", "#fecc02", (5, 2, 9), (4, 2, 4))),
    "norway": Flag(11 / 8, nordic("#ba0c2f", "#ffffff", (6, 4, 12), (6, 4, 6), "#00205b", 1)),
    "denmark": Flag(37 / 28, nordic("#c8102e", "#ffffff", (12, 4, 21), (12, 4, 12))),
    "finland": Flag(18 / 11, nordic("#ffffff", "#002f6c", (5, 3, 10), (4, 3, 4))),
    "iceland": Flag(25 / 18, nordic("#02529c", "#ffffff", (7, 4, 14), (7, 4, 7), "#dc1e35", 1)),
    "greece": Flag(3 / 2, _greece),
    "japan": Flag(3 / 2, _disc("#ffffff", "#bc002d", 0.5, 0.3)),
    "bangladesh": Flag(5 / 3, _disc("#006a4e", "#f42a41", 0.45, 1 / 3)),
    "thailand": Flag(3 / 2, across(("#a51931", 1), ("#f4f5f8", 1), ("#2d2a4a", 2), ("#f4f5f8", 1), ("#a51931", 1))),
    "chile": Flag(3 / 2, _chile),
    "peru": Flag(3 / 2, upright(("#d91023", 1), ("#ffffff", 1), ("#d91023", 1))),
    "colombia": Flag(3 / 2, across(("#ffcd00", 2), ("#003087", 1), ("#c8102e", 1))),
    "nigeria": Flag(2 / 1, upright(("#008753", 1), ("#ffffff", 1), ("#008753", 1))),
    "mali": Flag(3 / 2, upright(("#14b53a", 1), ("#fcd116", 1), ("#ce1126", 1))),
}
