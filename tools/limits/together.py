"""Work side by side, none of which outlives an error."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

T = TypeVar("T")


async def together(work: Iterable[Callable[[], Awaitable[T]]], *, at_once: int) -> list[T]:
    """Return what all of *work* returns, in its order, *at_once* of them under way at a time.

    Where one raises, or the caller stops waiting, the others are stopped and ended before that is passed on.
    """
    turns = asyncio.Semaphore(at_once)

    async def one(make: Callable[[], Awaitable[T]]) -> T:
        async with turns:
            return await make()

    tasks = [asyncio.ensure_future(one(make)) for make in work]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
