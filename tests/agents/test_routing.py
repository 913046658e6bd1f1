"""Routes of a question: which are taken, and the classifier that is fitted on labelled ones."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.routing import ROUTES, fit, probabilities, read_labelled, taken

P = st.lists(st.floats(0, 1), min_size=4, max_size=4)


@given(P, st.floats(0, 1), st.integers(1, 3))
def test_some_route_is_always_taken_and_none_goes_with_nothing(p: list[float], threshold: float, most: int) -> None:
    routes = taken(p, threshold=threshold, most=most)
    assert 1 <= len(routes) <= most and len(set(routes)) == len(routes)
    assert "No" not in routes or routes == ("No",)
    best = max(p)
    assert p[ROUTES.index(routes[0])] == best, "the most probable route is among them, first"
    assert all(p[ROUTES.index(r)] >= threshold for r in routes[1:])


def test_several_routes_and_a_fallback_to_the_best() -> None:
    assert taken([0.1, 0.6, 0.2, 0.7], threshold=0.5) == ("Image", "Paragraph")
    assert taken([0.9, 0.8, 0.0, 0.0], threshold=0.5) == ("No",)
    assert taken([0.5, 0.8, 0.0, 0.0], threshold=0.5) == ("Paragraph",), "nothing and something do not go together"
    assert taken([0.1, 0.2, 0.3, 0.1], threshold=0.5) == ("Document",)


def rows(seed: int, n: int = 40, dim: int = 12) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """Vectors around a direction for each route; every tenth lies between two of them."""
    rng = np.random.default_rng(seed)
    centres = np.eye(dim)[:4]
    labels = [(ROUTES[i % 4],) if i % 10 else ("Paragraph", "Image") for i in range(n)]
    centre = np.stack([sum(centres[ROUTES.index(r)] for r in label) for label in labels])
    vectors = centre + 0.1 * rng.standard_normal((n, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), labels


@given(st.integers(0, 50))
def test_the_fit_is_a_minimum_and_tells_the_routes_apart(seed: int) -> None:
    vectors, labels = rows(seed)
    ridge = 0.02
    weights = fit(vectors, labels, ridge=ridge)
    x = np.hstack([vectors, np.ones((len(vectors), 1))])
    p = 1 / (1 + np.exp(-x @ weights))
    y = np.array([[float(r in label) for r in ROUTES] for label in labels])
    slope = x.T @ (p - y) + np.vstack([ridge * weights[:-1], np.zeros((1, 4))])
    assert np.abs(slope).max() < 1e-3, "no weight can be moved to a lower loss"
    assert all(
        set(taken(probabilities(weights, v), threshold=0.5)) == set(r) for v, r in zip(vectors, labels, strict=True)
    )
    assert np.array_equal(weights, fit(vectors, labels, ridge=ridge)), "the same rows, the same weights"


def test_a_table_of_labelled_questions() -> None:
    table = "# ours\nNo\tWhat is 1 + 1?\n\nParagraph+Image\tHow tall is this?\n"
    assert read_labelled(table) == [("What is 1 + 1?", ("No",)), ("How tall is this?", ("Paragraph", "Image"))]
