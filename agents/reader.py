"""The solver: answers one sub-question from numbered passages, one passage at a time.

First by the keys of record-like text (no model call), then by the model: the probability of "Yes" to
"does this passage answer?" chooses the passage, and the exact words are read from the best alone.
A value is kept only if its words stand in the passage.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from foveal.agents.records import coverage, read_lifespan, read_record
from foveal.agents.values import direction, extreme, fold, items, same_thing, valued
from foveal.prompts.loader import render
from foveal.protocols import ChatModel
from foveal.types import Message, Part

SURE = 0.9
"""A passage this probable to answer ends the search for a better one."""
SURE_OF_NAMED = 0.75
"""The same, when the passage is about the very thing the question names."""
ENOUGH = 0.42
"""Below this nothing is read: the evidence does not suffice."""
ENOUGH_PICTURED = 0.25
"""The same for words read in a chart; fitted on development questions, where answers began at 0.27."""
ENOUGH_VIEW = 0.27
"""The same for a whole page; answers began at 0.28, most unanswerable questions stayed below."""
ENOUGH_SCOPED = 0.38
"""The same for a passage of a document that the question names."""
_AFTER_LABEL = re.compile(r"(?::|[-–—](?=\s))\s*(?P<value>[^\n]+?)(?=\s+[A-Z]\w*(?:\s[A-Z]\w*)?:|[—\n]|$)")
_YES_NO = re.compile(r"^(?:is|are|was|were|did|does|do|has|have|can)\b", re.I)


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a document as the solver sees it; ``start`` is its offset in the document's ``part``."""

    evidence_id: str
    doc_id: str
    title: str
    text: str
    part: Part
    start: int
    trusted: bool = False
    """The document is the very thing that was identified, whatever its title says."""
    pictured: bool = False
    """The words were read in a chart or page: sparse text, about which the model is less sure."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An answer and where it stands. ``how`` is record, extreme, model or verify."""

    answer: str
    values: tuple[str, ...]
    confidence: float
    passage: Passage
    quote: str
    start: int
    end: int
    how: str


@dataclass(frozen=True, slots=True)
class Solved:
    """What a sub-question came to, and the best probability seen."""

    reading: Reading | None
    best: float = 0.0


def names_thing(passage: Passage, names: Sequence[str]) -> bool:
    """Say whether the passage is about one of *names*: its title says so, or it is the identified document."""
    return passage.trusted or any(same_thing(passage.title, name) for name in names)


def read_by_key(
    question: str, passages: Sequence[Passage], names: tuple[str, ...], *, scoped: bool = False
) -> Reading | None:
    """Return the value behind the key that *question* asks for, in the first passage about *names*.

    *scoped* says that the question named the document: then a key that is half of what it asks suffices.
    """
    if not names and not scoped:
        return None
    for passage in passages:
        if not scoped and not names_thing(passage, names):
            continue
        entry = read_lifespan(question, passage.text) or read_record(question, passage.text, names=names)
        if entry is None or (scoped and coverage(question, entry.path[-1]) < 0.5):
            continue
        keys = " ".join(entry.path)
        op = direction(question)
        if op and direction(keys) is None:
            best = extreme(valued(f"x: {entry.value}"), op)
            listed = items(entry.value)
            if best is None and len(listed) != 1:
                continue  # a list without values cannot tell which is the longest
            answer = best.name if best else listed[0]
            how = "extreme"
        else:
            answer, how = entry.value, "record"
        at = passage.text.rfind(entry.path[-1], 0, entry.start)
        return Reading(
            answer=answer,
            values=items(answer),
            confidence=0.95,
            passage=passage,
            quote=passage.text[max(at, 0) : entry.end],
            start=passage.start + max(at, 0),
            end=passage.start + entry.end,
            how=how,
        )
    return None


async def solve(
    model: ChatModel,
    question: str,
    passages: Sequence[Passage],
    *,
    names: tuple[str, ...] = (),
    limit: int = 4,
    enough: float = ENOUGH,
    scoped: bool = False,
    cancel: asyncio.Event | None = None,
) -> Solved:
    """Answer *question* from *passages*, best first; at most *limit* of them are judged by the model."""
    keyed = read_by_key(question, passages, names, scoped=scoped)
    if keyed:
        return Solved(keyed, keyed.confidence)
    if _YES_NO.match(question):
        return await _verify(model, question, passages[: min(limit, 2)], cancel)
    judged: list[tuple[float, Passage, list[Message]]] = []
    op = direction(question)
    for passage in passages[:limit]:
        messages = render("read", question=question, title=passage.title, passage=passage.text)
        probability, _ = await model.yes_probability(messages, task="read", cancel=cancel)
        named = bool(names) and names_thing(passage, names)
        if names and not named and not passage.pictured and not _mentions(passage.text, names):
            probability *= 0.5  # a value of another thing reads just as well
        judged.append((probability, passage, messages))
        if probability >= (SURE_OF_NAMED if named else SURE):
            break
    judged.sort(key=lambda j: -j[0])
    best = judged[0][0] if judged else 0.0
    for probability, passage, messages in judged[:2]:
        if probability < (ENOUGH_PICTURED if passage.pictured else enough):
            break
        listed = valued(passage.text) if op else []
        top = extreme(listed, op) if op and len(listed) > 2 else None
        if top and probability < SURE:
            return Solved(_reading(passage, top.name, probability, "extreme", top.start, top.end), best)
        reply = await model.generate(
            [*messages, Message("assistant", "Yes:")], max_tokens=48, stop=("\n",), task="read", cancel=cancel
        )
        reading = grounded(passage, reply.text, probability)
        # "Which county borders Ida County?" is not answered by "Ida County"
        if reading and not any(fold(reading.answer) == fold(name) for name in names):
            return Solved(reading, best)
    return Solved(None, best)


