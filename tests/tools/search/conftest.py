"""A backend whose answers the tests set."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from fakes.clock import FakeClock
from fakes.searching import SetBackend

from foveal.tools.limits.backoff import Backoff
from foveal.tools.limits.breaker import Breaker
from foveal.tools.limits.bucket import TokenBucket
from foveal.tools.search.cache import SearchCache
from foveal.tools.search.chain import Chain, Link


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def chain_of(clock: FakeClock) -> Callable[..., Chain]:
    """Makes a chain of backends on the fake clock, with jitter taken out."""

    def make(
        *backends: SetBackend, cache: SearchCache | None = None, deadline: float = 10.0, rate: float = 1e6
    ) -> Chain:
        links = [Link(b, TokenBucket(rate, clock=clock), Breaker(clock=clock), deadline) for b in backends]
        return Chain(links, cache=cache, clock=clock, backoff=Backoff(random=lambda: 0.5))

    return make
