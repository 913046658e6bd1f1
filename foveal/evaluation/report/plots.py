"""Where things stand in the plots: scales, ticks, points with intervals, labels that keep apart. No markup."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 42, 118, 12, 38
"""Room around a plot's field; on the right stand the names of the runs."""
LINE = 15
"""Pixels between names."""
LONGEST_NAME = 17
PANEL = 132
"""Side of a reliability diagram's field."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid, pixels, and its words."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A run in a plot, pixels: its place, its interval's ends, where its name stands. ``front``: nothing beats it."""

    run: int
    name: str
    x: float
    y: float
    low: float
    high: float
    label: float
    front: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """A run's line in a plot, as SVG path data, and where its name stands."""

    run: int
    name: str
    path: str
    x: float
    y: float
    label: float


@dataclass(frozen=True, slots=True)
class Plot:
    """A plot with its grid. ``frontier`` is SVG path data through the dots that nothing beats."""

    title: str
    across: str
    up: str
    xs: tuple[Tick, ...]
    ys: tuple[Tick, ...]
    dots: tuple[Dot, ...] = ()
    curves: tuple[Curve, ...] = ()
    frontier: str = ""
    words: str = ""
    """What it shows, for who does not see it."""


@dataclass(frozen=True, slots=True)
class Bubble:
    """A bin of a reliability diagram, pixels, and what it stands for."""

    x: float
    y: float
    radius: float
    words: str


@dataclass(frozen=True, slots=True)
class Point:
    """A run's cost and accuracy with its interval."""

    run: int
    name: str
    cost: float
    accuracy: float
    low: float
    high: float


def costs(title: str, across: str, points: Sequence[Point]) -> Plot:
    """Return accuracy (0 to 1, upwards) against a cost (from 0)."""
    ticks = round_ticks(max((p.cost for p in points), default=1.0))
    top, bottom = _range([p.high for p in points], [p.low for p in points])
    scale_x, scale_y = _across(0.0, ticks[-1]), _upwards(bottom, top)
    best = frontier([(p.cost, p.accuracy) for p in points])
    labels = spread([scale_y(p.accuracy) for p in points], TOP + 6, HEIGHT - BOTTOM - 4)
    dots = tuple(
        Dot(
            run=point.run,
            name=short(point.name),
            x=scale_x(point.cost),
            y=scale_y(point.accuracy),
            low=scale_y(point.low),
            high=scale_y(point.high),
            label=label,
            front=n in best,
        )
        for n, (point, label) in enumerate(zip(points, labels, strict=True))
    )
    steps: list[str] = []
    for n in best:
        steps.append(f"H{dots[n].x:.1f} V{dots[n].y:.1f}" if steps else f"M{dots[n].x:.1f},{dots[n].y:.1f}")
    if best:
        steps.append(f"H{WIDTH - RIGHT:.1f}")
    words = "; ".join(f"{p.name}: {p.accuracy:.0%} at {figure(p.cost)}" for p in points)
    return Plot(
        title, across, "right", tuple(Tick(scale_x(t), figure(t)) for t in ticks), _percents(bottom, top, scale_y),
        dots, (), " ".join(steps), f"{title}. {words}. Beaten by no other: {', '.join(points[n].name for n in best)}.",
    )  # fmt: skip


def risks(curves: Sequence[tuple[int, str, Sequence[tuple[float, float]]]]) -> Plot:
    """Return wrong answers against coverage: for each run its number, name and points (coverage, risk), both 0 to 1."""
    top = min(1.0, math.ceil(max((risk for _, _, points in curves for _, risk in points), default=0.1) * 10 + 0.2) / 10)
    scale_x, scale_y = _across(0.0, 1.0), _upwards(0.0, top)
    labels = spread([scale_y(points[-1][1]) for _, _, points in curves], TOP + 6, HEIGHT - BOTTOM - 4)
    drawn = []
    for (run, name, points), label in zip(curves, labels, strict=True):
        at = [(scale_x(x), scale_y(y)) for x, y in points]
        path = "M" + " L".join(f"{x:.1f},{y:.1f}" for x, y in at)
        drawn.append(Curve(run, short(name), path, *at[-1], label))
    words = "; ".join(f"{name}: {points[-1][1]:.0%} wrong when all are kept" for _, name, points in curves)
    return Plot(
        "Risk against coverage", "share of the given answers that is kept, surest first", "wrong",
        tuple(Tick(scale_x(t / 5), f"{t * 20}%") for t in range(6)), _percents(0.0, top, scale_y),
        curves=tuple(drawn), words=f"Risk against coverage. {words}.",
    )  # fmt: skip


