"""Freezing: every search, page and picture that is wanted is fetched once and kept in one file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, TypeVar

from foveal.errors import ENDING, BackendDown, FovealError
from foveal.protocols import Web
from foveal.tools.freeze.layout import RecordedSearch, content_hash
from foveal.tools.freeze.partial import Partial
from foveal.tools.freeze.wanted import Wanted
from foveal.tools.freeze.written import write_zim
from foveal.tools.limits.together import together
from foveal.tools.search.results import clean_url
from foveal.types import WebHit, WebPage, WebQuery

T = TypeVar("T")
Got = TypeVar("Got")
AT_ONCE = 6


class Progress(Protocol):
    """Told how far it is: finished, in all (as far as is known), and what is being done."""

    def __call__(self, done: int, total: int, stage: str) -> None: ...


@dataclass(slots=True)
class FreezeReport:
    """What was frozen. ``sha256`` is of the content: the same whenever the same things were fetched."""

    file: str
    searches: int = 0
    pages: int = 0
    pictures: int = 0
    again: int = 0
    """How many of all these had been fetched before the freeze was stopped."""
    failed: list[tuple[str, str]] = field(default_factory=list)
    """Searches and addresses, and why each is not in it."""
    bytes: int = 0
    sha256: str = ""


class Freezer:
    """Fetches what is wanted through *web* into *partial*; what is there already is not fetched again.

    *depth* pages are read of each search of text and news, *pictures* fetched of each page.
    """

    def __init__(
        self, web: Web, partial: Partial, *, depth: int = 5, pictures: int = 3, progress: Progress = lambda *_: None
    ) -> None:
        self._web, self._partial, self._depth, self._pictures = web, partial, depth, pictures
        self._progress = progress
        self._report = FreezeReport(str(partial.out))
        self._done = self._total = 0

    async def run(self, wanted: Wanted) -> FreezeReport:
        """Fetch, write the file and remove the folder. Raises BackendDown when nothing at all could be fetched.

        Cancelled, or at a full disk, it leaves the folder, and the next run goes on from it.
        """
        self._web.allow(*wanted.urls, *wanted.pictures)
        searches = await self._each("searching", wanted.searches, self._search)
        asked = dict.fromkeys([*wanted.urls, *self._hits_to_read(searches)])
        pages = await self._each("reading", asked, self._read)
        by_url: dict[str, WebPage] = {}
        aliases: dict[str, str] = {}
        for url, page in pages:
            by_url.setdefault(page.url, page)
            others = (url, page.fetched_from, clean_url(page.url))  # by the last a web asks for the first
            aliases |= {other: page.url for other in others if other and other != page.url}
        seen = dict.fromkeys([*wanted.pictures, *self._hits_to_see(searches), *self._seen_on(by_url.values())])
        pictures = dict(await self._each("fetching pictures", seen, self._picture))
        report = self._report
        if not (searches or pages or pictures):
            what, why = report.failed[0]
            raise BackendDown(f"Nothing could be fetched; the first, {what}: {why}")
        report.searches, report.pages, report.pictures = len(searches), len(by_url), len(pictures)
        report.sha256 = await asyncio.to_thread(content_hash, by_url.values(), searches, pictures)
        self._progress(self._total, self._total, "writing the file")
        report.bytes = await write_zim(self._partial, by_url.values(), aliases, searches, pictures, report)
        self._partial.remove()
        return report

    async def _each(self, stage: str, wanted: Iterable[T], fetch: Callable[[T], Awaitable[Got | None]]) -> list[Got]:
        """Return what *fetch* gave for all that is wanted, in that order."""
        wanted = list(wanted)
        self._total += len(wanted)

        async def one(what: T) -> Got | None:
            got = await fetch(what)
            self._done += 1
            self._progress(self._done, self._total, stage)
            return got

        found = await together([partial(one, what) for what in wanted], at_once=AT_ONCE)
        return [got for got in found if got is not None]

    async def _search(self, query: WebQuery) -> RecordedSearch | None:
        search = self._partial.search(query)
        if search is None:
            outcome = await self._web.search(query)
            if outcome.status not in ("ok", "cached", "empty"):
                self._report.failed.append((f"{query.text!r}", outcome.error or outcome.status))
                return None
            items = tuple(item for item in outcome.items if isinstance(item, WebHit))
            search = RecordedSearch(query, replace(outcome, status="ok" if items else "empty", items=items))
            self._partial.keep_search(search)
        else:
            self._report.again += 1
        self._web.allow(*(url for hit in search.outcome.items for url in (hit.url, hit.image, hit.thumbnail) if url))
        return search

    async def _read(self, url: str) -> tuple[str, WebPage] | None:
        page = self._partial.pages.get(url)
        if page is None:
            try:
                page = await self._web.read(url)
            except FovealError as error:
                self._fail(url, error)
                return None
            self._partial.keep_page(url, page)
        else:
            self._report.again += 1
        self._web.allow(*(picture.url for picture in page.pictures))
        return url, page

    async def _picture(self, url: str) -> tuple[str, str] | None:
        sha256 = self._partial.pictures.get(url)
        if sha256 is None:
            try:
                sha256 = (await self._web.picture(url)).sha256
            except FovealError as error:
                self._fail(url, error)
                return None
            self._partial.keep_picture(url, sha256)
        else:
            self._report.again += 1
        return url, sha256

    def _fail(self, url: str, error: FovealError) -> None:
        if isinstance(error, ENDING):
            raise error
        self._report.failed.append((url, error.message))

    def _hits_to_read(self, searches: Sequence[RecordedSearch]) -> Iterable[str]:
        for search in searches:
            if search.query.kind != "images":
                yield from (hit.url for hit in search.outcome.items[: self._depth])

    def _hits_to_see(self, searches: Sequence[RecordedSearch]) -> Iterable[str]:
        for search in searches:
            if search.query.kind == "images":
                yield from (hit.image for hit in search.outcome.items[: self._depth] if hit.image)

    def _seen_on(self, pages: Iterable[WebPage]) -> Iterable[str]:
        for page in pages:
            yield from (picture.url for picture in page.pictures[: self._pictures])
