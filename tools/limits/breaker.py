"""A circuit breaker: what fails again and again is left alone for a while."""

from __future__ import annotations

import math
from typing import Literal

from foveal.tools.limits.clock import Clock, SystemClock

State = Literal["closed", "open", "half-open"]


class Breaker:
    """Closed → open after ``failures`` failures in a row → half-open after ``cooldown`` seconds: one probe.

    A probe that succeeds closes it, one that fails opens it again. Whoever was admitted must say how it went:
    :meth:`succeeded`, :meth:`failed`, or :meth:`left_off` when the call was never finished.
    """

    def __init__(self, *, failures: int = 3, cooldown: float = 30.0, clock: Clock | None = None) -> None:
        self._allowed, self._cooldown = failures, cooldown
        self._clock = clock or SystemClock()
        self._failures = 0
        self._opens_until = -math.inf
        self._probing = False

    @property
    def state(self) -> State:
        """What it would do with a caller now."""
        if self._opens_until == -math.inf:
            return "closed"
        return "open" if self._clock.now() < self._opens_until or self._probing else "half-open"

    def left(self) -> float:
        """Return the seconds until it lets a probe through; 0 when it lets callers through."""
        return max(0.0, self._opens_until - self._clock.now())

    def admit(self) -> bool:
        """Return whether to call; when half-open the first caller is the probe and the others are sent away."""
        state = self.state
        self._probing = self._probing or state == "half-open"
        return state != "open"

    def succeeded(self) -> None:
        """Close it."""
        self._failures, self._opens_until, self._probing = 0, -math.inf, False

    def failed(self, *, rest: float | None = None) -> None:
        """Count a failure; *rest*, what the other side asked for in seconds, opens it at once for at least that."""
        self._failures += 1
        if self._probing or rest is not None or self._failures >= self._allowed:
            self._opens_until = self._clock.now() + max(self._cooldown, rest or 0.0)
            self._probing = False

    def left_off(self) -> None:
        """Forget a caller that did not finish: it says nothing of the other side."""
        self._probing = False
