"""One loaded model for the whole run: loading it takes seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from foveal.tools.models.embedded import EmbeddedModel
from foveal.tools.models.engine import EngineOptions


@pytest.fixture(scope="session")
def model() -> Iterator[EmbeddedModel]:
    model = EmbeddedModel(options=EngineOptions(threads=2, slots=3, context=2048))
    yield model
    asyncio.run(model.aclose())
