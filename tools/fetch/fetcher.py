"""The one transport: every byte that comes from another machine comes through :meth:`Fetcher.fetch`.

An address is checked, its host is looked up once, every address found is judged, and a connection is opened to those
addresses and no other; each redirect goes the same way again. Time, size, speed and kind of the reply are bounded.
Best practice and the failures elsewhere that it answers: OWASP SSRF Prevention; CWE-918, CWE-409, CWE-350.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urljoin
from weakref import WeakValueDictionary

from foveal.errors import BackendDown, BackendTimeout, BadInput, BadResponse, BlockedUrl, HttpRefused
from foveal.tools.fetch.body import Body
from foveal.tools.fetch.policy import LIMITS, Kind, Limits, Policy, Target, shown
from foveal.tools.fetch.resolve import Resolver, resolve, system_resolver
from foveal.tools.fetch.robots import Robots
from foveal.tools.fetch.sniff import HEAD, PDF, settle
from foveal.tools.fetch.status import refusal

if TYPE_CHECKING:
    import ssl

    import httpcore2

_ACCEPT: Mapping[Kind, str] = {
    "page": "text/html, application/xhtml+xml;q=0.9, text/plain;q=0.8, application/pdf;q=0.7, */*;q=0.1",
    "picture": "image/png, image/jpeg, image/webp, image/gif, image/*;q=0.5",
    "pdf": "application/pdf",
    "json": "application/json",
    "any": "*/*",
}
_OURS = frozenset("host connection accept-encoding content-length transfer-encoding te upgrade user-agent".split())
"""Headers that no caller sets."""
_HARMLESS = frozenset("accept accept-language content-type if-none-match if-modified-since".split())
"""Headers that may follow to another origin; any other may be a secret."""
_IDEMPOTENT = frozenset({"GET", "HEAD"})
_RETRY_S = 0.3
_ROBOTS_LIMITS = Limits(bytes=1_000_000, total_s=10.0)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A reply that was taken. ``headers`` have lower-case names; of one that came twice, both, joined by commas."""

    url: str
    """Where it came from in the end."""
    status: int
    media_type: str
    """What it is, by its first bytes; what the server said is in ``headers``."""
    charset: str
    """What the server said, in lower case, or empty."""
    body: bytes
    headers: Mapping[str, str]
    redirects: tuple[str, ...] = ()
    """The addresses that led here, the one asked for first."""
    elapsed: float = 0.0
    """Seconds, waiting and redirects included."""


@dataclass(frozen=True, slots=True)
class _Ask:
    """One request as it goes from hop to hop."""

    kind: Kind
    method: str
    headers: Mapping[str, str]
    body: bytes | None
    limits: Limits
    roomy: bool
    """Whether a page that turns out to be a PDF may be as large as a PDF."""

    def cap(self, media_type: str) -> int:
        return LIMITS["pdf"].bytes if self.roomy and media_type == PDF else self.limits.bytes


@dataclass(slots=True)
class _Deadline:
    """Seconds left of a total that runs only inside :meth:`running`."""

    left: float

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(self.left):
                yield
        finally:
            self.left -= loop.time() - began


@dataclass(slots=True)
class _Slots:
    """How many requests are under way: to one host, and to all."""

    policy: Policy
    all: asyncio.Semaphore = field(init=False)
    hosts: WeakValueDictionary[str, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)

    def __post_init__(self) -> None:
        self.all = asyncio.Semaphore(self.policy.at_once)

    @asynccontextmanager
    async def of(self, host: str) -> AsyncIterator[None]:
        one = self.hosts.setdefault(host, asyncio.Semaphore(self.policy.per_host))
        async with one, self.all:
            yield


