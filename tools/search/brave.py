"""``brave``: the Brave Search API, a keyed service with an index of its own.

What it is asked and answers: api-dashboard.search.brave.com, "Web search", "Image search", "News search".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from pydantic import SecretStr

from foveal.tools.search.service import Row, SearchService
from foveal.types import SearchKind, WebQuery

if TYPE_CHECKING:
    from foveal.tools.fetch.fetcher import Fetcher

_PATHS: Mapping[SearchKind, str] = {"text": "web/search", "images": "images/search", "news": "news/search"}
_MOST: Mapping[SearchKind, int] = {"text": 20, "images": 200, "news": 50}
_FRESHNESS = {"day": "pd", "week": "pw", "month": "pm", "year": "py"}
_KEY = "Brave Search does not accept the key. Check `brave_api_key`."
LONGEST_QUERY, MOST_WORDS = 400, 50


class BraveBackend(SearchService):
    """Pages, pictures and news. The key travels in one header, over the transport that drops it across origins."""

    title = "Brave Search"
    refusals: ClassVar[Mapping[int, str]] = {
        401: _KEY,
        403: f"{_KEY} Or its plan does not include this kind of search.",
        402: "Brave Search wants to be paid: the plan of `brave_api_key` is used up.",
        422: f"Brave Search refused the request. {_KEY}",
    }

    def __init__(
        self,
        fetcher: Fetcher,
        key: SecretStr,
        *,
        timeout: float = 10.0,
        base_url: str = "https://api.search.brave.com/res/v1",
    ) -> None:
        super().__init__(fetcher, timeout=timeout)
        self.name = "brave"
        self.kinds = frozenset(_PATHS)
        self._key, self._url = key, base_url.rstrip("/")

    async def _ask(self, query: WebQuery) -> tuple[Iterable[Row], tuple[str, ...]]:
        words = " ".join(query.text[:LONGEST_QUERY].split()[:MOST_WORDS])
        asked: dict[str, str | int] = {"q": words, "count": min(max(query.k, 1), _MOST[query.kind])}
        if query.since and query.kind != "images":
            asked["freshness"] = _FRESHNESS[query.since]
        country, _, language = query.region.partition("-")
        if language:
            asked.update(country=country.upper(), search_lang=language)
        said = await self._json(
            f"{self._url}/{_PATHS[query.kind]}?{urlencode(asked)}",
            headers={"x-subscription-token": self._key.get_secret_value()},
        )
        results = (said.get("web") or {}).get("results") if query.kind == "text" else said.get("results")
        row = _picture_row if query.kind == "images" else _page_row
        return [row(result) for result in results or ()], ()


def _page_row(result: Mapping[str, Any]) -> Row:
    return {
        "url": result.get("url"),
        "title": result.get("title"),
        "snippet": " ".join([result.get("description") or "", *(result.get("extra_snippets") or ())]),
        "engine": "brave",
        "published_at": result.get("page_age") or result.get("age"),
        "thumbnail": (result.get("thumbnail") or {}).get("src"),
    }


def _picture_row(result: Mapping[str, Any]) -> Row:
    properties = result.get("properties") or {}
    return {
        "url": result.get("url"),
        "title": result.get("title"),
        "engine": "brave",
        "image": properties.get("url"),
        "thumbnail": (result.get("thumbnail") or {}).get("src"),
        "width": properties.get("width"),
        "height": properties.get("height"),
    }
