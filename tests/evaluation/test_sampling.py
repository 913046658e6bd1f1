"""A sample is by category, the same for the same seed, and part of every larger one."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from foveal.evaluation.questions import Question
from foveal.evaluation.sampling import sample


def questions(sizes: list[int]) -> list[Question]:
    return [
        Question(id=f"{c}/{n}", question="?", category=f"c{c}") for c, size in enumerate(sizes) for n in range(size)
    ]


SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=6)


@given(SIZES, st.integers(1, 60), st.integers(0, 5))
def test_the_next_sample_holds_this_one(sizes: list[int], size: int, seed: int) -> None:
    asked = questions(sizes)
    taken, more = sample(asked, size, seed), sample(asked, size + 1, seed)
    assert len(taken) == min(size, len(asked)) and taken == sample(asked, size, seed)
    assert {q.id for q in taken} <= {q.id for q in more}
    assert [q for q in asked if q in taken] == list(taken), "the order of the file"


@given(SIZES, st.integers(6, 60))
def test_shares_follow_the_sizes(sizes: list[int], size: int) -> None:
    asked = questions(sizes)
    taken = Counter(q.category for q in sample(asked, size, 0))
    for category, count in Counter(q.category for q in asked).items():
        fair = min(size, len(asked)) * count / len(asked)
        assert abs(taken[category] - fair) < 1 + len(sizes) / 2


def test_another_seed_is_another_sample_and_other_questions_change_nothing() -> None:
    asked = questions([100])
    taken = {q.id for q in sample(asked, 20, 0)}
    assert taken != {q.id for q in sample(asked, 20, 1)}
    assert {q.id for q in sample(asked[::-1], 20, 0)} == taken
    without = [q for q in asked if q.id not in sorted(set(q.id for q in asked) - taken)[:40]]
    assert {q.id for q in sample(without, 20, 0)} == taken
