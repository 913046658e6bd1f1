"""``zim:FILE``: archives made by libzim, searched and read."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from fakes.zims import COUNT, KIWIX, make_zim, name_of, path_of, picture_of
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BackendDown, BadConfig, BlockedUrl, PageUnreadable
from foveal.settings import Settings
from foveal.tools.images.store import FileBlobStore
from foveal.tools.search.registry import make_web
from foveal.tools.search.results import clean_url
from foveal.tools.search.zim import ZimSite, open_zim
from foveal.tools.search.zim_file import Addresses
from foveal.types import WebQuery

WIKI = "https://en.wikipedia.org/wiki/"


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    yield make_zim(tmp_path_factory.mktemp("zim") / "towers.zim")


@pytest.fixture
async def site(archive: Path) -> AsyncIterator[ZimSite]:
    site = open_zim(archive)
    yield site
    await site.aclose()


async def test_a_question_finds_its_page(site: ZimSite) -> None:
    outcome = await site.backend.search(WebQuery("When was the Falcon Tower finished?", k=3))
    first = outcome.items[0]
    assert (outcome.status, outcome.backend, first.url, first.rank) == ("ok", "zim", f"{WIKI}Falcon_Tower", 1)
    assert outcome.notes == ("the archive wikipedia_en_towers is of 2024-05-01",)
    assert "finished in 1705" in first.snippet and first.title == "Falcon Tower" and first.score == 1.0
    assert len(outcome.items) <= 3 and "secretword" not in str(outcome)


async def test_every_page_is_found_by_its_fact(site: ZimSite) -> None:
    for number in range(COUNT):
        outcome = await site.backend.search(WebQuery(f"tower finished {1700 + number}", k=1))
        assert outcome.items[0].url == WIKI + path_of(number)


async def test_nothing_and_odd_words_are_empty_not_errors(site: ZimSite) -> None:
    for text in ("", "Zubrowka", '"', "AND OR NOT (", "tower of Zubrowka Nebelsbad", "\ud800", "塔" * 500):
        outcome = await site.backend.search(WebQuery(text))
        assert (outcome.status, outcome.items, outcome.error) == ("empty", (), None), text


async def test_another_name_leads_to_the_page(site: ZimSite) -> None:
    outcome = await site.backend.search(WebQuery("old lighthouse"))
    assert [hit.url for hit in outcome.items] == [WIKI + path_of(4)]
    pictures = await site.backend.search(WebQuery("old lighthouse", "images"))
    assert [hit.url for hit in pictures.items] == [WIKI + path_of(4)]
    page = await site.read(WIKI + "Old_Lighthouse")
    assert page is not None and page.url == WIKI + path_of(4) and "1704" in page.text


async def test_a_page_is_read_with_its_pictures(site: ZimSite) -> None:
    page = await site.read(WIKI + path_of(7))
    assert page is not None and page.title == name_of(7) and "finished in 1707" in page.text
    assert page.retrieved_at == "2024-05-01" and page.notes == ("from the archive wikipedia_en_towers of 2024-05-01",)
    (picture,) = page.pictures
    assert picture.url == "https://en.wikipedia.org/I/tower_7.png"
    assert await site.picture(picture.url) == picture_of(7)
    assert f"{WIKI}{path_of(8)}" in page.links


async def test_pictures_are_searched_by_the_words_around_them(site: ZimSite) -> None:
    outcome = await site.backend.search(WebQuery("Garnet Tower market", kind="images", k=4))
    first = outcome.items[0]
    assert first.image == "https://en.wikipedia.org/I/tower_6.png" and first.url == f"{WIKI}Garnet_Tower"
    assert (await site.backend.search(WebQuery("Garnet Tower", kind="news"))).status == "empty"


async def test_what_is_elsewhere_is_not_here(site: ZimSite) -> None:
    for url in (
        f"{WIKI}Nowhere",
        "https://de.wikipedia.org/wiki/Falcon_Tower",
        "https://example.org/",
        "file:///etc/passwd",
        "",
    ):
        assert await site.read(url) is None and await site.picture(url) is None
        assert not await site.holds(url)


async def test_without_a_full_text_index_titles_are_searched(tmp_path: Path) -> None:
    site = open_zim(make_zim(tmp_path / "bare.zim", indexed=False))
    assert not site.file.archive.has_fulltext_index
    found = await site.backend.search(WebQuery("How tall is the Kestrel Tower?"))
    assert found.items[0].url == f"{WIKI}Kestrel_Tower" and "finished in 1710" in found.items[0].snippet
    assert (await site.backend.search(WebQuery("old lighthouse"))).items[0].url == WIKI + path_of(4)
    await site.aclose()


async def test_many_at_once_and_two_openings_of_one_file(archive: Path) -> None:
    sites = [open_zim(archive), open_zim(archive)]

    async def ask(number: int) -> str:
        outcome = await sites[number % 2].backend.search(WebQuery(f"tower finished {1700 + number % COUNT}", k=1))
        return str(outcome.items[0].url)

    def in_a_loop_of_its_own() -> str:
        async def work() -> str:
            site = open_zim(archive)
            try:
                return str((await site.backend.search(WebQuery("tower finished 1709", k=1))).items[0].url)
            finally:
                await site.aclose()

        return asyncio.run(work())

    answers, *others = await asyncio.gather(
        asyncio.gather(*(ask(number) for number in range(60))),
        *(asyncio.to_thread(in_a_loop_of_its_own) for _ in range(4)),
    )
    assert answers == [WIKI + path_of(number % COUNT) for number in range(60)]
    assert set(others) == {WIKI + path_of(9)}
    for site in sites:
        await site.aclose()


def test_files_that_are_no_archive_are_told_apart(tmp_path: Path, archive: Path) -> None:
    def problem(path: Path) -> str:
        with pytest.raises(BadConfig) as caught:
            open_zim(path)
        assert caught.value.remedy
        return caught.value.message

    assert "There is no file" in problem(tmp_path / "gone.zim")
    (tmp_path / "text.zim").write_text("<html>")
    assert "is no ZIM archive" in problem(tmp_path / "text.zim")
    (tmp_path / "empty.zim").touch()
    assert "is no ZIM archive" in problem(tmp_path / "empty.zim")
    (tmp_path / "short.zim").write_bytes(archive.read_bytes()[:9000])
    assert "damaged or not whole" in problem(tmp_path / "short.zim")
    assert "cannot be read" in problem(tmp_path)


async def test_an_archive_that_is_damaged_inside_says_so(tmp_path: Path, archive: Path) -> None:
    data = bytearray(archive.read_bytes())
    for at in range(200, len(data) // 2, 3):
        data[at] ^= 0x55
    (tmp_path / "bad.zim").write_bytes(data)
    try:
        site = open_zim(tmp_path / "bad.zim")
    except BadConfig as error:
        assert "damaged" in error.message
        return
    outcome = await site.backend.search(WebQuery("falcon tower"))
    assert outcome.status == "error" and "damaged" in str(outcome.error)
    with pytest.raises(PageUnreadable, match="damaged"):
        await site.read(f"{WIKI}Falcon_Tower")
    await site.aclose()


async def test_the_web_of_an_archive_touches_no_network(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was touched")

    monkeypatch.setattr("foveal.tools.fetch.fetcher.Fetcher.fetch", refuse)
    monkeypatch.setattr("socket.socket.connect", refuse)
    settings = Settings(web=f"zim:{archive}", home=tmp_path / "home", cache=tmp_path / "cache")
    blobs = FileBlobStore(tmp_path / "blobs")
    web = make_web(settings, blobs=blobs)
    outcome = await web.search(WebQuery("Linden Tower granite"))
    page = await web.read(outcome.items[0].url)
    assert page.url == f"{WIKI}Linden_Tower"
    ref = await web.picture(page.pictures[0].url)
    assert (ref.width, ref.height, ref.origin) == (320, 240, "result") and ref.sha256 in blobs
    with pytest.raises(BlockedUrl):
        await web.read("https://example.org/never-seen")
    web.allow("https://example.org/asked")
    with pytest.raises(BackendDown, match="not in the archive"):
        await web.read("https://example.org/asked")
    await web.aclose()


@pytest.mark.parametrize(
    ("metadata", "path", "url"),
    [
        (KIWIX, "Eiffel_Tower", "https://en.wikipedia.org/wiki/Eiffel_Tower"),
        ({"Source": "https://de.wikipedia.org/"}, "Köln", "https://de.wikipedia.org/wiki/K%C3%B6ln"),
        ({"Name": "wiktionary_fr_all"}, "chat", "https://fr.wiktionary.org/wiki/chat"),
        ({"Name": "Who? 100%"}, "a b/Who?_#1", "https://who-100.zim.invalid/a%20b/Who%3F_%231"),
        ({"Scraper": "warc2zim 2.0"}, "example.org/a?b=c", "https://example.org/a?b=c"),
        ({"Source": "https://evil.example/?wikipedia.org"}, "x", "https://archive.zim.invalid/x"),
    ],
)
def test_addresses_and_back(metadata: dict[str, str], path: str, url: str) -> None:
    addresses = Addresses(metadata.get("Name", "archive"), metadata, frozen=False, namespaces=False)
    assert addresses.url(path) == url == clean_url(url)
    assert path in addresses.paths(url)


@given(st.text(min_size=1, max_size=40).filter(lambda path: path.isprintable() and not set(path) & set("\ud800")))
def test_any_path_has_an_address_that_leads_back(path: str) -> None:
    addresses = Addresses("w", KIWIX, frozen=False, namespaces=False)
    assert path in addresses.paths(addresses.url(path))


async def test_old_archives_keep_articles_below_a_letter(archive: Path) -> None:
    addresses = Addresses("w", KIWIX, frozen=False, namespaces=True)
    assert addresses.url("A/Falcon_Tower") == f"{WIKI}Falcon_Tower"
    assert "A/Falcon_Tower" in addresses.paths(f"{WIKI}Falcon_Tower")
    assert "I/m/x.png" in addresses.paths("https://en.wikipedia.org/I/m/x.png")


async def test_archives_that_were_split(tmp_path: Path, archive: Path) -> None:
    data = archive.read_bytes()
    half = len(data) // 2
    (tmp_path / "cut.zimaa").write_bytes(data[:half])
    (tmp_path / "cut.zimab").write_bytes(data[half:])
    try:
        site = open_zim(tmp_path / "cut.zim")
    except BadConfig:
        pytest.skip("libzim cuts archives between clusters only")
    assert (await site.backend.search(WebQuery("falcon tower"))).items
    await site.aclose()


def test_a_file_name_with_odd_signs(tmp_path: Path, archive: Path) -> None:
    odd = tmp_path / "türme 100%, neu.zim"
    shutil.copy(archive, odd)
    assert open_zim(odd).name == f"zim:{odd.name}" and quote(odd.name) != odd.name
