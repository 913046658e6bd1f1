"""MUVERA against a slow reference written from the formula, and against numbers of another implementation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveal.errors import BadInput
from foveal.tools.embed.muvera import Muvera
from foveal.tools.embed.vectors import unit
from foveal.tools.rerank.maxsim import maxsim


def slow(m: Muvera, tokens: np.ndarray, of_document: bool) -> np.ndarray:
    """The construction cell by cell."""
    rng = np.random.default_rng(m.seed)
    planes = [rng.normal(size=(m.dim, m.k)) for _ in range(m.repetitions)]
    signs = rng.choice([-1, 1], size=(m.repetitions, m.dim, m.projected))
    out: list[np.ndarray] = []
    for plane, sign in zip(planes, signs, strict=True):
        cell_of = [sum((1 << j) for j in range(m.k) if float(token @ plane[:, j]) > 0) for token in tokens]
        for cell in range(1 << m.k):
            inside = [token for token, c in zip(tokens, cell_of, strict=True) if c == cell]
            if not inside and of_document:
                nearest = min(sorted(set(cell_of)), key=lambda c: bin(c ^ cell).count("1"))
                value = tokens[cell_of.index(nearest)]
            else:
                value = np.sum(inside, axis=0) if inside else np.zeros(m.dim)
                value = value / len(inside) if of_document else value
            out.append(value @ sign / np.sqrt(m.projected) if m.projected < m.dim else value)
    return np.concatenate(out)


@given(
    n=st.integers(1, 12), dim=st.integers(1, 8), k=st.integers(0, 4), part=st.floats(0.1, 1), seed=st.integers(0, 2**20)
)
@settings(max_examples=60, deadline=None)
def test_it_is_the_construction_of_the_paper(n: int, dim: int, k: int, part: float, seed: int) -> None:
    m = Muvera(dim, k, max(1, round(part * dim)), 3, seed)
    tokens = np.random.default_rng(seed).normal(size=(n, dim))
    assert np.allclose(m.encode_query(tokens), slow(m, tokens, False), atol=1e-4)
    assert np.allclose(m.encode_document(tokens), slow(m, tokens, True), atol=1e-4)
    assert m.encode_query(tokens).shape == (m.size,)


def test_it_agrees_with_the_numbers_of_fastembed() -> None:
    """Computed once with fastembed 0.9.1 for four tokens: ±unit vectors, k = 2, two numbers a cell, two repetitions."""
    tokens = np.eye(4)[[0, 1, 1, 2]] * [1, -1, 1, -1]
    m, h, r = Muvera(4, 2, 2, 2, 0), np.sqrt(0.5), np.sqrt(2)
    assert np.allclose(m.encode_query(tokens), [r, -r, -h, h, -h, -h, 0, 0, -r, 0, r, r, 0, 0, 0, 0], atol=1e-6)
    assert np.allclose(m.encode_document(tokens), [h, -h, -h, h, -h, -h, -h, h, -h, 0, h, h, -h, -h, h, h], atol=1e-6)


def test_the_inner_product_approximates_maxsim() -> None:
    """Of documents about a topic each: the order agrees, and every estimate is near."""
    rng = np.random.default_rng(3)
    topics = unit(rng.normal(size=(40, 32)))
    documents = [unit(topic + 0.15 * rng.normal(size=(20, 32))) for topic in topics]
    m = Muvera(32, 4, 32, 20)
    codes = np.stack([m.encode_document(d) for d in documents])
    for about in range(0, 40, 5):
        query = unit(topics[about] + 0.15 * rng.normal(size=(6, 32)))
        exact = np.array([maxsim(query, d) for d in documents])
        estimate = codes @ m.encode_query(query) / m.repetitions
        assert estimate.argmax() == exact.argmax() == about
        assert np.corrcoef(exact, estimate)[0, 1] > 0.9
        # the mean of a cell is never nearer to a token than the nearest of all tokens
        assert (estimate <= exact + 1e-3).all()


def test_what_cannot_be_encoded() -> None:
    m = Muvera(4, 2, 2, 2)
    for tokens in (np.zeros((0, 4)), np.zeros((3, 5)), np.zeros(4)):
        with pytest.raises(BadInput):
            m.encode_document(tokens)
    with pytest.raises(BadInput, match="cannot project"):
        Muvera(4, 2, 5)


@given(m=st.integers(0, 5), n=st.integers(0, 5), seed=st.integers(0, 1000))
def test_maxsim_is_the_sum_of_the_best(m: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    query, document = rng.normal(size=(m, 3)), rng.normal(size=(n, 3))
    slowly = sum(max(sum(a * b for a, b in zip(q, d, strict=True)) for d in document) for q in query) if n else 0.0
    assert maxsim(query, document) == pytest.approx(slowly, abs=1e-5)
