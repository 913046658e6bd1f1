from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.evaluation.metrics.pmrr import p_mrr, p_mrr_change

RANK = st.integers(1, 1000)


@given(RANK, RANK)
def test_it_is_the_ratio_of_reciprocal_ranks(before: int, after: int) -> None:
    og, new = 1 / before, 1 / after
    expected = og / new - 1 if before >= after else 1 - new / og
    assert p_mrr_change(before, after) == pytest.approx(expected)
    assert -1 < p_mrr_change(before, after) < 1
    assert p_mrr_change(before, after) == pytest.approx(-p_mrr_change(after, before))


def test_the_mean_is_over_documents_and_then_over_queries() -> None:
    before = {"a": ["x", "y", "z"], "b": ["x", "y"], "c": ["x"]}
    after = {"a": ["z", "y", "x"], "b": ["y", "w"], "c": ["x"]}
    # a: x fell from 1 to 3, y stayed; b: x left (behind the last: 3); c has nothing that changed
    assert p_mrr(before, after, {"a": ["x", "y"], "b": ["x"], "c": []}) == pytest.approx((1 / 3 + 2 / 3) / 2)
    assert p_mrr(before, before, {"a": ["x"], "b": ["y"]}) == 0
    assert p_mrr(before, after, {}) == 0
    with pytest.raises(ValueError, match="from 1"):
        p_mrr_change(0, 1)
