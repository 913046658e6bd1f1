"""A clock that tests turn by hand."""

from __future__ import annotations

import asyncio


class FakeClock:
    """Time passes only when somebody sleeps, or by :meth:`pass_`. ``slept`` lists what was asked for."""

    def __init__(self, now: float = 1000.0, wall: float = 1_795_000_000.0) -> None:
        self._now, self._wall = now, wall
        self.slept: list[float] = []

    def now(self) -> float:
        """Return the monotonic time."""
        return self._now

    def wall(self) -> float:
        """Return the time of day."""
        return self._wall

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self._now += seconds
        self._wall += seconds

    async def sleep(self, seconds: float) -> None:
        """Let time pass, and others run."""
        self.slept.append(seconds)
        self.pass_(seconds)
        await asyncio.sleep(0)
