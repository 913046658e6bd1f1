"""What a model judged, and scores over pairs of answers: L3Score, scales, SimpleQA, MMIR, preference, leakage."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.evaluation.metrics.abstention import Outcome, abstention
from foveal.evaluation.metrics.inconsistency import ids_in, mmir, mmir_score
from foveal.evaluation.metrics.judged import (
    grades,
    judged_mean,
    panel_mean,
    scale_value,
    yes_probability,
)
from foveal.evaluation.metrics.leakage import leakage, retrieval_gain
from foveal.evaluation.metrics.preference import Side, certainty, side, text_preference_ratio

OUTCOMES = st.lists(st.builds(Outcome, st.booleans(), st.booleans(), st.booleans()), max_size=20)
SIDES = st.lists(st.sampled_from(["text", "image", "both", "neither"]), max_size=12)


def words(**chances: float) -> list[tuple[str, float]]:
    return [(word, math.log(chance)) for word, chance in chances.items()]


def test_l3score_of_both_words_is_their_share() -> None:
    assert yes_probability(words(Yes=0.6, no=0.2)) == pytest.approx(0.75)
    # the likelier spelling counts, not their sum
    assert yes_probability([*words(yeah=0.1, no=0.2), (" YES ", math.log(0.6))]) == pytest.approx(0.75)


def test_l3score_of_a_missing_word_is_the_lesser_of_the_lowest_and_the_rest() -> None:
    # the lowest listed is 0.04, what is left of 1 is 0.06
    assert yes_probability(words(yes=0.9, maybe=0.04)) == pytest.approx(0.9 / 0.94)
    # the lowest listed is 0.09, what is left is 0.01
    assert yes_probability(words(no=0.9, maybe=0.09)) == pytest.approx(0.01 / 0.91)
    # nothing is left: one in a hundred million
    assert yes_probability(words(no=1.0)) == pytest.approx(1e-8, rel=1e-3)
    assert yes_probability(words(yes=1.0)) == pytest.approx(1 - 1e-8)
    assert yes_probability(words(perhaps=0.9)) == 0.0 == yes_probability([])


@given(st.floats(0.01, 0.49), st.floats(0.01, 0.49), st.floats(0.001, 0.02))
def test_l3score_is_a_probability_and_grows_with_yes(yes: float, no: float, other: float) -> None:
    here = yes_probability(words(yes=yes, no=no, other=other))
    assert 0 <= here <= 1 and here == pytest.approx(1 - yes_probability(words(yes=no, no=yes, other=other)))
    assert yes_probability(words(yes=yes / 2, no=no, other=other)) < here
    assert here == yes_probability(words(other=other, no=no, yes=yes))


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("4", 4),
        ("Score: 3", 3),
        ("**Score:** 3/5, as 2 facts are missing", 3),
        ("rating is 2. On reflection, rating is 4.5", 4.5),
        ("I would say 4.", 4),
        ("between 3 and 4", None),
        ("Score: 7", None),
        ("0", None),
        ("good", None),
        ("", None),
    ],
)
def test_the_score_in_a_judges_reply(reply: str, value: float | None) -> None:
    assert scale_value(reply) == value


def test_failures_of_the_judge_stay_in_the_denominator_at_the_worst_score() -> None:
    found = judged_mean("judge-1", [5, None, 3, None])
    assert (found.judge, found.mean, found.n, found.failed) == ("judge-1", 2.5, 4, 2)
    assert found.share == pytest.approx(0.375)
    assert judged_mean("j", []).share == 0.0
    assert panel_mean([4, None, 5]) == 4.5 and panel_mean([None]) is None


def test_simpleqa_grades() -> None:
    found = grades("j", ["CORRECT", "correct", "INCORRECT", "Not attempted", None, "hm"])
    assert (found.correct, found.given_attempted, found.failed, found.n) == (pytest.approx(2 / 6), 2 / 5, 2, 6)
    assert found.f1 == pytest.approx(2 * (1 / 3) * 0.4 / (1 / 3 + 0.4))
    assert grades("j", ["NOT_ATTEMPTED"]).f1 == 0.0 == grades("j", []).correct


@pytest.mark.parametrize(
    ("said", "gold", "score"),
    [
        ("[3]", [3], 1.0),
        ("[3],[5]", [3], 0.5),
        ("[4],[5]", [3], 0.0),
        ("3, 5", [5, 3], 1.0),
        ("3", [3, 5], 0.5),
        ("3, 3", [3], 1.0),
        ("1 3 5", [3, 5], 0.0),
        ("none", [3], 0.0),
    ],
)
def test_mmir_as_published(said: str, gold: list[int], score: float) -> None:
    assert mmir_score(ids_in(said), gold) == score


def test_mmir_counts_items_without_an_answer() -> None:
    assert mmir([[3], []], [[3], [1, 2]]) == 0.5 and mmir([], []) == 0.0
    with pytest.raises(ValueError, match="one or two"):
        mmir_score([1], [1, 2, 3])


@given(st.sets(st.integers(0, 5), max_size=4), st.sets(st.integers(0, 5), min_size=1, max_size=2))
def test_mmir_is_nought_half_or_one_and_one_only_for_the_gold(said: set[int], gold: set[int]) -> None:
    score = mmir_score(said, sorted(gold))
    assert score in (0, 0.5, 1) and (score == 1) is (said == gold)


def test_whom_an_answer_agrees_with() -> None:
    assert side("Two.", "two", "three") == "image" and side("three ", "two", "Three") == "text"
    assert side("two", "two", "Two.") == "both" and side("four", "two", "three") == "neither"
    sides: list[Side] = ["text", "text", "image", "both", "both", "neither"]
    assert text_preference_ratio(sides) == pytest.approx(2 / 3)
    assert text_preference_ratio(sides, coarse=True) == pytest.approx(4 / 5)
    assert text_preference_ratio(["both", "neither"]) is None
    assert certainty([math.log(0.5), math.log(0.125)]) == pytest.approx(0.25) and certainty([]) is None


@given(SIDES)
def test_the_ratio_of_swapped_sides_is_the_rest(sides: list[Side]) -> None:
    swap: dict[Side, Side] = {"text": "image", "image": "text", "both": "both", "neither": "neither"}
    one, other = text_preference_ratio(sides), text_preference_ratio([swap[s] for s in sides])
    assert (one is None) is (other is None)
    if one is not None and other is not None:
        assert one == pytest.approx(1 - other)
        assert one <= (text_preference_ratio(sides, coarse=True) or 0) + 1e-12


def test_leakage_is_never_negative_and_gain_can_be() -> None:
    assert leakage(57.0, 13.0, 20.0).leaked == 0.0
    found = leakage(50.0, 30.0, 22.0)
    assert (found.gain, found.leaked) == (20.0, 8.0)
    assert leakage(50.0, 30.0).leaked is None and retrieval_gain(40.0, 45.0) == -5.0


def test_abstention_by_hand() -> None:
    rows = [
        Outcome(answerable=False, declined=True, correct=True),
        Outcome(answerable=False, declined=False, correct=False),
        Outcome(answerable=True, declined=True, correct=False),
        Outcome(answerable=True, declined=False, correct=True),
        Outcome(answerable=True, declined=False, correct=False),
    ]
    found = abstention(rows)
    assert (found.precision, found.recall, found.f1) == (0.5, 0.5, 0.5)
    assert (found.coverage, found.answered_accuracy) == (0.6, pytest.approx(1 / 3))
    assert found.false_abstention == pytest.approx(1 / 3)
    empty = abstention([])
    assert (empty.precision, empty.coverage, empty.f1) == (None, None, None)


@given(OUTCOMES)
def test_abstention_is_bounded_and_blind_to_order(rows: list[Outcome]) -> None:
    found = abstention(rows)
    for value in (found.precision, found.recall, found.f1, found.coverage, found.answered_accuracy):
        assert value is None or 0 <= value <= 1
    assert found == abstention(rows[::-1])
    if found.precision and found.recall and found.f1:
        assert found.f1 == pytest.approx(2 / (1 / found.precision + 1 / found.recall))
