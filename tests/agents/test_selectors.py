"""Selectors: exact on cases made by hand, and what must hold on any scores."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents import selectors
from foveal.agents.selectors import RULES, Selection, Selector
from foveal.errors import BadConfig, BadInput

P = st.lists(st.floats(0, 1), max_size=12).map(lambda s: sorted(s, reverse=True))
ANY = st.lists(st.floats(-50, 50), max_size=12).map(lambda s: sorted(s, reverse=True))
K = st.integers(1, 8)
BY_P = ["absolute", "up-to-k", "relative", "ratio-to-top", "adjacent-gap", "keep-argmax", "fixed"]


@pytest.mark.parametrize(
    ("spec", "scores", "kept", "fired"),
    [
        ("fixed:2", [0.9, 0.8, 0.1], (0, 1), False),
        ("fixed:5", [0.9], (0,), False),
        ("absolute:0.5,2", [0.9, 0.6, 0.5], (0, 1), False),
        ("absolute:0.5,3", [0.9, 0.5, 0.4999], (0, 1), True),
        ("absolute:0.5,2", [0.4, 0.1], (), True),
        ("up-to-k:0.5,5", [0.7, 0.7, 0.7], (0, 1, 2), False),
        ("up-to-k:0.8,5", [0.7, 0.7, 0.7], (), True),
        ("up-to-k:0,5", [0.0, 0.0], (0, 1), False),
        ("relative:0.5,5", [0.8, 0.4, 0.39], (0, 1), True),
        ("relative:0.5,5", [0.0, 0.0], (), True),
        ("relative:0.5,5", [-1.0, -2.0], (), True),
        ("ratio-to-top:1.5,5", [0.9, 0.61, 0.6], (0, 1), True),
        ("ratio-to-top:1.5,5", [3.0, 2.5, -9.0], (0, 1), True),
        ("ratio-to-top:1.5,1", [0.9, 0.9], (0,), False),
        ("adjacent-gap:0.7,5", [0.9, 0.5, 0.2, 0.19], (0, 1), True),
        ("adjacent-gap:0.7,5", [0.9, 0.9, 0.0], (0, 1), True),
        ("adjacent-gap:0.7,5", [0.0], (), True),
        ("keep-argmax:2", [0.9, 0.6, 0.5], (0, 1), False),
        ("keep-argmax:2", [0.9, 0.49], (0,), True),
        ("keep-argmax:2", [0.1, 0.05], (0,), True),
        ("keep-argmax:1", [0.1, 0.05], (0,), False),
    ],
)
def test_by_hand(spec: str, scores: list[float], kept: tuple[int, ...], fired: bool) -> None:
    assert Selector.parse(spec)(scores) == Selection(kept, fired)


def test_a_dual_threshold_may_leave_a_hole() -> None:
    rule = Selector.parse("dual-threshold:0.5,0.4,2")
    assert rule([0.9, 0.8, 0.7, 0.6], [0.9, 0.1, 0.4, 0.9]) == Selection((0, 2), True)
    with pytest.raises(BadInput, match="second probability"):
        rule([0.9, 0.8], [0.9])


@pytest.mark.parametrize("name", sorted(RULES))
def test_nothing_found_is_nothing_kept(name: str) -> None:
    assert Selector.parse(name)([]) == Selection((), False)


@pytest.mark.parametrize("name", sorted(RULES))
def test_scores_that_cannot_be_compared_are_refused(name: str) -> None:
    rule = Selector.parse(name)
    with pytest.raises(BadInput, match="not a number"):
        rule([0.5, math.nan], [0.5, 0.5])
    with pytest.raises(BadInput, match="best first"):
        rule([0.1, 0.5], [0.5, 0.5])
    if RULES[name][1] == "probability":
        with pytest.raises(BadInput, match="from 0 to 1"):
            rule([3.0, 0.5], [0.5, 0.5])


@given(P, K, st.sampled_from(BY_P))
def test_what_is_kept_is_a_beginning_of_at_most_k_and_keeps_itself(scores: list[float], k: int, name: str) -> None:
    rule = RULES[name][0]
    kept = rule(scores, k=k).kept
    assert kept == tuple(range(len(kept))) and len(kept) <= k
    again = rule(scores[: len(kept)], k=k)
    assert len(again.kept) == len(kept)
    assert rule(scores, k=k).fired == (len(kept) != min(k, len(scores)))


@given(P, K, st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_keeps_no_more(scores: list[float], k: int, a: float, b: float) -> None:
    low, high = sorted((a, b))
    for rule in (selectors.absolute, selectors.relative):
        assert set(rule(scores, high, k).kept) <= set(rule(scores, low, k).kept)
    assert set(selectors.keep_argmax(scores, k, high).kept) <= set(selectors.keep_argmax(scores, k, low).kept)
    concept = list(reversed(scores))
    assert set(selectors.dual_threshold(scores, high, high, 12, concept=concept).kept) <= set(
        selectors.dual_threshold(scores, low, low, 12, concept=concept).kept
    )


@given(ANY, K, st.floats(1.01, 20), st.floats(1.01, 20))
def test_a_wider_gap_keeps_no_less_and_never_what_is_not_positive(
    scores: list[float], k: int, a: float, b: float
) -> None:
    low, high = sorted((a, b))
    for rule in (selectors.ratio_to_top, selectors.adjacent_gap):
        kept = rule(scores, high, k).kept
        assert set(rule(scores, low, k).kept) <= set(kept)
        assert all(scores[i] > 0 for i in kept)


@given(P, K)
def test_keep_argmax_is_never_empty(scores: list[float], k: int) -> None:
    assert bool(selectors.keep_argmax(scores, k).kept) == bool(scores)


@pytest.mark.parametrize(
    "spec",
    ["", "best:3", "fixed:0", "fixed:2.5", "fixed:nan", "fixed:1e999", "absolute:1.5", "absolute:nan", "fixed:a",
     "ratio-to-top:1", "adjacent-gap:0", "up-to-k:0.5,3,4", "dual-threshold:-1"],
)  # fmt: skip
def test_a_wrong_spec_says_how_it_is_written(spec: str) -> None:
    with pytest.raises(BadConfig) as caught:
        Selector.parse(spec)
    assert caught.value.remedy.startswith(("Write ", "Use one of"))


def test_a_spec_reads_as_it_was_written() -> None:
    rule = Selector.parse(" up-to-k:0.3,4 ")
    assert (str(rule), rule.k, Selector.parse("keep-argmax").k) == ("up-to-k:0.3,4", 4, 1)


def test_rules_that_need_more_than_an_order_do_not_fit_one() -> None:
    fitting = {scale: {n for n in RULES if Selector(n).fits(scale)} for scale in selectors.SCALES}
    assert fitting["rank"] == {"fixed"} and fitting["probability"] == set(RULES)
    assert fitting["similarity"] == {"fixed", "relative", "ratio-to-top", "adjacent-gap"}
