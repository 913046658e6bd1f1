"""Ranking by the heaviest set of words that an entry holds."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.tools.search.quorum import MOST_QUERIES, ranked, window, words_of

PAGES = {
    "amber": "the amber tower was finished in 1701 of granite",
    "birch": "the birch tower was finished in 1702 of sandstone",
    "mill": "the mill of granite by the river",
}


class Words:
    """An index that only knows which entries hold all words."""

    def __init__(self, pages: dict[str, str]) -> None:
        self.pages, self.asked = {name: set(text.split()) for name, text in pages.items()}, 0

    def count(self, words: Sequence[str]) -> int:
        return len(self.find(words, len(self.pages)))

    def find(self, words: Sequence[str], k: int) -> list[str]:
        self.asked += 1
        return [name for name, held in self.pages.items() if {word.lower() for word in words} <= held][:k]


def _found(text: str, k: int = 10) -> list[str]:
    return [found.path for found in ranked(Words(PAGES), text, entries=len(PAGES), k=k)]


def test_a_word_too_many_does_not_hide_what_holds_the_others() -> None:
    assert _found("granite tower quarrels")[0] == "amber"
    assert _found("When was the birch tower of granite finished?")[0] == "birch"


def test_the_rarer_word_counts_for_more() -> None:
    assert _found("river tower") == ["mill", "amber", "birch"]


def test_a_name_that_nobody_knows_leaves_nothing() -> None:
    def found(text: str) -> list[str]:
        return [one.path for one in ranked(Words(PAGES), text, entries=1000, k=5)]

    assert found("Zubrowka Nebelsbad Lutz tower") == []
    assert found("zubrowka nebelsbad lutz tower")  # words in small letters may be stop words


def test_nothing_to_ask() -> None:
    assert _found("") == _found("?! ...") == _found("zzz") == []


@given(
    st.lists(st.sampled_from("the amber birch mill tower granite river 1701 Nowhere x".split()), max_size=14),
    st.integers(1, 5),
)
def test_scores_fall_and_nothing_stands_twice(words: list[str], k: int) -> None:
    index = Words(PAGES)
    found = ranked(index, " ".join(words), entries=len(PAGES), k=k)
    scores = [one.score for one in found]
    assert len(found) <= k and len({one.path for one in found}) == len(found)
    assert scores == sorted(scores, reverse=True) and all(0 < score <= 1 for score in scores)


def test_a_long_query_asks_the_index_a_bounded_number_of_times() -> None:
    many = [f"w{number}" for number in range(20)]
    index = Words({word: word for word in many})  # no two of them together
    assert ranked(index, " ".join(many), entries=20, k=5) == []
    assert index.asked <= MOST_QUERIES + len(many) + 28
    some = many[:8]  # any two stand together somewhere, no three do
    index = Words({one + other: f"{one} {other}" for one in some for other in some if one < other})
    ranked(index, " ".join(some), entries=1000, k=50)
    assert index.asked <= MOST_QUERIES + len(some) + 28


def test_it_stops_when_told() -> None:
    index = Words(PAGES)
    assert ranked(index, "amber tower", entries=3, k=5, stop=lambda: True) == []


def test_words_of_a_query() -> None:
    assert words_of("What's the C++ 7 tower's Tower?") == ["What", "the", "7", "tower"]


@pytest.mark.parametrize("length", [80, 300])
def test_the_window_holds_what_was_asked(length: int) -> None:
    text = "Nothing of note. " * 60 + "The tower was finished in 1701. " + "More of the same. " * 60
    shown = window(text, ["finished", "tower"], length)
    assert shown.startswith("The tower was finished in 1701.") and len(shown) <= length


@given(st.text(max_size=600), st.lists(st.text(max_size=8), max_size=4))
def test_a_window_is_a_part_of_the_text(text: str, words: list[str]) -> None:
    shown = window(text, words, 120)
    assert shown in text and len(shown) <= 120
