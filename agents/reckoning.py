"""Results that code computes from looked-up values: choices, comparisons, differences, sums and counts.

A model is never asked. What the values do not decide is None, so that the caller abstains.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date as Date

from foveal.agents.quantities import unit
from foveal.agents.values import date, fold, items, looks_dated, number

Value = float | tuple[int, int, int]
"""What can be put in order: a number, or (year, month, day) with 0 for what is not known."""


def select(members: Sequence[str], values: Sequence[str], op: str) -> str | None:
    """Return the member whose value is extreme (argmax, argmin), or the only one that has "yes" (holds).

    Members without a readable value do not take part. None when fewer than two do, when their units are of
    different kinds, or when the two best cannot be told apart ("1901" and "5 May 1901").
    """
    pairs = [(m, v) for m, v in zip(members, values, strict=True) if v]
    if op == "holds":
        held = [m for m, v in pairs if fold(v).startswith("yes")]
        return held[0] if len(held) == 1 and len(pairs) == len(members) else None
    keys = comparable_all([v for _, v in pairs])
    rated = [(key, member) for key, (member, _) in zip(keys or (), pairs, strict=bool(keys)) if key is not None]
    if len(rated) < 2 <= len(members) and len(rated) < len(members):
        return None
    ranked = sorted(rated, key=lambda r: r[0], reverse=op == "argmax")
    if len(ranked) > 1 and earlier(ranked[0][0], ranked[1][0]) is None:
        return None
    return ranked[0][1] if ranked else None


def comparable_all(values: Sequence[str]) -> list[Value | None] | None:
    """Return all as dates, or all as numbers in one unit (None for those that are none); None when units clash."""
    if values and all(looks_dated(v) and date(v) for v in values):
        return [date(v) for v in values]
    numbers, units = [number(v) for v in values], [unit(v) for v in values]
    if len({u.kind for u in units if u}) > 1:
        return None
    if len({u.factor if u else None for u in units}) == 1:
        return list(numbers)
    if not all(units):
        return None  # one in miles and one in nothing
    return [n * u.factor if n is not None and u else None for n, u in zip(numbers, units, strict=True)]


def earlier(first: Value, second: Value) -> bool | None:
    """Say whether *first* comes before *second*; None when equal as far as both are given."""
    if isinstance(first, tuple) and isinstance(second, tuple):
        given = [(a, b) for a, b in zip(first, second, strict=True)]
        for a, b in given:
            if 0 in (a, b):
                return None
            if a != b:
                return a < b
        return None
    if isinstance(first, tuple) or isinstance(second, tuple) or first == second:
        return None
    return first < second


def judge(op: str, values: Sequence[str]) -> str | None:
    """Return what *op* makes of *values*, or None when they do not decide it.

    before, after, larger, smaller, same, both, either: "yes" or "no". count: how many values there are, or how
    many are "yes" when all are yes or no. shared: what two lists have in common. sum, difference: a number in
    the first value's unit; two dates differ by whole years (days: by days).
    """
    if op == "count" and all(values):
        said = [fold(v).split(" ", 1)[0] for v in values]
        return str(said.count("yes") if said and set(said) <= {"yes", "no"} else len(values))
    if not values or not all(values):
        return None
    held = [fold(v).startswith("yes") for v in values]
    if op == "both":
        return "yes" if all(held) else "no"
    if op == "either":
        return "yes" if any(held) else "no"
    if op == "sum":
        return _summed(values)
    if len(values) != 2:
        return None
    first, second = values
    if op == "same":
        a, b = f" {fold(first)} ", f" {fold(second)} "
        return "yes" if a in b or b in a else "no"
    if op == "shared":
        common = [i for i in items(first) if any(fold(i) == fold(j) for j in items(second))]
        return ", ".join(common) or None
    if op in ("difference", "days"):
        return _apart(first, second, op)
    keys = comparable_all(values)
    if keys is None or keys[0] is None or keys[1] is None:
        return None
    if (less := earlier(keys[0], keys[1])) is None:
        return "no" if keys[0] == keys[1] and not isinstance(keys[0], tuple) else None
    return "yes" if less == (op in ("before", "smaller")) else "no"


def _apart(first: str, second: str, op: str) -> str | None:
    """Return how far two values are apart: whole years or days between dates, else the numbers' difference."""
    dates = date(first), date(second)
    if dates[0] and dates[1] and looks_dated(first) and looks_dated(second):
        (y0, m0, d0), (y1, m1, d1) = sorted((dates[0], dates[1]))
        if op == "days":
            return str((Date(y1, m1, d1) - Date(y0, m0, d0)).days) if m0 and d0 and m1 and d1 else None
        full = bool(m0 and m1 and (m0 != m1 or (d0 and d1)))
        return str(y1 - y0 - (full and (m1, d1) < (m0, d0)))
    keys = comparable_all([first, second])
    if keys is None or not isinstance(keys[0], float) or not isinstance(keys[1], float):
        return None
    return _with_unit(abs(keys[0] - keys[1]), first, converted=unit(first) != unit(second))


def _summed(values: Sequence[str]) -> str | None:
    keys = comparable_all(values)
    numbers = [k for k in keys or () if isinstance(k, float)]
    if keys is None or len(numbers) != len(values):
        return None
    return _with_unit(sum(numbers), values[0], converted=len({u.factor if (u := unit(v)) else 1 for v in values}) > 1)


def _with_unit(amount: float, like: str, *, converted: bool) -> str:
    """Return *amount* in the unit of *like*; a *converted* amount is in base units and is turned back."""
    found = unit(like)
    if found and converted:
        amount = round(amount / found.factor, 2)
    return f"{amount:.10g}{f' {found.word}' if found and found.kind != 'time' else ''}"
