"""From rows of JSON, as events and answers hold them, back to the values of :mod:`foveal.types`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from foveal.types import Region

T = TypeVar("T")


def build(kind: type[T], row: Mapping[str, Any]) -> T:
    """Return the dataclass *kind* of *row*: unknown keys are left out, lists become tuples, boxes regions."""
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items() if k in known}
    if isinstance(values.get("region"), Mapping):
        values["region"] = Region(**values["region"])
    return kind(**values)
