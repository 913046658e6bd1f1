"""Whose page it is: the registrable domain of an address, by the public suffix list that comes with ``tld``."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Protocol, TypeVar
from urllib.parse import urlsplit


class Addressed(Protocol):
    """Anything that has an address, such as a hit or a page."""

    @property
    def url(self) -> str: ...


Found = TypeVar("Found", bound=Addressed)


def host_of(url: str) -> str:
    """Return the host of *url* in lower case, without port and trailing dot; empty if it has none."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def site_of(url: str) -> str:
    """Return the registrable domain of *url*: ``en.m.wikipedia.org`` and ``de.wikipedia.org`` are ``wikipedia.org``.

    Sites that let strangers register names (``*.github.io``, ``*.blogspot.com``) count as suffixes: each name is a
    site of its own. A suffix nobody lists is taken to be the last label; addresses of machines stand for themselves.
    """
    host = host_of(url)
    if not host or _is_address(host):
        return host
    from tld import get_fld

    listed = get_fld(f"http://{host}/", fail_silently=True, search_private=True)
    return listed or ".".join(host.split(".")[-2:])


def same_site(one: str, other: str) -> bool:
    """Say whether two addresses belong to one site."""
    site = site_of(one)
    return bool(site) and site == site_of(other)


def at_most(found: Iterable[Found], per_site: int = 2) -> list[Found]:
    """Return *found* in its order with at most *per_site* of each site."""
    counts: dict[str, int] = {}
    kept = []
    for one in found:
        site = site_of(one.url)
        counts[site] = counts.get(site, 0) + 1
        if counts[site] <= per_site:
            kept.append(one)
    return kept


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
