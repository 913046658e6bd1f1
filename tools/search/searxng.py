"""``searxng``: the JSON interface of a SearXNG (or searx) server that the user runs.

What it is asked and answers: docs.searxng.org/dev/search_api. The server itself may stand on this machine or in a
private network; its host and port are the only ones that :func:`policy_for` lets the transport open there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode, urlsplit

from foveal.errors import BackendDown, BackendTimeout, BadConfig, HttpRefused, Throttled
from foveal.tools.search.results import clean_text
from foveal.tools.search.service import Row, SearchService
from foveal.types import SearchKind, WebQuery

if TYPE_CHECKING:
    from foveal.tools.fetch.fetcher import Fetcher

_CATEGORIES: Mapping[SearchKind, str] = {"text": "general", "images": "images", "news": "news"}
_REFUSED = re.compile(r"captcha|too many|denied|suspend|block|429", re.IGNORECASE)
_SLOW = re.compile(r"time ?out|timed out", re.IGNORECASE)
_FORMATS = "Its settings.yml must list json under search.formats; restart it after that."


def place_of(url: str) -> tuple[str, int]:
    """Return host and port of the server at *url*. Raises BadConfig."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    except (ValueError, KeyError):
        port = 0
    if not port or not parts.hostname:
        raise BadConfig(f"`searxng_url` is no http address: {url}", remedy="Give for example http://localhost:8888.")
    return parts.hostname, port


class SearxngBackend(SearchService):
    """Pages, pictures and news by way of the engines that the server is set to ask."""

    title = "SearXNG"
    refusals: ClassVar[Mapping[int, str]] = {
        403: f"SearXNG does not answer in JSON. {_FORMATS}",
        404: "There is no SearXNG at `searxng_url`. Give the address of its start page.",
    }

    def __init__(self, fetcher: Fetcher, url: str, *, timeout: float = 10.0) -> None:
        super().__init__(fetcher, timeout=timeout)
        place_of(url)
        self.name = "searxng"
        self.kinds = frozenset(_CATEGORIES)
        self._url = url.rstrip("/").removesuffix("/search")

    async def _ask(self, query: WebQuery) -> tuple[Iterable[Row], tuple[str, ...]]:
        asked = {"q": query.text, "format": "json", "categories": _CATEGORIES[query.kind], "pageno": "1"}
        if query.since:
            asked["time_range"] = query.since
        country, _, language = query.region.partition("-")
        if language:
            asked["language"] = f"{language}-{country.upper()}"
        try:
            said = await self._json(f"{self._url}/search?{urlencode(asked)}")
        except BackendDown as error:
            raise BackendDown(
                f"No SearXNG answers at {self._url}.", remedy="Start it, or correct `searxng_url`."
            ) from error
        rows = list(_rows(said["results"]))
        silent = _unresponsive(said.get("unresponsive_engines") or ())
        if silent and not rows:
            raise _none_answered(silent)
        notes = (f"SearXNG's engines {_listed(silent)} did not answer",) if silent else ()
        return rows, notes


def _rows(results: Sequence[Mapping[str, Any]]) -> Iterator[Row]:
    for result in results:
        width, height = _resolution(result.get("resolution"))
        yield {
            "url": result.get("url"),
            "title": result.get("title"),
            "snippet": result.get("content"),
            "engine": ", ".join(result.get("engines") or [result.get("engine") or ""]),
            "published_at": result.get("publishedDate") or result.get("pubdate"),
            "image": result.get("img_src"),
            "thumbnail": result.get("thumbnail_src") or result.get("thumbnail"),
            "width": width,
            "height": height,
        }


def _resolution(value: Any) -> tuple[str, ...]:
    """Return width and height out of ``1024 x 768``, ``1024×768`` or nothing."""
    found = re.match(r"\s*(\d+)\s*[x×*]\s*(\d+)", value, re.IGNORECASE) if isinstance(value, str) else None
    return found.groups() if found else ("", "")


def _unresponsive(engines: Iterable[Any]) -> dict[str, str]:
    """Return why each engine did not answer. Servers give ``[name, reason]``, older ones more fields."""
    found: dict[str, str] = {}
    for engine in engines:
        name, *reasons = engine if isinstance(engine, list) else [engine]
        found[clean_text(name, 40)] = clean_text(reasons[0] if reasons else "", 80)
    return found


def _listed(silent: Mapping[str, str]) -> str:
    return ", ".join(f"{name} ({reason})" if reason else name for name, reason in silent.items())


def _none_answered(silent: Mapping[str, str]) -> Throttled | BackendTimeout | HttpRefused:
    """Return what it means that there is no result and these engines were silent."""
    words = f"None of SearXNG's engines answered: {_listed(silent)}."
    reasons = " ".join(silent.values())
    if _REFUSED.search(reasons):
        return Throttled(words)
    return BackendTimeout(words) if _SLOW.search(reasons) else HttpRefused(words)
