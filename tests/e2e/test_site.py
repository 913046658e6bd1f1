"""The fixture web is a web: pages that link to each other, pictures and PDFs that open, searches that find."""

from __future__ import annotations

import io
import re
from collections.abc import AsyncIterator
from typing import Any

import pypdfium2
import pytest
from fakes.site import FixtureWeb, flag
from PIL import Image

from foveal.errors import BlockedUrl, HttpRefused, RobotsDenied, Throttled
from foveal.types import WebQuery


@pytest.fixture
async def web() -> AsyncIterator[FixtureWeb]:
    async with FixtureWeb() as made:
        yield made


@pytest.fixture
async def fetcher(web: FixtureWeb) -> AsyncIterator[Any]:
    made = web.fetcher()
    yield made
    await made.aclose()


async def test_at_least_sixty_pages_are_reached_by_links_from_one(web: FixtureWeb, fetcher: Any) -> None:
    known, todo, pictures = {web.url("atlas.test", "list/tower")}, [web.url("atlas.test", "list/tower")], set()
    while todo:
        here = todo.pop()
        page = (await fetcher.fetch(here)).body.decode()
        host = here.split("/")[2]
        pictures |= {f"http://{host}{src}" for src in re.findall(r'<img src="(/img/[^"]+)', page)}
        article = page.partition("<article>")[2].partition("</article>")[0]
        new = set(re.findall(r'href="(http://[^"]+)"', article)) - known
        known |= new
        todo += new
    assert len(known) >= 60 and len(pictures) >= 50
    for source in sorted(pictures)[::10]:
        data = (await fetcher.fetch(source, kind="picture")).body
        with Image.open(io.BytesIO(data)) as image:
            assert image.size == (320, 240)


async def test_pdfs_open_and_one_has_no_text(web: FixtureWeb, fetcher: Any) -> None:
    texts = {}
    for name in ("catalogue", "scan"):
        data = (await fetcher.fetch(web.url("museum.test", f"{name}.pdf"), kind="pdf")).body
        document = pypdfium2.PdfDocument(data)
        texts[name] = [document[n].get_textpage().get_text_range() for n in range(len(document))]
        document.close()
    assert len(texts["catalogue"]) == 3 and "made by Jarl Espen" in texts["catalogue"][2]
    assert texts["scan"] == [""]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        (WebQuery("first captain of the Winter Star ship"), "ship/winter-star"),
        (WebQuery("flag of Jarnsted", kind="images"), "town/jarnsted"),
        (WebQuery("flood Oredo Estwick", kind="news"), "2025/oredo-flood"),
    ],
)
async def test_searches_find(web: FixtureWeb, fetcher: Any, query: WebQuery, first: str) -> None:
    outcome = await web.backend(fetcher).search(query)
    assert outcome.status == "ok" and outcome.items[0].url.endswith(first) and outcome.items[0].rank == 1
    assert (query.kind == "images") is (outcome.items[0].image is not None)


async def test_searches_find_nothing_lookalikes_and_a_service_that_is_down(web: FixtureWeb, fetcher: Any) -> None:
    class Blobs:
        def read(self, sha256: str) -> bytes:
            return flag(sha256)

    backend = web.backend(fetcher, blobs=Blobs())
    assert (await backend.search(WebQuery("zzyzx"))).status == "empty"
    alike = await backend.search(WebQuery(kind="lookalikes", image="Ilvane"))
    assert alike.items[0].title == "Flag of Ilvane" and alike.items[0].score > 0.95
    web.down.add("search.test")
    assert (await backend.search(WebQuery("Dunmere"))).status in ("error", "throttled")


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("news.test/busy", Throttled),
        ("news.test/gone", HttpRefused),
        ("atlas.test/private/notes", RobotsDenied),
        ("atlas.test/inward", BlockedUrl),
    ],
)
async def test_places_that_refuse(web: FixtureWeb, fetcher: Any, place: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await fetcher.fetch(web.url(*place.split("/", 1)))
    assert web.touched == []
