"""The guarded browser: a real Chromium, a real server, and an address on this machine that nothing may reach."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fakes.site import FixtureWeb
from fakes.site.server import Reply
from PIL import Image

from foveal.errors import BackendDown, BackendTimeout, BadConfig, BadResponse, BlockedUrl, PageUnreadable, RobotsDenied
from foveal.tools.fetch.browser import _PROGRAMS, GuardedBrowser, Showing
from foveal.tools.images.store import FileBlobStore
from foveal.tools.read.browsed import BrowsingReader
from foveal.tools.read.reader import PageReader
from foveal.tools.search.registry import _reader


@pytest.fixture
async def web() -> AsyncIterator[FixtureWeb]:
    async with FixtureWeb() as made:
        yield made


@pytest.fixture
async def show(web: FixtureWeb) -> AsyncIterator[Any]:
    """Make browsers that end with the test."""
    pytest.importorskip("playwright", reason="playwright is not installed")
    if not any(map(shutil.which, _PROGRAMS)):
        pytest.skip("there is no chromium here: install it")
    made: list[GuardedBrowser] = []

    async def shown(url: str, **options: Any) -> Any:
        made.append(GuardedBrowser(web.fetcher(), showing=Showing(**options)))
        return await made[-1].show(url)

    yield shown
    for browser in made:
        await browser.aclose()


def picture(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png), formats=("PNG",)).convert("RGB")


@pytest.mark.parametrize("scripts", [False, True])
async def test_row_12_what_leads_to_a_private_address_is_aborted_and_the_page_is_shown(
    web: FixtureWeb, show: Any, scripts: bool
) -> None:
    page = await show(web.url("blog.test", "inside"), scripts=scripts)
    assert web.touched == [], "nothing came to the address inside"
    assert "Addresses of the inside" in page.html and picture(page.png).size[0] == 1280
    refused = " ".join(page.refused)
    for place in ("/secret.png", "/admin", "/style.css", "169.254.169.254"):
        assert place in refused
    if scripts:
        assert all(place in refused for place in ("ws://127.0.0.1", "/fetched", "/late.png", "/beacon"))


ESCAPES = """<h1>Ways out</h1>
<link rel="preconnect" href="http://127.0.0.1:{p}/"><link rel="dns-prefetch" href="//localhost:{p}">
<link rel="prefetch" href="http://127.0.0.1:{p}/prefetched"><link rel="prerender" href="http://127.0.0.1:{p}/pre">
<link rel="manifest" href="http://127.0.0.1:{p}/manifest">
<a href="http://127.0.0.1:{p}/a" ping="http://127.0.0.1:{p}/ping" id="a">a</a>
<video src="http://127.0.0.1:{p}/film" autoplay></video><object data="http://127.0.0.1:{p}/object"></object>
<embed src="http://127.0.0.1:{p}/embed"><svg><image href="http://127.0.0.1:{p}/svg"/></svg>
<form action="http://127.0.0.1:{p}/form" method="post" id="f"><input name="d" value="x"></form>
<script type="speculationrules">{{"prefetch":[{{"source":"list","urls":["http://127.0.0.1:{p}/spec"]}}]}}</script>
<script>
const tries = [
  () => new WebTransport('https://127.0.0.1:{p}/wt'),
  () => {{ const c = new RTCPeerConnection({{iceServers: [{{urls: 'turn:127.0.0.1:{p}?transport=tcp', username: 'a',
    credential: 'b'}}]}}); c.createDataChannel('d'); c.createOffer().then(o => c.setLocalDescription(o)) }},
  () => new EventSource('http://127.0.0.1:{p}/events'),
  () => new Worker(URL.createObjectURL(new Blob(['fetch("http://127.0.0.1:{p}/worker");' +
    'new WebSocket("ws://127.0.0.1:{p}/workersocket")']))),
  () => new SharedWorker(URL.createObjectURL(new Blob(['fetch("http://127.0.0.1:{p}/shared")']))),
  () => navigator.serviceWorker.register('/sw.js'),
  () => window.open('http://127.0.0.1:{p}/popup'),
  () => fetch('http://localhost.:{p}/dot', {{mode: 'no-cors'}}),
  () => fetch('http://[::1]:{p}/six', {{mode: 'no-cors'}}),
  () => fetch('http://2130706433:{p}/number', {{mode: 'no-cors'}}),
  () => fetch('http://atlas.test:{site}/sent', {{method: 'POST', body: 'secret'}}),
  () => {{ const f = document.createElement('iframe'); f.srcdoc = '<script>new WebSocket("ws://127.0.0.1:{p}/inner");' +
    'new RTCPeerConnection()<' + '/script>'; document.body.append(f) }},
  () => document.getElementById('a').click(),
  () => document.getElementById('f').submit(),
];
let n = 0; for (const t of tries) {{ try {{ t() }} catch (e) {{}} n++ }}
document.body.append('tried ' + n);
</script>"""


async def test_row_12_no_way_out_is_left_open(web: FixtureWeb, show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    page = f"<!doctype html><html><body>{ESCAPES.format(p=web.inside, site=web.port)}</body></html>"
    plain = web._special
    monkeypatch.setattr(web, "_special", lambda h, p: Reply(page.encode()) if p == "/escapes" else plain(h, p))
    shown = await show(web.url("blog.test", "escapes"), scripts=True, total_s=30.0)
    assert web.touched == []
    assert "tried 14" in shown.html
    assert not any(asked.endswith("/sent") for asked in web.asked), "nothing is posted"


@pytest.mark.slow
async def test_scripts_run_only_when_asked_for_and_go_through_the_transport(web: FixtureWeb, show: Any) -> None:
    still = await show(web.url("news.test", "app"))
    assert still.title == "Tide tables" and "High water" not in still.html and "news.test/app.js" not in web.asked
    moved = await show(web.url("news.test", "app"), scripts=True)
    assert "High water at 06:42" in moved.html
    assert {"news.test/app.js", "news.test/tides.json", "news.test/img/tide/curve.png"} <= set(web.asked)


@pytest.mark.slow
async def test_pictures_are_drawn_and_tall_pages_are_cut(web: FixtureWeb, show: Any) -> None:
    page = await show(web.url("atlas.test", "town/brenhaven"))
    colours = {colour for _, colour in picture(page.png).getcolors(1 << 20) or []}
    assert {(255, 0, 0), (0, 128, 0)} <= colours, "the flag of Brenhaven is red, white and green"
    tall = await show(web.url("atlas.test", "long"), tallest=5000)
    assert picture(tall.png).size == (1280, 5000) and tall.cut and not page.cut


@pytest.mark.slow
async def test_a_redirect_is_followed_by_the_transport(web: FixtureWeb, show: Any) -> None:
    page = await show(web.url("atlas.test", "old/dunmere"))
    assert page.url == web.url("atlas.test", "town/dunmere")
    assert web.url("atlas.test", "img/town/dunmere.png") not in page.refused


@pytest.mark.slow
async def test_a_page_asks_for_no_more_than_it_may(web: FixtureWeb, show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    many = "".join(f"<img src='/img/x/{n}.png'>" for n in range(40))
    plain = web._special
    monkeypatch.setattr(web, "_special", lambda h, p: Reply(many.encode()) if p == "/many" else plain(h, p))
    page = await show(web.url("blog.test", "many"), requests=11)
    assert sum("/img/x/" in asked for asked in web.asked) == 10 and len(page.refused) == 30
    page = await show(web.url("blog.test", "many"), bytes=2500)
    assert 36 <= len(page.refused) < 40, "a picture has about 1 kB"


@pytest.mark.slow
async def test_a_page_that_only_scripts_write_is_read_when_the_setting_allows_it(
    web: FixtureWeb, tmp_path: Path
) -> None:
    blobs = FileBlobStore(tmp_path)
    live = web.live(blobs, reader=lambda fetcher: _reader(fetcher, browser=True))
    url = web.url("news.test", "app")
    live.allow(url, web.url("news.test", "wall"))
    page = await live.read(url)
    assert "High water at 06:42." in page.text and any("browser" in note for note in page.notes)
    assert page.pictures[0].url == web.url("news.test", "img/tide/curve.png")
    looks = await live.picture(page.pictures[-1].url)
    assert page.pictures[-1].url == url + "#screenshot" and looks.height < 600, "blank bands are cut out"
    with pytest.raises(PageUnreadable, match="consent"):
        await live.read(web.url("news.test", "wall"))
    await live.aclose()


async def test_without_a_browser_such_a_page_is_still_unreadable_and_the_remedy_says_why(web: FixtureWeb) -> None:
    fetcher = web.fetcher()
    reader = BrowsingReader(PageReader(fetcher), GuardedBrowser(fetcher, program="/nonexistent"))
    with pytest.raises(PageUnreadable) as caught:
        await reader.read(web.url("news.test", "app"))
    assert "foveal[browser]" in caught.value.remedy
    await reader.aclose()


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("atlas.test/inward", BlockedUrl),
        ("atlas.test/private/notes", RobotsDenied),
        ("museum.test/catalogue.pdf", BadResponse),
    ],
)
async def test_pages_that_may_not_be_shown(web: FixtureWeb, place: str, error: type[Exception]) -> None:
    browser = GuardedBrowser(web.fetcher(), program="/nonexistent")  # it must not even start
    with pytest.raises(error):
        await browser.show(web.url(*place.split("/", 1)))
    await browser.aclose()


@pytest.mark.slow
async def test_a_page_that_never_ends_is_given_up(web: FixtureWeb, show: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    loop, plain = b"<p>x</p><script>for (;;) {}</script>", web._special
    monkeypatch.setattr(web, "_special", lambda h, p: Reply(loop) if p == "/loop" else plain(h, p))
    with pytest.raises(BackendTimeout, match="within 3 s"):
        await show(web.url("blog.test", "loop"), scripts=True, total_s=3.0)


async def test_without_a_browser_the_words_say_what_to_do(web: FixtureWeb, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = GuardedBrowser(web.fetcher(), program="/nonexistent")
    with pytest.raises(BadConfig) as caught:
        await browser.screenshot(web.url("atlas.test", "town/dunmere"))
    assert "No browser could be started" in str(caught.value) and "foveal[browser]" in caught.value.remedy


@pytest.mark.slow
async def test_a_browser_that_died_is_started_again_and_none_is_left(web: FixtureWeb, show: Any) -> None:
    browser = GuardedBrowser(web.fetcher())
    url = web.url("atlas.test", "town/dunmere")
    before = _chromiums()
    await browser.show(url)
    for process in _chromiums() - before:
        try:
            os.kill(process, 9)
        except ProcessLookupError:
            continue
    try:
        await browser.show(url)
    except BackendDown:  # it had not noticed yet
        await browser.show(url)
    await browser.aclose()
    assert _chromiums() <= before


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.05, 0.3, 0.8, 1.5])
async def test_a_page_that_is_cancelled_leaves_nothing_behind(web: FixtureWeb, after: float) -> None:
    browser, before = GuardedBrowser(web.fetcher()), _chromiums()
    web.latency = 0.2
    task = asyncio.create_task(browser.show(web.url("atlas.test", "town/dunmere")))
    await asyncio.sleep(after)
    task.cancel()
    await asyncio.wait([task])
    assert (await browser.show(web.url("atlas.test", "town/hollin"))).title.startswith("Hollin")
    await browser.aclose()
    assert _chromiums() <= before


def _chromiums() -> set[int]:
    """The chromium processes below this one."""
    parents, names = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            pid, rest = int(stat.parent.name), stat.read_text()
            names[pid], after = rest[rest.index("(") + 1 : rest.rindex(")")], rest[rest.rindex(")") + 2 :].split()
            if after[0] != "Z":
                parents[pid] = int(after[1])
    ours = {os.getpid()}
    while new := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= new
    return {pid for pid in ours if "chrom" in names[pid]}
