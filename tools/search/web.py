"""The live web as a run sees it: a chain of backends, and pages and pictures through one guarded transport."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote

from foveal.errors import BackendDown, FovealError
from foveal.protocols import BlobStore
from foveal.tools.limits.once import Once
from foveal.tools.search.cache import PageCache
from foveal.tools.search.chain import Chain
from foveal.tools.search.results import clean_url
from foveal.types import ImageRef, SearchKind, ToolOutcome, WebHit, WebPage, WebQuery

if TYPE_CHECKING:
    from foveal.tools.fetch.provenance import Provenance

AT_ONCE = 8
"""Pages and pictures under way at the same time; the fetcher bounds those of one host."""


class Reader(Protocol):
    """What makes pages and pictures of addresses; :class:`foveal.tools.read.reader.PageReader` does."""

    async def read(self, url: str) -> WebPage:
        """Fetch and read."""
        ...

    async def picture(self, url: str) -> bytes:
        """Fetch a picture, or draw a page of a PDF."""
        ...

    async def aclose(self) -> None:
        """Free what it holds."""
        ...


class Closeable(Protocol):
    """What has to be closed."""

    async def aclose(self) -> None:
        """Free what it holds."""
        ...


class Archive(Protocol):
    """A file that holds pages: :class:`foveal.tools.search.zim.ZimSite`, or a recording, which raises ReplayMiss."""

    async def read(self, url: str) -> WebPage | None:
        """Return the page, None if it is not in there. Raises PageUnreadable."""
        ...

    async def picture(self, url: str) -> bytes | None:
        """Return the bytes of a picture, None if it is not in there."""
        ...

    async def aclose(self) -> None:
        """Close the file."""
        ...


class LiveWeb:
    """Implements :class:`foveal.protocols.Web`.

    Pages come from the archives, then from the page cache, then by the *reader*; without one nothing is ever asked of
    the network. What is in *holds* is closed with the web, in that order.
    """

    def __init__(
        self,
        chain: Chain,
        *,
        blobs: BlobStore,
        provenance: Provenance,
        reader: Reader | None = None,
        archives: Sequence[Archive] = (),
        pages: PageCache | None = None,
        holds: Sequence[Closeable] = (),
    ) -> None:
        self.chain, self.provenance = chain, provenance
        self._blobs, self._reader = blobs, reader
        self._archives, self._pages = tuple(archives), pages
        self._holds = (chain, *self._archives, *((reader,) if reader else ()), *holds)
        self._once = Once(AT_ONCE)

    @property
    def name(self) -> str:
        """The backends, in the order in which they are asked."""
        return self.chain.name

    @property
    def kinds(self) -> frozenset[SearchKind]:
        """See :attr:`foveal.protocols.Web.kinds`."""
        return self.chain.kinds

    async def search(self, query: WebQuery) -> ToolOutcome:
        """See :meth:`foveal.protocols.Web.search`."""
        outcome = await self.chain.search(query)
        for hit in outcome.items:
            if isinstance(hit, WebHit):
                self.allow(*filter(None, (hit.url, hit.image, hit.thumbnail)))
        return outcome

    def allow(self, *urls: str) -> None:
        """See :meth:`foveal.protocols.Web.allow`."""
        self.provenance.add(urls)

    async def read(self, url: str) -> WebPage:
        """See :meth:`foveal.protocols.Web.read`."""
        self.provenance.check(url)
        url = clean_url(url) or url
        page = await self._once.do(("page", url), lambda: self._read(url))
        self.allow(*filter(None, (page.url, page.fetched_from, *page.links, *(p.url for p in page.pictures))))
        return page

    async def picture(self, url: str) -> ImageRef:
        """See :meth:`foveal.protocols.Web.picture`."""
        self.provenance.check(url)
        return await self._once.do(("picture", url), lambda: self._picture(url))

    async def aclose(self) -> None:
        """Stop what is under way and free everything."""
        await self._once.aclose()
        for held in self._holds:
            await held.aclose()

    async def _read(self, url: str) -> WebPage:
        for archive in self._archives:
            if (page := await archive.read(url)) is not None:
                return page
        if self._reader is None:
            raise _not_in_archive(url)
        if self._pages is not None and (page := await self._pages.get(url)) is not None:
            return page
        page = await self._reader.read(url)
        if self._pages is not None:
            await self._pages.put(url, page)
        return page

    async def _picture(self, url: str) -> ImageRef:
        data: bytes | None = None
        for archive in self._archives:
            if (data := await archive.picture(url)) is not None:
                break
        if data is None:
            if self._reader is None:
                raise _not_in_archive(url)
            data = await self._reader.picture(url)
        name = unquote(url.partition("?")[0].rstrip("/").rpartition("/")[2])[:80]
        return await asyncio.to_thread(self._blobs.put_bytes, data, name=name, origin="result")


def _not_in_archive(url: str) -> FovealError:
    return BackendDown(
        f"{url} is not in the archive, and the network is not asked.",
        remedy="Add `ddgs` or `searxng` to --web to read live pages too.",
    )
