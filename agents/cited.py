"""The solver for a strong model: one structured question over all passages, and what it replies is checked in code.

The quote must stand in a passage that the reply names, the answer must stand in that passage, and the passage must be
about the thing asked. What does not hold is not taken: the careful reader of :mod:`foveal.agents.reader`, which asks
of one passage at a time, answers then.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from foveal.agents import fence, reader
from foveal.agents.packing import at_the_ends, fitting, pack
from foveal.agents.reader import Passage, Reading, Solved
from foveal.agents.values import fold, items
from foveal.errors import ContextOverflow, ModelOutputError
from foveal.prompts.loader import clean, render
from foveal.protocols import ChatModel

CONFIDENCE = 0.85
"""Of an answer whose quote and words were found where the model says; it gives no probability of its own."""
REPLY_TOKENS = 700
_ADDRESSING = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b[^.!?\n]{0,40}"
    r"\b(?:rules?|instructions?|prompts?|guidelines?|previous|preceding|above)\b|\bsystem prompt\b",
    re.I,
)


async def solve(
    model: ChatModel,
    question: str,
    passages: Sequence[Passage],
    *,
    names: tuple[str, ...] = (),
    enough: float = reader.ENOUGH,
    scoped: bool = False,
    avoid: Sequence[str] = (),
    cancel: asyncio.Event | None = None,
) -> Solved:
    """Answer *question* from *passages*, best first, as :func:`foveal.agents.reader.solve` does.

    A model that plans freely is asked once over all that fits; keys of record-like text go before any model.
    """
    warnings: tuple[str, ...] = ()
    if model.capabilities.plans_freely and passages:
        if keyed := reader.by_key(question, passages, names, scoped=scoped, avoid=avoid):
            return keyed
        solved, warnings = await _at_once(model, question, passages, names, avoid, cancel)
        if solved is not None:
            return replace(solved, warnings=warnings)
        addressing = [p for p in passages if _ADDRESSING.search(p.text)]
        warnings += tuple(f"“{p.title}” addresses whoever reads it; it was not read for an answer." for p in addressing)
        passages = [p for p in passages if p not in addressing]
    careful = await reader.solve(
        model, question, passages, names=names, enough=enough, scoped=scoped, avoid=avoid, cancel=cancel
    )
    return replace(careful, warnings=warnings)


async def _at_once(
    model: ChatModel,
    question: str,
    passages: Sequence[Passage],
    names: Sequence[str],
    avoid: Sequence[str],
    cancel: asyncio.Event | None,
) -> tuple[Solved | None, tuple[str, ...]]:
    """Return what the model makes of all passages together, None when its reply does not hold, and warnings."""

    async def ask(tokens: int) -> tuple[list[Passage], Any]:
        packed = await asyncio.to_thread(pack, passages, tokens=tokens, count=model.count_tokens)
        shown = at_the_ends(packed.passages)
        rows = [{"title": p.title, "text": p.text} for p in shown]
        reply = await model.generate(
            render("solve", code=fence.of(model), question=question, passages=rows, avoid=", ".join(avoid)),
            schema=_schema(len(shown)), max_tokens=REPLY_TOKENS, task="solve", cancel=cancel,
        )  # fmt: skip
        return shown, reply.parsed

    try:
        (shown, said), warnings = await fitting(model, ask)
    except (ModelOutputError, ContextOverflow):
        return None, ()
    return read_reply(question, said, shown, names, avoid), warnings


def read_reply(
    question: str, said: Any, shown: Sequence[Passage], names: Sequence[str] = (), avoid: Sequence[str] = ()
) -> Solved | None:
    """Return what a reply (parsed JSON) comes to, *shown* being the passages it numbers; None when it does not hold."""
    if not isinstance(said, Mapping):
        return None
    if said.get("sufficient") is False:
        return Solved(None, missing=str(said.get("missing") or "")[:200])
    cited = _numbered(said.get("passages"), shown)
    answer, quote = reader.plain(str(said.get("answer") or "")), str(said.get("quote") or "").strip()
    yes_no = reader.is_yes_no(question)
    if yes_no:
        answer = re.sub(r"\W.*", "", str(said.get("answer") or "").strip().lower())
    if not cited or not quote or not answer or reader.among(answer, (*names, *avoid)) or _ADDRESSING.search(quote):
        return None
    for passage in cited:
        if (at := _found(quote, passage.text)) is None or not _about(passage, names):
            continue
        if yes_no:
            return Solved(_reading(passage, answer, at), CONFIDENCE) if answer in ("yes", "no") else None
        if (place := _place(answer, passage, at)) is None:
            continue
        reading = _reading(passage, answer, place)
        others = (_other(row, shown, names) for row in said.get("others") or ())
        return Solved(reading, CONFIDENCE, reader.rivals(reading, (o for o in others if o), names))
    return None


def _numbered(numbers: Any, shown: Sequence[Passage]) -> list[Passage]:
    """Return the passages of *numbers* (from 1), each once; none when one of them was not shown: it was made up."""
    if not isinstance(numbers, list) or not all(type(n) is int and 1 <= n <= len(shown) for n in numbers):
        return []
    return [shown[n - 1] for n in dict.fromkeys(numbers)]


def _about(passage: Passage, names: Sequence[str]) -> bool:
    if not names or passage.pictured:
        return True
    return reader.names_thing(passage, names) or reader.mentions(passage.text, names)


def _found(quote: str, text: str) -> tuple[int, int] | None:
    """Return where *quote* stands in *text*, whatever its case, spaces and quotation marks; None if nowhere."""
    words = [re.sub(r"['’‘]", "['’‘]", re.sub(r"[\"“”]", '["“”]', re.escape(w))) for w in clean(quote).split()]
    match = re.search(r"\s+".join(words), text, re.I) if words else None
    return match.span() if match else None


def _place(answer: str, passage: Passage, quoted: tuple[int, int]) -> tuple[int, int] | None:
    """Return the span to cite: the quote if *answer* stands in it, else the sentence that holds it; None if nowhere."""
    if holds(f"{passage.title} {passage.text[slice(*quoted)]}", answer):
        return quoted
    at = _found(answer, passage.text)
    return reader.sentence(passage.text, at[0]) if at else None


def holds(text: str, answer: str) -> bool:
    """Say whether the words of *answer* stand in *text*, numbers as they are: "Peru" stands in "Peruvian"."""
    present = fold(text).split()
    words = fold(answer).split()
    return bool(words) and all(
        w in present if any(c.isdigit() for c in w) else any(reader.stands_in(w, p) for p in present) for w in words
    )


def _reading(passage: Passage, answer: str, span: tuple[int, int]) -> Reading:
    quote = passage.text[slice(*span)]
    return Reading(
        answer=answer,
        values=items(answer) or (answer,),
        confidence=CONFIDENCE,
        passage=passage,
        quote=quote,
        start=passage.start + span[0],
        end=passage.start + span[1],
        how="cited",
    )


def _other(row: Any, shown: Sequence[Passage], names: Sequence[str]) -> Reading | None:
    """Return a different answer that the model saw elsewhere, if it stands there."""
    if not isinstance(row, Mapping) or not (cited := _numbered([row.get("passage")], shown)):
        return None
    answer, passage = reader.plain(str(row.get("answer") or "")), cited[0]
    at = _found(answer, passage.text) if answer and _about(passage, names) else None
    return _reading(passage, answer, reader.sentence(passage.text, at[0])) if at else None


def _schema(n: int) -> dict[str, Any]:
    """Return the schema of a reply about *n* passages: their numbers are a closed set."""
    number = {"type": "integer", "enum": list(range(1, n + 1))}
    text = {"type": "string"}
    other = {
        "type": "object", "properties": {"passage": number, "answer": text},
        "required": ["passage", "answer"], "additionalProperties": False,
    }  # fmt: skip
    properties = {
        "quote": text, "passages": {"type": "array", "items": number}, "answer": text,
        "others": {"type": "array", "items": other}, "missing": text, "sufficient": {"type": "boolean"},
    }  # fmt: skip
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip
