"""Pages as a browser shows them, in a Chromium that has no way out but the one transport.

Every request of a page (document, frame, style, picture, script) is answered from what
:meth:`~foveal.tools.fetch.fetcher.Fetcher.fetch` gives, so that addresses are judged and pinned and bytes are capped as
everywhere else; what it refuses is aborted, and the page is shown without it. Sockets, workers that outlive the page,
downloads and peer connections are off. What should yet get past the interception ends at a proxy that is not there,
and no name is ever looked up. Cases: CVE-2026-70479 (sub-resources of a page that was itself allowed).
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from foveal.errors import BackendDown, BackendTimeout, BadConfig, BadResponse, FovealError
from foveal.tools.fetch.policy import LIMITS, Kind, shown

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Page, Route, WebSocketRoute

    from foveal.tools.fetch.fetcher import Fetched, Fetcher

_PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_INSTALL = "Run pip install 'foveal[browser]' and install chromium, or run `playwright install chromium`."
_AT_ONCE = 6
"""Parts of one page that are fetched at once, as browsers do from one host."""
_DEAD_PROXY = "http://127.0.0.1:9"
_ARGUMENTS = (
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--disable-quic",
    "--dns-prefetch-disable",
    "--no-pings",
    "--disable-features=WebRtcHideLocalIpsWithMdns,Prerender2,SpeculationRules,PreconnectToSearch,WebTransport",
    "--disable-background-networking",
    "--disable-sync",
    "--disable-component-update",
    "--mute-audio",
)
_WITHOUT_SCRIPTS: Mapping[str, Kind] = {"document": "page", "stylesheet": "any", "image": "any", "font": "any"}
_WITH_SCRIPTS: Mapping[str, Kind] = {**_WITHOUT_SCRIPTS, "script": "any", "xhr": "any", "fetch": "any"}
"""What a page may ask for, by Playwright's ``resource_type``: no media, sockets, beacons, manifests or the like."""
_GONE = (
    "RTCPeerConnection",
    "webkitRTCPeerConnection",
    "WebTransport",
    "SharedWorker",
    "Worker",
    "EventSource",
)
_NO_WAY_OUT = f"for (const name of {list(_GONE)}) delete window[name];"


@dataclass(frozen=True, slots=True)
class Showing:
    """How a page is shown, and how much of it."""

    scripts: bool = False
    """Whether the page's own programs run."""
    width: int = 1280
    height: int = 1024
    tallest: int = 12_000
    """Pixels of the page's height that are taken; the rest is cut off."""
    total_s: float = 30.0
    quiet_s: float = 0.5
    """Seconds that programs get after the page has loaded."""
    requests: int = 150
    bytes: int = 30_000_000
    """Of everything that a page asks for, unpacked, beside itself."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A page as it was shown. ``png`` is as wide as the window and as tall as the page, up to the cap."""

    url: str
    title: str
    html: str
    """The document as the programs left it."""
    png: bytes
    refused: tuple[str, ...] = ()
    """What the page asked for and did not get, without queries, each once."""
    cut: bool = False
    """Whether the page goes on below the picture."""


@dataclass(slots=True)
class _Spent:
    """What one page has asked for so far."""

    first: Fetched
    requests: int = 0
    bytes: int = 0
    refused: dict[str, None] = field(default_factory=dict)
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))


class GuardedBrowser:
    """Shows pages that *fetcher* may open. Chromium is started by the first page and used for all that follow.

    *program* is the browser; without it one that is installed. The browser's own sandbox is on unless this process
    runs as root, where it cannot be.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        showing: Showing = Showing(),
        program: str | None = None,
        sandbox: bool | None = None,
        at_once: int = 2,
    ) -> None:
        self._fetcher, self._showing, self._program = fetcher, showing, program
        self._sandbox = os.geteuid() != 0 if sandbox is None else sandbox
        self._turn, self._starting = asyncio.Semaphore(at_once), asyncio.Lock()
        self._stack: AsyncExitStack | None = None
        self._browser: Browser | None = None

    async def screenshot(self, url: str) -> bytes:
        """Return the page at *url* as one tall PNG. Raises as :meth:`show`."""
        return (await self.show(url)).png

    async def show(self, url: str) -> Shown:
        """Return the page at *url* as it looks and what it says.

        Raises what the fetcher raises for the page itself, BackendTimeout, BackendDown, BadConfig (no browser).
        """
        showing, error = self._showing, _playwright().Error
        async with self._turn:
            try:
                async with asyncio.timeout(showing.total_s):
                    first = await self._fetcher.fetch(url, kind="page")
                    if first.media_type not in ("text/html", "application/xhtml+xml"):
                        raise BadResponse(f"{shown(url)} is {first.media_type}, which is not shown in a browser.")
                    browser = await self._running()
                    async with AsyncExitStack() as stack:
                        context = await browser.new_context(
                            java_script_enabled=showing.scripts,
                            viewport={"width": showing.width, "height": showing.height},
                            service_workers="block",
                            accept_downloads=False,
                            reduced_motion="reduce",
                            user_agent=self._fetcher.policy.user_agent,
                        )
                        stack.push_async_callback(_closed, context)
                        return await self._shown(context, _Spent(first))
            except TimeoutError:
                raise BackendTimeout(f"{shown(url)} was not shown within {showing.total_s:g} s.") from None
            except error as problem:
                raise BackendDown(f"The browser could not show {shown(url)}: {_cause(problem)}") from problem

    async def _shown(self, context: BrowserContext, spent: _Spent) -> Shown:
        showing = self._showing

        async def answer(route: Route) -> None:
            with suppress(Exception):  # the page was closed meanwhile
                await self._answer(route, spent)

        async def refuse(socket: WebSocketRoute) -> None:
            spent.refused[shown(socket.url)] = None
            await socket.close()

        await context.route("**/*", answer)
        await context.route_web_socket("**/*", refuse)
        if showing.scripts:
            await context.add_init_script(_NO_WAY_OUT)
        page = await context.new_page()
        page.on("dialog", lambda dialog: dialog.dismiss())
        page.on("popup", lambda popup: popup.close())
        await page.goto(spent.first.url, wait_until="commit", timeout=showing.total_s * 1000)
        await _reached(page, "load", showing.total_s / 2)
        if showing.scripts:
            await _reached(page, "networkidle", 10 * showing.quiet_s)
            await asyncio.sleep(showing.quiet_s)
        tall = int(await page.evaluate("document.documentElement.scrollHeight"))
        height = max(1, min(tall, showing.tallest))
        clip: Any = {"x": 0, "y": 0, "width": showing.width, "height": height}
        png = await page.screenshot(full_page=True, clip=clip, animations="disabled", caret="hide")
        html, title = await page.content(), await page.title()
        return Shown(spent.first.url, title, html, png, tuple(spent.refused), tall > height)

    async def _answer(self, route: Route, spent: _Spent) -> None:
        """Give one request what the transport gives, or nothing."""
        request = route.request
        if request.is_navigation_request() and request.frame.parent_frame is None:
            if not spent.requests:  # what show() goes to
                spent.requests = 1
                return await _fulfil(route, spent.first)
            spent.refused[shown(request.url)] = None
            return await route.abort("aborted")  # it wants to lead elsewhere, and stays
        spent.requests += 1
        kind = (_WITH_SCRIPTS if self._showing.scripts else _WITHOUT_SCRIPTS).get(request.resource_type)
        if kind and request.method == "GET" and spent.requests <= self._showing.requests:
            with suppress(FovealError):
                return await _fulfil(route, await self._part(request.url, kind, spent))
        spent.refused[shown(request.url)] = None
        await route.abort("blockedbyclient")

    async def _part(self, url: str, kind: Kind, spent: _Spent) -> Fetched:
        """Fetch what belongs to a page, as far as the page has not had enough. Raises as the fetcher."""
        async with spent.turn:
            left = self._showing.bytes - spent.bytes
            if left <= 0:
                raise BadResponse(f"{shown(spent.first.url)} asks for too much.")
            limits = replace(LIMITS[kind], bytes=min(LIMITS[kind].bytes, left))
            fetched = await self._fetcher.fetch(url, kind=kind, limits=limits)
            spent.bytes += len(fetched.body)
            return fetched

    async def _running(self) -> Browser:
        """Return the browser, started anew if it has gone. Raises BadConfig, BackendDown."""
        async with self._starting:
            if self._browser is None or not self._browser.is_connected():
                await self._stop()
                self._browser = await self._start()
            return self._browser

    async def _start(self) -> Browser:
        api = _playwright()
        program = self._program or next(filter(None, map(shutil.which, _PROGRAMS)), None)
        stack = AsyncExitStack()
        try:
            playwright = await stack.enter_async_context(api.async_playwright())
            browser = await playwright.chromium.launch(
                executable_path=program,
                args=list(_ARGUMENTS),
                chromium_sandbox=self._sandbox,
                proxy={"server": _DEAD_PROXY, "bypass": "<-loopback>"},
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
            )
        except api.Error as problem:
            await stack.aclose()
            raise BadConfig(f"No browser could be started: {_cause(problem)}", remedy=_INSTALL) from problem
        except BaseException:
            await stack.aclose()
            raise
        stack.push_async_callback(_closed, browser)
        self._stack = stack
        return browser

    async def _stop(self) -> None:
        stack, self._stack, self._browser = self._stack, None, None
        if stack is not None:
            with suppress(Exception):
                await stack.aclose()

    async def aclose(self) -> None:
        """End the browser."""
        async with self._starting:
            await self._stop()


def _playwright() -> Any:
    try:
        from playwright import async_api
    except ModuleNotFoundError:
        raise BadConfig("Pages are shown in a browser only with playwright.", remedy=_INSTALL) from None
    return async_api


async def _fulfil(route: Route, fetched: Fetched) -> None:
    charset = f"; charset={fetched.charset}" if fetched.charset else ""
    headers = {"content-type": f"{fetched.media_type}{charset}"}
    if shared := fetched.headers.get("access-control-allow-origin"):
        headers["access-control-allow-origin"] = shared
    await route.fulfill(status=fetched.status, headers=headers, body=fetched.body)


async def _reached(page: Page, state: Literal["load", "networkidle"], seconds: float) -> None:
    """Wait until a page is so far, or longer is not worth it: it is shown as it is then."""
    with suppress(_playwright().TimeoutError):
        await page.wait_for_load_state(state, timeout=seconds * 1000)


async def _closed(what: Browser | BrowserContext) -> None:
    with suppress(Exception):
        await what.close()


def _cause(problem: Exception) -> str:
    return str(problem).strip().splitlines()[0][:200]
