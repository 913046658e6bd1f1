"""One turn of an agent that searches as it sees fit: what it may do next, and what it says it does.

Methods of the field write a turn as tagged text and look for phrases in it, so that a reply may name two tools, none,
or a whole imagined search with an answer at its end. Here a turn is an object whose tool is one of those that may be
used now, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def schema(tools: Sequence[str], **texts: int) -> dict[str, Any]:
    """Return the JSON Schema of a turn: *texts* of at most so many characters, with ``tool`` before the last of them.

    A model writes keys in this order: its thoughts come before the tool, what the tool is given comes after it.
    """
    said = {key: {"type": "string", "maxLength": most} for key, most in texts.items()}
    last = {key: said.pop(key) for key in list(said)[-1:]}
    properties = {**said, "tool": {"type": "string", "enum": list(tools)}, **last}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def read(reply: Any, tools: Sequence[str], *texts: str) -> dict[str, str] | None:
    """Return what a turn says, each of *texts* on one line (missing ones empty); None when its tool is none of *tools*.

    Case and white space of the tool do not count: not every endpoint holds a model to a schema.
    """
    if not isinstance(reply, Mapping):
        return None
    known = {_line(tool).lower(): tool for tool in tools}
    tool = known.get(_line(reply.get("tool")).lower())
    return {"tool": tool, **{key: _line(reply.get(key)) for key in texts}} if tool else None


def _line(value: Any) -> str:
    return " ".join(value.split()) if isinstance(value, str) else ""
