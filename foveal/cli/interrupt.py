"""Ctrl-C: the first ends the work in order, the second ends the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any, TypeVar

from foveal.errors import Cancelled

T = TypeVar("T")
EXIT = 130


def run_until_interrupted(work: Coroutine[Any, Any, T], *, hint: str = "") -> T:
    """Run *work*; on Ctrl-C cancel it and raise Cancelled whose remedy is *hint*."""
    with asyncio.Runner() as runner:
        return run_on(runner, work, hint=hint, last=True)


def run_on(runner: asyncio.Runner, work: Coroutine[Any, Any, T], *, hint: str = "", last: bool = False) -> T:
    """Run *work* on a loop that others use before and, unless this is the *last*, after it; Ctrl-C as above."""
    loop = runner.get_loop()
    main = loop.create_task(work)
    pressed = 0

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed += 1
        if pressed > 1:
            os.write(2, b"\nstopped at once\n")
            os._exit(EXIT)
        os.write(2, b"\nstopping; press Ctrl-C again to stop at once\n")
        loop.call_soon_threadsafe(main.cancel)

    with _Handler(on_interrupt):
        try:
            return runner.run(_result(main))
        except asyncio.CancelledError:
            raise Cancelled("Interrupted.", remedy=hint) from None
        finally:
            if last:
                # threads still at work end here, where a second Ctrl-C is still heard
                loop.run_until_complete(loop.shutdown_default_executor())


async def in_thread(work: Callable[[], T], stop: threading.Event) -> T:
    """Run blocking *work* in a thread; on cancellation set *stop* and wait until it has ended in order."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()
        raise


async def _result(task: asyncio.Task[T]) -> T:
    return await task


class _Handler:
    """Handles SIGINT inside the block; signals can only be handled in the main thread."""

    def __init__(self, handler: Callable[[int, FrameType | None], None]) -> None:
        self._handler = handler
        self._before: Any = None

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._handler)

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            sys.stderr.flush()
            signal.signal(signal.SIGINT, self._before)
