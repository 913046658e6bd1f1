"""What happens in a run, kept as it happens: completed calls at once, events moments later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from foveal.errors import FovealError
from foveal.tools.runs.journal import Entry
from foveal.tools.runs.store import RunStore
from foveal.types import Answer, Event

MOMENT = 0.1
"""Seconds in which events are gathered into one transaction."""
TOGETHER = 0.02
"""The same for calls, which branches often end together: a kill loses no more than the replies of that time."""


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
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._failed: FovealError | None = None

    def take(self, kind: str, data: Mapping[str, Any]) -> Event:
        """Return the next event. *data* stays as it is, and is made JSON when it is written: nobody may change it."""
        self._last += 1
        event = Event(self._last, kind, data)
        if self._store is not None:
            self._events.append((round(time.monotonic() - self._began, 4), event))
            if self._timer is None:  # none that is set waits longer
                self._write_in(MOMENT)
        return event

    def keep(self, entry: Entry) -> None:
        """Have a completed call written. Raises what kept an earlier one from it: StoreUnavailable, StorageFull."""
        if self._failed is not None:
            raise self._failed
        if self._store is not None:
            self._calls.append(entry)
            self._write_in(TOGETHER)

    async def close(self) -> None:
        """Write what waits, and write no more. Raises StoreUnavailable, StorageFull."""
        await self._write()

    async def finish(self, answer: Answer) -> None:
        """Write what waits and, together with it, that the run has ended with *answer*; and write no more.

        Raises StoreUnavailable, StorageFull.
        """
        await self._write(answer.parts())

    def _write_in(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        if self._timer is None or self._timer.when() > loop.time() + seconds:
            self._stop_timer()
            self._timer = loop.call_later(seconds, self._write_now)

    def _write_now(self) -> None:
        self._timer = None
        self._writing = asyncio.create_task(self._try())

    async def _try(self) -> None:
        try:
            await self._write()
        except FovealError as error:
            self._failed = error  # told by the next `keep`; what waits is tried again at the end

    async def _write(self, answer: Mapping[str, Any] | None = None) -> None:
        if self._store is None:
            return
        async with self._one_writer:
            self._stop_timer()
            events, calls = self._events, self._calls
            self._events, self._calls = [], []
            if answer is not None:
                work = self._store.write(self._store.finish, self._run_id, answer, calls, events)
            elif events or calls:
                work = self._store.write(self._store.add, self._run_id, calls, events)
            else:
                return  # whoever wrote before us has written ours too
            writing = asyncio.ensure_future(work)
            try:
                await asyncio.shield(writing)
            except asyncio.CancelledError:
                await asyncio.wait([writing])
                raise
            except FovealError:
                self._events, self._calls = events + self._events, calls + self._calls
                raise

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
