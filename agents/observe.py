"""The eyes of a model that sees: what a picture shows, and what pictures tell of a question.

Pictures go before the text that was read in them, which is said to be perhaps wrong ("Words or Vision", Deng et al.
2025); of each picture the model says what it shows for the question or that it shows nothing (EVisRAG), so that every
answer names its pictures, and nothing seen is no answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from foveal.agents import fence, reader
from foveal.agents.packing import fitting, pack
from foveal.agents.reader import Passage
from foveal.prompts.loader import render
from foveal.protocols import ChatModel
from foveal.types import ImageRef, Message, Region

PICTURES = 5
"""Most pictures in one prompt."""
TOKENS = 16_000
"""Most tokens that pictures and the text in them take in one prompt."""
THINGS = 5
"""Things that are named in a picture at most."""
SCALE = 1000
"""Boxes are given in thousandths of the picture's width and height."""
_REPLY_TOKENS = 500
_NOTHING = re.compile(r"^\W*(?:no (?:relevant|useful) (?:information|evidence)|none|n/?a|nothing)?\W*$", re.I)


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture by its digest, what it is called, and the text that was read in it."""

    image: str
    title: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """What pictures tell of a question: the answer, None when they do not show it, and what is seen by position."""

    answer: str | None
    seen: Mapping[int, str]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Described:
    """What a picture shows: in words, the names to search for, and where the things are, in its pixels."""

    description: str
    names: tuple[str, ...] = ()
    regions: tuple[Region, ...] = ()


async def observe(
    model: ChatModel,
    question: str,
    pictures: Sequence[Picture],
    *,
    avoid: Sequence[str] = (),
    cancel: asyncio.Event | None = None,
) -> Observed:
    """Answer *question* by looking at *pictures*, best first: as many as fit are shown.

    Raises VisionUnsupported, ModelOutputError, ContextOverflow.
    """

    async def ask(tokens: int) -> Observed:
        shown = await asyncio.to_thread(_fitting, pictures, tokens, model)
        rows = [{"title": " ".join(p.title.split()), "text": p.text} for p in shown]
        messages = _showing(
            render("observe", code=fence.of(model), question=question, pictures=rows), [p.image for p in shown]
        )
        schema = _observed(len(shown))
        reply = await model.generate(messages, schema=schema, max_tokens=_REPLY_TOKENS, task="observe", cancel=cancel)
        return read_observed(reply.parsed, len(shown), avoid)

    observed, warnings = await fitting(model, ask, most=TOKENS)
    return replace(observed, warnings=warnings)


async def describe(
    model: ChatModel, question: str, image: ImageRef, *, cancel: asyncio.Event | None = None
) -> Described:
    """Say what *image* shows. Raises VisionUnsupported, ModelOutputError, ContextOverflow."""
    messages = _showing(render("describe", question=question), [image.sha256])
    reply = await model.generate(messages, schema=_DESCRIBED, max_tokens=_REPLY_TOKENS, task="describe", cancel=cancel)
    return read_described(reply.parsed, image)


def read_observed(said: Any, n: int, avoid: Sequence[str] = ()) -> Observed:
    """Return what a reply about *n* pictures comes to; pictures that were not shown are passed over."""
    said = said if isinstance(said, Mapping) else {}
    seen: dict[int, str] = {}
    for row in _rows(said.get("observations")):
        number, evidence = row.get("picture"), str(row.get("evidence") or "").strip()
        if type(number) is int and 1 <= number <= n and not _NOTHING.match(evidence):
            seen.setdefault(number - 1, evidence)
    answer = re.sub(r"\s+", " ", str(said.get("answer") or "")).strip().strip('"“”').rstrip(".").strip()
    unable = not seen or not answer or said.get("sufficient") is not True or reader.among(answer, avoid)
    return Observed(None if unable else answer, seen)


def read_described(said: Any, image: ImageRef) -> Described:
    """Return what a reply about *image* says; boxes that are none are passed over."""
    said = said if isinstance(said, Mapping) else {}
    things = list(_rows(said.get("things")))[:THINGS]
    names = [re.sub(r"\s+", " ", str(t.get("name") or "")).strip(" .\"'") for t in things]
    regions = [box for t in things if (box := _region(t.get("box"), image))]
    described = re.sub(r"\s+", " ", str(said.get("description") or "")).strip()
    return Described(described[:500], tuple(dict.fromkeys(n for n in names if n)), tuple(dict.fromkeys(regions)))


def _region(box: Any, image: ImageRef) -> Region | None:
    """Return thousandths as pixels, cut to the picture; None for what is no box, or all of the picture."""
    if not isinstance(box, list) or len(box) != 4 or not all(isinstance(v, int | float) for v in box):
        return None
    x0, y0, x1, y1 = (min(max(float(v), 0.0), SCALE) / SCALE for v in box)
    region = Region(int(x0 * image.width), int(y0 * image.height), round(x1 * image.width), round(y1 * image.height))
    whole = region == Region(0, 0, image.width, image.height)
    return None if whole or region.x1 <= region.x0 or region.y1 <= region.y0 else region


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _fitting(pictures: Sequence[Picture], tokens: int, model: ChatModel) -> list[Picture]:
    """Return the pictures that fit, at least one; the text of those that are left for it is cut."""
    most, each = min(PICTURES, len(pictures)), model.capabilities.picture_tokens
    texts = [Passage(str(n), p.image, p.title, p.text, "ocr", 0) for n, p in enumerate(pictures) if p.text]
    images = [str(n) for n in range(len(pictures))]
    packed = pack(texts, tokens=tokens, count=model.count_tokens, pictures=images, most=most, picture_tokens=each)
    read = {p.evidence_id: p.text for p in packed.passages}
    return [replace(pictures[int(n)], text=read.get(n, "")) for n in packed.pictures or images[:1]]


def _showing(messages: Sequence[Message], images: Sequence[str]) -> list[Message]:
    """Return *messages* with pictures in the last one."""
    return [*messages[:-1], replace(messages[-1], images=tuple(images))]


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


def _observed(n: int) -> dict[str, Any]:
    """Return the schema of a reply about *n* pictures: their numbers are a closed set."""
    observation = _object(picture={"type": "integer", "enum": list(range(1, n + 1))}, evidence={"type": "string"})
    return _object(
        observations={"type": "array", "items": observation},
        answer={"type": "string"},
        sufficient={"type": "boolean"},
    )


_BOX = {"type": "array", "items": {"type": "integer"}, "minItems": 4, "maxItems": 4}
_DESCRIBED = _object(
    description={"type": "string"},
    things={"type": "array", "items": _object(name={"type": "string"}, box=_BOX), "maxItems": THINGS},
)
