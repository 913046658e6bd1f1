"""The drawing of a plan: layers, order, and that nothing lies on anything else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveal.export.layout import Box, Drawing, acyclic, draw, layers

Nodes = list[tuple[str, list[str]]]


@st.composite
def plans(drawing: st.DrawFn) -> Nodes:
    """Plans as they should be, each step after those it depends on."""
    size = drawing(st.integers(0, 12))
    parents = [drawing(st.lists(st.integers(0, n - 1), max_size=3, unique=True)) if n else [] for n in range(size)]
    return [(f"s{n}", [f"s{p}" for p in of]) for n, of in enumerate(parents)]


anything = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.lists(st.sampled_from("abcdefghz"), max_size=5)),
    max_size=8,
    unique_by=lambda node: node[0],
)


def overlapping(boxes: Sequence[Box]) -> list[tuple[str, str]]:
    return [
        (a.id, b.id)
        for a, b in combinations(boxes, 2)
        if a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height
    ]


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)]


def curve(path: str) -> list[tuple[float, float]]:
    """Points along the path, its curves too."""
    found: list[tuple[float, float]] = []
    for sign, rest in re.findall(r"([MLC])([^MLC]+)", path):
        given_points = points(rest)
        if sign == "C":
            a, (b, c, d) = found[-1], given_points
            for n in range(1, 21):
                t = n / 20
                weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
                found.append(tuple(sum(w * p[i] for w, p in zip(weights, (a, b, c, d), strict=True)) for i in (0, 1)))  # type: ignore[arg-type]
        else:
            found += given_points
    return found


def sound(drawn: Drawing) -> None:
    assert overlapping(drawn.boxes) == []
    for box in drawn.boxes:
        assert box.x >= 0 and box.y >= 0
        assert box.x + box.width <= drawn.width and box.y + box.height <= drawn.height
    places = {box.id: box for box in drawn.boxes}
    for edge in drawn.edges:
        for x, y in curve(edge.path):
            assert 0 <= x <= drawn.width and 0 <= y <= drawn.height
            for box in drawn.boxes:
                inside = box.x + 1 < x < box.x + box.width - 1 and box.y + 1 < y < box.y + box.height - 1
                assert not inside, f"{edge.parent} to {edge.child} runs through {box.id}"
        (x0, y0), (x1, y1) = points(edge.path)[0], points(edge.path)[-1]
        parent, child = places[edge.parent], places[edge.child]
        if drawn.down:
            assert abs(y0 - parent.y - parent.height) < 0.1 and abs(y1 - child.y) < 0.1
            assert abs(x0 - parent.x - parent.width / 2) < 0.1 and abs(x1 - child.x - child.width / 2) < 0.1
        else:
            assert abs(x0 - parent.x - parent.width) < 0.1 and abs(x1 - child.x) < 0.1


@settings(max_examples=150, deadline=None)
@given(plans())
def test_every_step_is_drawn_once_after_its_parents_and_nothing_overlaps(nodes: Nodes) -> None:
    drawn = draw(nodes)
    assert sorted(b.id for b in drawn.boxes) == sorted(n for n, _ in nodes)
    assert sorted((e.parent, e.child) for e in drawn.edges) == sorted((p, n) for n, of in nodes for p in of)
    sound(drawn)


@settings(max_examples=100, deadline=None)
@given(anything)
def test_circles_and_unknown_steps_do_not_stop_the_drawing(nodes: Nodes) -> None:
    drawn = draw(nodes)
    assert sorted(b.id for b in drawn.boxes) == sorted(n for n, _ in nodes)
    sound(drawn)


@given(plans())
def test_a_layer_is_the_longest_path_to_it(nodes: Nodes) -> None:
    parents = acyclic(nodes)
    level = layers(parents)
    for node, of in parents.items():
        assert level[node] == (1 + max(level[p] for p in of) if of else 0)


def test_a_circle_loses_the_edge_that_closes_it() -> None:
    assert acyclic([("a", ["c"]), ("b", ["a"]), ("c", ["b"])]) == {"a": ("c",), "b": ("a",), "c": ()}


def test_crossed_edges_are_untangled() -> None:
    drawn = draw([("a", []), ("b", []), ("c", ["b"]), ("d", ["a"])])
    x = {box.id: box.x for box in drawn.boxes}
    assert (x["a"] < x["b"]) == (x["d"] < x["c"])


def test_a_chain_is_straight() -> None:
    assert len({box.x for box in draw([("a", []), ("b", ["a"]), ("c", ["b"])]).boxes}) == 1


@pytest.mark.parametrize(("members", "down"), [(4, True), (5, False), (10, False)])
def test_a_wide_fan_grows_to_the_right(members: int, down: bool) -> None:
    fan = [("s1", []), *((f"m{n}", ["s1"]) for n in range(members)), ("end", [f"m{n}" for n in range(members)])]
    drawn = draw(fan)
    assert drawn.down is down
    assert drawn.width <= 1042
    sound(drawn)


def test_the_same_plan_is_drawn_the_same() -> None:
    nodes = [("a", []), ("b", []), ("c", ["a", "b"]), ("d", ["b"]), ("e", ["c", "d", "a"])]
    assert draw(nodes) == draw(nodes)


def test_a_long_plan_of_many_ways_is_drawn_quickly() -> None:
    ladder = [(f"n{n}", [f"n{p}" for p in (n - 1, n - 2) if p >= 0]) for n in range(60)]
    sound(draw(ladder))
