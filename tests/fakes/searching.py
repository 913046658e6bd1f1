"""A search backend that answers what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from foveal.types import SearchKind, ToolOutcome, WebHit, WebQuery


def found(*names: str, backend: str = "") -> ToolOutcome:
    """Return an outcome with a hit for each name."""
    hits = (WebHit(url=f"https://{name}.test/", title=name, rank=rank) for rank, name in enumerate(names, 1))
    return ToolOutcome("ok" if names else "empty", tuple(hits), backend=backend)


class SetBackend:
    """Gives ``answers`` one after the other, the last one for ever; an exception is raised, a number is slept."""

    def __init__(
        self, name: str, answers: Iterable[ToolOutcome | BaseException | float], kinds: Iterable[SearchKind] = ("text",)
    ) -> None:
        self.name, self.kinds = name, frozenset(kinds)
        self.answers = list(answers)
        self.asked: list[WebQuery] = []
        self.closed = False

    async def search(self, query: WebQuery) -> ToolOutcome:
        """Give the next answer."""
        self.asked.append(query)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(answer, float):
            await asyncio.sleep(answer)
            return found("late")
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def aclose(self) -> None:
        """Note it."""
        self.closed = True