async def view(
    model: ChatModel, question: str, page: Passage, *, sole: bool, cancel: asyncio.Event | None = None
) -> Solved:
    """Read a whole page or chart at once: the model says whether it answers, then what it says.

    *sole* says that the question named this very page: then words that stand on it need no other warrant.
    """
    messages = render("read", question=question, title=page.title, passage=page.text)
    probability, _ = await model.yes_probability(messages, task="read", cancel=cancel)
    if probability < ENOUGH_VIEW and not sole:
        return Solved(None, probability)
    reply = await model.generate(
        render("look", question=question, picture_text=page.text),
        max_tokens=48,
        stop=("\n",),
        task="look",
        cancel=cancel,
    )
    answer = reply.text.strip().rstrip(".")
    verbatim = len(answer) >= 4 and answer.lower() in page.text.lower()
    if not answer or "answerable" in answer.lower() or (probability < ENOUGH_VIEW and not verbatim):
        return Solved(None, probability)
    at = max(page.text.lower().find(answer.lower()), 0)
    begin, end = _sentence(page.text, at)
    return Solved(_reading(page, answer, max(probability, 0.3), "view", begin, end), probability)


async def _verify(model: ChatModel, question: str, passages: Sequence[Passage], cancel: asyncio.Event | None) -> Solved:
    best: tuple[float, float, Passage] | None = None
    for passage in passages:
        messages = render("verify", question=question, title=passage.title, passage=passage.text)
        probability, _ = await model.yes_probability(messages, task="verify", cancel=cancel)
        sureness = max(probability, 1 - probability)
        if best is None or probability > best[1]:
            best = sureness, probability, passage
        if probability >= SURE:
            break
    if best is None:
        return Solved(None)
    sureness, probability, passage = best
    answer = "yes" if probability >= 0.5 else "no"
    first = passage.text.split(". ")[0]
    return Solved(_reading(passage, answer, sureness, "verify", 0, len(first)), sureness)


def grounded(passage: Passage, answer: str, confidence: float) -> Reading | None:
    """Return *answer* as a reading if its words stand in *passage*, else None."""
    answer = answer.strip().strip('"“”').rstrip(".").strip()
    if not answer or answer.lower() in ("no", "none", "unknown", "yes"):
        return None
    at = passage.text.lower().find(answer.lower())
    if at >= 0 and (value := _AFTER_LABEL.match(passage.text, at + len(answer))):
        # the words are the label ("Case No: 21-1"): what it labels is the answer
        answer = value["value"].strip()
    elif at < 0:
        words = fold(answer).split()
        present = fold(f"{passage.title} {passage.text}").split()
        # "Peru" stands in "Peruvian": a name may be read off its adjective
        if not words or not all(any(p == w or (len(w) >= 4 and p.startswith(w)) for p in present) for w in words):
            return None
        first = re.search(re.escape(answer.split()[0]), passage.text, re.I)
        at = first.start() if first else 0
    begin, end = _sentence(passage.text, at)
    return replace(_reading(passage, answer, confidence, "model", begin, end), values=items(answer))


def _reading(passage: Passage, answer: str, confidence: float, how: str, start: int, end: int) -> Reading:
    piece = passage.text[start:end]
    start += len(piece) - len(piece.lstrip())
    end = start + len(piece.strip())
    return Reading(
        answer=answer,
        values=(answer,),
        confidence=confidence,
        passage=passage,
        quote=passage.text[start:end],
        start=passage.start + start,
        end=passage.start + end,
        how=how,
    )


def _mentions(text: str, names: Sequence[str]) -> bool:
    folded = fold(text)
    return any(f" {fold(n)} " in f" {folded} " for n in names if fold(n))


def _sentence(text: str, at: int) -> tuple[int, int]:
    """Return the sentence or line around offset *at*."""
    starts = [m.end() for m in re.finditer(r"(?<=[.!?])\s+(?=[A-Z])|\n", text[:at])]
    stop = re.search(r"[.!?](?=\s+[A-Z]|\s*$)|\n", text[at:])
    return (starts[-1] if starts else 0), (at + stop.end() if stop else len(text))
