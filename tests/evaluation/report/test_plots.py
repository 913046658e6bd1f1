"""Where things stand in plots: labels keep apart, ticks are round, the frontier is what nothing beats."""

from __future__ import annotations

import re
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from foveal.evaluation.report import plots

figures = st.floats(0, 1e4, allow_nan=False)
points = st.lists(st.tuples(figures, st.floats(0, 1)), min_size=1, max_size=17)


@given(points)
def test_the_frontier_is_what_nothing_beats(given_points: list[tuple[float, float]]) -> None:
    front = plots.frontier(given_points)
    assert front, "the best is never beaten"
    for n, (cost, worth) in enumerate(given_points):
        beaten = any(c <= cost and w >= worth and (c, w) != (cost, worth) for c, w in given_points)
        assert (n in front) is not beaten
    chosen = [given_points[n] for n in front]
    assert chosen == sorted(chosen), "cheapest first, and so worst first"


def test_a_dear_run_that_is_no_better_is_beaten() -> None:
    assert plots.frontier([(1, 0.2), (3, 0.9), (4, 0.9), (2, 0.1), (3, 0.9)]) == [0, 1, 4]


@given(st.lists(st.floats(0, 300), max_size=20))
def test_labels_keep_apart_and_in_order(wanted: list[float]) -> None:
    places = plots.spread(wanted, 10, 290)
    assert all(10 - 1e-6 <= place <= 290 + 1e-6 for place in places)
    order = sorted(range(len(wanted)), key=lambda n: (wanted[n], n))
    least = min(plots.LINE, 280 / max(1, len(wanted) - 1))
    assert all(places[b] - places[a] >= least - 1e-6 for a, b in pairwise(order))


def test_labels_with_room_stay_where_they_are() -> None:
    assert plots.spread([200.0, 50.0, 100.0], 0, 300) == [200.0, 50.0, 100.0]


@given(st.floats(1e-6, 1e7))
def test_ticks_are_round_and_reach_beyond_the_highest(highest: float) -> None:
    ticks = plots.round_ticks(highest)
    assert ticks[0] == 0 and ticks[-1] >= highest * 0.998 and 3 <= len(ticks) <= 7
    assert float(f"{ticks[1]:.2g}") == ticks[1] or abs(float(f"{ticks[1]:.2g}") / ticks[1] - 1) < 1e-9


@given(st.lists(st.integers(0, 500), min_size=1, max_size=8).filter(any))
def test_a_bar_is_full_and_leaves_out_what_is_not_there(counts: list[int]) -> None:
    parts = plots.stack({f"p{n}": count for n, count in enumerate(counts)})
    assert [count for _, count, _, _ in parts] == [count for count in counts if count]
    assert abs(sum(width for *_, width in parts) - 100) < 1e-6
    assert all(abs(a[2] + a[3] - b[2]) < 1e-6 for a, b in pairwise(parts))


def test_dots_stand_where_their_figures_say() -> None:
    plot = plots.costs(
        "T", "calls", [plots.Point(0, "dear", 4, 0.8, 0.7, 0.9), plots.Point(1, "cheap", 1, 0.3, 0.2, 0.4)]
    )
    dear, cheap = plot.dots
    assert dear.x > cheap.x and dear.y < cheap.y, "up is better"
    assert dear.low > dear.y > dear.high and dear.front and cheap.front
    assert all(plots.LEFT <= dot.x <= plots.WIDTH - plots.RIGHT for dot in plot.dots)
    assert all(plots.TOP <= dot.y <= plots.HEIGHT - plots.BOTTOM for dot in plot.dots)
    assert re.match(rf"M{cheap.x:.1f},{cheap.y:.1f} H{dear.x:.1f} V{dear.y:.1f}", plot.frontier)
    assert "dear: 80% at 4" in plot.words and "Beaten by no other: cheap, dear" in plot.words


def test_risk_rises_from_the_surest_answers() -> None:
    plot = plots.risks([(0, "a", [(0.25, 0.0), (1.0, 0.5)]), (1, "a rather long name of a run", [(1.0, 0.1)])])
    assert plot.curves[0].path.startswith("M") and plot.curves[0].y < plot.curves[1].y
    assert len(plot.curves[1].name) <= plots.LONGEST_NAME and "50% wrong when all are kept" in plot.words
