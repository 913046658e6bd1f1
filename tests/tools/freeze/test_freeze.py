"""A web frozen into one file: made from real servers on loopback, searched and read again, stopped and gone on."""

from __future__ import annotations

import asyncio
import json
import posixpath
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from fakes.site import FixtureWeb
from fakes.zims import make_zim
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BackendDown, BadInput, StorageFull, ThreadBusy
from foveal.settings import Settings
from foveal.tools.fetch.provenance import Provenance
from foveal.tools.freeze.freezer import Freezer, FreezeReport
from foveal.tools.freeze.layout import MANIFEST, SEARCHES, path_of, url_of
from foveal.tools.freeze.partial import Partial
from foveal.tools.freeze.recorded import wanted_of
from foveal.tools.freeze.wanted import Wanted, read_wanted
from foveal.tools.images.store import FileBlobStore
from foveal.tools.limits.breaker import Breaker
from foveal.tools.limits.bucket import TokenBucket
from foveal.tools.read.reader import PageReader
from foveal.tools.search.chain import Chain, Link
from foveal.tools.search.registry import make_web
from foveal.tools.search.web import LiveWeb
from foveal.tools.tape.file import SCHEMA, TapeWriter
from foveal.types import WebHit, WebPage, WebQuery

ASKED = ("When was the Salt Tower finished?", "Who was the architect Mara Quist?")


@pytest.fixture
async def country() -> AsyncIterator[FixtureWeb]:
    async with FixtureWeb() as country:
        yield country


@asynccontextmanager
async def live(country: FixtureWeb, blobs: FileBlobStore) -> AsyncIterator[LiveWeb]:
    """The fixture web through the real transport, reader and chain."""
    fetcher = country.fetcher()
    link = Link(country.backend(fetcher), TokenBucket(1e6, 1), Breaker(), deadline=20.0)
    reader = PageReader(fetcher)
    web = LiveWeb(Chain([link]), blobs=blobs, provenance=Provenance(), reader=reader, holds=[fetcher])
    try:
        yield web
    finally:
        await web.aclose()


def wanted(country: FixtureWeb, *paths: str) -> Wanted:
    """Two searches of text, one of pictures, and pages of the atlas."""
    searches = (*(WebQuery(text) for text in ASKED), WebQuery("Salt Tower", "images"))
    return Wanted(searches, tuple(country.url("atlas.test", path) for path in paths))


async def freeze(country: FixtureWeb, out: Path, *paths: str, depth: int = 3) -> FreezeReport:
    with Partial(out) as partial:
        async with live(country, partial.blobs) as web:
            return await Freezer(web, partial, depth=depth, pictures=2).run(wanted(country, *paths))


@asynccontextmanager
async def opened(spec: str, tmp_path: Path) -> AsyncIterator[LiveWeb]:
    web = make_web(Settings(web=spec, cache=tmp_path / "cache"), blobs=FileBlobStore(tmp_path / "blobs"))
    try:
        yield web
    finally:
        await web.aclose()


async def test_a_frozen_web_gives_back_what_was_found_and_read(country: FixtureWeb, tmp_path: Path) -> None:
    out = tmp_path / "frozen.zim"
    first: dict[WebQuery, tuple[WebHit, ...]] = {}
    pages: dict[str, WebPage] = {}
    blobs = FileBlobStore(tmp_path / "live")
    async with live(country, blobs) as web:
        for query in wanted(country).searches:
            first[query] = (await web.search(query)).items
        for hit in first[WebQuery(ASKED[0])][:3]:
            pages[hit.url] = await web.read(hit.url)
    report = await freeze(country, out, "nowhere-at-all")
    assert report.searches == 3 and report.pages >= 4 and report.pictures >= 2 and report.bytes == out.stat().st_size
    assert [url for url, _ in report.failed] == [country.url("atlas.test", "nowhere-at-all")]
    assert list(tmp_path.glob("*.part")) == []
    asked = len(country.asked)
    async with opened(f"replay:{out}", tmp_path) as web:
        for query, hits in first.items():
            outcome = await web.search(query)
            assert outcome.items == hits and outcome.backend == "replay"
        for url, page in pages.items():
            again = await web.read(url)
            assert again.retrieved_at >= page.retrieved_at
            assert (again.text, again.url, again.links, again.pictures) == (
                page.text,
                page.url,
                page.links,
                page.pictures,
            )
        (seen, *_) = (hit.image for hit in first[WebQuery("Salt Tower", "images")])
        assert seen is not None and (await web.picture(seen)).width > 50
        assert (await web.search(WebQuery("something else"))).status == "blocked"
    assert len(country.asked) == asked  # the servers were not asked again


