"""What a run did on its way: its tool calls and which were for nothing, tools against hops, cost.

A trace is what ``foveal eval run`` writes of a question: its answer (schema ``foveal.answer/1``) and its events.
A call is a ``tool.called`` event; a hop is one of a question's ``evidence_steps``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SEEING = frozenset({"image_search", "crop", "web_lookalikes"})
"""Tools that search with a picture."""
READING = frozenset({"collection", "picture_search", "visit", "web", "web_images", "web_read"})
"""Tools that search with words."""
ALIKE = 0.8
"""Jaccard overlap of the words of two queries from which the second asks for the same."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Trajectory:
    """One question's way. ``None`` where a measure does not apply.

    ``redundant`` calls asked a tool what it had been asked before; ``idle`` calls brought no document that was not
    in the ledger already. ``tool_choice``: share of the hops whose document was first found by a fitting tool.
    ``coverage``: share of the evidence documents that reached the ledger. ``usd`` is money, ``seconds`` wall time.
    """

    calls: int
    redundant: int
    idle: int
    tool_choice: float | None
    coverage: float | None
    model_calls: int
    tokens: int
    usd: float
    seconds: float
    tools: Mapping[str, int]


def chain_found(retrieved: Sequence[str], steps: Sequence[Sequence[str]]) -> bool | None:
    """Whether every hop has one of its documents among all retrieved; None when there are no hops."""
    if not steps:
        return None
    found = set(retrieved)
    return all(any(doc_id in found for doc_id in step) for step in steps)


def fitting_tools(hops: int, *, pictured: bool) -> tuple[frozenset[str], ...]:
    """Return the tools that fit each of *hops*: of a *pictured* question the first hop is seen, the others are read."""
    return tuple(SEEING if pictured and hop == 0 else READING for hop in range(hops))


def follow(
    trace: Mapping[str, Any],
    *,
    evidence: Collection[str] = (),
    steps: Sequence[Sequence[str]] = (),
    tools: Sequence[Collection[str]] | None = None,
    pictured: bool = False,
    expected_searches: int | None = None,
) -> Trajectory | None:
    """Return the way of *trace*, or None when it has no answer (the run failed).

    *evidence*, *steps* and *expected_searches* are the question's; *tools* are those that fit each step, by default
    those of :func:`fitting_tools`. Of a question that expects no search the choice was right when none was made.
    """
    answer = trace.get("answer")
    if not answer:
        return None
    events = trace.get("events") or ()
    calls = [event["data"] for event in events if event.get("type") == "tool.called"]
    ledger = {item["id"]: item for item in answer.get("evidence") or ()}
    held = {item.get("doc_id") for item in ledger.values()}
    usage = answer.get("usage") or {}
    fitting = fitting_tools(len(steps), pictured=pictured) if tools is None else tools
    choice = tool_choice(_found_by(events, ledger), steps, fitting)
    if expected_searches == 0:
        choice = float(not calls)
    return Trajectory(
        calls=len(calls),
        redundant=count_redundant([(c.get("tool", ""), c.get("query") or "", c.get("step") or "") for c in calls]),
        idle=_count_idle(events),
        tool_choice=choice,
        coverage=sum(doc in held for doc in evidence) / len(evidence) if evidence else None,
        model_calls=usage.get("model_calls", 0),
        tokens=usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0),
        usd=usage.get("usd", 0.0),
        seconds=usage.get("seconds", 0.0),
        tools=_counted([call.get("tool", "") for call in calls]),
    )


def count_redundant(calls: Sequence[tuple[str, str, str]]) -> int:
    """Return how many of *calls* (tool, query, step) repeat an earlier one.

    A repeat has the same tool and words that overlap by :data:`ALIKE` or more, whatever their order, case and signs.
    Picture searches of different steps look at different pictures or regions and are never repeats.
    """
    seen: list[tuple[str, frozenset[str]]] = []
    repeats = 0
    for tool, query, step in calls:
        key = f"{tool} {step}" if tool in SEEING else tool
        words = frozenset(_WORD.findall(query.casefold()))
        repeats += any(key == other and _overlap(words, said) >= ALIKE for other, said in seen)
        seen.append((key, words))
    return repeats


def tool_choice(
    found_by: Mapping[str, str], steps: Sequence[Sequence[str]], tools: Sequence[Collection[str]]
) -> float | None:
    """Return the share of *steps* one of whose documents was found by one of that step's *tools*; None without steps.

    *found_by* is the tool that found a document first. A hop that nothing found counts as wrong.
    """
    if not steps:
        return None
    right = sum(any(found_by.get(doc) in fitting for doc in step) for step, fitting in zip(steps, tools, strict=True))
    return right / len(steps)


def _found_by(events: Sequence[Mapping[str, Any]], ledger: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for event in events:
        if event.get("type") == "evidence.added":
            data = event["data"]
            tool = ledger.get(data.get("id"), {}).get("tool", "")
            found.setdefault(data.get("doc_id", ""), tool)
    return found


def _count_idle(events: Sequence[Mapping[str, Any]]) -> int:
    """Count the calls whose step added no new document between this call and the step's next."""
    known: set[str] = set()
    open_calls: dict[str, bool] = {}
    idle = 0
    for event in events:
        data = event.get("data") or {}
        step = data.get("step")
        if not isinstance(step, str):
            continue
        if event.get("type") == "tool.called":
            idle += open_calls.get(step) is False
            open_calls[step] = False
        elif event.get("type") == "evidence.added" and data.get("doc_id") not in known:
            known.add(data.get("doc_id", ""))
            open_calls[step] = True
    return idle + sum(brought is False for brought in open_calls.values())


def _overlap(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other) if one or other else 1.0


def _counted(names: Sequence[str]) -> dict[str, int]:
    return {name: names.count(name) for name in dict.fromkeys(names)}
