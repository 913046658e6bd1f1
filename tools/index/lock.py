"""One writer at a time: a lock file that says who holds it and since when it was last seen alive."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import threading
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Any

from foveal.errors import IndexLocked, StorageFull

LOCK_NAME = "writer.lock"
BEAT_SECONDS = 5.0
STALE_SECONDS = 60.0
"""A holder on another machine that was not seen for this long is taken for dead."""


class WriterLock:
    """Holds ``writer.lock`` in a collection's folder while it is entered.

    Raises IndexLocked when a living process holds it. A lock of a dead process (same host), or one from
    another host without a heartbeat for a minute, is taken over.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_NAME
        self._token = uuid.uuid4().hex
        self._stop = threading.Event()
        self._beat: threading.Thread | None = None

    def __enter__(self) -> WriterLock:
        for _ in range(5):
            try:
                handle = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
            except FileExistsError:
                self._clear_if_stale()
                continue
            except OSError as error:
                raise _cannot_write(self.path, error) from error
            try:
                os.write(handle, self._record())
            except OSError as error:
                self.path.unlink(missing_ok=True)
                raise _cannot_write(self.path, error) from error
            finally:
                os.close(handle)
            self._beat = threading.Thread(target=self._keep_beating, name="foveal-lock", daemon=True)
            self._beat.start()
            return self
        raise IndexLocked("Another process keeps taking the writer lock.", remedy="Run the command again.")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        if self._beat is not None:
            self._beat.join(timeout=2)
        if _parsed(self.path).get("token") == self._token:
            self.path.unlink(missing_ok=True)

    def _record(self) -> bytes:
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "beat": time.time(), "token": self._token}
        return json.dumps(holder).encode()

    def _keep_beating(self) -> None:
        while not self._stop.wait(BEAT_SECONDS):
            # a missed beat (full disk) must not end the work; the pid still tells that the holder lives
            with contextlib.suppress(OSError):
                beat = self.path.with_name(f"{LOCK_NAME}.{self._token}")
                beat.write_bytes(self._record())
                beat.replace(self.path)

    def _clear_if_stale(self) -> None:
        holder = _parsed(self.path)
        if not holder:
            # just created by another process that has not written yet, or left empty by a crash
            time.sleep(0.2)
            holder = _parsed(self.path)
        if holder and _alive(holder):
            pid, host = holder.get("pid"), holder.get("host")
            raise IndexLocked(
                f"Process {pid} on {host} is writing to this collection.",
                remedy=f"Wait until it has finished, or stop it (kill {pid}), then run the command again.",
            )
        with contextlib.suppress(OSError):
            # renaming makes sure that only one of several waiting writers clears the dead lock
            dead = self.path.with_name(f"{LOCK_NAME}.dead-{self._token}")
            self.path.rename(dead)
            if _parsed(dead).get("token") != holder.get("token"):
                # another writer was quicker, and this is its new lock: give it back
                self.path.hardlink_to(dead)
            dead.unlink()


def _parsed(path: Path) -> dict[str, Any]:
    try:
        holder = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _alive(holder: dict[str, Any]) -> bool:
    if holder.get("host") != socket.gethostname():
        return time.time() - float(holder.get("beat", 0)) < STALE_SECONDS
    try:
        os.kill(int(holder.get("pid", -1)), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError, OverflowError):
        return True
    return int(holder["pid"]) > 0


def _cannot_write(path: Path, error: OSError) -> Exception:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageFull("The disk is full: the collection cannot be locked for writing.")
    return IndexLocked(
        f"Cannot write in {path.parent}: {error.strerror}.",
        remedy="Give yourself write access to that folder.",
    )
