"""What may be asked for, and how much may come: the rules that hold before a connection is opened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from foveal import __version__
from foveal.errors import BlockedUrl
from foveal.tools.fetch.address import IPAddress, is_metadata, is_public, parse

Kind = Literal["page", "picture", "pdf", "json", "any"]
LONGEST_URL = 8_000
_HOST = re.compile(r"(?=.{1,253}$)(?!-)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much of a reply is taken. Bytes are those after decompression; a redirect starts none of them anew."""

    bytes: int = 10_000_000
    total_s: float = 20.0
    """Seconds for everything, redirects and the one retry too, but not the wait for other calls to the same host."""
    stall_s: float = 8.0
    """Seconds without a byte, or for a connection to open."""
    grace_s: float = 5.0
    min_bytes_per_s: int = 500
    """What must have come on average once the body has taken ``grace_s``."""
    redirects: int = 5
    header_bytes: int = 32_768


LIMITS: Mapping[Kind, Limits] = {
    "page": Limits(),
    "picture": Limits(bytes=25_000_000),
    "pdf": Limits(bytes=50_000_000, total_s=40.0),
    "json": Limits(bytes=5_000_000),
    "any": Limits(),
}


@dataclass(frozen=True, slots=True)
class Target:
    """An address that passed :meth:`Policy.check`: ASCII host in lower case without its last dot, no fragment."""

    scheme: str
    host: str
    port: int
    path: str
    """Path and query as they are sent."""

    @property
    def authority(self) -> str:
        """The ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: what may share a secret (RFC 6454)."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        """The whole address."""
        return self.origin + self.path

    def __str__(self) -> str:
        """Return what may stand in a message: no query, which may hold a key."""
        return _clip(self.origin + self.path.partition("?")[0])


@dataclass(frozen=True, slots=True)
class Policy:
    """Which addresses are opened, and how politely.

    ``allowed`` names (host, port) pairs that need not be public: fixtures, or servers that the user runs. It holds for
    every caller of a :class:`~foveal.tools.fetch.fetcher.Fetcher`, so the user's own search server is asked through a
    fetcher of its own, never through the one that reads pages. Link-local and metadata addresses stay closed.
    """

    allowed: frozenset[tuple[str, int]] = frozenset()
    ports: frozenset[int] = field(default=frozenset({80, 443, 8080, 8443}))
    robots: bool = True
    user_agent: str = f"foveal/{__version__}"
    per_host: int = 2
    """Requests under way at once to one host."""
    at_once: int = 16
    """Requests under way at once, all hosts together."""

    def check(self, url: str) -> Target:
        """Return where *url* points, without looking up its host. Raises BlockedUrl; no message tells a password."""
        import httpx2

        url = url.strip()
        if len(url) > LONGEST_URL:
            raise BlockedUrl(f"The address is longer than {LONGEST_URL} characters: {shown(url)}")
        try:
            parts = httpx2.URL(url)
        except httpx2.InvalidURL as problem:
            raise BlockedUrl(f"This is not an address: {shown(url)} ({problem}).") from problem
        if parts.scheme not in _PORTS:
            raise BlockedUrl(f"Only http and https are opened, not {shown(url)}")
        if parts.userinfo:
            raise BlockedUrl(f"The address carries a user name or a password: {shown(url)}")
        target = Target(
            parts.scheme,
            parts.raw_host.decode("ascii").removesuffix("."),
            parts.port or _PORTS[parts.scheme],
            parts.raw_path.decode("ascii"),
        )
        self._check_host(target)
        return target

    def _check_host(self, target: Target) -> None:
        if address := parse(target.host):
            self.check_address(target, address)
        elif not _HOST.fullmatch(target.host) or _NUMBER.fullmatch(target.host.rpartition(".")[2]):
            # 2130706433, 0x7f.1 and 017700000001 are 127.0.0.1 to some resolvers and names to others
            raise BlockedUrl(f"The host of {target} is neither a name nor an address in its usual form.")
        if target.port not in self.ports and (target.host, target.port) not in self.allowed:
            raise BlockedUrl(f"Web pages are not served at port {target.port}: {target}")

    def check_address(self, target: Target, address: IPAddress | None) -> None:
        """Refuse one address of *target*'s host: what cannot be parsed is not public. Raises BlockedUrl."""
        if address is not None and not is_metadata(address):
            if is_public(address) or (target.host, target.port) in self.allowed:
                return
            raise BlockedUrl(f"{target.host} is not on the public internet, so nothing of it is opened.")
        raise BlockedUrl(f"{target.host} points to where no web page can be, so nothing of it is opened.")


def shown(url: str) -> str:
    """Return as much of *url* as may stand in a message: no user name, password, query or fragment."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "(unreadable)"
    body = parts.path if parts.scheme in ("http", "https", "file", "ftp") or not parts.scheme else ""
    return _clip(re.sub(r"[^\x21-\x7e]", "?", f"{parts.scheme}:" + (f"//{host}" if host else "") + body))


def _clip(text: str, longest: int = 160) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
