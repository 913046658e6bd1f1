"""Fields as data sets publish them: missing, null, NaN, nested, numbers for text, lists written as text."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

DEEPEST = 20
LONGEST_LITERAL = 1_000_000


def present(value: Any) -> bool:
    """Whether *value* says something: not null, NaN, or empty."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return False
    return not (isinstance(value, str | bytes | list | tuple | dict) and len(value) == 0)


def text_of(value: Any) -> str:
    """Return *value* as one text: numbers in their shortest form, other than text and numbers as nothing."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "").strip()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if -(10**30) < value < 10**30 else ""
    if isinstance(value, float) and math.isfinite(value):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return ""


def literal(value: Any) -> Any:
    """Return what a text like ``"['a', 'b']"`` or ``'{"a": 1}'`` writes down; anything else as it is."""
    if not isinstance(value, str) or len(value) > LONGEST_LITERAL or value.strip()[:1] not in ("[", "{", "("):
        return value
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(value.strip())
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            continue
    return value


def leaves(value: Any, depth: int = 0) -> Iterator[Any]:
    """Yield the values of a list however it is nested, those of a list written as text too; null is left out."""
    value = literal(value)
    if isinstance(value, list | tuple) and depth < DEEPEST:
        for item in value:
            yield from leaves(item, depth + 1)
    elif present(value):
        yield value


def strings(value: Any) -> tuple[str, ...]:
    """Return the texts in *value*, each once, in order."""
    return tuple(dict.fromkeys(text for leaf in leaves(value) if (text := text_of(leaf))))


def integer(value: Any) -> int | None:
    """Return a whole number, also out of a text that is nothing else; None for anything else."""
    text = text_of(value) if not isinstance(value, bool) else ""
    try:
        return int(text) if len(text) < 20 else None
    except ValueError:
        return None


def integers(value: Any) -> tuple[int, ...]:
    """Return the whole numbers in *value*, each once, in order."""
    return tuple(dict.fromkeys(n for leaf in leaves(value) if (n := integer(leaf)) is not None))


def number(value: Any) -> float | None:
    """Return a finite number, also out of a text that is nothing else (``1,200``, ``12 %``); None for anything else."""
    text = text_of(value) if not isinstance(value, bool) else ""
    try:
        found = float(text.replace(",", "").removesuffix("%").strip())
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def mapping(value: Any) -> Mapping[str, Any]:
    """Return *value* if it is an object, also one written as text, else an empty one."""
    value = literal(value)
    return value if isinstance(value, dict) else {}


def listed(value: Any) -> list[Any]:
    """Return *value* if it is a list, also one written as text, else an empty one."""
    value = literal(value)
    return list(value) if isinstance(value, list | tuple) else []


def objects(value: Any) -> list[Mapping[str, Any]]:
    """Return the objects of a list (or the one object), also of a list written as text."""
    value = literal(value)
    return [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]


def pairs(value: Any, *names: str) -> list[tuple[Any, ...]]:
    """Return a table with the columns *names* as rows: from ``{"a": [..], "b": [..]}`` or ``[[a, b], ..]``."""
    value = literal(value)
    if isinstance(value, dict):
        columns = [column if isinstance(column := value.get(name), list) else [] for name in names]
        return list(zip(*columns, strict=False))
    if not isinstance(value, list):
        return []
    rows: list[tuple[Any, ...]] = []
    for item in value:
        if isinstance(item, dict):
            rows.append(tuple(item.get(name) for name in names))
        elif isinstance(item, list | tuple) and len(item) >= len(names):
            rows.append(tuple(item[: len(names)]))
    return rows


def plain(value: Any, depth: int = 0) -> Any:
    """Return *value* as what JSON can hold; bytes and what is nested too deep are left out."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return text_of(value)
    if depth < DEEPEST and isinstance(value, dict):
        return {text_of(key): plain(item, depth + 1) for key, item in value.items() if not isinstance(item, bytes)}
    if depth < DEEPEST and isinstance(value, list | tuple):
        return [plain(item, depth + 1) for item in value if not isinstance(item, bytes)]
    return None if isinstance(value, bytes) else str(value)[:500]


def kept(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return *values* that are present, as JSON: the ``meta`` of a question or document."""
    return {key: plain(value) for key, value in values.items() if present(value)}


def same_once(values: Iterable[str]) -> tuple[str, ...]:
    """Return *values* without the empty ones, each once."""
    return tuple(dict.fromkeys(value for value in values if value))
