"""From the candidates of a first token to probabilities, and when a server cut a prompt."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.tools.models.openai_logprobs import cut_note, option_probabilities, said_probabilities

YES_NO = ("Yes", "No")
words = st.sampled_from(["Yes", " yes", "YES", "No", " no", "Maybe", "\n", "", "Y", "N", "Not", "1", "é"])
rows = st.lists(st.tuples(words, st.floats(max_value=0.5, min_value=-1e4) | st.just(float("-inf"))), max_size=20)


def test_it_is_the_softmax_of_the_two_logits() -> None:
    yes, no = 3.2, 1.7
    total = math.log(math.exp(yes) + math.exp(no) + math.exp(0.4))
    row = [("Yes", yes - total), ("No", no - total), ("Maybe", 0.4 - total)]
    found = option_probabilities(YES_NO, [row])
    assert found is not None
    assert found[0] == pytest.approx(math.exp(yes) / (math.exp(yes) + math.exp(no)), abs=1e-12)


def test_spellings_merge() -> None:
    row = [("Yes", math.log(0.3)), (" yes", math.log(0.2)), ("YES", math.log(0.1)), (" No", math.log(0.2))]
    assert option_probabilities(YES_NO, [row]) == pytest.approx([0.75, 0.25])


def test_the_beginning_of_an_option_counts_when_it_is_not_listed_whole() -> None:
    assert option_probabilities(YES_NO, [[("Y", math.log(0.6)), ("No", math.log(0.2))]]) == pytest.approx([0.75, 0.25])
    whole = option_probabilities(YES_NO, [[("Yes", math.log(0.6)), ("Y", math.log(0.2)), ("No", math.log(0.2))]])
    assert whole == pytest.approx([0.75, 0.25])
    shared = option_probabilities(("left", "lower"), [[("l", math.log(0.9)), ("left", math.log(0.05))]])
    assert shared is not None and shared[0] > shared[1], "`l` begins both and says nothing"


def test_a_missing_option_gets_no_more_than_the_least_listed() -> None:
    """L3Score: max(1e-8, min(lowest listed, 1 - mass))."""
    found = option_probabilities(YES_NO, [[("Yes", math.log(0.9)), ("Maybe", math.log(0.02))]])
    assert found == pytest.approx([0.9 / 0.92, 0.02 / 0.92])
    sure = option_probabilities(YES_NO, [[("No", 0.0)]])
    assert sure is not None and sure[0] == pytest.approx(1e-8, rel=1e-6)


def test_blank_tokens_are_passed_over() -> None:
    tops = [[("\n", -0.1)], [], [("No", math.log(0.8)), ("Yes", math.log(0.2))]]
    assert option_probabilities(YES_NO, tops) == pytest.approx([0.2, 0.8])
    assert option_probabilities(YES_NO, [[("\n", 0.0)]]) is None
    assert option_probabilities(YES_NO, []) is None


@given(st.lists(rows, max_size=3))
def test_never_not_a_number(tops: list[list[tuple[str, float]]]) -> None:
    found = option_probabilities(YES_NO, tops)
    if found is not None:
        assert sum(found) == pytest.approx(1.0)
        assert all(0.0 <= value <= 1.0 for value in found)


def test_a_choice_in_words_is_not_certain() -> None:
    assert said_probabilities(("a", "b", "c"), "b") == pytest.approx([0.05, 0.9, 0.05])
    assert said_probabilities(("a",), "a") == [1.0]


@pytest.mark.parametrize(
    ("letters", "prompt", "total", "cut"),
    [
        (40_000, 10_000, 10_100, False),
        (40_000, 4096, 4150, True),
        (40_000, 4040, 4096, True),
        (40_000, 2500, 2600, True),
        (13_000, 4096, 4200, True),
        (8_000, 4096, 4200, False),
        (40_000, 0, 0, False),
        (300, 16, 20, False),
    ],
)
def test_row_49_silent_truncation_is_noticed(letters: int, prompt: int, total: int, cut: bool) -> None:
    note = cut_note("openai:m", "word " * (letters // 5), prompt, total)
    assert (note is not None) == cut
    if note:
        assert "OLLAMA_CONTEXT_LENGTH" in note


def test_white_space_does_not_count_as_words() -> None:
    assert cut_note("m", "a" + " " * 100_000, 40, 50) is None
