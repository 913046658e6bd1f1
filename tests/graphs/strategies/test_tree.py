"""The tree of reasoning steps: its bound, its choice of a leaf, and what goes up."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from foveal.graphs.strategies.tree import EXPLORATION, Node, best, expand, select, uct

worth = st.floats(0, 1, allow_nan=False)


def test_the_bound_is_the_standard_one_and_not_the_misprint() -> None:
    parent = Node(visits=8)
    node = Node("a", parent=parent, value=0.5, visits=2)
    assert uct(node, 1.0) == 0.5 + math.sqrt(2 * math.log(8) / 2)
    assert uct(node, 1.0) != 0.5 + math.sqrt(2 * math.log(8 / 2))
    assert uct(Node("b", parent=parent)) == math.inf


@given(worth, st.integers(1, 50), st.integers(1, 50), st.integers(0, 50))
def test_the_bound_falls_with_visits_and_grows_with_those_of_the_parent(w: float, n: int, more: int, rest: int) -> None:
    def bound(visits: int, parent: int) -> float:
        return uct(Node("a", parent=Node(visits=parent), value=w, visits=visits))

    assert bound(n, n + rest) >= w
    assert bound(n + more, n + more + rest) <= bound(n, n + more + rest)
    assert bound(n, n + rest + more) >= bound(n, n + rest)


@given(st.lists(st.tuples(st.lists(worth, max_size=3), st.integers(0, 7)), max_size=12))
def test_a_search_ends_and_every_mean_is_one(rounds: list[tuple[list[float], int]]) -> None:
    root, seen = Node(), set()
    for values, ends in rounds:
        node = select(root)
        if node is None:
            assert root.closed
            break
        assert not node.expanded and node.answer is None and node not in seen
        seen.add(node)
        expand(node, [(f"s{n}", "x" if ends >> n & 1 else None) for n in range(len(values))], values)
        assert node.visits == (1 if node is root else 2)
    for node in root.nodes():
        assert 0 <= node.value <= 1
        assert [n.parent for n in node.children] == [node] * len(node.children)
    assert root.visits == len(seen)
    ended = [n for n in root.nodes() if n.answer is not None]
    assert (best(root) is None) == (not ended)
    assert all(n.value <= best(root).value for n in ended)  # type: ignore[union-attr]


def test_the_better_step_is_gone_on_from_until_the_other_is_worth_a_try() -> None:
    root = Node()
    expand(root, [("good", None), ("fair", None)], [0.9, 0.5])
    good, fair = root.children
    assert select(root) is good
    expand(good, [("dead", None)], [0.1])
    assert good.value == (0.9 + 0.1) / 2 and root.visits == 2
    assert uct(fair, EXPLORATION) > uct(good, EXPLORATION) and select(root) is fair


def test_a_step_that_concludes_is_not_gone_on_from() -> None:
    root = Node()
    expand(root, [("done", "x"), ("open", None)], [1.0, 0.0])
    assert select(root) is root.children[1]
    expand(root.children[1], [], [])
    assert select(root) is None and root.closed
    assert best(root) is root.children[0] and [n.step for n in root.children[0].path] == ["done"]
