"""A few worker processes that parse what came from outside; one that takes too long is killed and replaced."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from foveal.errors import PageUnreadable
from foveal.tools.read.worker import read_frame, write_frame

MEMORY = 2_000_000_000
"""Most address space of a worker, in bytes."""
MAX_JOBS = 200
"""Jobs after which a worker is replaced, so that what leaks in a library does not add up."""
_HANDED_ON = frozenset(
    {"PATH", "LANG", "LC_ALL", "LC_CTYPE", "PYTHONPATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TZ", "VIRTUAL_ENV"}
)


class Worker:
    """One process. Not to be used by two threads at a time, but for :meth:`stop`."""

    def __init__(self, memory: int) -> None:
        # not multiprocessing: that would run the user's main script again in the worker, and unpickle what it sends
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-B", "-m", "foveal.tools.read.worker", str(memory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={key: value for key, value in os.environ.items() if key in _HANDED_ON}
            | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"},
        )
        self._late = False
        self.jobs = 0

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(self, job: str, request: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Return what the job came to. Blocking; raises PageUnreadable, after which the worker may be dead."""
        import ormsgpack

        assert self._process.stdin is not None and self._process.stdout is not None
        frame = ormsgpack.packb({"job": job, "seconds": deadline, **request})
        self.jobs += 1
        timer = threading.Timer(deadline, self._expire)
        timer.start()
        try:
            write_frame(self._process.stdin, frame)
            reply = read_frame(self._process.stdout)
        except OSError:
            reply = None
        finally:
            timer.cancel()
        if reply is None:
            self.close()
            why = f"it was not read within {deadline:g} s" if self._late else "it made the reader fail"
            raise unreadable(why, "too complex" if self._late else "damaged")
        answer = ormsgpack.unpackb(reply)
        if "done" not in answer:
            raise unreadable(str(answer.get("unreadable")), str(answer.get("reason")))
        return dict(answer["done"])

    def stop(self) -> None:
        """End it now, from any thread; what it works on fails."""
        self._process.kill()

    def close(self) -> None:
        """End it and free what is held of it."""
        self.stop()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        self._process.wait()

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def _expire(self) -> None:
        self._late = True
        self._process.kill()


class WorkerPool:
    """At most *size* workers, started when first needed. Safe to share by tasks and event loops."""

    def __init__(self, size: int = 2, *, memory: int = MEMORY) -> None:
        self._memory = memory
        self._warmed = False
        self._idle: list[Worker] = []
        self._all: set[Worker] = set()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="foveal-read")
        self._finalizer = weakref.finalize(self, _kill_all, self._all)

    @property
    def pids(self) -> list[int]:
        """Of the workers that are alive."""
        with self._lock:
            return [worker.pid for worker in self._all if worker.alive]

    async def run(self, job: str, request: Mapping[str, Any], *, deadline: float) -> dict[str, Any]:
        """Have a worker do *job* within *deadline* seconds of getting it. Raises PageUnreadable.

        Cancelling kills the worker that is at it.
        """
        ticket = _Ticket()
        work = self._threads.submit(self._work, ticket, job, request, deadline)
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            ticket.cancel()
            raise

    def warm(self) -> None:
        """Begin to start a first worker, so that it is ready when the bytes are."""
        with self._lock:
            if self._warmed:
                return
            self._warmed = True
        self._threads.submit(self._give_back, None)

    async def aclose(self) -> None:
        """End all workers. Running jobs fail."""
        self._finalizer()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _work(self, ticket: _Ticket, job: str, request: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        worker = self._take()
        try:
            if not ticket.begin(worker):
                raise unreadable("it was cancelled", "damaged")
            return worker.ask(job, request, deadline)
        finally:
            ticket.end()
            self._give_back(worker)

    def _take(self) -> Worker:
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.alive:
                    return worker
                self._all.discard(worker)
        return self._start()

    def _start(self) -> Worker:
        worker = Worker(self._memory)
        with self._lock:
            self._all.add(worker)
        if not self._finalizer.alive:  # closed meanwhile
            worker.close()
        return worker

    def _give_back(self, worker: Worker | None) -> None:
        worker = worker or self._start()
        with self._lock:
            if worker.alive and worker.jobs < MAX_JOBS:
                self._idle.append(worker)
                return
            self._all.discard(worker)
        worker.close()


class _Ticket:
    """Lets a call be cancelled before, while, but not after a worker is at it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: Worker | None = None
        self._cancelled = False

    def begin(self, worker: Worker) -> bool:
        with self._lock:
            self._worker = worker
            return not self._cancelled

    def end(self) -> None:
        with self._lock:
            self._worker = None

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._worker is not None:
                self._worker.stop()


def unreadable(why: str, reason: str) -> PageUnreadable:
    """Return the error of a page that cannot be read, with one of its reason codes."""
    error = PageUnreadable(why)
    error.reason = reason
    return error


def _kill_all(workers: set[Worker]) -> None:
    for worker in list(workers):
        worker.stop()
    workers.clear()
