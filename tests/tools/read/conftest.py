from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest
import pytest_asyncio

from foveal.tools.fetch.fetcher import Fetched
from foveal.tools.read.pool import WorkerPool
from foveal.tools.read.reader import PageReader

NOW = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)


def fetched(
    body: bytes | str, media_type: str = "text/html", url: str = "https://atlas.test/kelm", charset: str = ""
) -> Fetched:
    return Fetched(url, 200, media_type, charset, body.encode() if isinstance(body, str) else body, {})


@pytest.fixture(scope="package")
def shared_pool() -> WorkerPool:
    """One worker for the whole folder: starting one takes half a second."""
    return WorkerPool(1)


@pytest_asyncio.fixture
async def reader(shared_pool: WorkerPool) -> AsyncIterator[PageReader]:
    yield PageReader(now=lambda: NOW, pool=shared_pool)


@pytest.fixture(scope="package", autouse=True)
def _ended(shared_pool: WorkerPool) -> Iterator[None]:
    yield
    shared_pool._finalizer()
