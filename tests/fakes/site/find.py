"""The search service of the fixture web, and the backend that asks it."""

from __future__ import annotations

import asyncio
import io
import math
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from PIL import Image

from foveal.errors import FovealError
from foveal.types import SearchKind, ToolOutcome, WebQuery

from .drawn import picture
from .world import Article

if TYPE_CHECKING:
    from foveal.tools.fetch.fetcher import Fetcher

SEARCH = "search.test"
_WORD = re.compile(r"[^\W_]+")
_USELESS = frozenset("a an the of in on at is was are were and or to by for who what which when where how".split())


def words(text: str) -> list[str]:
    """Return the words of *text* that are looked for."""
    return [w for w in _WORD.findall(text.lower()) if w not in _USELESS]


class Finder:
    """BM25 (Robertson and Zaragoza 2009; k1 = 1.2, b = 0.75) over what articles say, titles counted three times."""

    def __init__(self, articles: Sequence[Article], at: Any) -> None:
        self._articles, self._at = [a for a in articles if a.listed], at
        texts = [" ".join((*[a.title] * 3, *a.paragraphs)) for a in self._articles]
        self._counts = [Counter(words(text)) for text in texts]
        self._lengths = [sum(c.values()) for c in self._counts]
        self._mean = sum(self._lengths) / len(texts)
        self._in = Counter(w for c in self._counts for w in c)

    def find(self, query: str, kind: str, k: int) -> list[dict[str, Any]]:
        """Return results as the service gives them, best first."""
        asked = words(query)
        scored = [(self._score(n, asked), n) for n, a in enumerate(self._articles) if _of_kind(a, kind)]
        best = sorted(((s, n) for s, n in scored if s > 0), key=lambda pair: (-pair[0], pair[1]))[:k]
        return [self._result(self._articles[n], kind) for _, n in best]

    def like(self, data: bytes, k: int) -> list[dict[str, Any]]:
        """Return the pages whose pictures look most like *data*, with ``score`` 0 to 1."""
        seen = _small(data)
        found = []
        for article in self._articles:
            if article.picture:
                _, _, kind, name = article.picture.removesuffix(".png").split("/")
                off = sum(abs(a - b) for a, b in zip(seen, _small(picture(kind, name)), strict=True))
                found.append((1 - off / (255 * len(seen)), article))
        found.sort(key=lambda pair: -pair[0])
        return [{**self._result(a, "images"), "score": round(s, 4)} for s, a in found[:k] if s > 0.9]

    def _score(self, n: int, asked: Sequence[str]) -> float:
        total = 0.0
        for word in asked:
            if count := self._counts[n][word]:
                rare = math.log(1 + (len(self._counts) - self._in[word] + 0.5) / (self._in[word] + 0.5))
                total += rare * count * 2.2 / (count + 1.2 * (0.25 + 0.75 * self._lengths[n] / self._mean))
        return total

    def _result(self, article: Article, kind: str) -> dict[str, Any]:
        result = {
            "url": self._at(article.place), "title": article.title, "snippet": article.paragraphs[0],
            "published": article.published,
        }  # fmt: skip
        if kind == "images":
            host = article.place.partition("/")[0]
            source = self._at(host + article.picture)
            result |= {"image": source, "thumbnail": source, "width": "320", "height": 240, "title": article.caption}
        return result


def _of_kind(article: Article, kind: str) -> bool:
    return {"news": article.place.startswith("news.test"), "images": bool(article.picture)}.get(kind, True)


def _small(data: bytes) -> list[int]:
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
        return list(image.convert("RGB").resize((8, 8)).tobytes())


class Pictures(Protocol):
    """Where the bytes of pictures are."""

    def read(self, sha256: str) -> bytes: ...


class SiteBackend:
    """Asks the fixture web's search service; with *blobs* also for pictures like a picture."""

    name = "site"

    def __init__(self, fetcher: Fetcher, search_url: str, *, blobs: Pictures | None = None) -> None:
        self._fetcher, self._url, self._blobs = fetcher, search_url, blobs

    @property
    def kinds(self) -> frozenset[SearchKind]:
        """Everything, lookalikes only where pictures can be read."""
        return frozenset(("text", "images", "news", "lookalikes") if self._blobs else ("text", "images", "news"))

    async def search(self, query: WebQuery) -> ToolOutcome:
        """See :meth:`foveal.protocols.SearchBackend.search`."""
        import orjson

        from foveal.tools.search.results import make_hits
        from foveal.tools.search.service import outcome_of

        began = time.monotonic()
        url = f"{self._url}?{urlencode({'q': query.text, 'kind': query.kind, 'k': query.k})}"
        try:
            if query.kind == "lookalikes":
                assert self._blobs is not None and query.image is not None
                data = await asyncio.to_thread(self._blobs.read, query.image)
                fetched = await self._fetcher.fetch(url, kind="json", method="POST", body=data, robots=False)
            else:
                fetched = await self._fetcher.fetch(url, kind="json", robots=False)
        except FovealError as error:
            return outcome_of(error, self.name, time.monotonic() - began)
        found: list[Mapping[str, Any]] = orjson.loads(fetched.body)["results"]
        rows = [{**row, "published_at": row.get("published"), "engine": self.name} for row in found]
        hits = make_hits(rows, kind="images" if query.kind == "images" else "text", k=query.k)
        return ToolOutcome("ok" if hits else "empty", hits, elapsed=time.monotonic() - began, backend=self.name)

    async def aclose(self) -> None:
        """The fetcher is closed by whoever made it."""
