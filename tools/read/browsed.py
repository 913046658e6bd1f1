"""Pages that only their scripts write, read as a browser shows them, and what such pages look like."""

from __future__ import annotations

import asyncio
import io
from dataclasses import replace
from typing import TYPE_CHECKING

from foveal.errors import FovealError, PageUnreadable
from foveal.types import PagePicture, WebPage

if TYPE_CHECKING:
    from foveal.tools.fetch.browser import GuardedBrowser
    from foveal.tools.read.reader import PageReader

LOOKS = "#screenshot"
"""Ends the address of the picture of a page as it looks."""
NOTE = "its scripts wrote it: read as a browser shows it"


class BrowsingReader:
    """A reader that asks *browser* where *reader* finds a page empty. Both end with it."""

    def __init__(self, reader: PageReader, browser: GuardedBrowser) -> None:
        self._reader, self._browser = reader, browser

    async def read(self, url: str) -> WebPage:
        """Fetch and read the page at *url*. Raises PageUnreadable, and what the fetcher raises."""
        from foveal.tools.fetch.fetcher import Fetched

        try:
            return await self._reader.read(url)
        except PageUnreadable as empty:
            if getattr(empty, "reason", "") != "empty content":
                raise
            try:
                shown = await self._browser.show(url)
                body = shown.html.encode("utf-8", "replace")
                page = await self._reader.read_bytes(Fetched(shown.url, 200, "text/html", "utf-8", body, {}))
            except FovealError as problem:
                empty.remedy = problem.remedy
                raise empty from problem
            looks = PagePicture(url.partition("#")[0] + LOOKS, caption=f"{page.title}, as a browser shows it")
            return replace(page, notes=(*page.notes, NOTE), pictures=(*page.pictures, looks))

    async def picture(self, url: str) -> bytes:
        """See :meth:`foveal.tools.read.reader.PageReader.picture`; ``…#screenshot`` is a PNG of a page as it looks."""
        if not url.endswith(LOOKS):
            return await self._reader.picture(url)
        png = await self._browser.screenshot(url.removesuffix(LOOKS))
        return await asyncio.to_thread(_condensed, png)

    async def aclose(self) -> None:
        """End the browser and the workers."""
        await self._browser.aclose()
        await self._reader.aclose()


def _condensed(png: bytes) -> bytes:
    """Return a screenshot without its blank bands."""
    from PIL import Image

    from foveal.tools.read.bands import without_bands

    out = io.BytesIO()
    with Image.open(io.BytesIO(png), formats=("PNG",)) as image:
        without_bands(image).image.save(out, "PNG")
    return out.getvalue()
