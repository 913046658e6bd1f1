"""How long to wait before a call is tried again."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter: uniform in [0, min(cap, base · 2^attempt)] (AWS Architecture Blog, 2015).

    Jitter keeps callers that failed together from coming back together. A server that says when to come back is
    believed up to ``cap`` seconds.
    """

    base: float = 0.5
    cap: float = 60.0
    random: Callable[[], float] = random.random
    """Uniform in [0, 1)."""

    def delay(self, attempt: int, retry_after: float | None = None) -> float:
        """Return the seconds to wait after try number *attempt*, counted from 0."""
        if retry_after is not None and retry_after >= 0 and not math.isnan(retry_after):
            return min(retry_after, self.cap)
        return self.random() * min(self.cap, self.base * 2.0 ** min(attempt, 64))
