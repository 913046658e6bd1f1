"""Where the boxes of a plan go: layers by longest path, ordered by barycentres, moved apart, joined by curves.

The layered method of Sugiyama, Tagawa and Toda (1981). An edge that skips layers is led through an empty place
in each of them, so that no edge runs behind a box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH, HEIGHT = 226, 94
"""Of a box, in pixels."""
APART = 22
"""Pixels between the boxes of a layer."""
BETWEEN = 42
"""Pixels between layers, where the edges bend."""
PASSAGE = 10
"""Pixels that an edge takes in a layer that it only passes."""
MARGIN = 4
WIDEST = 4
"""Boxes side by side; a plan that is wider grows from left to right instead, so that it only gets longer."""
SWEEPS = 8


@dataclass(frozen=True, slots=True)
class Box:
    """A step's place: the upper left corner, pixels."""

    id: str
    x: float
    y: float
    width: float = WIDTH
    height: float = HEIGHT


@dataclass(frozen=True, slots=True)
class Edge:
    """From a step to one that depends on it; ``path`` is SVG path data."""

    parent: str
    child: str
    path: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A plan drawn; ``down`` tells that layers follow each other downwards, not to the right."""

    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    width: float
    height: float
    down: bool


@dataclass(frozen=True, slots=True)
class _Place:
    """A box, or (with ``edge``) where an edge passes a layer."""

    id: str
    edge: tuple[str, str] | None = None


def draw(nodes: Sequence[tuple[str, Sequence[str]]]) -> Drawing:
    """Lay out *nodes*: ids, each with the ids it depends on. Unknown ids and edges that close a circle are left out."""
    parents = acyclic(nodes)
    layer = layers(parents)
    rows: list[list[_Place]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for node in parents:
        rows[layer[node]].append(_Place(node))
    above: dict[_Place, list[_Place]] = {_Place(node): [] for node in parents}
    routes: dict[tuple[str, str], list[_Place]] = {}
    for child, of in parents.items():
        for parent in of:
            route = [_Place(parent)]
            for level in range(layer[parent] + 1, layer[child]):
                place = _Place(f"{level}", (parent, child))
                rows[level].append(place)
                route.append(place)
            route.append(_Place(child))
            routes[parent, child] = route
            for upper, lower in pairwise(route):
                above.setdefault(lower, []).append(upper)
    rows = _ordered(rows, above)
    down = max((sum(p.edge is None for p in row) for row in rows), default=0) <= WIDEST
    across, along = (WIDTH, HEIGHT) if down else (HEIGHT, WIDTH)
    middle = _middles(rows, above, across)
    step = along + BETWEEN

    def point(across_at: float, along_at: float) -> str:
        x, y = (across_at, along_at) if down else (along_at, across_at)
        return f"{x:.1f},{y:.1f}"

    boxes, starts = [], {}
    for level, row in enumerate(rows):
        for place in row:
            starts[place] = MARGIN + level * step
            if place.edge is None:
                corner = (middle[place] - across / 2, starts[place])
                boxes.append(Box(place.id, *(corner if down else corner[::-1])))
    edges = []
    for (parent, child), route in routes.items():
        path = [f"M{point(middle[route[0]], starts[route[0]] + along)}"]
        for upper, lower in pairwise(route):
            begin, end = starts[upper] + along, starts[lower]
            bend = (begin + end) / 2
            if upper.edge is not None:
                path.append(f"L{point(middle[upper], begin)}")
            path.append(f"C{point(middle[upper], bend)} {point(middle[lower], bend)} {point(middle[lower], end)}")
        edges.append(Edge(parent, child, " ".join(path)))
    width = max((b.x + b.width for b in boxes), default=0.0) + MARGIN
    height = max((b.y + b.height for b in boxes), default=0.0) + MARGIN
    passing = max((m + PASSAGE / 2 for p, m in middle.items() if p.edge), default=0.0) + MARGIN
    if down:
        width = max(width, passing)
    else:
        height = max(height, passing)
    return Drawing(tuple(boxes), tuple(edges), width, height, down)


def acyclic(nodes: Sequence[tuple[str, Sequence[str]]]) -> dict[str, tuple[str, ...]]:
    """Return each node's parents without unknown ones, repeated ones and those that would close a circle."""
    asked = {node: tuple(dict.fromkeys(of)) for node, of in nodes}
    kept: dict[str, tuple[str, ...]] = {node: () for node in asked}

    for node, of in asked.items():
        for parent in of:
            if parent in kept and node not in _with_ancestors(parent, kept):
                kept[node] += (parent,)
    return kept


