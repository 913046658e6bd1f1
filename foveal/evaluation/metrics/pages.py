"""Pages and parts of pages: page recall, and layout recall by area without counting an area twice (MMDocIR).

Page measures are those of :mod:`foveal.evaluation.metrics.ranking` over page ids. Layout recall is the share of the
gold area that the first *k* retrieved boxes cover. The published scorer adds up the overlaps of every pair of boxes,
so that boxes that overlap one another count twice and a recall can exceed 1; here both sides are unions.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from foveal.evaluation.metrics.ranking import recall_at


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of a page, x to the right and y down, in any one unit of that page. Raises ValueError if inverted."""

    page: str
    x0: float
    y0: float
    x1: float
    y1: float

    def __post_init__(self) -> None:
        if self.x1 < self.x0 or self.y1 < self.y0:
            raise ValueError("a box ends before it begins")

    def meet(self, other: Box) -> Box | None:
        """Return what both cover, None when that has no area."""
        if self.page != other.page:
            return None
        x0, y0 = max(self.x0, other.x0), max(self.y0, other.y0)
        x1, y1 = min(self.x1, other.x1), min(self.y1, other.y1)
        return Box(self.page, x0, y0, x1, y1) if x0 < x1 and y0 < y1 else None


def page_recall(retrieved: Sequence[str], gold: Iterable[str], k: int) -> float | None:
    """Return the share of the *gold* pages among the first *k* retrieved ones; None when there are none."""
    return recall_at(retrieved, gold, k)


def layout_recall(retrieved: Sequence[Box], gold: Sequence[Box], k: int | None = None) -> float | None:
    """Return area(first *k* of *retrieved* that lies on *gold*) / area(*gold*), 0 to 1; None when gold has no area."""
    whole = area(gold)
    return _shared(retrieved[:k], gold) / whole if whole else None


def layout_precision(retrieved: Sequence[Box], gold: Sequence[Box], k: int | None = None) -> float | None:
    """Return the share of the retrieved area that lies on *gold*, 0 to 1; None when nothing was retrieved."""
    whole = area(retrieved[:k])
    return _shared(retrieved[:k], gold) / whole if whole else None


def area(boxes: Iterable[Box]) -> float:
    """Return the area of the union of *boxes*, over all pages."""
    pages: dict[str, list[Box]] = {}
    for box in boxes:
        pages.setdefault(box.page, []).append(box)
    return sum(_page_area(group) for group in pages.values())


def _page_area(boxes: Sequence[Box]) -> float:
    total = 0.0
    for left, right in pairwise(sorted({edge for box in boxes for edge in (box.x0, box.x1)})):
        end, height = float("-inf"), 0.0
        for top, bottom in sorted((box.y0, box.y1) for box in boxes if box.x0 <= left and box.x1 >= right):
            height += max(0.0, bottom - max(top, end))
            end = max(end, bottom)
        total += height * (right - left)
    return total


def _shared(one: Sequence[Box], other: Sequence[Box]) -> float:
    return area(met for a in one for b in other if (met := a.meet(b)) is not None)
