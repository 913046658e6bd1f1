"""Calls over time: for each step, bars in as few lanes as keep calls at the same time apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from foveal.tools.runs.store import CallRecord

SHORTEST = 0.001
"""Seconds that are shown at least."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A call; ``left`` and ``width`` are percent of the time shown, ``lane`` counts from 0."""

    call: CallRecord
    left: float
    width: float
    lane: int


@dataclass(frozen=True, slots=True)
class Row:
    """The calls of one step ("" for those of no step)."""

    step: str
    bars: tuple[Bar, ...]
    lanes: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows in the order in which the steps began; ``ticks`` are seconds and their place in percent."""

    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, float], ...]
    seconds: float
    deadline: float | None
    """Where the limit of time lies, in percent, when it is on the picture."""


def lay_out(calls: Sequence[CallRecord], *, limit: float | None = None, seconds: float = 0.0) -> Timeline:
    """Return the timeline of *calls*; *seconds* is how long the whole run took, *limit* how long it might have."""
    total = max([seconds, *(c.started + c.elapsed for c in calls)])
    if limit and total < limit <= 1.5 * total:
        total = limit
    total = max(total, SHORTEST)
    rows = []
    for step in dict.fromkeys(c.step for c in sorted(calls, key=lambda c: (c.started, c.seq))):
        ends: list[float] = []
        bars = []
        for call in sorted((c for c in calls if c.step == step), key=lambda c: (c.started, c.seq)):
            lane = next((n for n, end in enumerate(ends) if end <= call.started), len(ends))
            ends[lane:lane + 1] = [call.started + call.elapsed]  # fmt: skip
            bars.append(Bar(call, 100 * call.started / total, 100 * call.elapsed / total, lane))
        rows.append(Row(step, tuple(bars), len(ends)))
    ticks = tuple((at, 100 * at / total) for at in _ticks(total))
    return Timeline(tuple(rows), ticks, total, 100 * limit / total if limit and limit <= total else None)


def _ticks(total: float) -> list[float]:
    """Return four to eight round numbers from 0 to *total*."""
    power = 10.0 ** floor(log10(total / 5))
    step = next(power * m for m in (1, 2, 5, 10) if total / (power * m) <= 8)
    return [round(step * n, 6) for n in range(int(total / step + 1e-9) + 1)]
