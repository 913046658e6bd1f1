"""Blocking calls that nobody has to wait for."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from foveal.errors import BackendTimeout

T = TypeVar("T")


class DaemonThreads:
    """Runs blocking calls in threads that do not keep the process alive.

    The threads of :func:`asyncio.to_thread` are joined at exit, so that one stuck call would hold up the user's
    shell. At most ``most`` calls are under way, those included that their callers gave up on.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._lock = threading.Lock()

    async def run(self, call: Callable[[], T], *, name: str = "foveal") -> T:
        """Return what *call* returns, or raise what it raises. Cancelled, the call goes on and its result is dropped.

        Raises BackendTimeout when so many earlier calls are stuck that none more is begun.
        """
        with self._lock:
            if self._free < 1:
                raise BackendTimeout("Too many earlier calls have not come back.", remedy="Try again in a minute.")
            self._free -= 1
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()

        def settle(give: Callable[[Any], None], value: Any) -> None:
            if not future.done():
                give(value)

        def work() -> None:
            give: Callable[[Any], None] = future.set_result
            value: Any = None
            try:
                value = call()
            except Exception as error:
                give, value = future.set_exception, error
            finally:
                with self._lock:
                    self._free += 1
            with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody is left to tell
                loop.call_soon_threadsafe(settle, give, value)

        threading.Thread(target=work, name=name, daemon=True).start()
        return await future
