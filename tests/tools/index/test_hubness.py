"""DualIS against the formula, and what it is for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.tools.embed.vectors import unit
from foveal.tools.index.hubness import Hubness


@given(
    n=st.integers(2, 7), m=st.integers(1, 6), b=st.integers(1, 6), seed=st.integers(0, 999),
    b1=st.floats(0.5, 30), b2=st.floats(0.5, 30),
)  # fmt: skip
def test_the_order_is_that_of_the_formula(n: int, m: int, b: int, seed: int, b1: float, b2: float) -> None:
    rng = np.random.default_rng(seed)
    items, queries, bank, asked = (unit(rng.normal(size=(rows, 4))) for rows in (n, m, b, 3))
    fixed = Hubness.fit(items, queries, bank, beta_queries=b1, beta_items=b2).corrected(asked @ items.T)

    def dual(q: np.ndarray, g: np.ndarray) -> float:
        first = math.exp(b1 * float(q @ g)) / sum(math.exp(b1 * float(x @ g)) for x in queries)
        return first * math.exp(b2 * float(q @ g)) / sum(math.exp(b2 * float(x @ g)) for x in bank)

    for row, q in zip(fixed, asked, strict=True):
        expected = np.log([dual(q, g) for g in items])
        # on the scale of the similarities, up to one constant for all items
        assert np.allclose(row * (b1 + b2) - expected, (row * (b1 + b2) - expected)[0], atol=1e-2)


def test_a_hub_no_longer_wins_and_the_dynamic_form_leaves_others_alone() -> None:
    hub, other, third = unit(np.array([[1.0, 1, 1, 0], [1, 0, 0, 0.6], [0, 0, 0, 1]]))
    items = np.stack([hub, other, third])
    queries = unit(np.array([[0.5, 1, 1, 0], [1, 0.9, 0.2, 0], [0.2, 1, 0.3, 0], [0.1, 0.3, 1, 0]]))
    asked = unit(np.array([[1.0, 0.5, 0.5, 0.3]]))
    similarities = asked @ items.T
    assert similarities.argmax() == 0
    learnt = Hubness.fit(items, queries)
    assert learnt.active.tolist() == [True, False, False]
    assert learnt.corrected(similarities).argmax() == learnt.corrected(similarities, dynamic=True).argmax() == 1
    at_third = third[None] @ items.T
    assert np.array_equal(learnt.corrected(at_third, dynamic=True), at_third)
    assert not np.array_equal(learnt.corrected(at_third), at_third)


def test_an_item_says_nothing_of_itself() -> None:
    items = unit(np.random.default_rng(1).normal(size=(5, 3)))
    learnt = Hubness.fit(items, items, beta_queries=10, beta_items=0)
    for i in range(5):
        others = [math.exp(10 * float(items[j] @ items[i])) for j in range(5) if j != i]
        assert learnt.h[i] - math.log(4) == pytest.approx(math.log(sum(others)), abs=1e-4)
