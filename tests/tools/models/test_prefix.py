"""How much of a slot is used again, without weights."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foveal.tools.models.prefix import GROUP, LEAST_ROWS, Reuse, SlotBook

BATCH = 64


def full(rows: int) -> bool:
    return rows < LEAST_ROWS or rows % BATCH == 0 or rows % BATCH >= LEAST_ROWS


def test_tasks_keep_their_slot_until_they_are_the_oldest() -> None:
    book = SlotBook(2, BATCH)
    assert [book.slot_of(task) for task in ("a", "b", "a")] == [0, 1, 0]
    assert book.slot_of("c") == 1, "b was unused for longest"
    assert book.slot_of("a") == 0
    assert book.slot_of("b") == 1


def test_empty_slot_starts_from_nothing() -> None:
    assert SlotBook(1, BATCH).plan(0, list(range(100))) == Reuse(0)


def test_small_last_step_is_avoided_by_shifting_the_steps() -> None:
    tokens = list(range(67))
    assert SlotBook(1, BATCH).plan(0, tokens) == Reuse(8, tuple(tokens[:8]))


def test_slot_that_parts_at_a_good_place_needs_no_priming() -> None:
    book = SlotBook(1, BATCH)
    book.hold(0, [*range(40), 900, 901])
    assert book.plan(0, list(range(60))) == Reuse(40)


def test_slot_that_agrees_for_longer_is_told_to_forget() -> None:
    book = SlotBook(1, BATCH)
    book.hold(0, list(range(42)))
    reuse = book.plan(0, list(range(60)))
    assert reuse.cached == 40
    assert reuse.prime == (*range(40), 39), "40 tokens to keep, then one that is not the next"


def test_same_prompt_again_leaves_some_rows_to_compute() -> None:
    book = SlotBook(1, BATCH)
    book.hold(0, list(range(50)))
    assert book.plan(0, list(range(50))).cached == 40


def test_broken_off_call_leaves_nothing_to_reuse() -> None:
    book = SlotBook(1, BATCH)
    book.hold(0, list(range(50)))
    book.hold(0, ())
    assert book.plan(0, list(range(50))) == Reuse(0)


@given(
    held=st.lists(st.integers(0, 3), max_size=300),
    common=st.integers(0, 300),
    tail=st.lists(st.integers(0, 3), min_size=1, max_size=300),
)
def test_reuse_is_true_aligned_and_leaves_full_steps(held: list[int], common: int, tail: list[int]) -> None:
    tokens = [*held[:common], *tail]
    book = SlotBook(1, BATCH)
    book.hold(0, held)
    reuse = book.plan(0, tokens)
    assert reuse.cached % GROUP == 0 and reuse.cached < len(tokens)
    assert full(len(tokens) - reuse.cached)
    if reuse.prime:
        assert list(reuse.prime[: reuse.cached]) == tokens[: reuse.cached]
        assert reuse.prime != tuple(tokens[: len(reuse.prime)]) or reuse.cached == LEAST_ROWS
    elif reuse.cached:
        assert held[: reuse.cached] == tokens[: reuse.cached]
        assert held[reuse.cached] != tokens[reuse.cached], "the slot itself parts there"
