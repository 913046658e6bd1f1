"""Intervals and tests of a difference, against their libraries and by their properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveal.evaluation.metrics import stats
from foveal.evaluation.metrics.stats import bootstrap, mcnemar, paired_bootstrap, wilcoxon

RIGHT = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40)
SCORES = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), min_size=1, max_size=15)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
@settings(max_examples=25)
def test_the_interval_is_of_the_mean_and_within_the_values(values: list[float]) -> None:
    low, high = bootstrap(values, samples=200)
    assert min(values) - 1e-9 <= low <= high <= max(values) + 1e-9
    assert bootstrap(values, samples=200) == (low, high)
    wider = bootstrap(values, samples=200, level=0.99)
    assert wider[0] <= low and wider[1] >= high


def test_the_interval_is_about_that_of_the_normal_law() -> None:
    values = [1.0] * 60 + [0.0] * 40
    low, high = bootstrap(values)
    half = 1.96 * (0.6 * 0.4 / 100) ** 0.5
    assert (low, high) == pytest.approx((0.6 - half, 0.6 + half), abs=0.02)
    assert bootstrap([]) == (0.0, 0.0)


@given(SCORES)
@settings(max_examples=25)
def test_the_difference_turns_its_sign_with_the_runs(pairs: list[tuple[int, int]]) -> None:
    one, other = [float(a) for a, _ in pairs], [float(b) for _, b in pairs]
    there, back = paired_bootstrap(one, other, samples=200), paired_bootstrap(other, one, samples=200)
    assert there.mean == pytest.approx(-back.mean) and there.p == pytest.approx(back.p)
    assert there.interval == pytest.approx((-back.interval[1], -back.interval[0]))
    assert 0 < there.p <= 1


def test_pairing_takes_what_is_hard_for_both_out() -> None:
    hard = [n / 100 for n in range(100)]
    better = paired_bootstrap([h + 0.01 for h in hard], hard)
    assert better.interval == pytest.approx((0.01, 0.01)) and better.p == pytest.approx(1 / stats.SAMPLES)
    assert paired_bootstrap(hard, hard).p == 1.0
    none = paired_bootstrap([], [])
    assert (none.mean, none.interval, none.p) == (0.0, (0.0, 0.0), 1.0)


@given(RIGHT)
def test_mcnemar_is_the_binomial_test_of_the_questions_they_differ_on(pairs: list[tuple[bool, bool]]) -> None:
    binomial = pytest.importorskip("scipy.stats").binomtest
    won, lost = sum(a and not b for a, b in pairs), sum(b and not a for a, b in pairs)
    wanted = binomial(won, won + lost).pvalue if won + lost else 1.0
    assert mcnemar([a for a, _ in pairs], [b for _, b in pairs]) == pytest.approx(wanted)
    assert mcnemar([b for _, b in pairs], [a for a, _ in pairs]) == pytest.approx(wanted)


def test_mcnemar_of_thousands_of_questions() -> None:
    assert mcnemar([True] * 3000, [False] * 3000) < 1e-300
    assert mcnemar([True] * 3000 + [False] * 3000, [False] * 3000 + [True] * 3000) == 1.0


@given(st.lists(st.integers(-99, 99).filter(bool), min_size=1, max_size=25, unique_by=abs))
def test_wilcoxon_without_ties_is_scipys_exact_test(off: list[int]) -> None:
    exact = pytest.importorskip("scipy.stats").wilcoxon
    wanted = exact(off, method="exact").pvalue
    assert wilcoxon([float(d) for d in off], [0.0] * len(off)) == pytest.approx(wanted)


@given(SCORES)
def test_wilcoxon_with_ties_counts_every_sign(pairs: list[tuple[int, int]]) -> None:
    p = wilcoxon([a for a, _ in pairs], [b for _, b in pairs])
    assert 0 < p <= 1 and p == pytest.approx(wilcoxon([b for _, b in pairs], [a for a, _ in pairs]))
    off = np.array([a - b for a, b in pairs if a != b])
    if 0 < len(off) <= 8:
        ranks = stats._doubled_ranks(np.abs(off))
        signs = (np.arange(2 ** len(off))[:, None] >> np.arange(len(off))) & 1
        sums = signs @ ranks
        less = min(int(ranks[off > 0].sum()), int(ranks[off < 0].sum()))
        assert p == pytest.approx(min(1.0, 2 * float(np.mean(sums <= less))))


def test_beyond_the_exact_pairs_wilcoxon_is_the_normal_law() -> None:
    approximate = pytest.importorskip("scipy.stats").wilcoxon
    off = np.random.default_rng(1).normal(0.1, 1, 300).round(1)
    wanted = approximate(off[off != 0], method="approx", correction=False).pvalue
    assert wilcoxon(off.tolist(), [0.0] * 300) == pytest.approx(wanted, rel=1e-6)
    assert wilcoxon([1.0], [1.0]) == 1.0
