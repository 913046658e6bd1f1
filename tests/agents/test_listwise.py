"""The listwise reranker: windows, and orders read out of whatever the model writes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.listwise import PICTURES, Listwise, permutation, windows
from foveal.errors import ContextOverflow
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import Candidate, Capabilities, Generation, Message


class Sorter(ScriptedModel):
    """Writes the true order of passages that are numbers, as a perfect model would."""

    def __init__(self, **capabilities: Any) -> None:
        super().__init__([], capabilities=Capabilities(**capabilities))
        self.shown: list[list[Message]] = []

    async def generate(self, messages: Sequence[Message], **asked: Any) -> Generation:
        self.shown.append(list(messages))
        found = [(int(m[2]), int(m[1])) for t in messages if (m := re.search(r"\[(\d+)\] <p.*?>\n(\d+)", t.content))]
        return Generation(" > ".join(f"[{n}]" for _, n in sorted(found, reverse=True)))


def numbers(n: int, *, image: str | None = None) -> list[Candidate]:
    return [Candidate(str(i), f"t{i}", image) for i in range(n)]


def test_nine_windows_of_twenty_by_ten_over_a_hundred() -> None:
    found = windows(100, 20, 10)
    assert len(found) == 9 and found[0] == (80, 100) and found[-1] == (0, 20)
    assert windows(8, 20, 10) == [(0, 8)] and windows(25, 20, 10) == [(5, 25), (0, 15)]


@given(st.integers(1, 120), st.integers(1, 30), st.data())
def test_windows_overlap_and_reach_the_first(n: int, window: int, data: st.DataObject) -> None:
    step = data.draw(st.integers(1, window))
    found = windows(n, window, step)
    assert found[0][1] == n and found[-1][0] == 0
    assert all(0 <= s < e <= n and e - s <= window for s, e in found)
    assert all(after[1] >= before[0] for before, after in pairwise(found))


@pytest.mark.parametrize(
    ("reply", "order"),
    [
        ("[2] > [1] > [3]", [1, 0, 2]),
        ("2, 2, 3", [1, 2, 0]),
        ("[9] > [0] > [3]", [2, 0, 1]),
        ("I cannot rank these.", [0, 1, 2]),
        ("", [0, 1, 2]),
        ("[99999999999999999999999] [2]", [1, 0, 2]),
        ("[2]>[1", [1, 0, 2]),
    ],
)
def test_an_order_is_read_whatever_is_written(reply: str, order: list[int]) -> None:
    assert permutation(reply, 3) == order


@given(st.text(), st.integers(0, 20))
def test_any_reply_gives_a_permutation(reply: str, n: int) -> None:
    assert sorted(permutation(reply, n)) == list(range(n))


async def test_all_in_one_call_when_they_fit_else_a_window_that_carries_the_best_along() -> None:
    wide = Sorter(context_tokens=100_000)
    found = await Listwise(wide).rerank("Which?", numbers(45))
    assert [s.index for s in found] == list(range(44, -1, -1)) and len(wide.shown) == 1
    assert found[0].score == 1 and found[1].score == 0.5
    sliding = Sorter(context_tokens=100_000)
    found = await Listwise(sliding, strategy="sliding").rerank("Which?", numbers(45))
    assert [s.index for s in found[:10]] == list(range(44, 34, -1)) and len(sliding.shown) == 4
    assert sorted(s.index for s in found) == list(range(45))
    narrow = Sorter(context_tokens=2_000)
    await Listwise(narrow).rerank("Which?", numbers(45))
    assert len(narrow.shown) == 4


async def test_passages_are_cut_until_they_fit_and_refused_when_they_cannot() -> None:
    model = Sorter(context_tokens=1_400)
    long = [Candidate("word " * 300, "t") for _ in range(10)]
    await Listwise(model, strategy="full").rerank("Which?", long)
    assert sum(model.count_tokens(m.content) for m in model.shown[0]) < 1_400
    assert 100 > model.shown[0][3].content.count("word") > 12
    with pytest.raises(ContextOverflow, match="10 passages"):
        await Listwise(Sorter(context_tokens=300), strategy="full").rerank("Which?", long)


async def test_pictures_stand_beside_their_numbers_when_the_model_sees() -> None:
    model = Sorter(context_tokens=100_000, vision=True)
    await Listwise(model).rerank("Which?", numbers(3, image="d" * 64))
    shown = [m for m in model.shown[0] if m.images]
    assert [m.content[:3] for m in shown] == ["[1]", "[2]", "[3]"] and shown[0].images == ("d" * 64,)
    blind = Sorter(context_tokens=100_000)
    await Listwise(blind).rerank("Which?", numbers(3, image="d" * 64))
    assert not any(m.images for m in blind.shown[0])


async def test_no_call_shows_more_pictures_than_it_may() -> None:
    model = Sorter(context_tokens=100_000, vision=True)
    await Listwise(model).rerank("Which?", numbers(30, image="d" * 64))
    assert all(sum(len(m.images) for m in shown) <= PICTURES for shown in model.shown) and len(model.shown) == 2


async def test_one_or_none_needs_no_order() -> None:
    model = Sorter()
    assert await Listwise(model).rerank("Which?", []) == []
    assert [s.index for s in await Listwise(model).rerank("Which?", numbers(1))] == [0]
    assert not model.shown