def bubbles(bins: Iterable[tuple[int, float, float]], total: int) -> tuple[Bubble, ...]:
    """Return the bins (answers, confidence, accuracy) of a reliability diagram; areas go with answers."""
    return tuple(
        Bubble(
            PANEL * confidence, PANEL * (1 - accuracy), 2.2 + 9 * math.sqrt(n / max(1, total)),
            f"{n} answers said {confidence:.0%}, {accuracy:.0%} right",
        )
        for n, confidence, accuracy in bins
    )  # fmt: skip


def frontier(points: Sequence[tuple[float, float]]) -> list[int]:
    """Return the places of the points (cost, worth) that no other beats: none is cheaper and as good, or better and
    as cheap. Cheapest first.
    """

    def beaten(cost: float, worth: float) -> bool:
        return any(c <= cost and w >= worth and (c, w) != (cost, worth) for c, w in points)

    return sorted((n for n, point in enumerate(points) if not beaten(*point)), key=lambda n: points[n])


def spread(wanted: Sequence[float], low: float, high: float, apart: float = LINE) -> list[float]:
    """Return places near *wanted* that lie *apart* and between *low* and *high*; closer when there is no room."""
    if not wanted:
        return []
    order = sorted(range(len(wanted)), key=lambda n: (wanted[n], n))
    apart = min(apart, (high - low) / max(1, len(wanted) - 1))
    places: list[float] = []
    for n in order:
        places.append(max(wanted[n], low, places[-1] + apart if places else low))
    limit = high
    for n in range(len(places) - 1, -1, -1):
        places[n] = limit = min(places[n], limit)
        limit -= apart
    return [place for _, place in sorted(zip(order, places, strict=True))]


def round_ticks(highest: float, wanted: int = 5) -> list[float]:
    """Return round figures from 0 to at least *highest*."""
    if highest <= 0:
        return [0.0, 1.0]
    raw = highest / wanted
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw * 0.999)
    return [n * step for n in range(math.ceil(highest / step * 0.999) + 1)]


def figure(value: float) -> str:
    """Return *value* with as many digits as are looked at."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def short(name: str) -> str:
    """Return a run's name as it fits beside a plot."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def stack(parts: Mapping[str, int]) -> list[tuple[str, int, float, float]]:
    """Return (name, count, start, width) of each part of a bar, in percent; parts of nothing are left out."""
    total, at, bars = sum(parts.values()), 0.0, []
    for name, count in parts.items():
        if count:
            bars.append((name, count, at, 100 * count / total))
            at += 100 * count / total
    return bars


class _Scale:
    """A straight map of figures to pixels."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._start = low, start
        self._by = (end - start) / (high - low or 1.0)

    def __call__(self, value: float) -> float:
        return self._start + (value - self._low) * self._by


def _across(low: float, high: float) -> _Scale:
    return _Scale(low, high, LEFT, WIDTH - RIGHT)


def _upwards(low: float, high: float) -> _Scale:
    return _Scale(low, high, HEIGHT - BOTTOM, TOP)


def _range(highs: Sequence[float], lows: Sequence[float]) -> tuple[float, float]:
    """Return the tenths around all intervals: (upper, lower), at least two apart."""
    top = min(1.0, math.ceil(max(highs, default=1.0) * 10) / 10)
    bottom = max(0.0, math.floor(min(lows, default=0.0) * 10) / 10)
    return (top, bottom) if top - bottom >= 0.19 else (min(1.0, top + 0.1), max(0.0, bottom - 0.1))


def _percents(low: float, high: float, scale: _Scale) -> tuple[Tick, ...]:
    step = 0.1 if high - low <= 0.55 else 0.2
    first = math.ceil(low / step - 1e-9)
    marks = [n * step for n in range(first, math.floor(high / step + 1e-9) + 1)]
    return tuple(Tick(scale(mark), f"{mark:.0%}") for mark in marks)
