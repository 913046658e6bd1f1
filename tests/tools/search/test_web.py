"""The web as a run sees it: searched, read and looked at through one door; and how the settings make it."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes.searching import SetBackend, found
from fakes.service import Reply, Request, Service
from PIL import Image
from pydantic import SecretStr

from foveal.errors import BackendDown, BadConfig, BadImage, BadResponse, BlockedUrl, HttpRefused, ReplayMiss
from foveal.protocols import Web
from foveal.settings import Settings
from foveal.tools.fetch.fetcher import Fetcher
from foveal.tools.fetch.policy import Policy
from foveal.tools.fetch.provenance import Provenance
from foveal.tools.images.store import FileBlobStore
from foveal.tools.read.reader import PageReader
from foveal.tools.search.cache import PageCache, WebCache
from foveal.tools.search.chain import Chain
from foveal.tools.search.registry import make_web
from foveal.tools.search.web import LiveWeb
from foveal.types import ToolOutcome, WebHit, WebQuery

Q = WebQuery("tall tower")
TEXT = "The tower of Kell is 93 metres tall. It was built by Bo Ek in the year 1901, and stands by the river. " * 3
PAGE = (
    "<html><head><title>Tower of Kell</title></head><body><article><h1>Tower of Kell</h1>"
    f"<p>{TEXT}</p><figure><img src='/tower.png' width='640' height='480' alt='The tower from the south'>"
    "<figcaption>The tower from the south</figcaption></figure>"
    f"<p>{TEXT} See <a href='/builder?utm_source=kell'>its builder</a>.</p></article></body></html>"
)


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def site(request: Request) -> Reply:
    if request.path in ("/tower", "/builder", "/slow"):
        time.sleep(0.3 if request.path == "/slow" else 0)
        return Reply(PAGE)
    if request.path.endswith(".png"):
        return Reply(picture(), headers={"content-type": "image/png"})
    if request.path == "/search":
        return Reply({"results": [{"url": "http://kell.test/tower", "title": "Tower"}]})
    return Reply("gone", 404)


@pytest.fixture
def service() -> Iterator[Service]:
    with Service(site) as service:
        yield service


async def to_loopback(host: str, port: int) -> Sequence[str]:
    """Every *.test host is this machine."""
    return ["127.0.0.1"] if host.endswith(".test") else []


def hit(service: Service, path: str, **more: Any) -> ToolOutcome:
    return ToolOutcome("ok", (WebHit(f"http://kell.test:{service.port}{path}", "Tower", **more),))


@pytest.fixture
async def web_of(
    service: Service, tmp_path: Path, chain_of: Callable[..., Chain]
) -> AsyncIterator[Callable[..., LiveWeb]]:
    """Makes a web over the service with the given backends."""
    made: list[LiveWeb] = []

    def make(*backends: SetBackend) -> LiveWeb:
        fetcher = Fetcher(Policy(allowed=frozenset({("kell.test", service.port)})), resolver=to_loopback)
        file = WebCache(tmp_path / "web")
        web = LiveWeb(
            chain_of(*backends), blobs=FileBlobStore(tmp_path / "blobs"), provenance=Provenance(),
            reader=PageReader(fetcher), pages=PageCache(file), holds=(fetcher, file),
        )  # fmt: skip
        made.append(web)
        return web

    yield make
    for web in made:
        await web.aclose()


async def test_searched_read_and_looked_at(service: Service, web_of: Callable[..., LiveWeb], tmp_path: Path) -> None:
    web: Web = web_of(SetBackend("one", [hit(service, "/tower")]))
    (first,) = (await web.search(Q)).items
    page = await web.read(first.url)
    assert page.title == "Tower of Kell" and "93 metres" in page.text
    assert page.pictures[0].url.endswith("/tower.png")
    ref = await web.picture(page.pictures[0].url)
    assert (ref.width, ref.height, ref.origin, ref.name) == (256, 256, "result", "tower.png")
    assert FileBlobStore(tmp_path / "blobs").open(ref.sha256).size == (256, 256)


async def test_only_addresses_that_were_given_are_opened(service: Service, web_of: Callable[..., LiveWeb]) -> None:
    web = web_of(SetBackend("one", [hit(service, "/tower", thumbnail=f"http://kell.test:{service.port}/s.png")]))
    tower, builder = (f"http://kell.test:{service.port}{path}" for path in ("/tower", "/builder"))
    for open_ in (web.read, web.picture):
        with pytest.raises(BlockedUrl):
            await open_(tower)
    assert service.seen == []
    await web.search(Q)
    await web.picture(f"http://kell.test:{service.port}/s.png")
    with pytest.raises(BlockedUrl):
        await web.read(builder)
    page = await web.read(tower)
    assert [link.partition("?")[0] for link in page.links] == [builder]
    await web.read(page.links[0])
    web.allow(f"http://kell.test:{service.port}/gone")
    with pytest.raises(HttpRefused):
        await web.read(f"http://kell.test:{service.port}/gone")


async def test_a_page_is_fetched_once(service: Service, web_of: Callable[..., LiveWeb]) -> None:
    web = web_of(SetBackend("one", [hit(service, "/slow")]))
    await web.search(Q)
    url = f"http://kell.test:{service.port}/slow"
    pages = await asyncio.gather(*(web.read(url) for _ in range(4)))
    with pytest.raises(BlockedUrl):
        await web.read(url + "?utm_source=what-was-read")
    again = await web.read(url)
    assert pages == [again] * 4, "with the time at which it was read first"
    assert [request.path for request in service.seen].count("/slow") == 1


async def test_a_page_kept_by_an_earlier_process_gives_its_links_too(
    service: Service, web_of: Callable[..., LiveWeb]
) -> None:
    for _ in range(2):
        web = web_of(SetBackend("one", [hit(service, "/tower")]))
        await web.search(Q)
        page = await web.read(f"http://kell.test:{service.port}/tower")
        await web.read(page.links[0])
        await web.aclose()
    assert [request.path for request in service.seen].count("/tower") == 1


async def test_what_is_no_picture_is_refused(service: Service, web_of: Callable[..., LiveWeb]) -> None:
    web = web_of(SetBackend("one", [hit(service, "/tower", image="http://kell.test/x")]))
    await web.search(Q)
    with pytest.raises((BadImage, BadResponse)):
        await web.picture(f"http://kell.test:{service.port}/tower")


async def test_closing_ends_what_is_under_way(service: Service, web_of: Callable[..., LiveWeb]) -> None:
    backend = SetBackend("one", [hit(service, "/slow")])
    web = web_of(backend)
    await web.search(Q)
    reading = asyncio.ensure_future(web.read(f"http://kell.test:{service.port}/slow"))
    await asyncio.sleep(0.05)
    await web.aclose()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert backend.closed


def settings(tmp_path: Path, **given: Any) -> Settings:
    return Settings(home=tmp_path, cache=tmp_path, **given)


async def test_a_searxng_of_ones_own_is_asked_but_pages_do_not_lead_to_it(service: Service, tmp_path: Path) -> None:
    service.answer = lambda request: Reply({"results": [{"url": f"{service.url}/tower", "title": "Inside"}]})
    own = settings(tmp_path, web="searxng", searxng_url=service.url)
    web = make_web(own, blobs=FileBlobStore(tmp_path), resolver=to_loopback)
    outcome = await web.search(Q)
    assert (outcome.status, outcome.backend, outcome.items[0].url) == ("ok", "searxng", f"{service.url}/tower")
    with pytest.raises(BlockedUrl):
        await web.read(outcome.items[0].url)
    assert [request.path for request in service.seen] == ["/search"]
    assert (await web.search(Q)).status == "cached"
    await web.aclose()


async def test_row_31_all_backends_down_in_words(tmp_path: Path) -> None:
    own = settings(tmp_path, web="searxng,brave", searxng_url="http://127.0.0.1:9", brave_api_key=SecretStr("k"))
    web = make_web(own, blobs=FileBlobStore(tmp_path), resolver=to_loopback)
    outcome = await web.search(Q)
    assert (outcome.status, outcome.items) == ("error", ())
    assert outcome.error == (
        "No web backend answered. searxng: No SearXNG answers at http://127.0.0.1:9. Start it, or correct "
        "`searxng_url`; brave: api.search.brave.com has no address."
    )
    await web.aclose()


def recording(tmp_path: Path) -> Path:
    path = tmp_path / "searches.jsonl"
    hits = [{"url": "https://kell.test/tower", "title": "Tower", "rank": 1}]
    pages = [{"url": "https://kell.test/tower", "title": "Tower", "text": "93 metres"}]
    path.write_text(json.dumps({"query": "tall tower", "kind": "text", "hits": hits, "pages": pages}))
    return path


async def test_a_file_alone_asks_nothing_of_the_network(tmp_path: Path) -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        raise AssertionError(f"{host} was looked up")

    own = settings(tmp_path, web=f"replay:{recording(tmp_path)}", vision_api_key=SecretStr("k"))
    web = make_web(own, blobs=FileBlobStore(tmp_path), resolver=never)
    assert (web.name, web.kinds) == ("replay", {"text"}), "no picture is sent away either"
    outcome = await web.search(Q)
    assert (outcome.status, outcome.backend) == ("ok", "replay")
    assert (await web.read(outcome.items[0].url)).text == "93 metres"
    web.allow("https://kell.test/other", "https://kell.test/other.png")
    with pytest.raises(ReplayMiss):
        await web.read("https://kell.test/other")
    with pytest.raises(ReplayMiss):
        await web.picture("https://kell.test/other.png")
    assert (await web.search(WebQuery("another"))).status == "blocked"
    assert not (tmp_path / "web").exists(), "what is in a file needs no cache"
    await web.aclose()


async def test_without_archive_or_network_a_page_is_down(tmp_path: Path, chain_of: Callable[..., Chain]) -> None:
    web = LiveWeb(chain_of(SetBackend("one", [found("a")])), blobs=FileBlobStore(tmp_path), provenance=Provenance())
    web.allow("https://a.test/")
    for open_ in (web.read, web.picture):
        with pytest.raises(BackendDown, match="not in the archive"):
            await open_("https://a.test/")


def test_pictures_are_sent_away_only_with_a_key(tmp_path: Path) -> None:
    blobs = FileBlobStore(tmp_path)
    assert "lookalikes" not in make_web(settings(tmp_path, web="ddgs"), blobs=blobs).kinds
    assert "lookalikes" in make_web(settings(tmp_path, web="ddgs", vision_api_key=SecretStr("k")), blobs=blobs).kinds


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"web": "off"}, "The web is off."),
        ({"web": "searxng"}, "The address of your SearXNG server is not set."),
        ({"web": "searxng", "searxng_url": "localhost"}, "`searxng_url` is no http address: localhost"),
        ({"web": "brave"}, "The key of the Brave Search API is not set."),
        ({"web": "ddgs", "ddgs_engines": "altavista"}, "`ddgs_engines` names no engine of ddgs: altavista."),
        ({"web": "zim:/nowhere/at/all.zim"}, None),
        ({"web": "replay:/nowhere/at/all.jsonl"}, None),
    ],
)
def test_settings_that_make_no_web(tmp_path: Path, given: dict[str, Any], said: str | None) -> None:
    with pytest.raises(BadConfig) as caught:
        make_web(settings(tmp_path, **given), blobs=FileBlobStore(tmp_path))
    assert caught.value.remedy
    assert said in (None, caught.value.message)


@pytest.mark.parametrize("web", ["tavily", "zim:", "ddgs:x", "vision", "", "ddgs,,brave"])
def test_backends_that_are_none(tmp_path: Path, web: str) -> None:
    own = settings(tmp_path).model_copy(update={"web": web})
    with pytest.raises(BadConfig):
        make_web(own, blobs=FileBlobStore(tmp_path))
