"""What sites ask programs not to read: the Robots Exclusion Protocol (RFC 9309), each site's file kept for a while.

A file that the server says is not there (4xx), or that holds no rules, forbids nothing; a server that fails (5xx) is
taken to forbid everything for a minute; whatever else keeps the file from being read keeps the page from it too.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from foveal.errors import HttpRefused, RobotsDenied
from foveal.tools.fetch.policy import Target

TOKEN = "foveal"
"""The name by which a robots.txt speaks to us."""
_KEPT_S = 3600.0
_KEPT_AFTER_FAILURE_S = 60.0
_MOST_SITES = 500
_MOST_BYTES = 512_000


@dataclass(frozen=True, slots=True)
class _Rules:
    rules: Any
    """A ``protego.Protego``; None forbids everything."""
    until: float


class Robots:
    """The robots.txt files of sites, got by *fetch* (from an address to its body, guarded as every fetch is)."""

    def __init__(self, fetch: Callable[[str], Awaitable[bytes]], clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._sites: OrderedDict[str, _Rules] = OrderedDict()
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def check(self, target: Target) -> None:
        """Raise RobotsDenied when the site asks that *target* be left, or what keeps its file from being read."""
        if target.path == "/robots.txt":
            return
        lock = self._asking.setdefault(target.origin, asyncio.Lock())
        async with lock:
            site = self._sites.get(target.origin)
            if site is None or site.until <= self._clock():
                site = self._sites[target.origin] = await self._ask(target)
                while len(self._sites) > _MOST_SITES:
                    self._sites.popitem(last=False)
        if site.rules is None:
            raise RobotsDenied(f"The robots.txt of {target.host} cannot be read now, so {target} is left alone.")
        if not site.rules.can_fetch(target.url, TOKEN):
            raise RobotsDenied(f"The robots.txt of {target.host} asks programs not to read {target}.")

    async def _ask(self, target: Target) -> _Rules:
        from protego import Protego

        try:
            text = (await self._fetch(f"{target.origin}/robots.txt"))[:_MOST_BYTES].decode("utf-8", "replace")
        except HttpRefused as refused:
            if refused.status >= 500:
                return _Rules(None, self._clock() + _KEPT_AFTER_FAILURE_S)
            text = ""
        return _Rules(await asyncio.to_thread(Protego.parse, text), self._clock() + _KEPT_S)

    def forget(self) -> None:
        """Drop every file."""
        self._sites.clear()
