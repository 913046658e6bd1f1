"""A tree of reasoning steps, searched by upper confidence bounds (UCT, Kocsis and Szepesvári 2006). Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from foveal.types import Evidence

EXPLORATION = math.sqrt(0.5)
"""C of :func:`uct`, so that the bound is ``w + sqrt(ln N / n)``; AR-MCTS does not say its own."""


@dataclass(slots=True, eq=False)
class Node:
    """A reasoning step. ``value`` is the mean of what its ``visits`` were worth, each 0 to 1."""

    step: str = ""
    answer: str | None = None
    """What the step concludes with; nothing follows it then."""
    parent: Node | None = None
    evidence: tuple[Evidence, ...] = ()
    """What was retrieved to go on from here."""
    value: float = 0.0
    visits: int = 0
    children: list[Node] = field(default_factory=list)
    expanded: bool = False

    @property
    def path(self) -> list[Node]:
        """The steps from the first to this one, without the root."""
        return [*self.parent.path, self] if self.parent else []

    @property
    def closed(self) -> bool:
        """Whether nothing can follow: it concludes, or all that follows it does."""
        return self.answer is not None or (self.expanded and all(child.closed for child in self.children))

    def nodes(self) -> Iterator[Node]:
        """Yield this node and all below it."""
        yield self
        for child in self.children:
            yield from child.nodes()


def uct(node: Node, c: float = EXPLORATION) -> float:
    """Return ``w + C sqrt(2 ln N / n)``: N visits of the parent, n of the node; infinite for one never visited.

    The notes on AR-MCTS write ``C sqrt(2 ln (N / n))``, which falls below no visit at all: taken for a slip.
    """
    if not node.visits or node.parent is None:
        return math.inf
    return node.value + c * math.sqrt(2 * math.log(max(1, node.parent.visits)) / node.visits)


def select(root: Node) -> Node | None:
    """Return the open leaf to go on from, by the highest bound at every fork, the first among equals; None: none."""
    node = root
    while node.expanded:
        going = [child for child in node.children if not child.closed]
        if not going:
            return None
        node = max(going, key=uct)
    return None if node.closed else node


def expand(node: Node, steps: Sequence[tuple[str, str | None]], values: Sequence[float]) -> None:
    """Put *steps* (and what they conclude with) below *node*, each worth its value of *values*.

    The node and all above it are worth the mean more: ``N += 1; Q += (V - Q) / N``. No step closes the node.
    """
    node.expanded = True
    for (step, answer), value in zip(steps, values, strict=True):
        node.children.append(Node(step, answer, node, value=value, visits=1))
    worth = sum(values) / len(values) if values else 0.0
    above: Node | None = node
    while above is not None:
        above.visits += 1
        above.value += (worth - above.value) / above.visits
        above = above.parent


def best(root: Node) -> Node | None:
    """Return the concluding step of the highest value, the first among equals; None while nothing concludes."""
    return max((n for n in root.nodes() if n.answer is not None), key=lambda n: n.value, default=None)
