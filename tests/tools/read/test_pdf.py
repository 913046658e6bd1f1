from __future__ import annotations

import io

import pypdfium2
import pytest
from PIL import Image

from foveal.errors import PageUnreadable
from foveal.tools.read import pdf as reading
from foveal.tools.read.reader import PageReader

from .conftest import fetched
from .papers import locked, pdf

URL = "https://atlas.test/papers/tower_survey.pdf"


async def test_a_pdf_knows_where_its_pages_begin(reader: PageReader) -> None:
    body = pdf(["The tower is 123 m high.", "", "See https://atlas.test/x for more."], title="A Survey")
    page = await reader.read_bytes(fetched(body, "application/pdf", URL))
    assert (page.kind, page.title, page.url, page.published_at) == ("pdf", "A Survey", URL, "2021-03-04")
    assert page.text[page.pages[0] :].startswith("The tower is 123 m high.")
    assert page.text[page.pages[2] :] == "See https://atlas.test/x for more."
    assert len(page.pages) == 3 and page.links == ("https://atlas.test/x",)
    assert [p.url for p in page.pictures] == [URL + "#page=1"]


async def test_a_scan_can_only_be_looked_at(reader: PageReader) -> None:
    page = await reader.read_bytes(fetched(pdf(["", ""], picture=True), "application/pdf", URL))
    assert page.text == "" and page.title == "tower survey"
    assert [p.url for p in page.pictures] == [URL + "#page=1", URL + "#page=2"]
    assert any("no words in it" in note for note in page.notes)


async def test_row_67_a_fetched_pdf_that_is_encrypted_or_broken(reader: PageReader) -> None:
    good = pdf(["A good page."])
    for body, why in (
        (locked(good), "encrypted"),
        (good[:150], "malformed"),
        (b"%PDF-1.7\n" + b"\0" * 5000, "malformed"),
    ):
        with pytest.raises(PageUnreadable, match=why) as caught:
            await reader.read_bytes(fetched(body, "application/pdf", URL))
        assert caught.value.reason == "damaged" and URL in caught.value.message
    assert (await reader.read_bytes(fetched(good, "application/pdf", URL))).text == "A good page."


async def test_row_67_a_pdf_of_thousands_of_pages_is_read_in_part(reader: PageReader) -> None:
    document = pypdfium2.PdfDocument.new()
    for _ in range(3000):
        document.new_page(300, 200)
    kept = io.BytesIO()
    document.save(kept)
    page = await reader.read_bytes(fetched(kept.getvalue(), "application/pdf", URL))
    assert len(page.pages) == reading.MAX_PAGES
    assert f"only the first {reading.MAX_PAGES} of 3000 pages were read" in page.notes


def test_row_67_a_slow_pdf_is_read_as_far_as_time_allows() -> None:
    fields = reading.read(pdf(["one", "two"]), budget=-1.0)
    assert fields["text"] == "one" and fields["notes"] == ["only the first 1 of 2 pages were read"]


def test_row_67_a_page_that_claims_to_be_metres_wide_is_drawn_small() -> None:
    drawn = reading.picture(pdf(["huge"], size=(14_400, 14_400)), 1)["png"]
    with Image.open(io.BytesIO(drawn)) as image:
        assert 4_000_000 < image.width * image.height <= 6_100_000


async def test_pages_are_drawn_from_what_is_fetched() -> None:
    from foveal.tools.fetch.fetcher import Fetched

    asked = []

    class Transport:
        async def fetch(self, url: str, *, kind: str) -> Fetched:
            asked.append((url, kind))
            return fetched(pdf(["one", "two"], size=(300, 200)), "application/pdf", url)

    reader = PageReader(Transport())
    try:
        with Image.open(io.BytesIO(await reader.picture(URL + "#page=2"))) as image:
            assert image.format == "PNG" and image.width > image.height
        assert asked == [(URL, "pdf")], "a fragment is not sent"
        with pytest.raises(PageUnreadable, match="no page 3"):
            await reader.picture(URL + "#page=3")
    finally:
        await reader.aclose()
