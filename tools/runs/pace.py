"""The time of a run, and the moments at which its parallel branches touch what they share."""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

BRANCH: ContextVar[str] = ContextVar("branch", default="")
"""The branch of a run that code works in; "" outside of all."""


class Pace:
    """The clock of a run. *before*: seconds that it worked in earlier processes.

    A recording and a replay (:mod:`foveal.tools.tape`) put their own in its place: there time moves from moment to
    moment, and moments come in the order in which they came first.
    """

    def __init__(self, before: float = 0.0) -> None:
        self._began = time.monotonic() - before

    def now(self) -> float:
        """Return the seconds since the run began, those between an interruption and the resume left out."""
        return time.monotonic() - self._began

    def date(self) -> str:
        """Return the date and time as ISO, UTC."""
        return datetime.now(UTC).isoformat(timespec="seconds")

    def enter(self, branch: str) -> None:
        """Say that this task, and those that it starts, work in *branch*: others may ask the same at the same time."""
        BRANCH.set(branch)

    async def moment(self, what: str) -> float:
        """Return the time, before something is done that depends on what other branches did. *what* names it."""
        return self.now()

    def limit(self, seconds: float | None) -> AbstractAsyncContextManager[Any]:
        """Return a block that may last so long. It raises TimeoutError."""
        return asyncio.timeout(seconds)
