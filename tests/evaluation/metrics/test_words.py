"""Scores of one answer's words: F1-recall, SQuAD, MMSearch, relaxed accuracy, ANLS, choices."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.evaluation.metrics.choice import choice_accuracy, picked
from foveal.evaluation.metrics.f1_recall import f1_recall, is_hedged, listing_gain, tokens
from foveal.evaluation.metrics.mmsearch import (
    WEIGHTS,
    answer_score,
    bleu_1,
    final_score,
    picks_in,
    requery_score,
    rerank_score,
    rouge_l,
    task_mean,
)
from foveal.evaluation.metrics.relaxed import anls, relaxed_correct
from foveal.evaluation.metrics.sequences import common, edits
from foveal.evaluation.metrics.squad import squad_exact, squad_f1

WORDS = st.lists(st.sampled_from(["red", "blue", "lake", "of", "two", "7"]), max_size=7)
TEXT = st.text(alphabet="abcde 12.%-", max_size=12)
OPTIONS = ["a red car", "a blue car", "a lake", "none of these"]


@pytest.mark.parametrize(
    ("answer", "golds", "score"),
    [
        ("Lake Chad", ["Lake Chad"], 1.0),
        ("the lake", ["Lake Chad"], 0.5),
        ("Mali, Niger, Chad, Sudan, Libya", ["Chad"], 1.0),  # the defect: listing wins
        ("It is 3", ["three"], 1.0),
        ("1,200.5 km.", ["1200.5"], 1.0),
        ("北京市", ["北京"], 1.0),
        ("北", ["北京"], 0.5),
        ("chad", [], 0.0),
        ("chad", ["the", "?"], 0.0),
        ("aa", ["a a", "aa bb"], 0.5),
    ],
)
def test_f1_recall(answer: str, golds: list[str], score: float) -> None:
    assert f1_recall(answer, golds) == pytest.approx(score)


def test_an_answer_that_lists_candidates_is_flagged() -> None:
    assert is_hedged("Mali, Niger, Chad, Sudan, Libya", ["Chad"])
    assert not is_hedged("Chad", ["Chad"]) and not is_hedged("Mali, Niger, Sudan", ["Chad"])
    assert listing_gain("Mali Niger Chad", ["Chad"]) == pytest.approx(1 - 0.5)


@given(WORDS, WORDS, WORDS)
def test_f1_recall_never_falls_when_words_are_added(said: list[str], more: list[str], gold: list[str]) -> None:
    golds = [" ".join(gold)]
    before, after = f1_recall(" ".join(said), golds), f1_recall(" ".join(said + more), golds)
    assert 0 <= before <= after <= 1
    assert 0 <= listing_gain(" ".join(said), golds) <= 1
    assert f1_recall(" ".join(reversed(said)), golds) == before


@given(st.text(max_size=40))
def test_any_text_has_tokens_without_signs(text: str) -> None:
    assert all(token == token.strip() and token for token in tokens(text))


@pytest.mark.parametrize(
    ("said", "gold", "exact", "f1"),
    [
        ("The Lake-Chad!", "lakechad", True, 1.0),
        ("1,156 m", "1156 m", True, 1.0),
        ("São Tomé", "Sao Tome", False, 0.0),
        ("blue lake", "blue mountain", False, 0.5),
        ("the", "a", True, 1.0),
        ("", "x", False, 0.0),
    ],
)
def test_squad(said: str, gold: str, exact: bool, f1: float) -> None:
    assert squad_exact(said, [gold]) is exact and squad_f1(said, [gold]) == pytest.approx(f1)
    assert squad_f1(said, []) == 0.0
    assert answer_score(said, "?!x", [gold]) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("query", "gold", "bleu", "rouge"),
    [  # what nltk 3.10 (BLEU-1, smoothing 1) and rouge 1.0 print
        ("paris olympics 2024 mascot", "mascot of the 2024 paris olympics", 0.606531, 0.4),
        ("who is the ceo of openai", "openai ceo 2024", 0.333333, 0.222222),
        ("alpha beta gamma delta epsilon zeta", "alpha gamma zeta", 0.5, 0.666667),
        ("release date iphone 16", "release date iphone 16", 1.0, 1.0),
        ("cat", "dog", 0.0, 0.0),
        ("", "dog", 0.0, 0.0),
    ],
)
def test_requery_agrees_with_the_packages_the_published_scorer_calls(
    query: str, gold: str, bleu: float, rouge: float
) -> None:
    assert bleu_1(query.split(), gold.split()) == pytest.approx(bleu, abs=1e-6)
    assert rouge_l(query.split(), gold.split()) == pytest.approx(rouge, abs=1e-6)
    assert requery_score(query, gold) == pytest.approx((bleu + rouge) / 2, abs=1e-6)


@given(WORDS, WORDS)
def test_query_scores_are_bounded_and_rouge_is_symmetric(one: list[str], other: list[str]) -> None:
    assert 0 <= bleu_1(one, other) <= 1 and 0 <= rouge_l(one, other) <= 1
    assert rouge_l(one, other) == rouge_l(other, one)
    assert not one or rouge_l(one, one) == bleu_1(one, one) == 1


def test_websites_are_counted_from_one_and_never_from_the_end() -> None:
    assert picks_in("<Website 2> and <Website 1>, <Website 2>", 8) == (1, 0)
    assert picks_in("<Website 0> <Website 9>", 8) == ()


def test_rerank_needs_the_number_of_picks_that_was_asked_for() -> None:
    assert rerank_score([3], {3}, {1}) == 1.0 and rerank_score([1], {3}, {1}) == 0.5
    assert rerank_score([2], {3}, {1}) == 0.0 == rerank_score([], {3}) == rerank_score([3, 1], {3})


def test_the_final_score_is_weighted_as_published() -> None:
    # the published row of GPT-4o: 60.4, 46.8, 83.0, 63.1 make 62.3
    row = {"end2end": 60.4, "requery": 46.8, "rerank": 83.0, "summarization": 63.1}
    assert final_score(row) == pytest.approx(62.3, abs=0.05)
    assert sum(WEIGHTS.values()) == pytest.approx(1)
    with pytest.raises(KeyError):
        final_score({"end2end": 1.0})


def test_samples_without_output_stay_in_the_mean() -> None:
    assert task_mean({"a": 1.0, "b": 0.5}, ["a", "b", "c", "d"]) == pytest.approx(0.375)
    assert task_mean({}, []) == 0.0


@pytest.mark.parametrize(
    ("said", "gold", "right"),
    [
        ("105", "100", True),
        ("95", "100", True),
        ("105.1", "100", False),
        ("-10", "10", False),
        ("21%", "0.2", True),  # as in pix2struct: a hundredth
        ("20%", "20", False),
        ("0.0", "0", False),  # a gold of nought is compared as text
        ("0", "0", True),
        ("Blue ", "blue", True),
        ("1,200", "1200", False),
        ("nan", "nan", True),
        ("inf", "7", False),
        ("7", "Seven", False),
    ],
)
def test_relaxed_accuracy(said: str, gold: str, right: bool) -> None:
    assert relaxed_correct(said, gold) is right


@given(st.floats(1, 1e6), st.floats(0, 0.2))
def test_what_is_nearer_is_not_judged_worse(gold: float, off: float) -> None:
    far, near = f"{gold * (1 + off)}", f"{gold * (1 + off / 2)}"
    assert relaxed_correct(near, str(gold)) >= relaxed_correct(far, str(gold))


def test_anls_by_hand() -> None:
    assert anls("kitten", ["sitting", "mitten"]) == pytest.approx(1 - 1 / 6)
    assert anls("Lake  Chad", ["lake chad"]) == 1.0
    assert anls("ab", ["ac"]) == 0.0  # off by exactly a half
    assert anls("ab", ["ac"], near=0.6) == 0.5
    assert anls("", [""]) == 1.0 and anls("x", []) == 0.0 == anls("", ["abc"])


@given(TEXT, TEXT, TEXT)
def test_edit_distance_is_a_metric(a: str, b: str, c: str) -> None:
    assert edits(a, b) == edits(b, a) and (edits(a, b) == 0) is (a == b)
    assert edits(a, c) <= edits(a, b) + edits(b, c)
    assert abs(len(a) - len(b)) <= edits(a, b) <= max(len(a), len(b))
    assert common(a, b) == common(b, a) >= max(len(a), len(b)) - edits(a, b)
    assert 0 <= anls(a, [b]) <= 1 and anls(a, [b]) <= anls(a, [b, c])
    assert anls(a, [b]) == anls(b, [a]) or math.isclose(anls(a, [b]), anls(b, [a]))


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("B", "B"),
        ("(b)", "B"),
        ("**C.**", "C"),
        ("The answer is D.", "D"),
        ("First I thought the answer is A, but the answer is (B).", "B"),
        ("Answer: C because it is wet", "C"),
        ("A. a red car", "A"),
        ("It shows (C), clearly", "C"),
        ("either (A) or (C)", None),
        ("a lake", "C"),
        ("I see a blue car there.", "B"),
        ("a red car and a blue car", None),
        ("E", None),
        ("A car I cannot name", None),
        ("", None),
    ],
)
def test_the_option_that_a_reply_picks(reply: str, letter: str | None) -> None:
    assert picked(reply, OPTIONS) == letter


def test_a_reply_without_a_pick_is_wrong_and_counts() -> None:
    assert choice_accuracy(["A", "I do not know", "C"], [OPTIONS] * 3, ["A", "B", "D"]) == pytest.approx(1 / 3)
    assert choice_accuracy([], [], []) == 0.0


@given(st.text(max_size=30), st.integers(0, 5))
def test_a_pick_is_one_of_the_options(reply: str, n: int) -> None:
    assert picked(reply, OPTIONS[:n]) in (None, *"ABCD"[:n])
