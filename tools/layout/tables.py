"""What a table is, and the two plainest ways to find one: bars that lie (or rows of a table), and pie labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import Literal, Protocol

from foveal.tools.layout.axes import Axis, fitting
from foveal.tools.layout.cells import Cell, cell, clusters, line_height, rows_of, unglued

NOTE = re.compile(
    r"source|©|copyright|\bCC BY|additional information|collapse statistic|^notes?\b|in data$|\.(?:org|com)\b|survey",
    re.I,
)
"""What stands under a chart and is neither a label nor the name of a series."""
NAMES_WITHIN = 6
"""Lines of text from the numbers within which the names of series are looked for."""
_INLINE = re.compile(r"^(?P<label>.*?[^\W\d].*?)[\s:]+(?P<number>[-–−]?[$€£]?\d[\d.,]*\s?%)$")
_INLINE_FIRST = re.compile(r"^(?P<number>[$€£]?\d[\d.,]*\s?%)\s+(?P<label>[^\W\d].*)$")
_INLINE_WORDS = 6
LABEL_WORDS = 6
"""Lines that have more words than that are prose, not labels."""


@dataclass(frozen=True, slots=True)
class Row:
    """A label and its numbers: one a series, None where a series has none."""

    label: str
    numbers: tuple[Cell | None, ...]
    told: bool = True
    """Whether the numbers stand in the columns of the series, and not just in their order."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in the order in which they stand. ``used`` are all cells that went into it."""

    rows: tuple[Row, ...]
    series: tuple[str, ...]
    """Names of the columns of numbers; empty when there is one, or when they are not known."""
    used: frozenset[Cell]
    colours: tuple[str, ...] = ()
    """What the colours of the series are called, when they were told apart by them."""

    @property
    def numbers(self) -> int:
        """Return how many numbers have a label."""
        return sum(n is not None for row in self.rows for n in row.numbers)


@dataclass(frozen=True, slots=True)
class Mark:
    """The name of a series in a legend, the colour (RGB) of the mark beside it, and what that is called."""

    name: Cell
    ink: tuple[float, ...]
    colour: str


Where = Literal["left", "below", "around"]
"""Where the ink of a number is: on its left (bars that lie), below it (columns), on any side (lines)."""


class Inks(Protocol):
    """The colours of a picture, as far as a legend and numbers need them."""

    def marked(self, words: Sequence[Cell]) -> list[Mark]:
        """Return the names in *words* that have a mark of a colour of their own on their left."""
        ...

    def places(self, groups: Sequence[Sequence[Cell]], marks: Sequence[Mark], where: Where) -> list[int] | None:
        """Return which of *marks* each group of numbers belongs to by the colour there; None if unclear."""
        ...


def inline(cells: Sequence[Cell]) -> Table | None:
    """Return labels that carry their share with them, as those of a pie do: "Same 54%"."""
    rows, used = [], []
    for c in cells:
        match = _INLINE.match(c.text) or _INLINE_FIRST.match(c.text)
        if match and len(match["label"].split()) <= _INLINE_WORDS:
            rows.append(Row(match["label"].strip(" :·•-–"), (cell(match["number"], c.x0, c.y0, c.x1, c.y1),)))
            used.append(c)
    return Table(tuple(rows), (), frozenset(used)) if len(rows) >= 2 else None


def bars(cells: Sequence[Cell], level: Axis | None, inks: Inks | None = None) -> Table | None:
    """Return labels down the left with numbers to their right: bars that lie, or a table."""
    numbers = [c for c in cells if c.value is not None]
    by_words = _bars(cells, [c for c in cells if c.words], fitting(numbers, level), inks)
    if by_words or not any(c.year for c in cells):
        return by_words
    years = _flush([c for c in cells if c.year], line_height(numbers))
    return _bars(cells, years, fitting([c for c in numbers if c not in years], level), inks)


