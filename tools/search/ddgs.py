"""``ddgs``: pages, pictures and news from public engines, without a key, by way of the library ddgs 9.

The library's engines are used one by one, not its ``DDGS`` class: that throws away the HTTP status, so that refused,
empty and offline look alike (ddgs#478); its threads are joined at exit; it shuffles the engines and puts Wikipedia
first. Only the addresses that the engines have built in are asked, over the library's own transport, which is
outside our guard; ``ddgs.extract``, which opens any address, is never used.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from foveal.errors import BackendTimeout, BadConfig
from foveal.tools.limits.threads import DaemonThreads
from foveal.tools.search.results import clean_url, make_hits, same_page
from foveal.tools.search.service import Row
from foveal.types import SearchKind, ToolOutcome, WebHit, WebQuery

DEFAULT_ENGINES = "duckduckgo,brave,mojeek,startpage"
ENGINES: Mapping[SearchKind, tuple[str, ...]] = {
    "text": ("duckduckgo", "brave", "mojeek", "startpage", "yahoo", "wikipedia", "grokipedia"),
    "images": ("bing", "duckduckgo"),
    "news": ("duckduckgo", "bing", "yahoo"),
}
"""Which engines of ddgs 9.16 look for what."""
AT_ONCE = 2
"""Engines asked at the same time; the others only when these found too little."""
SUSPICIOUS = 3
"""So many different queries in a row without one result are taken for a refusal."""
REST = 60.0
"""Seconds that engines which refuse are left alone."""
_REFUSING = (202, 401, 403, 418, 429, 503)
_RANK = 60
_KEYS = {"href": "url", "body": "snippet", "date": "published_at"}

Problem = Literal["", "refused", "timeout", "offline", "broken"]


@dataclass(frozen=True, slots=True)
class Said:
    """What one engine said: its rows, or what was wrong."""

    engine: str
    rows: Sequence[Row] = ()
    problem: Problem = ""


class DdgsBackend:
    """Public engines in a fixed order; results that several engines give come first."""

    name = "ddgs"
    kinds: frozenset[SearchKind] = frozenset(ENGINES)

    def __init__(self, engines: str = DEFAULT_ENGINES, *, timeout: float = 10.0) -> None:
        chosen = tuple(dict.fromkeys(name.strip() for name in engines.split(",") if name.strip()))
        if unknown := [name for name in chosen if name not in ENGINES["text"]] or ([] if chosen else ["(none)"]):
            raise BadConfig(
                f"`ddgs_engines` names no engine of ddgs: {', '.join(unknown)}.",
                remedy=f"Choose from {', '.join(ENGINES['text'])}.",
            )
        self._engines: dict[SearchKind, tuple[str, ...]] = {**ENGINES, "text": chosen}
        self._timeout = timeout
        self._threads = DaemonThreads(8 * AT_ONCE)
        self._without: dict[str, None] = {}

    async def search(self, query: WebQuery) -> ToolOutcome:
        """See :meth:`foveal.protocols.SearchBackend.search`."""
        started = time.monotonic()
        engines = self._engines.get(query.kind, ())
        said: list[Said] = []
        hits: tuple[WebHit, ...] = ()
        for first in range(0, len(engines), AT_ONCE):
            left = self._timeout - (time.monotonic() - started)
            if left < 1 and said:
                break
            said += await asyncio.gather(*(self._ask(name, query, left) for name in engines[first : first + AT_ONCE]))
            hits = make_hits(fused([one.rows for one in said], query.kind), kind=query.kind, k=query.k)
            if len(hits) >= query.k or all(one.problem == "offline" for one in said):
                break
        elapsed = time.monotonic() - started
        silent = [f"{one.engine} ({one.problem})" for one in said if one.problem]
        if hits:
            self._without.clear()
            notes = (f"ddgs: no answer from {', '.join(silent)}",) if silent else ()
            return ToolOutcome("ok", hits, elapsed=elapsed, backend=self.name, notes=notes)
        return self._nothing(query, said, silent, elapsed)

    async def aclose(self) -> None:
        """Nothing is held: a thread that still waits ends with its engine's timeout."""

    async def _ask(self, engine: str, query: WebQuery, seconds: float) -> Said:
        def call() -> Said:
            return ask_engine(engine, query, seconds)

        try:
            async with asyncio.timeout(seconds):
                return await self._threads.run(call, name=f"ddgs {engine}")
        except (TimeoutError, BackendTimeout):
            return Said(engine, problem="timeout")

    def _nothing(self, query: WebQuery, said: Sequence[Said], silent: Sequence[str], elapsed: float) -> ToolOutcome:
        """Return what it means that no engine gave a result."""
        problems = [one.problem for one in said]
        if "" in problems:
            self._without[query.text.casefold()] = None
            if len(self._without) < SUSPICIOUS:
                return ToolOutcome("empty", elapsed=elapsed, backend=self.name)
            words = f"{len(self._without)} different queries in a row found nothing: the engines seem to refuse us."
            return ToolOutcome("throttled", error=words, elapsed=elapsed, backend=self.name, retry_after=REST)
        if "refused" in problems:
            words = f"The engines refuse to answer for now: {', '.join(silent)}."
            return ToolOutcome("throttled", error=words, elapsed=elapsed, backend=self.name, retry_after=REST)
        if "timeout" in problems:
            words = f"The engines did not answer in {self._timeout:g} s: {', '.join(silent)}."
            return ToolOutcome("timeout", error=words, elapsed=elapsed, backend=self.name)
        if "offline" in problems:
            words = f"No network: none of the search engines can be reached ({', '.join(o.engine for o in said)})."
            return ToolOutcome("error", error=words, elapsed=elapsed, backend=self.name)
        words = f"The engines' answers cannot be read: {', '.join(silent)}."
        return ToolOutcome("error", error=words, elapsed=elapsed, backend=self.name)


