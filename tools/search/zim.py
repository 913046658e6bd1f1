"""The backend ``zim:FILE``: an offline archive, such as Wikipedia from Kiwix or a frozen web, searched and read.

Nothing of it touches a network. Full-text search is Xapian's, through libzim; an archive without that index is
searched by its titles.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from foveal.errors import FovealError, PageUnreadable
from foveal.tools.freeze.layout import PAGES, page_from_json
from foveal.tools.search.quorum import Ranked, WordIndex, ranked, window, words_of
from foveal.tools.search.results import clean_text, make_hits
from foveal.tools.search.service import Row, outcome_of
from foveal.tools.search.zim_file import ZimFile
from foveal.types import SearchKind, ToolOutcome, WebPage, WebQuery

if TYPE_CHECKING:
    from foveal.tools.read.reader import PageReader

T = TypeVar("T")
PAGES_FOR_PICTURES = 6
"""Pages whose pictures are looked through when pictures are sought."""
FROM_TITLES = 3
"""Entries whose title holds the words that come before those whose text does."""
SNIPPET = 300
READ_FOR_SNIPPET = 400_000
_UNREAD = ("head", "script", "style", "noscript", "template", "svg", "math", "nav", "footer")


class ZimSite:
    """An opened archive. Its blocking calls run one at a time in a thread of its own."""

    def __init__(self, file: ZimFile) -> None:
        self.file = file
        self.name = f"zim:{file.path.name}"
        self._made: PageReader | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="zim")
        self.backend = ZimBackend(self)

    async def call(self, work: Callable[[], T]) -> T:
        """Run blocking *work* on the archive."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def holds(self, url: str) -> bool:
        """Return whether the page or picture at *url* is in the archive."""
        return await self.call(lambda: self.file.find(url)) is not None

    async def read(self, url: str) -> WebPage | None:
        """Return the page at *url*: of a frozen web as it was read then, otherwise read now; None if it is not here.

        Raises PageUnreadable.
        """
        path = await self.call(lambda: self.file.find(url))
        return None if path is None else await self.read_at(path)

    async def read_at(self, path: str) -> WebPage:
        """Return the page at *path*, which is there. Raises PageUnreadable."""
        if (frozen := await self.call(lambda: self.file.json(PAGES + path))) is not None:
            return page_from_json(frozen)
        entry = await self.call(lambda: self.file.entry(path))
        assert entry is not None, "a path that was found"
        from foveal.tools.fetch.fetcher import Fetched

        url = self.file.addresses.url(path)
        media_type, _, rest = entry.media_type.partition(";")
        fetched = Fetched(
            url, 200, media_type.strip(), rest.partition("charset=")[2] or "utf-8", entry.content, {}, (), 0.0
        )
        page = await self._reader().read_bytes(fetched)
        here = [one for one in page.pictures if "#" not in one.url and await self.holds(one.url)]
        made = self.file.date
        return replace(
            page,
            url=url,
            title=page.title or entry.title,
            pictures=tuple(here),
            retrieved_at=made or page.retrieved_at,
            notes=(*page.notes, f"from the archive {self.file.name}" + (f" of {made}" if made else "")),
        )

    async def picture(self, url: str) -> bytes | None:
        """Return the file of the picture at *url*, None if it is not here. Raises PageUnreadable."""
        path = await self.call(lambda: self.file.find(url))
        entry = None if path is None else await self.call(lambda: self.file.entry(path))
        return None if entry is None else entry.content

    async def aclose(self) -> None:
        """End the thread; what it is at is finished first."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        if self._made is not None:
            await self._made.aclose()

    def _reader(self) -> PageReader:
        from foveal.tools.read.reader import PageReader

        if self._made is None:
            self._made = PageReader()
        return self._made


class ZimBackend:
    """Searches an archive: pages by their words, and pictures by the words around them on such pages."""

    kinds: frozenset[SearchKind] = frozenset({"text", "images"})

    def __init__(self, site: ZimSite) -> None:
        self._site = site
        self._index: WordIndex | None = None
        self.name = "zim"

    async def search(self, query: WebQuery) -> ToolOutcome:
        """See :meth:`foveal.protocols.SearchBackend.search`. Hits of pages carry their share of the query's weight."""
        started = time.monotonic()
        try:
            if query.kind not in self.kinds:
                return ToolOutcome("empty", backend=self.name, notes=(f"An archive cannot search {query.kind}.",))
            rows = await (self._pictures(query) if query.kind == "images" else self._pages(query))
        except FovealError as error:
            return outcome_of(error, self.name, time.monotonic() - started)
        hits = make_hits(rows, kind=query.kind, k=query.k)
        made = self._site.file.date
        notes = (f"the archive {self._site.file.name} is of {made}",) if made and hits else ()
        elapsed = time.monotonic() - started
        return ToolOutcome("ok" if hits else "empty", hits, elapsed=elapsed, backend=self.name, notes=notes)

    async def aclose(self) -> None:
        """End the archive's thread."""
        await self._site.aclose()

    async def _pages(self, query: WebQuery) -> list[Row]:
        words = words_of(query.text)
        # one entry a call, so that others are not kept waiting
        return [await self._site.call(partial(self._row, found, words)) for found in await self._found(query)]

    async def _found(self, query: WebQuery) -> list[Ranked]:
        stopped = False

        def work() -> list[Ranked]:
            file = self._site.file
            if self._index is None:
                self._index = FullText(file) if file.archive.has_fulltext_index else Titles(file)
            entries = max(1, file.archive.article_count)
            return ranked(self._index, query.text, entries=entries, k=query.k, stop=lambda: stopped)

        try:
            return await self._site.call(work)
        finally:
            stopped = True  # of a query that is no longer waited for, nothing more is asked

    def _row(self, found: Ranked, words: Sequence[str]) -> Row:
        file = self._site.file
        entry = file.entry(found.path)
        assert entry is not None, "the index names what is there"
        frozen = file.json(PAGES + entry.path)
        if frozen is not None:
            page = page_from_json(frozen)
            text, title, dated = page.text, page.title, page.published_at
        else:
            text, title, dated = _words(entry.content), entry.title, None
        return {
            "url": file.addresses.url(entry.path),
            "title": title,
            "snippet": window(clean_text(text, READ_FOR_SNIPPET), words, SNIPPET),
            "engine": file.name,
            "published_at": dated,
            "score": found.score,
        }

    async def _pictures(self, query: WebQuery) -> list[Row]:
        words = {word.casefold() for word in words_of(query.text)}
        rated: list[tuple[int, Row]] = []
        for found in (await self._found(replace(query, k=PAGES_FOR_PICTURES)))[:PAGES_FOR_PICTURES]:
            try:
                page = await self._site.read_at(found.path)
            except PageUnreadable:
                continue
            for picture in page.pictures:
                row: dict[str, Any] = {"url": page.url, "image": picture.url, "engine": self._site.file.name}
                row |= {"title": picture.caption or picture.alt or page.title, "snippet": page.title}
                row |= {"width": picture.width, "height": picture.height}
                about = set(re.findall(r"\w+", f"{picture.alt} {picture.caption}".casefold()))
                rated.append((len(words & about), row))
        return [row for _, row in sorted(rated, key=lambda pair: -pair[0])]


