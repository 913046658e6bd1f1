"""The solver: answers one sub-question from numbered passages, one passage at a time.

First by the keys of record-like text (no model call), then by the model: the probability of "Yes" to
"does this passage answer?" chooses the passage, and the exact words are read from the best alone.
A value is kept only if its words stand in the passage.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from foveal.agents import fence
from foveal.agents.records import coverage, read_lifespan, read_record
from foveal.agents.values import agree, direction, extreme, fold, items, same_thing, singular, valued
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
ENOUGH_COVERED = 0.27
"""The same for a passage about the thing named that holds every content word of the question."""
READ = 3
"""Passages whose words are read at most."""
_KIND = re.compile(
    r"\b(?:which|what)\s(?!is\b|are\b|was\b|were\b|did\b|does\b|do\b|has\b|have\b|of\b)(?:[\w'’-]+\s){0,3}?(?P<kind>[a-z][\w-]+)"
    r"(?=\s(?:is|are|was|were|did|does|do|has|have|had|can|in|on|at|of|for|[a-z]+ed|[a-z]+s)\b|\s?\?)"
    r"|\bwhat\s(?:is|are|was|were)\sthe\s(?:[\w'’-]+\s){0,2}?(?P<role>[a-z][\w-]+)\s(?:of|in|at|for)\b",
    re.I,
)
_ASKED = frozenset("what which where when does whose have with from that this their there were been many much".split())
_WHO = re.compile(r"\s*(?:and\s)?who\b", re.I)
_AFTER_LABEL = re.compile(r"(?::|[-–—](?=\s))\s*(?P<value>[^\n]+?)(?=\s+[A-Z]\w*(?:\s[A-Z]\w*)?:|[—\n]|$)")
_SCALE = re.compile(r"\s(?:hundred|thousand|million|billion|trillion|per\s?cent)\b|\s?%")
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
    site: str = ""
    """Of a page of the web: whose page it is. Such a title often ends with a name of its own: "Eph Tower | Atlas"."""


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
    rivals: tuple[Reading, ...] = ()
    """What other documents about the same thing say instead."""
    beside: tuple[str, Passage] | None = None
    """Words that the model gave but the passage does not hold; they may stand elsewhere in its document."""
    warnings: tuple[str, ...] = ()
    missing: str = ""
    """What a model that was asked for it says is missing."""


def is_yes_no(question: str) -> bool:
    """Say whether *question* is answered by yes or no."""
    return bool(_YES_NO.match(question))


def names_thing(passage: Passage, names: Sequence[str]) -> bool:
    """Say whether the passage is about one of *names*: its title says so, or it is the identified document."""
    return headed(passage, names) or alike(passage, names)


def alike(passage: Passage, names: Sequence[str]) -> bool:
    """Say whether the passage's title may be another form of one of *names*."""
    return any(same_thing(passage.title, name) for name in names)


def headed(passage: Passage, names: Sequence[str]) -> bool:
    """Say whether the document is called one of *names*: by its title's head ("Congo" of "Congo - Geography"), or by
    another name that it opens with ("DR Congo (Democratic Republic of the Congo) is …")."""
    head = _head(passage)
    opening = fold(passage.text[:200])
    return passage.trusted or any(
        head == fold(name) or (head and opening.startswith(f"{head} {fold(name)} ")) for name in names
    )


def _head(passage: Passage) -> str:
    return fold(re.split(r"\s[-–—(|›·:]\s?" if passage.site else r"\s[-–—(]", passage.title)[0])


def read_by_key(
    question: str, passages: Sequence[Passage], names: tuple[str, ...], *, scoped: bool = False
) -> Reading | None:
    """Return the value behind the key that *question* asks for, in the first passage about *names*.

    *scoped* says that the question named the document: then a key that is half of what it asks suffices.
    """
    return next(iter(_keyed(question, passages, names, scoped)), None)


def by_key(
    question: str,
    passages: Sequence[Passage],
    names: tuple[str, ...],
    *,
    scoped: bool = False,
    avoid: Sequence[str] = (),
) -> Solved | None:
    """Return what the keys of record-like text answer, and what other documents say instead; None when none does."""
    keyed = (r for r in _keyed(question, passages, names, scoped) if not among(r.answer, avoid))
    first = next(keyed, None)
    return Solved(first, first.confidence, rivals(first, keyed, names)) if first else None


def _keyed(question: str, passages: Sequence[Passage], names: tuple[str, ...], scoped: bool) -> Iterator[Reading]:
    if not names and not scoped:
        return
    first = [headed(passage, names) for passage in passages]  # "Congo" before "DR Congo"
    for at_head, passage in sorted(zip(first, passages, strict=True), key=lambda pair: not pair[0]):
        if not scoped and not at_head and not alike(passage, names):
            continue
        about = (*names, passage.title)
        entry = read_lifespan(question, passage.text) or read_record(question, passage.text, names=about)
        if entry is None or (scoped and coverage(question, entry.path[-1]) < 0.5):
            continue
        keys = " ".join(entry.path)
        op = direction(question)
        if op and direction(keys) is None:
            best = extreme(valued(f"x: {entry.value}"), op)
            listed = items(entry.value)
            if best is None and (len(listed) != 1 or listed[0][0].isdigit()):
                continue  # a list without values cannot tell which is the longest, and a length is none of them
            answer = best.name if best else listed[0]
            how = "extreme"
        else:
            answer, how = entry.value, "record"
        at = passage.text.rfind(entry.path[-1], 0, entry.start)
        yield Reading(
            answer=answer,
            values=items(answer),
            confidence=0.95,
            passage=passage,
            quote=passage.text[max(at, 0) : entry.end],
            start=passage.start + max(at, 0),
            end=passage.start + entry.end,
            how=how,
        )