async def test_a_frozen_web_answers_any_query_and_other_readers_can_show_it(
    country: FixtureWeb, tmp_path: Path
) -> None:
    from libzim.reader import Archive

    out = tmp_path / "frozen.zim"
    report = await freeze(country, out, depth=8)
    found = []
    for _ in range(2):
        async with opened(f"zim:{out}", tmp_path) as web:
            outcome = await web.search(WebQuery("What year was Salt Tower completed in Brenhaven?", k=5))
            assert "Salt Tower" in outcome.items[0].title
            page = await web.read(outcome.items[0].url)
            assert "1879" in page.text and page.url.startswith("http://")
            found.append(outcome.items)
    assert found[0] == found[1]

    archive = Archive(out)
    assert archive.check() and archive.has_fulltext_index
    manifest = json.loads(bytes(archive.get_entry_by_path(MANIFEST).get_item().content))
    assert manifest["schema"] == "foveal.frozen/1" and manifest["sha256"] == report.sha256
    assert len(bytes(archive.get_entry_by_path(SEARCHES).get_item().content).splitlines()) == 3
    assert "Salt Tower" in bytes(archive.main_entry.get_item().content).decode()
    shown = [item for item in items_of(archive) if item.title == "Salt Tower" and "atlas" in item.path]
    html = bytes(shown[0].content).decode()
    assert "<script" not in html and "Frozen from" in html
    (source, *_) = re.findall(r'<img src="([^"]+)"', html)
    assert archive.has_entry_by_path(posixpath.normpath(f"{posixpath.dirname(shown[0].path)}/{unquote(source)}"))


async def test_documents_and_pictures_are_frozen_too(country: FixtureWeb, tmp_path: Path) -> None:
    out = tmp_path / "frozen.zim"
    urls = [country.url("museum.test", f"{name}.pdf") for name in ("catalogue", "scan")]
    drawn = country.url("atlas.test", "img/tower/salt.png")
    with Partial(out) as partial:
        async with live(country, partial.blobs) as web:
            report = await Freezer(web, partial).run(Wanted((), tuple(urls), (drawn,)))
            pages = [await web.read(url) for url in urls]
    assert (report.pages, report.failed) == (2, []) and report.pictures >= 3
    asked = len(country.asked)
    async with opened(f"zim:{out}", tmp_path) as web:
        web.allow(*urls, drawn)
        for url, page in zip(urls, pages, strict=True):
            again = await web.read(url)
            assert (again.kind, again.text, again.pages) == ("pdf", page.text, page.pages)
            assert "#page=1" in again.pictures[0].url
            assert (await web.picture(again.pictures[0].url)).width > 300
        assert (await web.picture(drawn)).width > 50
    assert len(country.asked) == asked


async def test_frozen_twice_the_content_is_the_same(country: FixtureWeb, tmp_path: Path) -> None:
    made = (("a.zim", 1), ("b.zim", 1), ("c.zim", 2))
    one, other, more = [await freeze(country, tmp_path / name, depth=depth) for name, depth in made]
    assert one.sha256 == other.sha256 != more.sha256


def items_of(archive: Any) -> list[Any]:
    """Every page of a frozen web that a person is shown."""
    items = (archive._get_entry_by_id(number).get_item() for number in range(archive.entry_count))
    return [item for item in items if item.mimetype == "text/html" and item.path != "index"]


async def test_stopped_it_goes_on_and_fetches_nothing_twice(country: FixtureWeb, tmp_path: Path) -> None:
    whole = await freeze(country, tmp_path / "whole.zim")
    out = tmp_path / "cut.zim"
    country.asked.clear()
    country.latency = 0.05
    running = asyncio.create_task(freeze(country, out))
    journal = out.with_name("cut.zim.part") / "journal.jsonl"
    while not (journal.exists() and journal.read_bytes().count(b'"asked"') >= 2):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    kept = [json.loads(line) for line in journal.read_bytes().splitlines()]
    with journal.open("ab") as file:
        file.write(b'{"asked": "http://atlas.test/cut", "page": {"ur')  # what a kill leaves of the last line
    assert not out.exists() and kept
    country.asked.clear()
    country.latency = 0.0
    report = await freeze(country, out)
    assert report.again == len(kept) and report.sha256 == whole.sha256
    fetched = {row["asked"] for row in kept if "asked" in row}
    asked = {f"http://{place}".replace(".test/", f".test:{country.port}/", 1) for place in country.asked}
    assert not fetched & asked
    assert not out.with_name("cut.zim.part").exists()


def test_a_line_that_a_kill_cut_is_dropped_and_the_next_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "a.zim"
    one, other = (WebPage(f"https://a.test/{n}", str(n), "words \ud800 \u2028 words") for n in (1, 2))
    with Partial(out) as partial:
        partial.keep_page(one.url, one)
    journal = partial.folder / "journal.jsonl"
    journal.write_bytes(journal.read_bytes() + b'{"asked": "https://a.test/cut", "page": {"ur' + b"x" * 900)
    with Partial(out) as partial:
        assert partial.pages == {one.url: one}
        partial.keep_page(other.url, other)
    with Partial(out) as partial:
        assert partial.pages == {one.url: one, other.url: other}


def test_nothing_is_left_when_nothing_was_fetched(tmp_path: Path) -> None:
    with Partial(tmp_path / "a.zim") as partial:
        assert partial.folder.exists()
    assert list(tmp_path.iterdir()) == []


async def test_two_at_once_do_not_spoil_one_file(tmp_path: Path) -> None:
    with Partial(tmp_path / "a.zim"), pytest.raises(ThreadBusy, match=r"freezing .*a\.zim"):
        Partial(tmp_path / "a.zim").__enter__()