class Fetcher:
    """Opens addresses that *policy* allows, found by *resolver*.

    *tls* verifies servers (the system's certificates by default). *wire* opens the TCP connections to addresses that
    were judged; it is a seam for tests. No proxy, cookie or password of the environment is used.
    """

    def __init__(
        self,
        policy: Policy = Policy(),  # noqa: B008 (frozen)
        *,
        resolver: Resolver | None = None,
        clock: Callable[[], float] = time.monotonic,
        tls: ssl.SSLContext | None = None,
        wire: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        self.policy = policy
        self._resolver = resolver or system_resolver
        self._clock = clock
        self._tls = tls
        self._wire = wire
        self._slots = _Slots(policy)
        self._robots = Robots(self._robots_file, clock)

    async def fetch(
        self,
        url: str,
        *,
        kind: Kind = "page",
        method: str = "GET",
        headers: Mapping[str, str] = MappingProxyType({}),
        body: bytes | None = None,
        robots: bool | None = None,
        limits: Limits | None = None,
    ) -> Fetched:
        """Return what is at *url*, if it is a *kind*: the body unpacked, whole, within *limits*.

        robots.txt is honoured as the policy says, unless *robots* says otherwise; it is not asked for JSON services.
        Raises BlockedUrl, RobotsDenied, BackendTimeout, BackendDown, Throttled (with ``retry_after``), HttpRefused
        (with ``status``), BadResponse, and BadInput for headers that cannot be sent.
        """
        began = self._clock()
        own = {name.lower(): value for name, value in headers.items() if name.lower() not in _OURS}
        if not "".join((*own, *own.values())).isascii():
            raise BadInput(f"The headers for {shown(url)} have characters that cannot be sent.")
        ask = _Ask(kind, method.upper(), own, body, limits or LIMITS[kind], kind == "page" and limits is None)
        obey = (self.policy.robots and kind != "json") if robots is None else robots
        deadline = _Deadline(ask.limits.total_s)
        target = self.policy.check(url)
        visited: list[str] = []
        while True:
            if obey:
                await self._robots.check(target)
            try:
                reply = await self._hop(target, ask, deadline)
            except TimeoutError:
                total = f"{ask.limits.total_s:g} s"
                raise BackendTimeout(f"{target.host} did not give {target} within {total}.") from None
            if isinstance(reply, Fetched):
                return replace(reply, redirects=tuple(visited), elapsed=self._clock() - began)
            visited.append(target.url)
            if len(visited) > ask.limits.redirects:
                raise BadResponse(f"{shown(visited[0])} leads on and on: more than {ask.limits.redirects} redirects.")
            target, ask = self._follow(target, ask, *reply)

    async def aclose(self) -> None:
        """Free what it holds."""
        self._robots.forget()

    async def _robots_file(self, url: str) -> bytes:
        return (await self.fetch(url, kind="any", robots=False, limits=_ROBOTS_LIMITS)).body

    def _follow(self, target: Target, ask: _Ask, status: int, location: str) -> tuple[Target, _Ask]:
        """Return where a redirect leads and what is sent there: to another origin, nothing that may be a secret."""
        onward = self.policy.check(urljoin(target.url, location))
        if status == 303 or (status in (301, 302) and ask.method == "POST"):
            ask = replace(ask, method="HEAD" if ask.method == "HEAD" else "GET", body=None)
        if onward.origin == target.origin:
            return onward, ask
        harmless = {name: value for name, value in ask.headers.items() if name in _HARMLESS}
        if ask.body or (harmless != ask.headers and (target.scheme, onward.scheme) == ("https", "http")):
            raise BlockedUrl(f"{target.host} sends us to {onward} with what was meant for {target.host} alone.")
        return onward, replace(ask, headers=harmless)

    async def _hop(self, target: Target, ask: _Ask, deadline: _Deadline) -> Fetched | tuple[int, str]:
        """Return the reply of *target*, or the status and place of a redirect; once more when that may help."""
        async with self._slots.of(target.host), deadline.running():
            addresses = await resolve(target, self.policy, self._resolver)
            if ask.method in _IDEMPOTENT:
                try:
                    return await self._exchange(target, addresses, ask)
                except (BackendDown, HttpRefused) as problem:
                    if not problem.retryable:
                        raise
                    await asyncio.sleep(_RETRY_S * random.uniform(0.5, 1.5))
            return await self._exchange(target, addresses, ask)

    async def _exchange(self, target: Target, addresses: tuple[str, ...], ask: _Ask) -> Fetched | tuple[int, str]:
        from foveal.tools.fetch.wire import exchange

        sent = {
            "host": target.authority,
            "user-agent": self.policy.user_agent,
            "accept": _ACCEPT[ask.kind],
            "accept-encoding": "gzip, identity",
            "connection": "close",
            **ask.headers,
            **({} if ask.body is None else {"content-length": str(len(ask.body))}),
        }
        async with exchange(
            target,
            addresses,
            method=ask.method,
            headers=list(sent.items()),
            body=ask.body,
            limits=ask.limits,
            tls=self._tls_context(),
            wire=self._wire,
        ) as reply:
            if sum(len(name) + len(value) for name, value in reply.headers) > ask.limits.header_bytes:
                raise BadResponse(f"The headers of {target} are larger than {ask.limits.header_bytes} bytes.")
            headers = _headers(reply)
            if problem := refusal(target, reply.status, headers):
                raise problem
            if reply.status >= 300:
                return reply.status, headers["location"]
            return await self._take(target, ask, reply, headers)

    async def _take(self, target: Target, ask: _Ask, reply: httpcore2.Response, headers: Mapping[str, str]) -> Fetched:
        """Read the body as far as it may come."""
        declared, charset = _content_type(headers.get("content-type", ""))
        body = Body("" if ask.method == "HEAD" else headers.get("content-encoding", ""), ask.cap(declared))
        promised = headers.get("content-length", "")
        if promised.isdigit() and int(promised[:18]) > body.cap and ask.method != "HEAD":
            raise BadResponse(f"{target} is larger than {body.cap / 1e6:g} MB.")
        media_type, began = "", self._clock()
        async for piece in reply.aiter_stream():
            body.feed(piece)
            if not media_type and len(body) >= HEAD:
                media_type = settle(body.head(HEAD), declared, ask.kind)
                body.cap = ask.cap(media_type)
            spent = self._clock() - began
            if spent > ask.limits.grace_s and body.raw < spent * ask.limits.min_bytes_per_s:
                raise BackendTimeout(f"{target.host} sends too slowly: {body.raw} bytes in {spent:.0f} s.")
        data = body.finish()
        media_type = media_type or settle(data[:HEAD], declared, ask.kind)
        return Fetched(target.url, reply.status, media_type, charset, data, headers)

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            import httpx2

            self._tls = httpx2.create_ssl_context()
        return self._tls


def _headers(reply: httpcore2.Response) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for raw_name, raw_value in reply.headers:
        name, value = raw_name.decode("latin-1").lower(), _text(raw_value)
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found


def _text(value: bytes) -> str:
    """Headers are to be ASCII; where they are not, as in addresses to go to, they mostly are UTF-8."""
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def _content_type(value: str) -> tuple[str, str]:
    """Return the media type and charset of a ``Content-Type`` header, both in lower case and either perhaps empty."""
    from email.message import Message

    message = Message()
    message["content-type"] = value.replace("\r", "").replace("\n", "")
    declared = value.partition(";")[0].partition(",")[0].strip().lower()
    charset = message.get_param("charset", "") if ";" in value else ""
    return declared, (charset if isinstance(charset, str) else "").strip("\"' ").lower()