def rivals(first: Reading, others: Iterable[Reading], names: Sequence[str] = ()) -> tuple[Reading, ...]:
    """Return readings of other documents of the same name that cannot be true beside *first*, one a value.

    Two things may share a name: a document that was identified has no rivals but identified ones. Pages of the web
    that were read about *names* are about the same thing, whatever they are called.
    """
    found: dict[str, Reading] = {}
    for other in others:
        same = fold(other.passage.title) == fold(first.passage.title) or (
            other.passage.trusted and first.passage.trusted
        )
        if first.passage.site and other.passage.site:  # what is read of the web was about one thing
            same = _head(other.passage) == _head(first.passage) or bool(names)
        if other.passage.doc_id == first.passage.doc_id or not same or first.passage.trusted != other.passage.trusted:
            continue
        if not agree(first.answer, other.answer):
            found.setdefault(fold(other.answer), other)
    return tuple(found.values())


async def solve(
    model: ChatModel,
    question: str,
    passages: Sequence[Passage],
    *,
    names: tuple[str, ...] = (),
    limit: int = 4,
    enough: float = ENOUGH,
    scoped: bool = False,
    avoid: Sequence[str] = (),
    cancel: asyncio.Event | None = None,
) -> Solved:
    """Answer *question* from *passages*, best first; at most *limit* of them are judged by the model.

    Answers in *avoid* are passed over.
    """
    if keyed := by_key(question, passages, names, scoped=scoped, avoid=avoid):
        return keyed
    if is_yes_no(question):
        return await _verify(model, question, passages[: min(limit, 2)], cancel)
    judged: list[tuple[float, Passage, list[Message]]] = []
    op = direction(question)
    async with aclosing(_asked(model, "read", question, passages[:limit], cancel)) as asked:
        async for probability, passage, messages in asked:
            named = bool(names) and names_thing(passage, names)
            if names and not named and not passage.pictured and not mentions(passage.text, names):
                probability *= 0.5  # a value of another thing reads just as well
            judged.append((probability, passage, messages))
            if probability >= (SURE_OF_NAMED if named else SURE):
                break
    judged.sort(key=lambda j: -j[0])
    best = judged[0][0] if judged else 0.0
    beside: tuple[str, Passage] | None = None
    nameless: Reading | None = None  # "somebody new" answers who only if nobody is named
    for probability, passage, messages in judged[:READ]:
        if probability < _threshold(question, passage, names, enough):
            continue
        listed = valued(passage.text) if op else []
        top = extreme(listed, op) if op and len(listed) > 2 else None
        if top and probability < SURE:
            return Solved(_reading(passage, top.name, probability, "extreme", top.start, top.end), best)
        answer = await _words(model, messages, "Yes:", cancel)
        if echoed(answer, names) and (kind := asked_kind(question)):
            answer = await _words(model, messages, f"Yes: the {kind} is", cancel) or answer
        # "Which county borders Ida County?" is not answered by "Ida County"
        named_so = re.sub(r"^the\s", "", answer, flags=re.I) if passage.site else answer
        if among(named_so, (*names, *avoid)):
            continue
        if reading := grounded(passage, answer, probability):
            if not _WHO.match(question) or reading.answer != reading.answer.lower():
                return Solved(reading, best)
            nameless = nameless or reading
            continue
        beside = beside or (answer, passage)
    return Solved(nameless, best, beside=None if nameless else beside)


async def _asked(
    model: ChatModel, task: str, question: str, passages: Sequence[Passage], cancel: asyncio.Event | None
) -> AsyncGenerator[tuple[float, Passage, list[Message]], None]:
    """Yield how probable "Yes" is for each passage, in their order, with the prompt.

    As many are asked at once as the model takes with gain; what is yielded does not depend on that.
    """
    at_once = max(1, model.capabilities.parallel)
    for first in range(0, len(passages), at_once):
        some = passages[first : first + at_once]
        prompts = [render(task, code=fence.of(model), question=question, title=p.title, passage=p.text) for p in some]
        calls = [model.yes_probability(messages, task=task, cancel=cancel) for messages in prompts]
        # one alone is not made a task, which would wait behind other branches' work
        replies = [await calls[0]] if len(calls) == 1 else await asyncio.gather(*calls, return_exceptions=True)
        for passage, messages, reply in zip(some, prompts, replies, strict=True):
            if isinstance(reply, BaseException):
                raise reply
            yield reply[0], passage, messages