def ask_engine(name: str, query: WebQuery, seconds: float) -> Said:
    """Ask one engine of the library, blocking: at most *seconds* for each of its one or two requests."""
    from ddgs.engines import ENGINES as CLASSES
    from ddgs.exceptions import DDGSException, TimeoutException

    made = _as_written(CLASSES[query.kind][name])(timeout=max(1, math.ceil(seconds)))
    statuses: list[int] = []
    request = made.http_client.request

    def watched(*args: Any, **named: Any) -> Any:
        response = request(*args, **named)
        statuses.append(response.status_code)
        return response

    made.http_client.request = watched
    since = query.since or ""
    limit = since if (name, query.kind) == ("bing", "images") else since[:1]
    try:
        found = made.search(query.text, region=query.region or "us-en", timelimit=limit or None)
    except TimeoutException:
        return Said(name, problem="timeout")
    except DDGSException as error:
        return Said(name, problem=_problem(str(error)))
    except Exception:  # an engine that changed its page: whatever the library's parser stumbled over
        found = None
    if any(status in _REFUSING for status in statuses):
        return Said(name, problem="refused")
    if found is None:
        return Said(name, problem="broken")
    return Said(name, [_row(vars(result), name) for result in found])


def _problem(words: str) -> Problem:
    """Return what the message of a DDGSException means: the type says nothing."""
    if "timed out" in words or "TimeoutError" in words:
        return "timeout"
    if "DNSError" in words or "ConnectError" in words:
        return "offline"
    # DuckDuckGo gives no token to whom it takes for a robot
    return "refused" if "vqd" in words else "broken"


def _as_written(engine: type[Any]) -> type[Any]:
    """Return *engine* with addresses as the page has them: the library unquotes them, and ``%3F`` is no ``?``."""
    if engine.category != "text":
        return engine
    return type(engine.__name__, (engine,), {"result_type": property(lambda self: _Result)})


class _Result:
    """A result whose fields the library sets one by one."""

    title = href = body = ""


def _row(result: Mapping[str, Any], engine: str) -> Row:
    row = {_KEYS.get(key, key): value for key, value in result.items()}
    return {**row, "engine": engine}


def fused(lists: Iterable[Sequence[Row]], kind: SearchKind) -> list[Row]:
    """Return the rows of several engines as one list by reciprocal rank fusion (Cormack et al. 2009), Σ 1/(60+rank).

    Equal scores keep the order of the engines, so that the same answers give the same list.
    """
    scores: dict[str, float] = {}
    keyed: list[tuple[str, Row]] = []
    for rows in lists:
        for rank, row in enumerate(rows, 1):
            key = same_page(clean_url(row.get("image" if kind == "images" else "url")) or "")
            scores[key] = scores.get(key, 0.0) + 1 / (_RANK + rank)
            keyed.append((key, row))
    return [row for _, row in sorted(keyed, key=lambda pair: -scores[pair[0]])]
