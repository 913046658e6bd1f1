"""Pages of the fixture web, through the guarded transport, over loopback."""

from __future__ import annotations

import asyncio

import pytest
from fakes.site import FixtureWeb

from foveal.errors import BlockedUrl, HttpRefused, PageUnreadable
from foveal.tools.fetch.fetcher import Fetcher
from foveal.tools.read.mirrors import copies, independent
from foveal.tools.read.pool import WorkerPool
from foveal.tools.read.reader import PageReader
from foveal.tools.read.slim import passages


async def test_pages_of_several_hosts_are_fetched_and_read(shared_pool: WorkerPool) -> None:
    async with FixtureWeb() as web:
        fetcher = Fetcher(web.policy, resolver=web.resolver)
        reader = PageReader(fetcher, pool=shared_pool)
        try:
            copied = next(a for a in web.articles if a.place.startswith("mirror.test/") and a.facts)
            urls = [web.url(*place.split("/", 1)) for place in (copied.canonical, copied.place)]
            original, copy = await asyncio.gather(*map(reader.read, urls))
            assert copy.url == urls[1], "a copy stays at its own address, whatever it says of itself"
            assert [len(group) for group in copies([original, copy])] == [2]
            assert independent([original, copy]) == 1
            assert original.links and all(link.startswith("http") for link in original.links)
            assert original.published_at == copied.published and "cookies" not in original.text
            for key, value in copied.facts:
                hits = passages(original, f"{key} of {copied.title}")
                assert any(value in line for hit in hits for line in hit.text.split("\n") if key in line), (
                    key,
                    original,
                )
            with pytest.raises(HttpRefused):
                await reader.read(web.url("atlas.test", "nothing/here"))
        finally:
            await fetcher.aclose()


async def test_without_a_fetcher_nothing_is_fetched(shared_pool: WorkerPool) -> None:
    with pytest.raises(BlockedUrl):
        await PageReader(pool=shared_pool).read("https://atlas.test/")


async def test_row_25_pages_that_say_nothing(shared_pool: WorkerPool) -> None:
    async with FixtureWeb() as web:
        fetcher = Fetcher(web.policy, resolver=web.resolver)
        try:
            reader = PageReader(fetcher, pool=shared_pool)
            for place in ("news.test/app", "news.test/wall", "news.test/empty"):
                with pytest.raises(PageUnreadable, match="empty content"):
                    await reader.read(web.url(*place.split("/", 1)))
        finally:
            await fetcher.aclose()


async def test_a_pdf_and_its_pages_are_fetched(shared_pool: WorkerPool) -> None:
    async with FixtureWeb() as web:
        fetcher = Fetcher(web.policy, resolver=web.resolver)
        try:
            reader = PageReader(fetcher, pool=shared_pool)
            text = await reader.read(web.url("museum.test", "catalogue.pdf"))
            assert "4,200 crowns" in text.text and len(text.pages) == 3
            hit = passages(text, "When was the tide clock restored?")[0]
            assert hit.page is not None and "1985" in hit.text
            scan = await reader.read(web.url("museum.test", "scan.pdf"))
            assert scan.text == "" and len(scan.pictures) >= 1
            assert (await reader.picture(scan.pictures[0].url)).startswith(b"\x89PNG")
        finally:
            await fetcher.aclose()
