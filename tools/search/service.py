"""A search service that answers in JSON: asking it through the guarded transport, and its errors as outcomes."""

from __future__ import annotations

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from foveal.errors import (
    BackendTimeout,
    BadResponse,
    FovealError,
    HttpRefused,
    PolicyError,
    Throttled,
)
from foveal.tools.search.results import make_hits
from foveal.types import OutcomeStatus, SearchKind, ToolOutcome, WebQuery

if TYPE_CHECKING:
    from foveal.tools.fetch.fetcher import Fetcher

Row = Mapping[str, Any]
"""A result with the names of :class:`~foveal.types.WebHit` and the values of the engine."""


class SearchService(ABC):
    """What JSON search services have in common; each says how it is asked and what its results are.

    ``refusals`` maps an HTTP status to what it means there, in words for the user.
    """

    name: str
    kinds: frozenset[SearchKind]
    title: ClassVar[str]
    refusals: ClassVar[Mapping[int, str]] = {}
    uploads: ClassVar[bool] = False
    """Whether pictures that are searched for leave this machine."""

    def __init__(self, fetcher: Fetcher, *, timeout: float = 10.0) -> None:
        self._fetcher, self._timeout = fetcher, timeout

    @abstractmethod
    async def _ask(self, query: WebQuery) -> tuple[Iterable[Row], tuple[str, ...]]:
        """Return the results and notes. Raises FovealError."""

    async def search(self, query: WebQuery) -> ToolOutcome:
        """See :meth:`foveal.protocols.SearchBackend.search`."""
        started = time.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                rows, notes = await self._ask(query)
            hits = make_hits(rows, kind=query.kind, k=query.k)
        except TimeoutError:
            late = BackendTimeout(f"{self.title} did not answer in {self._timeout:g} s.")
            return outcome_of(late, self.name, time.monotonic() - started)
        except FovealError as error:
            return outcome_of(error, self.name, time.monotonic() - started)
        except (AttributeError, LookupError, TypeError, ValueError):  # JSON, but not as it is documented
            odd = BadResponse(f"{self.title} answered in a form that is not its own.")
            return outcome_of(odd, self.name, time.monotonic() - started)
        return ToolOutcome(
            "ok" if hits else "empty", hits, elapsed=time.monotonic() - started, backend=self.name, notes=notes
        )

    async def aclose(self) -> None:
        """See :meth:`foveal.protocols.SearchBackend.aclose`; the fetcher is closed by whoever made it."""
        return None

    async def _json(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        method: Literal["GET", "POST"] = "GET",
    ) -> Any:
        """Return the parsed answer. Raises what the fetcher raises, in this service's words."""
        sent = {"accept": "application/json", **(headers or {})}
        if body is not None:
            sent["content-type"] = "application/json"
        try:
            fetched = await self._fetcher.fetch(
                url,
                kind="json",
                method=method,
                headers=sent,
                body=None if body is None else json.dumps(body).encode(),
                robots=False,  # a service that the user signed up for or runs, not a page that is crawled
            )
        except HttpRefused as error:
            words = self.refusals.get(error.status)
            problem = type(error)(words or f"{self.title} answered with HTTP {error.status}.", remedy="")
            problem.status = error.status
            raise problem from error
        try:
            return json.loads(fetched.body)
        except ValueError as error:
            raise BadResponse(f"{self.title} answered with something that is not JSON.") from error


def outcome_of(error: FovealError, backend: str, elapsed: float = 0.0) -> ToolOutcome:
    """Return what *error* of *backend* comes to, in its words."""
    status: OutcomeStatus = "error"
    if isinstance(error, BackendTimeout):
        status = "timeout"
    elif isinstance(error, Throttled):
        status = "throttled"
    elif isinstance(error, PolicyError) or (isinstance(error, HttpRefused) and error.status in (400, 401, 402, 403)):
        status = "blocked"
    wait = error.retry_after if isinstance(error, Throttled) else None
    return ToolOutcome(status, error=str(error), elapsed=elapsed, backend=backend, retry_after=wait)
