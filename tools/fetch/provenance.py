"""Where an address comes from: only those that a search, the user or a page that was read gave are opened.

A model that obeys a page can write any address, and what it appends to one is sent to whoever owns it. So no address
is taken from a model's words: it must be one that was seen, letter for letter but for spellings that mean the same.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable
from urllib.parse import quote, unquote_to_bytes, urlsplit, urlunsplit

from foveal.errors import BlockedUrl

MOST = 50_000
"""Addresses that are remembered; the oldest are forgotten first."""
_PORTS = {"http": 80, "https": 443}
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED = re.compile(rb"[A-Za-z0-9._~-]")
_KEPT = "%/:@!$&'()*+,;=?~[]|\"\\^`{}<>"


class Provenance:
    """The addresses that may be opened."""

    def __init__(self, urls: Iterable[str] = (), *, most: int = MOST) -> None:
        self._most = most
        self._seen: OrderedDict[str, None] = OrderedDict()
        self.add(urls)

    def add(self, urls: Iterable[str]) -> None:
        """Let *urls* be opened; what is no http or https address is passed over."""
        for url in urls:
            if name := _normal(url):
                self._seen[name] = None
                self._seen.move_to_end(name)
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)

    def check(self, url: str) -> None:
        """Raise BlockedUrl when nobody gave *url*."""
        if url not in self:
            # the rest of the address is not repeated: it may be what was to be told
            host = (_normal(url) or "").split("/")[2:3]
            raise BlockedUrl(
                f"An address{f' at {host[0]}' if host else ''} was not opened: it stands in no search result, on no "
                "page that was read, and you did not give it.",
                remedy="Put it in the question, or search for the page first.",
            )

    def __contains__(self, url: str) -> bool:
        return _normal(url) in self._seen

    def __len__(self) -> int:
        return len(self._seen)


def _normal(url: str) -> str | None:
    """Return *url* with the spellings that mean the same made one (RFC 3986, 6.2.2 and 6.2.3), without its fragment.

    http and https are one, so that a page may be asked for on the safer way. None for what is no such address, and for
    one with a name and password in it.
    """
    try:
        parts = urlsplit(url.strip())
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").rstrip("."), parts.port
        host = host if host.isascii() else host.encode("idna").decode("ascii")
    except ValueError:  # UnicodeError is one
        return None
    if scheme not in _PORTS or not host or "@" in parts.netloc:
        return None
    place = f"[{host}]" if ":" in host else host
    place += "" if port in (None, _PORTS[scheme]) else f":{port}"
    return urlunsplit(("http", place, _escaped(parts.path) or "/", _escaped(parts.query), ""))


def _escaped(text: str) -> str:
    """Return *text* with escapes in capitals and none where it is not needed."""

    def one(match: re.Match[str]) -> str:
        byte = unquote_to_bytes(match[0])
        return byte.decode() if _UNRESERVED.fullmatch(byte) else match[0].upper()

    return _ESCAPE.sub(one, quote(text, safe=_KEPT, errors="replace"))
