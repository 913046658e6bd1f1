"""One loaded model for the whole run: loading it takes seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from foveal.tools.models.embedded import EmbeddedModel
from foveal.tools.models.engine import EngineOptions


@pytest.fixture(scope="session")
def model() -> Iterator[EmbeddedModel]:
    model = EmbeddedModel(options=EngineOptions(threads=2, slots=3, context=2048))
    yield model
    asyncio.run(model.aclose())


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder with a tiny checkpoint of the kind that is asked for; made once."""
    from fakes.checkpoints import make

    made: dict[str, Path] = {}

    def of(kind: str) -> Path:
        if kind not in made:
            made[kind] = make(kind, tmp_path_factory.mktemp("checkpoints") / kind)
        return made[kind]

    return of
