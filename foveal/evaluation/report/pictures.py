"""Small copies of the questions' pictures, re-encoded: nothing of the files themselves gets into a page."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from foveal.errors import BadImage
from foveal.evaluation.questions import Question

SIDE = 320
"""Longest side in pixels."""
ROOM = 8_000_000
"""Characters that all pictures of a page may take together."""


@dataclass(frozen=True, slots=True)
class Album:
    """``data``: addresses (``data:``) by key; ``of``: the keys of each question's pictures, by its id.

    ``left`` pictures could not be read or found no room.
    """

    data: Mapping[str, str] = field(default_factory=dict)
    of: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    left: int = 0


def make_album(questions: Iterable[Question], *, room: int = ROOM) -> Album:
    """Return the pictures of *questions*, each once, as far as they can be read and *room* lasts; first come first."""
    data: dict[str, str] = {}
    keys: dict[str, str | None] = {}
    of: dict[str, tuple[str, ...]] = {}
    for question in questions:
        for path in question.images:
            if path not in keys:
                keys[path] = None
                small = _small(Path(path))
                if small is not None and len(small) <= room:
                    name = hashlib.sha256(small.encode()).hexdigest()[:12]
                    room -= len(small) if name not in data else 0
                    keys[path], data[name] = name, small
        if mine := tuple(key for path in question.images if (key := keys[path])):
            of[question.id] = mine
    return Album(data, of, sum(key is None for key in keys.values()))


def _small(path: Path) -> str | None:
    """Return the picture as a ``data:`` address, or None when it cannot be read."""
    from foveal.tools.images.decode import Limits, decode

    try:
        if path.stat().st_size > Limits().bytes:
            return None
        picture = decode(path.read_bytes(), name=path.name)
    except (OSError, BadImage):
        return None
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=70, method=4)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
