"""The pieces of text in a picture: their places, and what is a number, a year or neither."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from foveal.types import OcrLine

_AMOUNT = r"\d{1,4}(?:[  ]\d{3}){1,2}(?:[.,]\d+)?|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:[.,]\d+)?"
_NUMBER = re.compile(
    rf"^[~≈<>]?\s?(?P<sign>[-–−+]?)\s?(?:US)?[$€£¥₹]?\s?(?P<amount>{_AMOUNT})\s?"
    r"(?:%|°C?|[kKmMbB]n?|thousand|million|billion|trillion|x|pp)?\s?\*{0,4}$"
)
_YEAR = re.compile(r"^(?:1[6-9]|20)\d\d\*{0,4}$")
_RANGE = re.compile(r"\d\s?[-–/+:]")
_RUNS = (
    re.compile(r"[-–]?\d[\d.,]*%"),
    re.compile(r"\d{1,3}(?: \d{3})*\.\d{1,2}(?=\s|$)"),
    re.compile(r"(?:1[6-9]|20)\d\d(?=\s|$)"),
    re.compile(r"\d{1,2}:\d\d(?:\s[A-Z]{2,4})?(?=\s|$)"),
)
"""What is still told apart when several were read as one: shares, decimals, years and times."""
_SEAMS = (
    re.compile(r"(?<=[a-z)*%]{2})(?=[A-Z][a-z])|(?<=\d-\d\d)(?=\d)"),
    re.compile(r"(?<=[a-z)*%])(?=[A-Z])"),
)
"""Where names that were read as one word join, the surest first: "Not enoughToo many", "0-1415-64"."""
TALL = 1.5
"""Height over width from which a box of several letters holds turned text."""
SURE_OF_TURNED = 0.75


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text, its box in pixels, and its number when it is nothing but one."""

    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    value: float | None = None
    year: bool = False

    @property
    def cx(self) -> float:
        """Return the middle from left to right."""
        return (self.x0 + self.x1) / 2

    @property
    def cy(self) -> float:
        """Return the middle from top to bottom."""
        return (self.y0 + self.y1) / 2

    @property
    def height(self) -> float:
        """Return the height in pixels."""
        return self.y1 - self.y0

    @property
    def words(self) -> bool:
        """Say whether this may name something and is no number: words, or a range such as 18-29."""
        return self.value is None and (any(c.isalpha() for c in self.text) or bool(_RANGE.search(self.text)))

    @property
    def label(self) -> bool:
        """Say whether this may name something: words, a range, or a year."""
        return self.year or self.words


def cells_of(lines: Iterable[OcrLine]) -> list[Cell]:
    """Return what was read, without marks that are no words and without turned text that was read badly."""
    cells = []
    for line in lines:
        text = " ".join(line.text.split()).lstrip("·•●■◆▪- ") if number(line.text) is None else line.text.strip()
        box = line.box
        turned = box.y1 - box.y0 > TALL * (box.x1 - box.x0) and len(text) > 2
        if any(c.isalnum() for c in text) and not (turned and line.confidence < SURE_OF_TURNED):
            cells += apart(cell(text, box.x0, box.y0, box.x1, box.y1))
    return cells


def apart(read: Cell) -> list[Cell]:
    """Return the numbers that were read as one piece of text as pieces of their own; else the piece as it is."""
    for run in _RUNS:
        found = list(run.finditer(read.text))
        if len(found) > 1 and not run.sub("", read.text).strip():
            width = (read.x1 - read.x0) / len(read.text)
            return [cell(m[0], read.x0 + m.start() * width, read.y0, read.x0 + m.end() * width, read.y1) for m in found]
    return [read]


def cell(text: str, x0: float, y0: float, x1: float, y1: float) -> Cell:
    """Return *text* as a cell; a number that is written in groups is closed up ("140 300" to "140300")."""
    value = number(text)
    if value is not None:
        text = re.sub(r"(?<=\d)[  ](?=\d{3})", "", text)
    return Cell(text, x0, y0, x1, y1, value, bool(_YEAR.match(text)))


def number(text: str) -> float | None:
    """Return the number that *text* is, with its sign, a percent sign, a currency or a footnote mark; else None."""
    match = _NUMBER.match(text.strip())
    if match is None:
        return None
    amount = re.sub(r"[  ]", "", match["amount"])
    grouped = re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", amount)
    value = float(amount.replace(",", "" if grouped else "."))
    return -value if match["sign"] in ("-", "–", "−") else value


def line_height(cells: Sequence[Cell]) -> float:
    """Return the usual height of a line of text in pixels."""
    return median(min(c.height, c.x1 - c.x0 + c.height) for c in cells) if cells else 1.0


def clusters(cells: Iterable[Cell], at: Callable[[Cell], float], apart: float) -> list[list[Cell]]:
    """Return groups of *cells*, in order of *at*, whose places differ by less than *apart* from the group's mean."""
    groups: list[list[Cell]] = []
    for c in sorted(cells, key=lambda c: (at(c), c.x0, c.text)):
        if groups and at(c) - sum(map(at, groups[-1])) / len(groups[-1]) < apart:
            groups[-1].append(c)
        else:
            groups.append([c])
    return groups


def rows_of(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Return rows from top to bottom, each from left to right; a row holds what overlaps its first cell by half."""
    rows: list[list[Cell]] = []
    for c in sorted(cells, key=lambda c: (c.cy, c.x0)):
        if rows and min(rows[-1][0].y1, c.y1) - max(rows[-1][0].y0, c.y0) > 0.5 * max(rows[-1][0].height, c.height):
            rows[-1].append(c)
        else:
            rows.append([c])
    return [sorted(row, key=lambda c: c.x0) for row in rows]


def unglued(read: Cell, pieces: int) -> list[Cell]:
    """Return *read* cut into *pieces* where names were read as one word, if it can be; else as it is."""
    for seam in _SEAMS:
        names = seam.split(read.text)
        if len(names) == pieces:
            width = (read.x1 - read.x0) / max(1, len(read.text))
            ends = [sum(map(len, names[: n + 1])) * width + read.x0 for n in range(pieces)]
            return [
                replace(read, text=name.strip(), x0=end - len(name) * width, x1=end)
                for name, end in zip(names, ends, strict=True)
            ]
    return [read]
