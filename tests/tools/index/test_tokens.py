"""Token matrices on disk: proposed by MUVERA, decided by MaxSim."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from foveal.errors import BadInput, IndexCorrupt, IndexMismatch, IndexMissing
from foveal.tools.embed.muvera import Muvera
from foveal.tools.embed.vectors import unit
from foveal.tools.index.tokens import TokenIndex
from foveal.tools.rerank.maxsim import maxsim

M = Muvera(16, 3, 8, 8)


def pages(n: int, seed: int = 0) -> list[tuple[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    return [(f"p{i}", unit(rng.normal(size=16) + 0.4 * rng.normal(size=(1 + i % 7, 16)))) for i in range(n)]


def test_what_is_found_is_the_exact_order_of_the_candidates(tmp_path: Path) -> None:
    made = pages(120)
    index = TokenIndex.write(tmp_path / "tokens", "colpali@1", iter(made), M)
    query = unit(made[37][1].mean(0) + 0.1 * np.random.default_rng(5).normal(size=(4, 16)))
    found = index.search(query, 5)
    exact = sorted(((key, maxsim(query, tokens)) for key, tokens in made), key=lambda pair: -pair[1])
    assert [key for key, _ in found][:2] == [key for key, _ in exact][:2]
    # kept in half precision
    assert [score for _, score in found][:2] == pytest.approx([score for _, score in exact][:2], abs=0.01)
    every = index.search(query, 120, overfetch=1)
    assert [key for key, _ in every][:20] == [key for key, _ in exact][:20]
    shares = []
    for _, tokens in made[::12]:
        best = sorted(made, key=lambda pair: -maxsim(tokens, pair[1]))[:5]
        shares.append(len({key for key, _ in best} & {key for key, _ in index.search(tokens, 5)}) / 5)
    assert np.mean(shares) >= 0.8


def test_it_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    made = pages(9)
    TokenIndex.write(tmp_path / "tokens", "colpali@1", made, M)
    again = TokenIndex(tmp_path / "tokens", "colpali@1")
    assert again.keys == [key for key, _ in made] and again.muvera == M
    for place, (_, tokens) in enumerate(made):
        assert np.allclose(again.tokens(place), tokens, atol=1e-3)
    assert [key for key, _ in again.search(made[4][1], 1)] == ["p4"]
    empty = TokenIndex.write(tmp_path / "none", "colpali@1", [], M)
    assert empty.search(made[0][1], 3) == []


def test_a_failed_writing_leaves_the_old(tmp_path: Path) -> None:
    TokenIndex.write(tmp_path / "tokens", "colpali@1", pages(3), M)
    with pytest.raises(BadInput):
        TokenIndex.write(tmp_path / "tokens", "colpali@1", [*pages(2), ("bad", np.zeros((0, 16)))], M)
    assert TokenIndex(tmp_path / "tokens", "colpali@1").keys == ["p0", "p1", "p2"]


def test_another_encoder_or_a_damaged_folder_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    with pytest.raises(IndexMissing):
        TokenIndex(folder, "colpali@1")
    TokenIndex.write(folder, "colpali@1", pages(3), M)
    with pytest.raises(IndexMismatch, match="colpali@1"):
        TokenIndex(folder, "colpali@2")
    about = json.loads((folder / "about.json").read_text())
    (folder / "about.json").write_text(json.dumps({**about, "lengths": [1, 1, 1]}))
    with pytest.raises(IndexCorrupt):
        TokenIndex(folder, "colpali@1")
