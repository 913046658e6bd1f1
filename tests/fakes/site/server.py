"""The fixture web: one server on loopback that is several hosts, by the ``Host`` header of what it is asked."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import orjson

from . import drawn, html
from .find import SEARCH, Finder, Pictures, SiteBackend
from .world import MUSEUMS, Article, articles, documents

if TYPE_CHECKING:
    from foveal.tools.fetch.fetcher import Fetcher
    from foveal.tools.fetch.policy import Policy
    from foveal.tools.search.web import LiveWeb

HOSTS = (*html.SITES, SEARCH, "bulk.test", "evil.test")
ROBOTS = b"User-agent: *\nDisallow: /private/\nAllow: /\n"
CATALOGUE = [
    ["Catalogue of the Museum of Tides", "Second edition, 2018"],
    ["The Drowned Bell, by Elof Garde, was bought in 1933 for 4,200 crowns.", "It hangs in room 7."],
    ["The tide clock of 1790 was made by Jarl Espen.", "It was restored in 1985 by Nora Vik."],
]


@dataclass(frozen=True)
class Reply:
    """What one request gets."""

    body: bytes = b""
    media_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class FixtureWeb:
    """``async with FixtureWeb() as web``: about 80 pages with pictures and PDFs on six hosts, and a search service.

    ``asked`` holds ``host/path`` of every request in order. *latency* is what each reply waits, in seconds.
    ``down`` holds hosts that answer 503. ``resolver`` knows no other hosts; nothing is looked up.
    """

    def __init__(self, *, latency: float = 0.0) -> None:
        self.latency = latency
        self.asked: list[str] = []
        self.touched: list[str] = []
        """What came in at the address that no page may reach (``inside``)."""
        self.down: set[str] = set()
        self.port = self.inside = 0
        self.articles: list[Article] = articles()
        self.under_way = self.most_at_once = 0

    async def __aenter__(self) -> FixtureWeb:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self._inner = await asyncio.start_server(self._touch, "127.0.0.1", 0)
        self.port, self.inside = (s.sockets[0].getsockname()[1] for s in (self._server, self._inner))
        self._by_place = {a.place: a for a in self.articles}
        self._render = html.Renderer(self.port, self.inside)
        self._finder = Finder([*self.articles, *documents()], lambda place: self.url(*place.split("/", 1)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in (self._server, self._inner):
            server.close()
            server.close_clients() if hasattr(server, "close_clients") else None
            await asyncio.wait_for(_quietly(server.wait_closed()), 1)

    async def resolver(self, host: str, port: int) -> Sequence[str]:
        """Return loopback for the hosts of this web. Raises BackendDown for others."""
        from foveal.errors import BackendDown

        if host not in HOSTS:
            raise BackendDown(f"{host} cannot be found: there is no such host, or no network.")
        return ["127.0.0.1"]

    @property
    def policy(self) -> Policy:
        """A policy that opens this web and nothing else that is not public."""
        from foveal.tools.fetch.policy import Policy

        return Policy(allowed=frozenset((host, self.port) for host in HOSTS))

    @property
    def search_url(self) -> str:
        """The address of the search service: ``?q=…&kind=text|images|news&k=10``; pictures are sent by POST."""
        return self.url(SEARCH, "search")

    def url(self, host: str, path: str = "") -> str:
        """Return the address of a page."""
        return f"http://{host}:{self.port}/{path.lstrip('/')}"

    def fetcher(self) -> Fetcher:
        """Return a transport that reaches this web."""
        from foveal.tools.fetch.fetcher import Fetcher

        return Fetcher(self.policy, resolver=self.resolver)

    def backend(self, fetcher: Fetcher, *, blobs: Pictures | None = None) -> SiteBackend:
        """Return a backend that asks the search service."""
        return SiteBackend(fetcher, self.search_url, blobs=blobs)

    def live(self, blobs: Any, *, alike: bool = True, reader: Any = None) -> LiveWeb:
        """Return the web as a run sees it: the search service, and what *reader* makes of the same transport."""
        from foveal.tools.fetch.provenance import Provenance
        from foveal.tools.limits.breaker import Breaker
        from foveal.tools.limits.bucket import TokenBucket
        from foveal.tools.read.reader import PageReader
        from foveal.tools.search.chain import Chain, Link
        from foveal.tools.search.web import LiveWeb

        fetcher = self.fetcher()
        backend = self.backend(fetcher, blobs=blobs if alike else None)
        chain = Chain([Link(backend, TokenBucket(1e6, 10), Breaker())])
        reader = (reader or PageReader)(fetcher)
        return LiveWeb(chain, blobs=blobs, provenance=Provenance(), reader=reader, holds=[fetcher])

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, target, _ = head[0].split(" ")
                headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                host = headers.get("host", "").partition(":")[0]
                self.asked.append(host + target)
                self.under_way += 1
                self.most_at_once = max(self.most_at_once, self.under_way)
                try:
                    await asyncio.sleep(self.latency)
                    reply = self._answer(host, target, method, body)
                finally:
                    self.under_way -= 1
                fields = {"Content-Type": reply.media_type, "Content-Length": str(len(reply.body)), **reply.headers}
                lines = "".join(f"{k}: {v}\r\n" for k, v in fields.items())
                writer.write(f"HTTP/1.1 {reply.status} OK\r\n{lines}\r\n".encode() + reply.body)
                await writer.drain()
        writer.close()

    async def _touch(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.touched.append("connected")
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            self.touched.append((await reader.readline()).decode("latin-1").strip())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret")
        writer.close()

    def _answer(self, host: str, target: str, method: str, body: bytes) -> Reply:
        if host in self.down:
            return Reply(b"out of order", "text/plain", 503)
        if host not in HOSTS:
            return Reply(b"no such host", "text/plain", 421)
        parts = urlsplit(target)
        path = parts.path
        if host == SEARCH:
            return self._found({k: v[0] for k, v in parse_qs(parts.query).items()}, method, body)
        if path == "/robots.txt":
            return Reply(ROBOTS, "text/plain")
        if article := self._by_place.get(host + path):
            return Reply(self._render.page(article))
        if path.startswith("/img/"):
            _, _, kind, name = path.removesuffix(".png").split("/")
            return Reply(drawn.picture(kind, name), "image/png")
        return self._special(host, path)

    def _found(self, asked: Mapping[str, str], method: str, body: bytes) -> Reply:
        k = int(asked.get("k", 10))
        if method == "POST":
            found = self._finder.like(body, k)
        else:
            found = self._finder.find(asked.get("q", ""), asked.get("kind", "text"), k)
        return Reply(orjson.dumps({"query": asked.get("q", ""), "results": found}), "application/json")

    def _special(self, host: str, path: str) -> Reply:
        """Answer what is no article: start pages, walls, scripts, PDFs, redirects and refusals."""
        if host == "bulk.test" and path.startswith("/page/"):
            return Reply(html.lorem(int(path.rpartition("/")[2])))
        if path.startswith("/old/"):
            return Reply(status=301, headers={"Location": f"/town/{path.rpartition('/')[2]}"})
        if path == "/" and host in html.SITES:
            return Reply(self._render.front(host, [a for a in self.articles if a.place.startswith(f"{host}/")]))
        place: Any = host + path
        made = {
            "news.test/wall": lambda: Reply(html.WALL),
            "news.test/app": lambda: Reply(html.SCRIPTED),
            "news.test/app.js": lambda: Reply(html.SCRIPT, "text/javascript"),
            "news.test/tides.json": lambda: Reply(b'{"high": "06:42"}', "application/json"),
            "news.test/busy": lambda: Reply(b"slow down", "text/plain", 429, {"Retry-After": "2"}),
            "news.test/gone": lambda: Reply(b"gone", "text/plain", 410),
            "news.test/empty": lambda: Reply(b""),
            "atlas.test/long": lambda: Reply(html.TALL),
            "atlas.test/about": lambda: Reply(html.plain("About", "<p>The atlas is written by volunteers.</p>")),
            "atlas.test/private/notes": lambda: Reply(html.plain("Private", "<p>Robots do not read this.</p>")),
            "atlas.test/inward": lambda: Reply(
                status=302, headers={"Location": f"http://127.0.0.1:{self.inside}/secret"}
            ),
            "museum.test/catalogue.pdf": lambda: Reply(
                drawn.text_pdf("Catalogue of the Museum of Tides", CATALOGUE), "application/pdf"
            ),
            "museum.test/report.pdf": lambda: Reply(
                drawn.text_pdf("Visitors in 2024", [[f"The {m} had visitors." for m in MUSEUMS]]), "application/pdf"
            ),
            "museum.test/scan.pdf": lambda: Reply(
                drawn.scanned_pdf(["Inventory of 1931", "Bell, bronze, 1 piece"]), "application/pdf"
            ),
        }  # fmt: skip
        return made[place]() if place in made else Reply(b"not found", "text/plain", 404)


async def _quietly(closing: Any) -> None:
    with suppress(Exception):
        await closing
