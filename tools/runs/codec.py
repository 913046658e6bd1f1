"""Values of :mod:`foveal.types` as JSON and back, exactly: what a call returned is what a resumed run is given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import orjson
from pydantic import TypeAdapter

from foveal import types
from foveal.types import plain

T = TypeVar("T")
_KIND = "is"


def dump(value: Any) -> str:
    """Return *value* (JSON data, or one of our dataclasses) as JSON. Numbers of numpy's become plain ones."""
    try:
        return orjson.dumps(value, default=_other).decode()
    except TypeError:  # half of a surrogate pair, or a whole number of more than 64 bits: not for orjson
        return json.dumps(plain(value), separators=(",", ":"), default=lambda v: v.item())


def _other(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, set | frozenset) else value.item()


def load(kind: type[T], data: Any) -> T:
    """Return the *kind* that *data* (parsed JSON) is. Raises pydantic.ValidationError."""
    return TypeAdapter(kind).validate_python(data)


def dump_items(items: Iterable[Any]) -> str:
    """Return dataclasses of :mod:`foveal.types`, each with its name, as JSON."""
    return dump([{_KIND: type(item).__name__, "value": item} for item in items])


def load_items(text: str) -> tuple[Any, ...]:
    """Return what :func:`dump_items` was given."""
    adapters: dict[str, TypeAdapter[Any]] = {}
    rows: list[Mapping[str, Any]] = json.loads(text)
    for name in {row[_KIND] for row in rows}:
        adapters[name] = TypeAdapter(getattr(types, name))
    return tuple(adapters[row[_KIND]].validate_python(row["value"]) for row in rows)
