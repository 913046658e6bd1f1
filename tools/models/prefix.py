"""Which slot a call uses, and how much of the prompt that is in it may be used again.

llama.cpp computes a row a little differently when it is left over from a group of four, or when fewer
than eight rows are computed together. Reusing a prefix up to any token would therefore let a reply depend
on the calls before it (0.02 of a yes probability was seen). Reuse that ends at a multiple of four, and
leaves no step of fewer than eight rows, gives the same logits as no reuse at all, to the last digit.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

GROUP = 4
"""Rows that a kernel computes together."""
LEAST_ROWS = 8
"""A step of fewer rows takes another path through the kernels."""


@dataclass(frozen=True, slots=True)
class Reuse:
    """How to come by ``cached`` tokens: with ``prime`` set, evaluate those tokens in the slot first."""

    cached: int
    prime: tuple[int, ...] = ()


class SlotBook:
    """What each slot holds. Tasks keep their slot until it is the one unused for longest."""

    def __init__(self, slots: int, batch: int) -> None:
        self._slots = slots
        self._batch = batch
        self._owner: OrderedDict[str, int] = OrderedDict()
        self._held: dict[int, tuple[int, ...]] = {}

    def slot_of(self, task: str) -> int:
        """Return the slot of *task*, taking over the one unused for longest when the task is new."""
        if task in self._owner:
            self._owner.move_to_end(task)
            return self._owner[task]
        if len(self._owner) < self._slots:
            slot = len(self._owner)
        else:
            slot = self._owner.popitem(last=False)[1]
        self._owner[task] = slot
        return slot

    def hold(self, slot: int, tokens: Sequence[int]) -> None:
        """Note that *slot* holds the prompt *tokens*; empty when a call was broken off."""
        self._held[slot] = tuple(tokens)

    def plan(self, slot: int, tokens: Sequence[int]) -> Reuse:
        """Return how much of what *slot* holds a prompt of *tokens* may start from."""
        held = self._held.get(slot, ())
        common = 0
        for old, new in zip(held, tokens, strict=False):
            if old != new:
                break
            common += 1
        cached = self._longest(len(tokens), common)
        if cached == 0 and not self._steps_are_full(len(tokens)):
            # Nothing to start from, and the last step would be too small: shift the steps.
            return Reuse(LEAST_ROWS, tuple(tokens[:LEAST_ROWS]))
        if cached == 0 or (cached == common and common < len(held)):
            return Reuse(cached)
        # The slot must forget what comes after: one other token there makes it.
        other = tokens[cached] + 1 if tokens[cached] == 0 else tokens[cached] - 1
        return Reuse(cached, (*tokens[:cached], other))

    def _longest(self, total: int, common: int) -> int:
        cached = min(common, total - LEAST_ROWS) // GROUP * GROUP
        while cached > 0 and not self._steps_are_full(total - cached):
            cached -= GROUP
        return max(cached, 0)

    def _steps_are_full(self, rows: int) -> bool:
        left = rows % self._batch
        return left == 0 or left >= LEAST_ROWS or rows < LEAST_ROWS
