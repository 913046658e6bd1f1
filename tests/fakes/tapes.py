"""Runs recorded and played back, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from foveal.api import Foveal, replayed
from foveal.tools.runs import codec
from foveal.types import Event, plain


async def record(foveal: Foveal, tape: Path, question: str, images: Any = (), **asked: Any) -> list[Event]:
    """Make a run and record it."""
    return [event async for event in foveal.stream(question, images, record=tape, **asked)]


async def again(tape: Path, **given: Any) -> list[Event]:
    """Make the run of a recording again."""
    return [event async for event in replayed(tape, **given)]


def text(events: Iterable[Event]) -> str:
    """All that a user of the API can see of events, the answer among it, byte for byte."""
    return "\n".join(codec.dump([e.seq, e.type, plain(dict(e.data))]) for e in events)


def lines(tape: Path) -> list[dict[str, Any]]:
    """The lines of a recording."""
    return [json.loads(line) for line in tape.read_text("utf-8").splitlines()]
