"""How far two sequences are apart: weighted edit distance and longest common subsequence."""

from __future__ import annotations

from collections.abc import Sequence


def edits(
    one: Sequence[str], other: Sequence[str], *, delete: float = 1, insert: float = 1, substitute: float = 1
) -> float:
    """Return the least cost of turning *one* into *other*; with costs of 1 the Levenshtein distance."""
    row = [j * insert for j in range(len(other) + 1)]
    for i, a in enumerate(one, 1):
        before, row[0] = row[0], i * delete
        for j, b in enumerate(other, 1):
            swap = before + (0 if a == b else substitute)
            before, row[j] = row[j], min(row[j] + delete, row[j - 1] + insert, swap)
    return row[-1]


def common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return the length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for a in one:
        before = 0
        for j, b in enumerate(other, 1):
            before, row[j] = row[j], before + 1 if a == b else max(row[j], row[j - 1])
    return row[-1]
