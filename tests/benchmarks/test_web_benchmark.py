"""The web benchmark measures what it says: side by side is faster, memory is counted, the chain is timed."""

from __future__ import annotations

from types import ModuleType

import pytest
from fakes.bench import script


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return script("web")


async def test_pages_side_by_side_take_less_than_one_by_one(bench: ModuleType) -> None:
    took = await bench.parallel(0.1, 1)
    assert took["one by one"] > 12 * 0.1, "eight pages and the robots.txt of four sites"
    assert took["at once"] < 0.6 * took["one by one"]


async def test_memory_is_counted_after_each_hundred_pages(bench: ModuleType) -> None:
    seen = await bench.memory(100)
    assert list(seen) == [100] and 50 < seen[100] < 1500


async def test_a_search_through_the_chain_costs_milliseconds_at_most(bench: ModuleType) -> None:
    rows = await bench.chain(50)
    assert 0 < rows["chain"] < 20_000 and 0 < rows["from the cache"] < 50_000
