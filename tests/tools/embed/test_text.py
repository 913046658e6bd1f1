from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import ModelUnavailable
from foveal.tools.embed.text import _BATCH_TEXTS, _BATCH_TOKENS, MiniLm, _batches


@pytest.fixture(scope="module")
def embedder() -> MiniLm:
    return MiniLm(threads=1)


def test_like_texts_are_near(embedder: MiniLm) -> None:
    vectors = embedder.embed_texts(["a dog runs", "a puppy is running", "the stock market fell"])
    assert vectors.shape == (3, embedder.dim) and vectors.dtype == np.float32
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.5 > vectors[0] @ vectors[2]


def test_order_is_kept_whatever_the_lengths(embedder: MiniLm) -> None:
    texts = [
        "short",
        "a rather longer sentence about Lima, on the coast of Peru",
        "",
        "tiny \ud800",
    ]
    together = embedder.embed_texts(texts)
    alone = np.concatenate([embedder.embed_texts([text]) for text in texts])
    assert np.allclose(together, alone, atol=1e-4)


def test_no_texts(embedder: MiniLm) -> None:
    assert embedder.embed_texts([]).shape == (0, 384)


def test_a_long_text_is_cut_not_refused(embedder: MiniLm) -> None:
    first, second = embedder.embed_texts(["word " * 400, "word " * 300 + "volcano " * 300])
    assert np.allclose(first, second, atol=1e-4)


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        MiniLm(tmp_path).embed_texts(["a"])
    assert caught.value.remedy


@given(st.lists(st.integers(1, 256), max_size=200))
def test_batches_hold_every_text_once_and_stay_small(lengths: list[int]) -> None:
    batches = _batches(lengths)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) <= _BATCH_TEXTS
        assert max(lengths[i] for i in batch) * len(batch) <= _BATCH_TOKENS
