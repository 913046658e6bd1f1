"""One process works on a thread (a run, a session) at a time; its lock dies with it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout

from foveal.errors import ThreadBusy
from foveal.tools.runs.database import translated

FOLDER = "locks"


class Lease:
    """Holds ``<home>/locks/<thread>`` while it is entered. Raises ThreadBusy, StoreUnavailable.

    The lock is the operating system's (flock): a killed process holds nothing, and two tasks of one process
    exclude each other too.
    """

    def __init__(self, home: Path, thread_id: str) -> None:
        self.thread_id = thread_id
        self._path = home / FOLDER / hashlib.sha256(thread_id.encode()).hexdigest()[:24]
        self._lock = FileLock(self._path, timeout=0, thread_local=False)

    def __enter__(self) -> Lease:
        with translated(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire()
            except Timeout:
                raise ThreadBusy(f"Another process is working on {self.thread_id} right now.") from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def held(self) -> bool:
        """Whether somebody works on the thread now."""
        if not self._path.exists():
            return False
        try:
            with self:
                return False
        except ThreadBusy:
            return True
