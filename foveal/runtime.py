"""Wiring: builds models, eyes and stores from settings, once, and hands them to runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from foveal.errors import IndexMissing
from foveal.settings import Settings
from foveal.types import ImageRef

if TYPE_CHECKING:
    from foveal.graphs.state import Research
    from foveal.protocols import ChatModel
    from foveal.tools.images.store import FileBlobStore
    from foveal.tools.index.collection import LocalCollection
    from foveal.tools.index.enrich import Embedders

NO_INDEX = "Give --index DIR; make one with `foveal index add PATH --index DIR`."


def make_embedders(settings: Settings) -> Embedders:
    """Return the embedded eye, text embedder and OCR; weights are read at first use."""
    from foveal.tools.embed.eye import Eye
    from foveal.tools.embed.ocr import PaddleOcr
    from foveal.tools.embed.text import MiniLm
    from foveal.tools.index.enrich import Embedders

    eye = Eye(cache_dir=settings.cache, threads=settings.threads)
    ocr = PaddleOcr(cache_dir=settings.cache, threads=settings.threads) if settings.ocr else None
    return Embedders(MiniLm(cache_dir=settings.cache, threads=settings.threads), eye, eye, ocr)


@dataclass
class Tools:
    """Everything a process shares between runs; parts are made when first asked for."""

    settings: Settings

    def __post_init__(self) -> None:
        """Choose how OpenMP threads wait, before the first library that brings it is loaded."""
        from foveal.tools.models.openmp import sleep_at_barriers

        sleep_at_barriers()

    @cached_property
    def embedders(self) -> Embedders:
        """The eye, text embedder and OCR."""
        return make_embedders(self.settings)

    @cached_property
    def blobs(self) -> FileBlobStore:
        """The pictures of questions."""
        from foveal.tools.images.store import FileBlobStore

        return FileBlobStore(self.settings.home / "blobs")

    @cached_property
    def models(self) -> dict[str, ChatModel]:
        """Models by role: planner and solver; one instance a spec."""
        from foveal.tools.models.registry import make_model

        specs = {
            "planner": self.settings.planner_model or self.settings.model,
            "solver": self.settings.answer_model or self.settings.model,
        }
        made = {
            spec: make_model(spec, cache_dir=self.settings.cache, threads=self.settings.threads)
            for spec in dict.fromkeys(specs.values())
        }
        return {role: made[spec] for role, spec in specs.items()}

    @cached_property
    def collection(self) -> LocalCollection:
        """The collection of the settings. Raises IndexMissing."""
        from foveal.tools.index.collection import LocalCollection

        if self.settings.index is None:
            raise IndexMissing("No collection was given.", remedy=NO_INDEX)
        return LocalCollection.open(self.settings.index, self.embedders, pictures=self.blobs)

    def research(self, emit: Callable[[str, Mapping[str, Any]], None]) -> Research:
        """Return the context of one run, with a fresh meter."""
        from foveal.graphs.budget import Meter, MeteredModel
        from foveal.graphs.state import Research

        meter = Meter(self.settings.budget())
        labeller = self.embedders.labeller
        assert labeller is not None, "the embedded eye labels too"
        searching = self.settings.strategy != "direct"
        return Research(
            meter=meter,
            planner=MeteredModel(self.models["planner"], meter),
            solver=MeteredModel(self.models["solver"], meter),
            collection=self.collection if searching else None,
            blobs=self.blobs,
            eye=labeller,
            ocr=self.embedders.ocr,
            emit=emit,
            now=lambda: datetime.now(UTC).isoformat(timespec="seconds"),
            strategy=self.settings.strategy,
            config=self.config(),
        )

    def config(self) -> dict[str, Any]:
        """Return what identifies a run's configuration, with a hash over all of it."""
        from foveal.prompts.loader import prompts_hash

        settings = self.settings
        config: dict[str, Any] = {
            "models": {role: model.name for role, model in self.models.items()},
            "strategy": settings.strategy,
            "profile": settings.profile,
            "index": settings.index.name if settings.index else None,
            "web": settings.web,
            "prompts_hash": prompts_hash(),
        }
        budget = {"max_calls": settings.max_calls, "max_usd": settings.max_usd, "deadline": settings.deadline}
        hashed = json.dumps({**config, **budget}, sort_keys=True).encode()
        return {**config, "config_hash": hashlib.sha256(hashed).hexdigest()[:16]}

    def put(self, image: Any) -> ImageRef:
        """Clean and keep a picture of a question: bytes or a path. Raises BadImage."""
        return (
            self.blobs.put_bytes(bytes(image)) if isinstance(image, bytes | bytearray) else self.blobs.put_path(image)
        )

    async def aclose(self) -> None:
        """Free what was made."""
        made = self.__dict__
        if "models" in made:
            for model in {id(m): m for m in self.models.values()}.values():
                await model.aclose()
        if "collection" in made:
            await self.collection.aclose()
