"""Several search backends in order: the first that answers is believed, the others are named."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from foveal.protocols import SearchBackend
from foveal.tools.limits.backoff import Backoff
from foveal.tools.limits.breaker import Breaker
from foveal.tools.limits.bucket import TokenBucket
from foveal.tools.limits.clock import Clock, SystemClock
from foveal.tools.search.cache import SearchCache
from foveal.types import SearchKind, ToolOutcome, WebQuery

ANSWERS = ("ok", "empty", "cached")
PATIENCE = 5.0
"""Seconds that a backend which asks to be left alone is waited for before the next one is asked."""


@dataclass(frozen=True, slots=True)
class Link:
    """A backend with its limits. ``deadline``: seconds of one call; ``kept``: whether its answers are cached."""

    backend: SearchBackend
    bucket: TokenBucket
    breaker: Breaker
    deadline: float = 10.0
    kept: bool = True


@dataclass(slots=True)
class _Report:
    """What is told of the backends that did not answer."""

    words: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)

    def add(self, status: str, words: str, wait: float | None = None) -> None:
        self.words.append(words.rstrip("."))
        self.statuses.append(status)
        if wait is not None:
            self.waits.append(wait)


class Chain:
    """Asks its links in order, each within its rate, its breaker and its deadline; never raises.

    A link that is throttled is tried again once when it asks for at most ``patience`` seconds, then passed over.
    An empty answer is an answer. When every link fails, an older answer is better than none.
    """

    def __init__(
        self,
        links: Sequence[Link],
        *,
        cache: SearchCache | None = None,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
        tries: int = 2,
        patience: float = PATIENCE,
    ) -> None:
        self.links = tuple(links)
        self.name = ",".join(link.backend.name for link in self.links)
        self._cache, self._tries, self._patience = cache, tries, patience
        self._clock = clock or SystemClock()
        self._backoff = backoff or Backoff()

    @property
    def kinds(self) -> frozenset[SearchKind]:
        """What any link can look for."""
        return frozenset().union(*(link.backend.kinds for link in self.links))

    async def search(self, query: WebQuery) -> ToolOutcome:
        """See :meth:`foveal.protocols.Web.search`."""
        started = self._clock.now()
        able = [link for link in self.links if query.kind in link.backend.kinds]
        if not able:
            return ToolOutcome("blocked", error=f"No web backend searches for {query.kind}: {self.name or 'none'}.")
        outcome = await self._kept(able, query) or await self._asked(able, query)
        return replace(outcome, elapsed=self._clock.now() - started)

    async def aclose(self) -> None:
        """Close the backends."""
        await asyncio.gather(*(link.backend.aclose() for link in self.links))

    def states(self) -> dict[str, str]:
        """Return each backend's breaker: closed, open (with the seconds left) or half-open."""
        return {
            link.backend.name: f"open ({link.breaker.left():.0f} s)"
            if link.breaker.state == "open"
            else link.breaker.state
            for link in self.links
        }

    async def _kept(self, able: Sequence[Link], query: WebQuery, *, stale: bool = False) -> ToolOutcome | None:
        if self._cache is None:
            return None
        for link in able:
            if link.kept and (found := await self._cache.get(link.backend.name, query, stale=stale)):
                return found
        return None

    async def _asked(self, able: Sequence[Link], query: WebQuery) -> ToolOutcome:
        report = _Report()
        for link in able:
            outcome = await self._ask(link, query, report)
            if outcome is None:
                continue
            if link.kept and self._cache is not None:
                await self._cache.put(link.backend.name, query, outcome)
            passed = tuple(f"{words}; asked {link.backend.name}" for words in report.words)
            return replace(outcome, backend=link.backend.name, notes=(*passed, *outcome.notes))
        changing = query.kind == "news" or query.since is not None
        if not changing and (older := await self._kept(able, query, stale=True)) and older.items:
            return replace(older, notes=(*report.words, *older.notes))
        same = report.statuses[0] if len(set(report.statuses)) == 1 else "error"
        said = "; ".join(report.words)
        return ToolOutcome(
            same,  # type: ignore[arg-type]
            error=f"{said}." if len(able) == 1 else f"No web backend answered. {said}.",
            retry_after=min(report.waits, default=None),
        )

    async def _ask(self, link: Link, query: WebQuery, report: _Report) -> ToolOutcome | None:
        """Return the answer of one link, or None with the reason in *report*."""
        name, breaker = link.backend.name, link.breaker
        attempt = 0
        while True:
            if breaker.state != "open" and not await link.bucket.take(patience=link.deadline):
                report.add("throttled", f"{name} is asked as often as it may be", link.bucket.wait())
                return None
            if not breaker.admit():
                report.add("throttled", f"{name} is left alone for {breaker.left():.0f} s more", breaker.left())
                return None
            outcome = await self._call(link, query)
            if outcome.status in ANSWERS:
                breaker.succeeded()
                return outcome
            throttled = outcome.status == "throttled"
            wait = self._backoff.delay(attempt, outcome.retry_after)
            attempt += 1
            if not throttled or wait > self._patience or attempt >= self._tries:
                breaker.failed(rest=wait if throttled else None)
                report.add(outcome.status, _told(name, outcome), outcome.retry_after)
                return None
            breaker.left_off()
            await self._clock.sleep(wait)

    async def _call(self, link: Link, query: WebQuery) -> ToolOutcome:
        """Return what one call comes to within the link's deadline."""
        name = link.backend.name
        try:
            async with asyncio.timeout(link.deadline):
                return await link.backend.search(query)
        except TimeoutError:
            return ToolOutcome("timeout", error=f"{name} did not answer in {link.deadline:g} s", backend=name)
        except asyncio.CancelledError:
            link.breaker.left_off()
            raise
        except Exception as error:  # a backend of one's own that breaks the protocol must not end the run
            return ToolOutcome("error", error=f"{name} failed: {type(error).__name__}: {error}", backend=name)


def _told(name: str, outcome: ToolOutcome) -> str:
    words = (outcome.error or outcome.status).rstrip(".")
    return words if words.casefold().startswith(name.casefold()) else f"{name}: {words}"
