"""Ranked ids, pages, boxes and pictures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.evaluation.metrics.pages import Box, area, layout_precision, layout_recall, page_recall
from foveal.evaluation.metrics.pictures import (
    all_gold_rate,
    common_order,
    edit_distance,
    ordering_score,
    picture_scores,
)
from foveal.evaluation.metrics.ranking import (
    average_precision,
    hit_at,
    ndcg_at,
    precision_at,
    recall_at,
    reciprocal_rank,
)

QREL: dict[str, dict[str, float]] = {"a": {"d1": 1, "d2": 1, "d3": 1, "d9": 1}, "b": {"d1": 3, "d2": 2, "d3": 1}}
RUN = {"a": ["d5", "d1", "d4", "d2", "d3"], "b": ["d3", "x", "d1", "y", "d2"]}
TREC = {  # what pytrec_eval (trec_eval) prints of these two queries
    "a": {"map": 0.4, "map3": 0.125, "ndcg3": 0.2960819, "ndcg5": 0.5654495, "rr": 0.5, "r3": 0.25, "p3": 1 / 3},
    "b": {"map": 0.7555556, "map3": 0.5555556, "ndcg3": 0.5250050, "ndcg5": 0.6874847, "rr": 1.0, "r3": 2 / 3,
          "p3": 2 / 3},
}  # fmt: skip
IDS = st.lists(st.sampled_from("abcdefgh"), max_size=8)
GOLD = st.sets(st.sampled_from("abcdefgh"), min_size=1, max_size=5)
SIDE = st.integers(0, 8)
MEASURES = (recall_at, precision_at, hit_at, average_precision, ndcg_at, reciprocal_rank)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x0, x1 = sorted((draw(SIDE), draw(SIDE)))
    y0, y1 = sorted((draw(SIDE), draw(SIDE)))
    return Box(draw(st.sampled_from("pq")), x0, y0, x1, y1)


BOXES = st.lists(boxes(), max_size=5)


@pytest.mark.parametrize("query", ["a", "b"])
def test_measures_agree_with_trec_eval(query: str) -> None:
    ranked, gold, wanted = RUN[query], QREL[query], TREC[query]
    found = {
        "map": average_precision(ranked, gold, full=True),
        "map3": average_precision(ranked, gold, 3, full=True),
        "ndcg3": ndcg_at(ranked, gold, 3),
        "ndcg5": ndcg_at(ranked, gold, 5),
        "rr": reciprocal_rank(ranked, gold),
        "r3": recall_at(ranked, gold, 3),
        "p3": precision_at(ranked, gold, 3),
    }
    assert found == pytest.approx(wanted, abs=1e-6)
    assert precision_at(ranked, gold, 10) == pytest.approx(0.3)  # a short list pays for what it lacks


def test_average_precision_is_cut_by_depth_and_not_by_what_was_found() -> None:
    assert average_precision(["a", "x", "y"], "abcde", 3) == pytest.approx(1 / 3)  # MMDocIR's scorer: 1.0
    assert average_precision(["a", "b"], "abcde", 2) == 1.0
    assert average_precision(["a", "b"], "abcde", 2, full=True) == pytest.approx(0.4)


@given(IDS, GOLD, st.integers(1, 9))
def test_measures_are_shares_and_ideal_lists_score_one(ranked: list[str], gold: set[str], k: int) -> None:
    for measure in MEASURES:
        value = measure(ranked, gold, k)
        assert value is not None and 0 <= value <= 1
        assert measure(ranked, (), k) is None
    ideal = sorted(gold) + [doc for doc in ranked if doc not in gold]
    assert ndcg_at(ideal, gold, k) == pytest.approx(1) == average_precision(ideal, gold, k)


@given(IDS, GOLD, st.integers(1, 8))
def test_measures_grow_with_depth_and_when_a_hit_rises(ranked: list[str], gold: set[str], k: int) -> None:
    for measure in (recall_at, hit_at, reciprocal_rank):
        assert (measure(ranked, gold, k) or 0) <= (measure(ranked, gold, k + 1) or 0)
    once = list(dict.fromkeys(ranked))
    for at in range(1, len(once)):
        if once[at] in gold and once[at - 1] not in gold:
            risen = [*once[: at - 1], once[at], once[at - 1], *once[at + 1 :]]
            for measure in MEASURES:
                assert (measure(risen, gold, k) or 0) >= (measure(once, gold, k) or 0) - 1e-12


@given(IDS, GOLD, st.integers(1, 9))
def test_an_id_that_comes_again_changes_nothing(ranked: list[str], gold: set[str], k: int) -> None:
    for measure in MEASURES:
        assert measure(ranked, gold, k) == measure(list(dict.fromkeys(ranked)), gold, k)


def test_gains_of_nought_are_not_relevant() -> None:
    assert recall_at(["a"], {"a": 1, "b": 0}, 5) == 1.0 and ndcg_at(["b"], {"b": 0}, 5) is None


def test_overlapping_boxes_are_counted_once() -> None:
    gold = [Box("p", 0, 0, 10, 10)]
    twice = [Box("p", 0, 0, 10, 10), Box("p", 0, 0, 10, 10)]
    assert layout_recall(twice, gold) == 1.0  # the published sum of pairs is 2.0
    halves = [Box("p", 0, 0, 6, 10), Box("p", 4, 0, 8, 10), Box("q", 0, 0, 10, 10)]
    assert layout_recall(halves, gold) == pytest.approx(0.8) and layout_recall(halves, gold, 1) == pytest.approx(0.6)
    assert layout_precision(halves, gold) == pytest.approx(80 / 180)
    assert layout_recall(halves, [Box("p", 3, 3, 3, 9)]) is None and layout_precision([], gold) is None
    assert page_recall(["p2", "p1"], ["p1", "p3"], 2) == 0.5
    with pytest.raises(ValueError, match="before it begins"):
        Box("p", 2, 0, 1, 1)


@given(BOXES)
def test_the_area_is_that_of_the_cells_that_are_covered(given_boxes: list[Box]) -> None:
    cells = {
        (box.page, x, y)
        for box in given_boxes
        for x in range(int(box.x0), int(box.x1))
        for y in range(int(box.y0), int(box.y1))
    }
    assert area(given_boxes) == len(cells)


@given(BOXES, BOXES, boxes())
def test_layout_recall_is_a_share_that_only_grows(one: list[Box], gold: list[Box], more: Box) -> None:
    before, after = layout_recall(one, gold), layout_recall([*one, more], gold)
    if before is None or after is None:
        assert area(gold) == 0
        return
    assert 0 <= before <= after <= 1
    assert layout_recall(one[::-1], gold[::-1]) == pytest.approx(before)
    assert layout_recall(gold, gold) == pytest.approx(1)


@pytest.mark.parametrize(
    ("gold", "placed", "scores", "ordering"),
    [  # as the published functions give them
        ("", "", (1, 1, 1), 1.0),
        ("", "a", (0, 1, 0), 0.0),
        ("a", "", (0, 0, 0), 0.0),
        ("ab", "ab", (1, 1, 1), 1.0),
        ("ab", "ba", (1, 1, 1), 1 - (2 / 2) / 3),  # two substitutions
        ("ab", "a", (1, 0.5, 2 / 3), 0.5 * (1 - (3 / 2) / 3)),  # one is missing
        ("a", "ab", (0.5, 1, 2 / 3), 1 - (2 / 2) / 3),  # one too many
        ("abc", "abd", (2 / 3, 2 / 3, 2 / 3), 2 / 3 * (1 - (1 / 3) / 3)),
    ],
)
def test_pictures_of_an_answer(gold: str, placed: str, scores: tuple[float, float, float], ordering: float) -> None:
    found = picture_scores(gold, placed)
    assert (found.precision, found.recall, found.f1) == pytest.approx(scores)
    assert ordering_score(gold, placed) == pytest.approx(ordering)


@given(IDS, IDS)
def test_picture_scores_are_bounded(gold: list[str], placed: list[str]) -> None:
    found, mirrored = picture_scores(gold, placed), picture_scores(placed, gold)
    assert 0 <= found.precision <= 1 and 0 <= found.recall <= 1 and found.f1 == pytest.approx(mirrored.f1)
    assert 0 <= ordering_score(gold, placed) <= 1 and 0 <= common_order(gold, placed) <= 1
    assert ordering_score(gold, gold) == 1 == common_order(gold, gold)
    assert common_order(gold, placed) == common_order(placed, gold)
    assert edit_distance(gold, gold) == 0 <= edit_distance(gold, placed)


def test_where_every_candidate_is_gold_precision_says_nothing() -> None:
    assert all_gold_rate(["ab", "a"], ["ab", "ax"]) == 0.5
    assert all_gold_rate([], []) is None
    assert common_order("abc", "axc") == pytest.approx(2 / 3)
