"""From an address to a page: fetched through the one transport, parsed where it can do no harm."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

from foveal.errors import BlockedUrl, PageUnreadable
from foveal.hidden import visible
from foveal.tools.read.charset import decode
from foveal.tools.read.pool import WorkerPool, unreadable
from foveal.tools.read.sites import same_site, site_of
from foveal.tools.read.text import MARKDOWN, TEXT_TYPES, read_text
from foveal.types import PagePicture, WebPage

if TYPE_CHECKING:
    from foveal.tools.fetch.fetcher import Fetched, Fetcher

HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
MAX_HTML = 12_000_000
"""Bytes of HTML that a worker is given."""
SECONDS = 15.0
"""Most that a worker may take over one page; half of it for the text of a PDF, of which a part is better than none."""
_REMEDIES = {
    "empty content": "Another page may say it; the setting `browser` lets pages that scripts make be read.",
    "too complex": "Another page may say it.",
}
_PAGE = re.compile(r"#page=(\d{1,5})$")


class PageReader:
    """Reads pages. Without a *fetcher* only :meth:`read_bytes` works. Safe to share by tasks."""

    def __init__(
        self,
        fetcher: Fetcher | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        pool: WorkerPool | None = None,
        seconds: float = SECONDS,
    ) -> None:
        self._fetcher, self._now, self._seconds = fetcher, now, seconds
        self._pool = pool or WorkerPool()

    async def read(self, url: str) -> WebPage:
        """Fetch and read the page at *url*. Raises PageUnreadable, and what the fetcher raises."""
        return await self.read_bytes(await self._fetch(url, "page"))

    async def read_bytes(self, fetched: Fetched) -> WebPage:
        """Read what was fetched, or taken from an archive: HTML, text, Markdown, a PDF or a picture.

        Raises PageUnreadable, whose ``reason`` is ``empty content``, ``too complex`` or ``damaged``.
        """
        url, kind = fetched.url.partition("#")[0], fetched.media_type
        try:
            fields = await self._fields(url, kind, fetched)
        except PageUnreadable as error:
            raise _of(error, url) from error
        return WebPage(
            **{
                "url": url,
                "fetched_from": fetched.url,
                "site": site_of(url),
                "retrieved_at": self._now().astimezone(UTC).isoformat(timespec="seconds"),
                **fields,
            }
        )

    async def picture(self, url: str) -> bytes:
        """Return the file of a picture of a page; ``….pdf#page=N`` is page N of a PDF, drawn as a PNG.

        Raises PageUnreadable, and what the fetcher raises.
        """
        page = _PAGE.search(url)
        if page is None:
            return (await self._fetch(url, "picture")).body
        fetched = await self._fetch(url[: page.start()], "pdf")
        try:
            request = {"data": fetched.body, "page": int(page[1])}
            drawn = await self._pool.run("pdf_page", request, deadline=self._seconds)
        except PageUnreadable as error:
            raise _of(error, url) from error
        return bytes(drawn["png"])

    async def aclose(self) -> None:
        """End the workers. The fetcher is left to whoever gave it."""
        await self._pool.aclose()

    async def _fetch(self, url: str, kind: Literal["page", "picture", "pdf"]) -> Fetched:
        if self._fetcher is None:
            raise BlockedUrl(f"{url} is not in the archive, and nothing is fetched.")
        if kind != "picture":
            self._pool.warm()
        return await self._fetcher.fetch(url, kind=kind)

    async def _fields(self, url: str, kind: str, fetched: Fetched) -> Mapping[str, Any]:
        if kind in HTML_TYPES or (kind == "application/xml" and b"<html" in fetched.body[:2000].lower()):
            if len(fetched.body) > MAX_HTML:
                raise unreadable(f"too complex: {len(fetched.body) / 1e6:.0f} MB of HTML", "too complex")
            request: dict[str, Any] = {
                "data": fetched.body,
                "url": url,
                "charset": fetched.charset,
                "today": self._now().date().isoformat(),
            }
            fields = await self._pool.run("html", request, deadline=self._seconds)
            if not same_site(fields["url"], url):  # the worker says so already; but it has met hostile bytes
                fields["url"] = url
            pictures = tuple(PagePicture(**picture) for picture in fields.pop("pictures"))
            title = fields["title"] or name_of(url)
            return {
                **fields,
                "title": title,
                "pictures": pictures,
                "links": tuple(fields["links"]),
                "notes": tuple(fields["notes"]),
            }
        if kind == "application/pdf":
            request = {"data": fetched.body, "budget": self._seconds / 2}
            fields = await self._pool.run("pdf", request, deadline=self._seconds)
            numbers = fields.pop("picture_pages")
            title = fields.pop("title") or name_of(url)
            return {
                **fields,
                "kind": "pdf",
                "title": title,
                "links": tuple(fields["links"]),
                "notes": tuple(fields["notes"]),
                "pages": tuple(fields["pages"]),
                "pictures": tuple(PagePicture(f"{url}#page={n}", caption=f"page {n} of {title}") for n in numbers),
            }
        if kind.startswith("image/"):
            return {"kind": "image", "title": name_of(url), "text": "", "pictures": (PagePicture(url),)}
        if kind in TEXT_TYPES or kind.startswith("text/"):
            return read_text(decode(fetched.body, fetched.charset), markdown=kind in MARKDOWN, name=name_of(url))
        raise unreadable(f"it is {kind or 'of no known type'}: not HTML, text, a PDF or a picture", "damaged")


def name_of(url: str) -> str:
    """Return what an address without a title is called: the last part of its path, or its host."""
    parts = urlsplit(url)
    last = unquote(parts.path.rstrip("/").rpartition("/")[2])
    return visible(re.sub(r"[-_+\s]+", " ", re.sub(r"\.\w{1,5}$", "", last)).strip()) or parts.hostname or url


def _of(error: PageUnreadable, url: str) -> PageUnreadable:
    """Return *error* with the page that it is about in its message."""
    told = unreadable(f"{url} cannot be read: {error.message}.", error.reason)
    told.remedy = _REMEDIES.get(error.reason, "")
    return told
