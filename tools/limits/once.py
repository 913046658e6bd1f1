"""Work that several ask for at the same time is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Shared:
    task: asyncio.Task[Any]
    waiting: int = 0


class Once:
    """Shares calls by a key; at most ``at_once`` of different keys are under way.

    One that waits may be cancelled and the others still get the result; when nobody waits any more the work ends.
    """

    def __init__(self, at_once: int) -> None:
        self._slots = asyncio.Semaphore(at_once)
        self._shared: dict[Hashable, _Shared] = {}

    async def do(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """Return what *work* returns, or what it returns to whoever asked for *key* first. Raises what it raises."""
        shared = self._shared.get(key)
        if shared is None:
            shared = self._shared[key] = _Shared(asyncio.ensure_future(self._bounded(work)))
        shared.waiting += 1
        try:
            result: T = await asyncio.shield(shared.task)
            return result
        finally:
            shared.waiting -= 1
            if not shared.waiting:
                shared.task.cancel()
                if self._shared.get(key) is shared:
                    del self._shared[key]

    async def aclose(self) -> None:
        """End what is under way."""
        tasks = [shared.task for shared in self._shared.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _bounded(self, work: Callable[[], Awaitable[T]]) -> T:
        async with self._slots:
            return await work()
