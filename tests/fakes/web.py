"""A web of a few pages behind the Web protocol, which notes what it is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from foveal.errors import BackendTimeout
from foveal.types import ImageRef, SearchKind, ToolOutcome, WebHit, WebPage, WebQuery

DOWN = ToolOutcome("error", error="ddgs did not answer in 10 s; brave refused the key")


def page(url: str, title: str, text: str, **more: Any) -> WebPage:
    return WebPage(url, title, text, retrieved_at="2026-11-21", **more)


class FakeWeb:
    """Searches by counting the query's words in titles and texts; *snippets* say what an engine shows of a page.

    Without one it shows nothing. An address that no search gave, and that was not allowed, is not read.
    """

    name = "fake"

    def __init__(
        self,
        *pages: WebPage,
        snippets: Mapping[str, str] | None = None,
        kinds: frozenset[SearchKind] = frozenset({"text"}),
        outcome: ToolOutcome | None = None,
        hits: Mapping[str, tuple[WebHit, ...]] | None = None,
        pictures: Any = None,
        broken: frozenset[str] = frozenset(),
    ) -> None:
        self.pages = {p.url: p for p in pages}
        self.snippets, self.kinds, self.outcome = dict(snippets or {}), kinds, outcome
        self.hits, self.pictures, self.broken = hits or {}, pictures, broken
        self.asked: list[WebQuery] = []
        self.opened: list[str] = []
        self.known: set[str] = set()
        self.closed = False

    @property
    def queries(self) -> list[str]:
        return [q.text for q in self.asked]

    async def search(self, query: WebQuery) -> ToolOutcome:
        self.asked.append(query)
        if self.outcome is not None:
            return self.outcome
        found = self.hits[query.kind] if query.kind in self.hits else self._ranked(query)
        self.allow(*(u for h in found for u in (h.url, h.image, h.thumbnail) if u))
        return ToolOutcome("ok" if found else "empty", tuple(found), backend="fake")

    def _ranked(self, query: WebQuery) -> tuple[WebHit, ...]:
        words = set(re.findall(r"\w+", query.text.lower()))
        scored = []
        for p in self.pages.values():
            held = re.findall(r"\w+", f"{p.title} {p.text} {self.snippets.get(p.url, '')}".lower())
            scored.append((sum(w in words for w in set(held)), p))
        best = [p for n, p in sorted(scored, key=lambda s: -s[0]) if n][: query.k]
        hits = (WebHit(p.url, p.title, self.snippets.get(p.url, ""), published_at=p.published_at) for p in best)
        return tuple(replace(h, rank=n) for n, h in enumerate(hits, 1))

    async def read(self, url: str) -> WebPage:
        assert url in self.known, f"{url} was never found"
        self.opened.append(url)
        if url in self.broken:
            raise BackendTimeout(f"{url} did not answer in time.")
        return self.pages[url]

    async def picture(self, url: str) -> ImageRef:
        assert url in self.known
        self.opened.append(url)
        return self.pictures(url)

    def allow(self, *urls: str) -> None:
        self.known.update(urls)

    async def aclose(self) -> None:
        self.closed = True