def among(answer: str, others: Sequence[str]) -> bool:
    """Say whether *answer* is one of *others*."""
    return any(fold(answer) == fold(other) for other in others)


async def _words(model: ChatModel, messages: Sequence[Message], begun: str, cancel: asyncio.Event | None) -> str:
    """Return how the model goes on after *begun*, without quotes and the final stop."""
    reply = await model.generate(
        [*messages, Message("assistant", begun)], max_tokens=48, stop=("\n",), task="read", cancel=cancel
    )
    return plain(reply.text)


def plain(answer: str) -> str:
    """Return a model's words without outer quotes and the final stop; empty when it says that it cannot tell."""
    answer = answer.strip().strip('"“”').rstrip(".").strip()
    return "" if answer.lower() in ("no", "none", "unknown", "yes") else answer


def echoed(answer: str, names: Sequence[str]) -> bool:
    """Say whether *answer* only repeats (or holds) a name that the question already has."""
    return any(fold(name) and f" {fold(name)} " in f" {fold(answer)} " for name in names)


def asked_kind(question: str) -> str | None:
    """Return what kind of thing is asked for: "city" in "In which city …?", "capital" in "What is the capital …?"."""
    if match := _KIND.search(question):
        return (match["kind"] or match["role"]).strip()
    asked = re.search(r"\b(who|where)\b", question, re.I)
    return {"who": "person", "where": "place"}[asked[1].lower()] if asked else None


def _threshold(question: str, passage: Passage, names: Sequence[str], enough: float) -> float:
    """Return the probability from which *passage* is read: less is asked where it says the question's own words."""
    if passage.pictured:
        return ENOUGH_PICTURED
    return min(enough, ENOUGH_COVERED) if names_thing(passage, names) and covered(question, passage, names) else enough


def covered(question: str, passage: Passage, names: Sequence[str]) -> bool:
    """Say whether *passage* holds every content word of *question* beside the names: at least two of them."""
    named = {w for name in names for w in fold(name).split()}
    wanted = {singular(w) for w in fold(question).split() if len(w) > 3 and w not in named} - _ASKED
    held = {singular(w) for w in fold(passage.text).split()}
    return len(wanted) >= 2 and wanted <= held


async def view(
    model: ChatModel, question: str, page: Passage, *, sole: bool, cancel: asyncio.Event | None = None
) -> Solved:
    """Read a whole page or chart at once: the model says whether it answers, then what it says.

    *sole* says that the question named this very page: then words that stand on it need no other warrant.
    """
    messages = render("read", code=fence.of(model), question=question, title=page.title, passage=page.text)
    probability, _ = await model.yes_probability(messages, task="read", cancel=cancel)
    if probability < ENOUGH_VIEW and not sole:
        return Solved(None, probability)
    reply = await model.generate(
        render("look", code=fence.of(model), question=question, picture_text=page.text),
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
    begin, end = sentence(page.text, at)
    return Solved(_reading(page, answer, max(probability, 0.3), "view", begin, end), probability)


async def _verify(model: ChatModel, question: str, passages: Sequence[Passage], cancel: asyncio.Event | None) -> Solved:
    best: tuple[float, float, Passage] | None = None
    async with aclosing(_asked(model, "verify", question, passages, cancel)) as asked:
        async for probability, passage, _ in asked:
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
    answer = plain(answer)
    if not answer:
        return None
    at = passage.text.lower().find(answer.lower())
    if at >= 0 and (scale := _SCALE.match(passage.text, at + len(answer))) and answer[-1].isdigit():
        answer += scale[0]  # "150" of "150 million"
    if at >= 0 and (value := _AFTER_LABEL.match(passage.text, at + len(answer))):
        # the words are the label ("Case No: 21-1"): what it labels is the answer
        answer = value["value"].strip()
    elif at < 0:
        words = fold(answer).split()
        present = fold(f"{passage.title} {passage.text}").split()
        if not words or not all(any(stands_in(w, p) for p in present) for w in words):
            return None
        first = re.search(re.escape(answer.split()[0]), passage.text, re.I)
        at = first.start() if first else 0
    begin, end = sentence(passage.text, at)
    return replace(_reading(passage, answer, confidence, "model", begin, end), values=items(answer))


def stands_in(word: str, present: str) -> bool:
    """Say whether *word* is *present* or can be read off it: "Peru" off "Peruvian", "Belgium" off "Belgian"."""
    stem = word[: max(4, len(word) - 2)]
    return word == present or (len(word) >= 4 and present.startswith(stem))


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


def mentions(text: str, names: Sequence[str]) -> bool:
    """Say whether *text* holds one of *names*."""
    folded = fold(text)
    return any(f" {fold(n)} " in f" {folded} " for n in names if fold(n))


def sentence(text: str, at: int) -> tuple[int, int]:
    """Return the sentence or line around offset *at*."""
    starts = [m.end() for m in re.finditer(r"(?<=[.!?])\s+(?=[A-Z])|\n", text[:at])]
    stop = re.search(r"[.!?](?=\s+[A-Z]|\s*$)|\n", text[at:])
    return (starts[-1] if starts else 0), (at + stop.end() if stop else len(text))
