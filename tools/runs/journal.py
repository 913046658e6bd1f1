"""Every call of one run, in order, and what it replied: no completed call is made twice.

A call is known by its request: the sha256 of its kind, the name of the model or tool, and everything it was
asked. Only replies of calls that succeeded are given back. What a run has spent is added up from these records
and nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from foveal.types import RoleUsage, Usage

GIVEN_BACK = ("ok", "empty")
"""Statuses of calls whose reply is given back; an error or a time-out is tried again."""


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call of a run.

    ``name`` is the task of a model call, or the tool; ``step`` is "" when it was for no step. ``started`` counts
    seconds since the run began, over resumes. ``cached`` calls were given back and cost nothing.
    """

    seq: int
    kind: Literal["model", "tool"]
    name: str
    step: str
    status: str
    started: float
    elapsed: float
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float = 0.0
    cached: bool = False
    cached_prompt_tokens: int = 0
    role: str = ""
    """Of a model call: what it was made for, one of :data:`foveal.types.ROLES`."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the journal: the record, the request's key, and the reply as JSON (None when there was none)."""

    record: CallRecord
    key: str
    reply: str | None = None


Keep = Callable[[Entry], None]


def request_key(kind: str, name: str, request: Mapping[str, Any]) -> str:
    """Return what identifies a call; *request* is plain JSON data."""
    text = json.dumps([kind, name, request], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def same_words(query: str) -> str:
    """Return *query* without case, punctuation and order: queries that agree in it find the same."""
    return " ".join(sorted(re.findall(r"\w+", query.casefold())))


def usage_of(records: Iterable[CallRecord]) -> Usage:
    """Return what *records* cost, without the wall time."""
    usage = Usage()
    for record in records:
        _book(record, usage)
    return usage


def _book(record: CallRecord, usage: Usage) -> None:
    """Add what *record* cost to *usage*."""
    if record.cached:
        usage.cached += 1
        return
    if record.kind == "tool":
        usage.tool_calls[record.name] = usage.tool_calls.get(record.name, 0) + 1
        return
    usage.model_calls += 1
    usage.prompt_tokens += record.prompt_tokens
    usage.cached_prompt_tokens += record.cached_prompt_tokens
    usage.completion_tokens += record.completion_tokens
    usage.usd += record.usd
    spent = usage.roles.setdefault(record.role, RoleUsage())
    spent.calls += 1
    spent.prompt_tokens += record.prompt_tokens
    spent.cached_prompt_tokens += record.cached_prompt_tokens
    spent.completion_tokens += record.completion_tokens
    spent.usd += record.usd
    spent.seconds = round(spent.seconds + record.elapsed, 4)


class Journal:
    """The calls of one run. *keep* makes an entry outlive the process; without it they last as long as the run.

    The caller goes on while an entry is being written: that takes milliseconds, in which a kill would lose a reply
    just as it would have a moment before it came. *keep* raises what went wrong with an earlier one.
    """

    def __init__(self, before: Iterable[Entry] = (), keep: Keep | None = None) -> None:
        self.records: list[CallRecord] = []
        self.spent = Usage()
        """What the records cost, without the wall time."""
        self._replies: dict[str, Entry] = {}
        self._unclaimed: Counter[str] = Counter()
        self._locks: dict[str, asyncio.Lock] = {}
        self._keep = keep
        for entry in before:
            self._take(entry)
            self._unclaimed[entry.key] += 1

    def one_at_a_time(self, key: str) -> asyncio.Lock:
        """Return the lock of *key*: of two equal calls at once the second waits for the first one's reply."""
        return self._locks.setdefault(key, asyncio.Lock())

    def give_back(self, key: str, *, step: str, at: float) -> Entry | None:
        """Return the entry of an equal call that succeeded, and record that it was given back.

        A resumed run that asks again what it had asked before the interruption leaves no second record.
        """
        entry = self._replies.get(key)
        if entry is None:
            return None
        if self._unclaimed[key]:
            self._unclaimed[key] -= 1
        else:
            copy = replace(entry.record, step=step, started=at, elapsed=0.0, cached=True)
            self.add(copy, key)
        return entry

    def add(self, record: CallRecord, key: str, reply: str | None = None) -> CallRecord:
        """Return *record* with its number, and have it kept. Raises StoreUnavailable, StorageFull."""
        entry = Entry(replace(record, seq=len(self.records) + 1), key, reply)
        self._take(entry)
        if self._keep is not None:
            self._keep(entry)
        return entry.record

    def _take(self, entry: Entry) -> None:
        self.records.append(entry.record)
        _book(entry.record, self.spent)
        if entry.reply is not None and entry.record.status in GIVEN_BACK:
            self._replies.setdefault(entry.key, entry)
