"""One thread that works off calls, those that came together in one batch."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from foveal.errors import Cancelled, ModelUnavailable

T = TypeVar("T")
WINDOW = 0.004
"""Seconds that a call waits for others to come with it: parallel branches ask within one turn of the event loop."""


@dataclass(slots=True, eq=False)
class Job(Generic[T]):
    """A call. Jobs of one *kind* may share a batch; those of kind None go alone."""

    kind: str | None
    work: T
    cancelled: threading.Event = field(default_factory=threading.Event)
    result: Future[Any] = field(default_factory=Future)


class Batcher(Generic[T]):
    """Gives waiting jobs to *run*, oldest first, at most *size* at a time, from a thread of its own.

    *run* must settle the result of every job it is given; what it raises settles those it left open.
    """

    def __init__(self, run: Callable[[Sequence[Job[T]]], None], *, size: int, window: float = WINDOW) -> None:
        self._run = run
        self._size = size
        self._window = window
        self._waiting: deque[Job[T]] = deque()
        self._guard = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="foveal-hf")
        self._closed = False

    async def do(self, job: Job[T], cancel: asyncio.Event | None = None) -> Any:
        """Return the result of *job*. When *cancel* is set or the task is cancelled, the job is told to stop.

        Raises Cancelled, ModelUnavailable when closed, and what *run* settled the job with.
        """
        if self._closed:
            raise ModelUnavailable("The language model was closed.")
        with self._guard:
            self._waiting.append(job)
        self._thread.submit(self._next)
        call = asyncio.wrap_future(job.result)
        watch = asyncio.ensure_future(cancel.wait()) if cancel is not None else None
        try:
            waited: set[asyncio.Future[Any]] = {call} if watch is None else {call, watch}
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            if not call.done():
                raise Cancelled("The call was cancelled.")
            return call.result()
        finally:
            job.cancelled.set()
            call.cancel()
            if watch is not None:
                watch.cancel()

    async def aclose(self) -> None:
        """Wait for the batch that is worked on; calls that wait are cancelled."""
        self._closed = True
        with self._guard:
            left = list(self._waiting)
            self._waiting.clear()
        for job in left:
            if job.result.set_running_or_notify_cancel():
                job.result.set_exception(ModelUnavailable("The language model was closed."))
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)

    def _next(self) -> None:
        batch = [job for job in self._take() if job.result.set_running_or_notify_cancel()]
        if not batch:
            return
        try:
            self._run(batch)
        except Exception as problem:  # whatever it is, those who wait must hear of it
            for job in batch:
                if not job.result.done():
                    job.result.set_exception(problem)

    def _take(self) -> list[Job[T]]:
        """Return the oldest job that waits and those that may go with it, after the window if there is room."""
        with self._guard:
            if not self._waiting:
                return []
            first = self._waiting[0]
            wait = first.kind is not None and len(self._waiting) < self._size > 1
        if wait:
            time.sleep(self._window)
        with self._guard:
            if not self._waiting:
                return []
            first = self._waiting.popleft()
            batch, rest = [first], deque[Job[T]]()
            while self._waiting:
                job = self._waiting.popleft()
                fits = first.kind is not None and job.kind == first.kind and len(batch) < self._size
                (batch if fits else rest).append(job)
            self._waiting = rest
            return batch
