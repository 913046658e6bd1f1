"""What happens in a run, kept as it happens: events moments later, completed calls before anybody goes on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from foveal.errors import FovealError
from foveal.tools.runs.journal import Entry
from foveal.tools.runs.store import RunStore
from foveal.types import Answer, Event, plain

MOMENT = 0.1
"""Seconds in which events are gathered into one transaction."""


class Recorder:
    """Numbers a run's events; with a *store* it keeps them, and the calls of the run's journal, too.

    *after* is the number of the last event of earlier processes, *before* how many seconds they worked. Not for
    several threads: it belongs to the event loop.
    """

    def __init__(self, store: RunStore | None, run_id: str, *, after: int = 0, before: float = 0.0) -> None:
        self._store = store
        self._run_id = run_id
        self._last = after
        self._began = time.monotonic() - before
        self._events: list[tuple[float, Event]] = []
        self._calls: list[Entry] = []
        self._one_writer = asyncio.Lock()
        self._soon: asyncio.Task[None] | None = None
        self._answer: Mapping[str, Any] | None = None

    def take(self, kind: str, data: Mapping[str, Any]) -> Event:
        """Return the next event: *data* as plain values, but the answer of ``run.finished`` as it is."""
        self._last += 1
        event = Event(self._last, kind, data if kind == "run.finished" else plain(data))
        if kind == "answer.final":
            self._answer = event.data["answer"]
        if self._store is not None:
            self._events.append((round(time.monotonic() - self._began, 4), event))
            if self._soon is None or self._soon.done():
                self._soon = asyncio.create_task(self._write_soon())
        return event

    async def keep(self, entry: Entry) -> None:
        """Return when *entry* is in the store; calls that end together share a transaction.

        Raises StoreUnavailable, StorageFull.
        """
        self._calls.append(entry)
        await self.flush()

    async def flush(self) -> None:
        """Return when all that has happened is in the store. Raises StoreUnavailable, StorageFull."""
        async with self._one_writer:
            events, calls = self._events, self._calls
            if self._store is None or not (events or calls):
                return  # whoever wrote before us has written ours too
            self._events, self._calls = [], []
            writing = asyncio.ensure_future(self._store.write(self._store.add, self._run_id, calls, events))
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.wait([writing])
                raise
            except FovealError:
                self._events, self._calls = events + self._events, calls + self._calls
                raise

    async def close(self) -> None:
        """Write what waits, and write no more. Raises StoreUnavailable, StorageFull."""
        await self._still()
        await self.flush()

    async def finish(self, answer: Answer) -> None:
        """Write what waits and, together with it, that the run has ended with *answer*; and write no more.

        Raises StoreUnavailable, StorageFull.
        """
        await self._still()
        if self._store is not None:
            async with self._one_writer:
                told = self._answer or answer.as_dict()
                await self._store.write(self._store.finish, self._run_id, told, self._calls, self._events)
                self._events, self._calls = [], []

    async def _still(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
            await asyncio.wait([self._soon])

    async def _write_soon(self) -> None:
        while self._events:
            await asyncio.sleep(MOMENT)
            try:
                await self.flush()
            except FovealError:
                return  # what waits is kept for `close`, which tells what is wrong