def _bars(cells: Sequence[Cell], names: Sequence[Cell], data: Sequence[Cell], inks: Inks | None) -> Table | None:
    if len(data) < 2:
        return None
    height = line_height(data)
    lines = clusters(data, lambda c: c.cy, 0.5 * height)
    left = sorted(c.x0 for c in data)[len(data) // 10]
    top, bottom = lines[0][0].y0 - 0.7 * height, lines[-1][-1].y1 + 0.7 * height
    labels = _flush([c for c in names if top <= c.cy <= bottom and c.x1 <= left + 0.5 * height], height)
    if len(labels) < 2 or median(len(c.text.split()) for c in labels) > LABEL_WORDS:
        return None
    edge = min(c.x1 for c in labels)
    lines = [line for line in ([c for c in line if c.x0 >= edge] for line in lines) if line]
    if len(lines) < 2:
        return None
    shared = len(labels) < len(lines)
    pairs = _shared(labels, lines) if shared else _claimed(labels, lines)
    if len(pairs) < 2:
        return None
    used = [c for claim, line in pairs for c in (*claim, *line)]
    if sum(len(line) > 1 for _, line in pairs) * 2 < len(pairs):
        pairs = [(claim, sorted(line, key=lambda c: c.x0)) for claim, line in pairs]
    series = series_of(
        [line for _, line in pairs], [c for c in cells if c not in used], inks, lies=True, order_known=not shared
    )
    return table_of([joined(claim) for claim, _ in pairs], series, [c for claim, _ in pairs for c in claim], cells)


def table_of(labels: Sequence[str], series: Series, used: Sequence[Cell], cells: Sequence[Cell]) -> Table:
    """Put labels and series together; *used* are the cells of the labels, *cells* are all."""
    numbers = [n for row in series.numbers for n in row if n]
    rows = zip(labels, series.numbers, series.told, strict=True)
    # a name that was cut out of a longer piece has no cell of its own
    whole = {c for c in cells for n in series.names if c.x0 <= n.cx <= c.x1 and c.y0 == n.y0}
    named = tuple(n.text for n in series.names)
    return Table(tuple(Row(*row) for row in rows), named, frozenset((*used, *numbers, *whole)), series.colours)


def _flush(labels: Sequence[Cell], height: float) -> list[Cell]:
    """Return those of *labels* that share a left or right edge or the middle: the largest such column."""
    best: list[Cell] = []
    edges: tuple[Callable[[Cell], float], ...] = (lambda c: c.x1, lambda c: c.x0, lambda c: c.cx)
    for edge in edges:
        for seed in labels:
            best = max(best, [c for c in labels if abs(edge(c) - edge(seed)) <= 0.8 * height], key=len)
    return _down(best)


def _down(cells: Sequence[Cell]) -> list[Cell]:
    return sorted(cells, key=lambda c: (c.cy, c.x0))


def _claimed(labels: Sequence[Cell], lines: Sequence[list[Cell]]) -> list[tuple[list[Cell], list[Cell]]]:
    """Give each line of a label to the nearest line of numbers."""
    middles = [median(c.cy for c in line) for line in lines]
    reach = 0.75 * step(middles)
    claims: list[list[Cell]] = [[] for _ in lines]
    for c in labels:
        nearest = min(range(len(lines)), key=lambda i: abs(middles[i] - c.cy))
        if abs(middles[nearest] - c.cy) <= reach:
            claims[nearest].append(c)
    return [(claim, sorted(line, key=lambda c: c.x0)) for claim, line in zip(claims, lines, strict=True) if claim]


def _shared(labels: Sequence[Cell], lines: Sequence[list[Cell]]) -> list[tuple[list[Cell], list[Cell]]]:
    """Give each line of numbers to the nearest label: several bars a label, one under the other."""
    reach = 0.75 * step([c.cy for c in labels])
    shares: list[list[Cell]] = [[] for _ in labels]
    for line in lines:
        middle = median(c.cy for c in line)
        nearest = min(range(len(labels)), key=lambda i: abs(labels[i].cy - middle))
        if abs(labels[nearest].cy - middle) <= reach:
            shares[nearest] += sorted(line, key=lambda c: c.x0)
    return [([label], share) for label, share in zip(labels, shares, strict=True) if share]


@dataclass(frozen=True, slots=True)
class Series:
    """The numbers of each row put into columns, and the columns' names (all or none).

    ``told`` says for each row whether its numbers stand in the columns; else they only stand in their order.
    """

    names: tuple[Cell, ...]
    numbers: list[tuple[Cell | None, ...]]
    told: list[bool]
    colours: tuple[str, ...] = ()


def series_of(
    rows: Sequence[Sequence[Cell]], others: Sequence[Cell], inks: Inks | None, *, lies: bool, order_known: bool
) -> Series:
    """Put the numbers of *rows*, each in its order, into columns and name these by a legend among *others*.

    Colours decide first. Else numbers that stand in columns of their own (a table), or the order in which numbers
    and names stand, if *order_known*: then a row with a number too few or too many stays untold.
    """
    lengths = [len(row) for row in rows]
    k = max(lengths, key=lambda n: (lengths.count(n), n))
    numbers = [c for row in rows for c in row]
    plain = [tuple(row) for row in rows]
    if k == 1:
        # a second number is that of a label which was not read, or none of the chart's
        return Series((), [(row[0],) for row in rows], [True] * len(rows))
    lines = _near(numbers, others)
    complete = [order_known and len(row) == k for row in rows]
    marks = inks.marked([c for line in lines for c in line]) if inks else []
    if inks and len(marks) >= 2:
        inked = _by_ink(rows, complete, marks, inks, "left" if lies else "below" if order_known else "around")
        if sum(row is not None for row in inked) > len(rows) / 2:
            seen = [n for n in range(len(marks)) if any(row and row[n] for row in inked)]
            told = [tuple(ink[n] for n in seen) if ink else row for ink, row in zip(inked, plain, strict=True)]
            names, colours = zip(*((marks[n].name, marks[n].colour) for n in seen), strict=True)
            return Series(names, told, [row is not None for row in inked], colours)
    legend = tuple(_legend(lines, k))
    columns = clusters(numbers, lambda c: c.cx, 1.5 * line_height(numbers)) if lies else []
    if len(columns) == k and all(_flush(column, 0.5 * line_height(column)) == _down(column) for column in columns):
        at = {c: n for n, column in enumerate(columns) for c in column}
        if all(len({at[c] for c in row}) == len(row) for row in rows):
            return Series(legend, [_placed([(at[c], c) for c in row], k) for row in rows], [True] * len(rows))
    if sum(complete) > len(rows) / 2:
        return Series(legend, [*plain], complete)
    return Series((), [*plain], [False] * len(rows))


def _by_ink(
    rows: Sequence[Sequence[Cell]], complete: Sequence[bool], marks: Sequence[Mark], inks: Inks, where: Where
) -> list[tuple[Cell | None, ...] | None]:
    """Return *rows* put in the order of *marks* by colour, None for a row that is not told apart.

    Rows that are *complete* have their series in the same order: they are told together.
    """
    whole = [row for row, all_there in zip(rows, complete, strict=True) if all_there]
    together = inks.places([*zip(*whole, strict=True)], marks, where) if len(whole) > 1 else None
    result: list[tuple[Cell | None, ...] | None] = []
    for row, all_there in zip(rows, complete, strict=True):
        places = together if together and all_there else inks.places([(c,) for c in row], marks, where)
        result.append(_placed([*zip(places, row, strict=True)], len(marks)) if places else None)
    return result


def _placed(placed: Sequence[tuple[int, Cell]], k: int) -> tuple[Cell | None, ...]:
    found = dict(placed)
    return tuple(found.get(n) for n in range(k))


def _near(numbers: Sequence[Cell], others: Sequence[Cell]) -> list[list[Cell]]:
    """Return rows of words above and below the numbers that may name series, the nearest first."""
    height = line_height([*numbers, *others])
    top, bottom = min(c.y0 for c in numbers), max(c.y1 for c in numbers)
    left, right = min(c.x0 for c in numbers), max(c.x1 for c in numbers)
    words = [c for c in others if c.label and not NOTE.search(c.text)]
    near = [c for c in words if top - NAMES_WITHIN * height <= c.cy <= bottom + 2 * NAMES_WITHIN * height]
    lines = [row for row in rows_of(near) if not top <= row[0].cy <= bottom and row[-1].x1 > left and row[0].x0 < right]
    return sorted(lines, key=lambda row: max(top - row[0].y1, row[0].y0 - bottom))


def _legend(lines: Sequence[list[Cell]], k: int) -> list[Cell]:
    """Return the nearest of *lines* that holds exactly *k* names; none when there is none."""
    for line in lines:
        if len(names := line) == k or len(names := unglued(line[0], k - len(line) + 1) + line[1:]) == k:
            return names
    return []


def step(places: Sequence[float]) -> float:
    """Return the usual distance between neighbours of *places*, which are in order."""
    gaps = [b - a for a, b in pairwise(places) if b > a]
    return median(gaps) if gaps else 1.0


def joined(cells: Sequence[Cell]) -> str:
    """Return the words of *cells* in reading order."""
    return " ".join(c.text for row in rows_of(cells) for c in row)
