"""A fetcher for fixture hosts: the guard as it is, an injected resolver, and two ports of loopback allowed by name."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from fakes.hostile import HostileServer, resolver

from foveal.tools.fetch import fetcher as fetching
from foveal.tools.fetch.fetcher import Fetcher
from foveal.tools.fetch.policy import Policy

MakeFetcher = Callable[..., Fetcher]


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a second try come soon."""
    monkeypatch.setattr(fetching, "_RETRY_S", 0.02)


@pytest.fixture
def fetcher_for() -> MakeFetcher:
    """Return a maker of fetchers that may open *hosts* at the ports of *servers*."""

    def make(
        *servers: HostileServer,
        hosts: Iterable[str] = ("docs.test",),
        policy: dict[str, Any] | None = None,
        clock: Callable[[], float] = time.monotonic,
        **named: Any,
    ) -> Fetcher:
        allowed = frozenset((host, server.port) for host in hosts for server in servers)
        named.setdefault("resolver", resolver())
        return Fetcher(Policy(allowed=allowed, **(policy or {})), clock=clock, **named)

    return make
