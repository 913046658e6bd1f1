"""In words: how what a replay asks differs from what was recorded."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from foveal.tools.runs import codec
from foveal.tools.tape.method import Asked

AROUND = 40
"""Characters shown before and after the first that differs."""
COMPARED = 4000
"""Characters of a request by which the nearest one is found."""


def difference(recorded: Any, asked: Any) -> str:
    """Return the first place in which two JSON values differ, with what stands there; "" when they are equal."""
    for path, before, now in _pairs(recorded, asked, ""):
        if isinstance(before, str) and isinstance(now, str):
            at = next((n for n, (a, b) in enumerate(zip(before, now, strict=False)) if a != b), None)
            start = max(0, (min(len(before), len(now)) if at is None else at) - AROUND)
            before, now = (("…" if start else "") + text[start : start + 2 * AROUND] for text in (before, now))
        return f"`{path}` was {_shown(before)}, now it is {_shown(now)}"
    return ""


def nearest(asked: Asked, recorded: Iterable[Mapping[str, Any]]) -> str:
    """Return how *asked* differs from the call on the tape that is most like it; "" when there is none of its kind."""
    alike = [c for c in recorded if (c["part"], c["method"]) == (asked.part, asked.method.name)]
    task = asked.request.get("task")
    alike = [c for c in alike if c["request"].get("task") == task] or alike
    if not alike:
        return ""
    text = codec.dump(asked.request)
    matcher = difflib.SequenceMatcher(autojunk=False)
    matcher.set_seq2(text[-COMPARED:])

    def likeness(call: Mapping[str, Any]) -> float:
        matcher.set_seq1(codec.dump(call["request"])[-COMPARED:])
        return matcher.quick_ratio()

    return difference(max(alike, key=likeness)["request"], json.loads(text))


def _pairs(before: Any, now: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yield the leaves that differ, with where they stand."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in dict.fromkeys((*before, *now)):
            yield from _pairs(before.get(key), now.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for n, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from _pairs(one, other, f"{path}.{n}".lstrip("."))
    elif before != now:
        yield path, before, now


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else codec.dump(value)
    return f"“{text if len(text) <= 2 * AROUND + 1 else text[: 2 * AROUND] + '…'}”"
