"""Reliability figures, by hand and by their properties."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.evaluation.metrics.calibration import (
    aurc,
    brier,
    ece,
    reliability,
    risk_coverage,
    threshold_for,
)

ANSWERS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40)


def split(answers: list[tuple[float, bool]]) -> tuple[list[float], list[bool]]:
    return [c for c, _ in answers], [right for _, right in answers]


def test_by_hand() -> None:
    confidences, right = [0.95, 0.91, 0.15, 0.11], [True, False, False, False]
    table = reliability(confidences, right)
    assert [(row.n, row.accuracy) for row in table] == [(2, 0.0), (2, 0.5)]
    assert ece(confidences, right) == pytest.approx((0.13 + 0.43) / 2)
    assert brier(confidences, right) == pytest.approx((0.05**2 + 0.91**2 + 0.15**2 + 0.11**2) / 4)
    assert [(p.threshold, p.coverage, p.risk) for p in risk_coverage(confidences, right)][:2] == [
        (0.95, 0.25, 0.0),
        (0.91, 0.5, 0.5),
    ]
    assert aurc(confidences, right) == pytest.approx((0 + 1 / 2 + 2 / 3 + 3 / 4) / 4)
    assert threshold_for(confidences, right, risk=0.1) == 0.95
    assert threshold_for(confidences, right, risk=0.1, least=2) is None
    assert threshold_for(confidences, right, risk=0.5, least=2) == 0.91
    assert threshold_for([0.9], [False], risk=0.5) is None


def test_bins_of_equal_mass_hold_alike_and_never_part_a_tie() -> None:
    confidences = [0.9 + n / 1000 for n in range(20)]
    assert [row.n for row in reliability(confidences, [True] * 20, bins=5, by="mass")] == [4] * 5
    assert len(reliability(confidences, [True] * 20, bins=5)) == 1
    tied = reliability([0.5] * 19 + [0.6], [True] * 20, bins=5, by="mass")
    assert [row.n for row in tied] == [19, 1]


def test_what_is_no_confidence_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        ece([1.2], [True])
    with pytest.raises(ValueError, match="between 0 and 1"):
        ece([float("nan")], [True])
    with pytest.raises(ValueError, match="one outcome"):
        brier([0.5], [])
    assert ece([], []) == 0.0 == brier([], []) == aurc([], []) and reliability([], []) == [] == risk_coverage([], [])


@given(ANSWERS, st.integers(1, 12))
def test_errors_are_shares_and_bins_hold_every_answer(answers: list[tuple[float, bool]], bins: int) -> None:
    confidences, right = split(answers)
    for by in ("width", "mass"):
        table = reliability(confidences, right, bins=bins, by=by)
        assert sum(row.n for row in table) == len(answers) and len(table) <= bins
        assert all(row.low <= row.confidence + 1e-12 and row.confidence <= row.high + 1e-12 for row in table)
        assert 0 <= ece(confidences, right, bins=bins, by=by) <= 1
    assert 0 <= brier(confidences, right) <= 1 and 0 <= aurc(confidences, right) <= 1


@given(ANSWERS)
def test_the_curve_ends_with_all_answers_and_order_does_not_matter(answers: list[tuple[float, bool]]) -> None:
    confidences, right = split(answers)
    curve = risk_coverage(confidences, right)
    assert curve[-1].coverage == 1 and curve[-1].risk == pytest.approx(1 - sum(right) / len(right))
    assert all(a.coverage < b.coverage and a.threshold > b.threshold for a, b in pairwise(curve))
    backwards = split(answers[::-1])
    assert risk_coverage(*backwards) == curve
    assert aurc(*backwards) == pytest.approx(aurc(confidences, right))
    assert ece(*backwards) == pytest.approx(ece(confidences, right))


@given(ANSWERS)
def test_one_bin_tells_only_how_far_the_mean_is_off(answers: list[tuple[float, bool]]) -> None:
    confidences, right = split(answers)
    off = abs(sum(confidences) / len(answers) - sum(right) / len(answers))
    assert ece(confidences, right, bins=1) == pytest.approx(off) == ece(confidences, right, bins=1, by="mass")
    assert ece(confidences, right, bins=7) >= off - 1e-12


@given(st.lists(st.booleans(), min_size=1, max_size=20))
def test_a_confidence_that_knows_is_best(right: list[bool]) -> None:
    knows = [float(r) for r in right]
    assert ece(knows, right) == 0 == brier(knows, right)
    assert aurc(knows, right) <= aurc([0.5] * len(right), right) + 1e-12
    assert threshold_for(knows, right, risk=0) == (
        None if not any(right) else (0.0 if all(right) and 0.0 in knows else 1.0)
    )
