"""Which failures of an endpoint are worth another try, and how long to wait before it. The only layer of retries."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

T = TypeVar("T")
LONGEST_WAIT = 60.0
"""Most seconds that a ``Retry-After`` is obeyed for."""
_AGAIN = frozenset({408, 409, 425, 429})
_SPENT = ("insufficient_quota", "billing", "credit")
_UNTRUSTED = ("certificate", "ssl:", "tls")


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and how patiently a call is tried again. Times in seconds; the clock and the dice can be replaced."""

    tries: int = 4
    first: float = 0.5
    longest: float = 20.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    clock: Callable[[], float] = time.monotonic
    dice: Callable[[], float] = random.random

    async def run(self, call: Callable[[], Awaitable[T]], *, until: float) -> T:
        """Return what *call* returns, trying again while that can help and the wait ends before *until* (clock).

        The wait is what the server asks for, or doubles from ``first``, half to one and a half times as long by chance.
        Raises the last error.
        """
        tried = 0
        while True:
            tried += 1
            try:
                return await call()
            except Exception as problem:
                if tried >= self.tries or not worth_retrying(problem):
                    raise
                told = retry_after(problem)
                grown = min(self.longest, self.first * 2 ** (tried - 1)) * (0.5 + self.dice())
                wait = grown if told is None else min(told, LONGEST_WAIT)
                if self.clock() + wait >= until:
                    raise
            await self.sleep(wait)


def worth_retrying(problem: Exception) -> bool:
    """Whether the same request may work a little later: not for a spent quota, a wrong key or a bad certificate."""
    import openai

    if isinstance(problem, openai.APIStatusError):
        said = f"{problem.code} {problem.type}".lower()
        if problem.status_code == 429 and any(word in said for word in _SPENT):
            return False
        unable = "support" in str(problem.message).lower()  # llama.cpp says so of pictures, with 500
        return problem.status_code in _AGAIN or (problem.status_code >= 500 and not unable)
    return isinstance(problem, openai.APIConnectionError) and not is_untrusted(problem)


def is_untrusted(problem: BaseException) -> bool:
    """Whether a connection failed because the other side's certificate was not accepted, or it speaks no TLS."""
    return any(word in root_cause(problem).lower() for word in _UNTRUSTED)


def root_cause(problem: BaseException) -> str:
    """Return the words of the error at the bottom of the chain that led to *problem*."""
    while (cause := problem.__cause__ or problem.__context__) is not None:
        problem = cause
    return str(problem) or type(problem).__name__


def retry_after(problem: Exception, *, now: Callable[[], datetime] | None = None) -> float | None:
    """Return the seconds that the server asks to wait; None when it says nothing that can be understood."""
    headers = getattr(getattr(problem, "response", None), "headers", None) or {}
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        given = str(headers.get(name, "")).strip()
        try:
            seconds = float(given) * unit
        except ValueError:
            try:
                moment = parsedate_to_datetime(given)
            except ValueError:
                continue
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            seconds = (moment - (now() if now else datetime.now(UTC))).total_seconds()
        if 0 <= seconds < float("inf"):
            return seconds
        if seconds < 0:
            return 0.0
    return None