def _with_ancestors(node: str, parents: Mapping[str, Sequence[str]]) -> set[str]:
    seen, queue = {node}, [node]
    while queue:
        new = set(parents[queue.pop()]) - seen
        seen |= new
        queue += new
    return seen


def layers(parents: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return each node's layer: the length of the longest path that leads to it."""
    found: dict[str, int] = {}

    def depth(node: str) -> int:
        if node not in found:
            found[node] = 1 + max((depth(parent) for parent in parents[node]), default=-1)
        return found[node]

    return {node: depth(node) for node in parents}


def crossings(rows: Sequence[Sequence[_Place]], above: Mapping[_Place, Sequence[_Place]]) -> int:
    """Return how often edges between neighbouring layers cross."""
    count = 0
    for upper, lower in pairwise(rows):
        at = {place: n for n, place in enumerate(upper)}
        ends = [sorted(at[p] for p in above.get(place, ())) for place in lower]
        count += sum(a > b for n, left in enumerate(ends) for right in ends[n + 1 :] for a in left for b in right)
    return count


def _ordered(rows: list[list[_Place]], above: Mapping[_Place, list[_Place]]) -> list[list[_Place]]:
    """Order each layer by the mean position of its neighbours, down and up in turn; the best order seen wins."""
    below = _below(above)
    best, fewest = rows, crossings(rows, above)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        neighbours = above if sweep % 2 == 0 else below
        rows = [list(row) for row in rows]
        for row in rows if sweep % 2 == 0 else rows[::-1]:
            at = {place: n for one in rows for n, place in enumerate(one)}
            wanted = {place: _mean([at[p] for p in neighbours.get(place, ())], at[place]) for place in row}
            row.sort(key=wanted.__getitem__)
        if (now := crossings(rows, above)) < fewest:
            best, fewest = rows, now
    return best


def _middles(
    rows: Sequence[Sequence[_Place]], above: Mapping[_Place, list[_Place]], across: float
) -> dict[_Place, float]:
    """Return each place's middle: as near to its neighbours' as its layer's order and distances allow."""
    below = _below(above)

    def size(place: _Place) -> float:
        return PASSAGE if place.edge else across

    middle: dict[_Place, float] = {}
    offsets: list[list[float]] = []
    for row in rows:
        at, offset = 0.0, []
        for place in row:
            offset.append(at + size(place) / 2)
            at += size(place) + APART
        offsets.append(offset)
        middle.update(zip(row, offset, strict=True))
    for sweep in range(SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        order = range(len(rows)) if sweep % 2 == 0 else range(len(rows) - 1, -1, -1)
        for level in order:
            row, offset = rows[level], offsets[level]
            wanted = [_mean([middle[p] for p in neighbours.get(place, ())], middle[place]) for place in row]
            fitted = _never_falling([w - o for w, o in zip(wanted, offset, strict=True)])
            middle.update({place: f + o for place, f, o in zip(row, fitted, offset, strict=True)})
    first = min((m - size(place) / 2 for place, m in middle.items()), default=0.0)
    return {place: m - first + MARGIN for place, m in middle.items()}


def _never_falling(values: Sequence[float]) -> list[float]:
    """Return the nearest sequence (least squares) that never falls: pool adjacent violators."""
    pools: list[tuple[float, int]] = []
    for value in values:
        total, count = value, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            total, count = total + pools[-1][0], count + pools[-1][1]
            pools.pop()
        pools.append((total, count))
    return [total / count for total, count in pools for _ in range(count)]


def _below(above: Mapping[_Place, Sequence[_Place]]) -> dict[_Place, list[_Place]]:
    found: dict[_Place, list[_Place]] = {}
    for lower, uppers in above.items():
        for upper in uppers:
            found.setdefault(upper, []).append(lower)
    return found


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
