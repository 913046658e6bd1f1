"""A token bucket: so many calls a second on the mean, so many at once."""

from __future__ import annotations

import math

from foveal.tools.limits.clock import Clock, SystemClock


class TokenBucket:
    """Lets ``rate`` calls a second through, and ``burst`` at once after a rest.

    Written as the generic cell rate algorithm (ITU-T I.371): only the time at which the bucket would be full again
    is kept, and each caller books its turn when it asks. Turns are therefore in the order of asking. A caller that
    is cancelled while it waits leaves its turn unused.
    """

    def __init__(self, rate: float, burst: int = 1, *, clock: Clock | None = None) -> None:
        if not rate > 0 or burst < 1:
            raise ValueError("a bucket needs a rate above 0 and a burst of 1 or more")
        self._every = 1.0 / rate
        self._slack = (burst - 1) * self._every
        self._clock = clock or SystemClock()
        self._full_at = -math.inf

    def wait(self) -> float:
        """Return the seconds that a caller would wait now."""
        return max(0.0, self._full_at - self._slack - self._clock.now())

    async def take(self, *, patience: float = math.inf) -> bool:
        """Wait for a turn; False, at once and without a turn, if that would take longer than *patience* seconds."""
        wait = self.wait()
        if wait > patience:
            return False
        self._full_at = max(self._clock.now(), self._full_at) + self._every
        if wait:
            await self._clock.sleep(wait)
        return True