async def test_nothing_reached_is_an_error_and_nothing_is_lost(country: FixtureWeb, tmp_path: Path) -> None:
    country.down.update({"search.test", "atlas.test"})
    with pytest.raises(BackendDown, match="Nothing could be fetched"):
        await freeze(country, tmp_path / "a.zim", "towers")
    assert not (tmp_path / "a.zim").exists()


async def test_a_full_disk_is_told_and_what_was_fetched_stays(
    country: FixtureWeb, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "a.zim"
    monkeypatch.setattr("foveal.tools.freeze.written._run", _no_space)
    with pytest.raises(StorageFull):
        await freeze(country, out, depth=1)
    monkeypatch.undo()
    assert (await freeze(country, out, depth=1)).again >= 5


async def _no_space(folder: Path, new: Path) -> None:
    raise StorageFull(f"The disk is full: {new} cannot be written.")


async def test_the_writer_says_why_it_cannot(tmp_path: Path) -> None:
    from foveal.errors import BackendError
    from foveal.tools.freeze.written import _run

    with pytest.raises(BackendError, match=r"content\.jsonl"):
        await _run(tmp_path, tmp_path / "new.zim")


async def test_an_archive_can_be_frozen_from_another(tmp_path: Path) -> None:
    source = make_zim(tmp_path / "towers.zim")
    out = tmp_path / "few.zim"
    settings = Settings(web=f"zim:{source}", cache=tmp_path / "cache")
    with Partial(out) as partial:
        web = make_web(settings, blobs=partial.blobs)
        report = await Freezer(web, partial, depth=4).run(Wanted((WebQuery("tower of sandstone"),), ()))
        await web.aclose()
    assert (report.pages, report.pictures, report.failed) == (4, 4, [])
    async with opened(f"zim:{out}", tmp_path) as web:
        hits = (await web.search(WebQuery("sandstone clock"))).items
        assert len(hits) == 4 and all(hit.url.startswith("https://en.wikipedia.org/wiki/") for hit in hits)
        page = await web.read(hits[0].url)
        assert (await web.picture(page.pictures[0].url)).width == 320


def test_recordings_tell_what_their_runs_asked_of_the_web(tmp_path: Path) -> None:
    def asked(name: str, *calls: tuple[str, str, dict[str, Any]]) -> None:
        tape = TapeWriter(tmp_path / name)
        tape.put("tape", schema=SCHEMA, version="0")
        for part, method, request in calls:
            tape.put("call", part=part, method=method, key=method, request=request)
        tape.close()

    query = {"text": "Salt Tower architect", "kind": "text", "k": 12, "image": None, "since": None, "region": ""}
    alike = {**query, "kind": "lookalikes", "image": "0" * 64}
    asked("1.tape", ("web", "search", {"query": query}), ("web", "search", {"query": alike}))
    page, picture = ("web", "read", {"url": "http://a.test/p"}), ("web", "picture", {"url": "http://a.test/i.png"})
    asked("2.tape", ("web", "search", {"query": query}), page, picture, ("collection", "search_text", {"query": "x"}))
    found = WebQuery("Salt Tower architect", "text", 12)
    assert wanted_of(tmp_path) == Wanted((found,), ("http://a.test/p",), ("http://a.test/i.png",))
    (tmp_path / "none").mkdir()
    with pytest.raises(BadInput, match="No recording"):
        wanted_of(tmp_path / "none")


def test_questions_queries_and_addresses(tmp_path: Path) -> None:
    path = tmp_path / "in.txt"
    asked = '\ufeff{"id": 1, "question": "Who?"}\n\n# no\n tall towers \n'
    path.write_text(asked + "https://A.test/x?utm_source=y#z\nhttps://a.test/P.JPG?w=1\ntall towers\n")
    got = read_wanted(path, kinds=("text", "news"), k=7, queries=lambda asked: (asked, asked + " else"))
    assert (got.urls, got.pictures) == (("https://a.test/x",), ("https://a.test/P.JPG?w=1",))
    texts = ("Who?", "Who? else", "tall towers")
    assert got.searches == tuple(WebQuery(text, kind, 7) for text in texts for kind in ("text", "news"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "asks for nothing"),
        ("{", ":1: not JSON"),
        ('{"q": 1}', "no `question`"),
        ('{"question": 3}', "must be words"),
        ("ok\nhttps://user:pw@a.test/", ":2: "),
        ("\x80", "not UTF-8"),
    ],
)
def test_a_file_that_asks_for_nothing_that_can_be_done(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "in.txt"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadInput, match=reason):
        read_wanted(path)
    with pytest.raises(BadInput, match="cannot be read"):
        read_wanted(tmp_path / "gone")


@given(st.sampled_from(["http", "https"]), st.text(min_size=1, max_size=50))
def test_addresses_and_their_places(scheme: str, rest: str) -> None:
    assert url_of(path_of(f"{scheme}://{rest}")) == f"{scheme}://{rest}"
    with pytest.raises(BadInput):
        path_of(f"ftp://{rest}")