class Titles:
    """The titles of an archive, those of its redirects too, as a :class:`~foveal.tools.search.quorum.WordIndex`."""

    def __init__(self, file: ZimFile) -> None:
        from libzim.suggestion import SuggestionSearcher

        self._file, self._searcher = file, SuggestionSearcher(file.archive)

    def count(self, words: Sequence[str]) -> int:
        """See :meth:`~foveal.tools.search.quorum.WordIndex.count`."""
        with self._file.lock:
            return int(self._searcher.suggest(" ".join(words)).getEstimatedMatches())

    def find(self, words: Sequence[str], k: int) -> list[str]:
        """See :meth:`~foveal.tools.search.quorum.WordIndex.find`."""
        with self._file.lock:
            paths = list(self._searcher.suggest(" ".join(words)).getResults(0, k))
        return list(dict.fromkeys(self._file.target(path) for path in paths))


class FullText:
    """The full-text index of an archive as a :class:`~foveal.tools.search.quorum.WordIndex`; titles come first.

    Only they know the redirects, which are the other names of things.
    """

    def __init__(self, file: ZimFile) -> None:
        from libzim.search import Query, Searcher

        self._file, self._query, self._searcher, self._titles = file, Query, Searcher(file.archive), Titles(file)

    def count(self, words: Sequence[str]) -> int:
        """See :meth:`~foveal.tools.search.quorum.WordIndex.count`."""
        with self._file.lock:
            count = int(self._search(words).getEstimatedMatches())
        return count or self._titles.count(words)

    def find(self, words: Sequence[str], k: int) -> list[str]:
        """See :meth:`~foveal.tools.search.quorum.WordIndex.find`."""
        titled = self._titles.find(words, FROM_TITLES) if len(words) > 1 else []
        with self._file.lock:
            paths = list(self._search(words).getResults(0, k))
        return list(dict.fromkeys([*titled, *paths]))

    def _search(self, words: Sequence[str]) -> Any:
        return self._searcher.search(self._query().set_query(" ".join(words)))


def open_zim(path: str | Path) -> ZimSite:
    """Return the opened archive *path*. Blocking, but short. Raises BadConfig."""
    return ZimSite(ZimFile(path))


def _words(html: bytes) -> str:
    """Return the text of a page for a snippet: quick, and with the navigation of the page where it is not marked."""
    from lxml import etree
    from lxml import html as markup

    try:
        parser = markup.HTMLParser(encoding="utf-8", remove_comments=True)
        tree = markup.document_fromstring(html[:READ_FOR_SNIPPET], parser=parser)
    except (etree.ParserError, ValueError):
        return ""
    etree.strip_elements(tree, *_UNREAD, with_tail=False)
    return " ".join(tree.itertext())
