"""Routes: in which corpora a question is to be looked up, told by a small classifier or by a model's probabilities.

UniversalRAG (Yeo et al., arXiv 2504.20734) chooses from {∅} ∪ P(modality x granularity). Its routers are a model that
is asked, a classifier that was trained, and an ensemble: the classifier where it is sure, else the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

ROUTES = ("No", "Paragraph", "Document", "Image")
"""Nothing is retrieved; passages; whole documents; pictures."""
FALLBACK = ("Paragraph",)
"""The route of a question that no router could place: never a random one."""


def taken(probabilities: Sequence[float], *, threshold: float, most: int = 2) -> tuple[str, ...]:
    """Return the routes with p ≥ *threshold*, the most probable first, or the most probable one when none has.

    "No" goes with nothing else: it is the empty set, taken only when it is the most probable.
    """
    ranked = sorted(zip(ROUTES, probabilities, strict=True), key=lambda row: -row[1])
    if ranked[0][0] == "No":
        return ("No",)
    passed = [route for route, p in ranked if p >= threshold and route != "No"][:most]
    return tuple(passed) or (ranked[0][0],)


def read_labelled(table: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return the questions of a table, each with its routes; a line is ``route+route<TAB>question``."""
    rows = [line.split("\t", 1) for line in table.splitlines() if line.strip() and not line.startswith("#")]
    return [(question, tuple(routes.split("+"))) for routes, question in rows]


def fit(vectors: np.ndarray, routes: Sequence[Sequence[str]], *, ridge: float = 0.02, rounds: int = 12) -> np.ndarray:
    """Return the weights, float64 [dim + 1, 4], of one logistic regression a route, by Newton's method.

    Minimises Σ log-loss + ridge/2·|w|² (the bias is free), from zero: the same rows give the same weights.
    *vectors* are [n, dim] of unit length.
    """
    import numpy as np

    x = np.hstack([vectors.astype(np.float64), np.ones((len(vectors), 1))])
    penalty = np.diag([ridge] * vectors.shape[1] + [1e-6])
    weights = np.zeros((x.shape[1], len(ROUTES)))
    for column, route in enumerate(ROUTES):
        y = np.array([float(route in given) for given in routes])
        w = weights[:, column]
        for _ in range(rounds):
            p = _sigmoid(x @ w)
            gradient = x.T @ (p - y) + penalty @ w
            hessian = (x.T * np.maximum(p * (1 - p), 1e-6)) @ x + penalty
            w -= np.linalg.solve(hessian, gradient)
    return weights


def probabilities(weights: np.ndarray, vector: np.ndarray) -> list[float]:
    """Return σ(w·v + b) of each route: they need not sum to 1, a question may take several."""
    return [float(p) for p in _sigmoid(vector @ weights[:-1] + weights[-1])]


def told(probabilities: Sequence[float]) -> Mapping[str, float]:
    """Return the probabilities by route, for a log."""
    return {route: round(p, 2) for route, p in zip(ROUTES, probabilities, strict=True)}


def _sigmoid(values: np.ndarray) -> np.ndarray:
    import numpy as np

    return 1.0 / (1.0 + np.exp(-np.clip(values, -30.0, 30.0)))
