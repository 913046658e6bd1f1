"""Wiring: builds models, eyes and stores from settings, once, and hands them to runs."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from foveal.errors import BadImage, IndexMissing, RunMismatch
from foveal.settings import Settings, named, placed
from foveal.types import ROLES, ImageRef

if TYPE_CHECKING:
    from foveal.graphs.calibrated import Calibration
    from foveal.graphs.state import Reranking, Research
    from foveal.graphs.strategies.exemplars import Exemplar
    from foveal.protocols import ChatModel, Web
    from foveal.tools.images.store import FileBlobStore
    from foveal.tools.index.collection import LocalCollection
    from foveal.tools.index.enrich import Embedders
    from foveal.tools.runs.journal import Journal
    from foveal.tools.runs.pace import Pace
    from foveal.tools.runs.store import RunRecord, RunStore

OF_THE_MACHINE = frozenset(
    {
        "home", "cache", "hub_url", "threads", "persist", "checkpoints", "hf_device", "hf_dtype", "hf_batch",
        "openai_base_url", "openai_api_key", "openai_timeout", "openai_proxy", "openai_ca_file", "prices",
        "searxng_url", "brave_api_key", "vision_api_key",
    }
)  # fmt: skip
"""Settings that a resumed run takes from where it is resumed, not from where it was begun."""
AGAIN = "Ask the question again: a new run begins from nothing."
NO_INDEX = "Give --index DIR (make one with `foveal index add PATH --index DIR`), or --web to search the web."


def make_embedders(settings: Settings) -> Embedders:
    """Return the embedders of the settings, the embedded eye to label and OCR; weights are read at first use.

    Raises BadConfig.
    """
    from foveal.tools.embed.eye import Eye
    from foveal.tools.embed.ocr import PaddleOcr
    from foveal.tools.embed.registry import (
        in_one_space,
        make_image_embedder,
        make_page_embedder,
        make_text_embedder,
    )
    from foveal.tools.index.enrich import Embedders

    eye = make_image_embedder(settings.image_embedder, settings)
    labeller = eye if isinstance(eye, Eye) else Eye(cache_dir=settings.cache, threads=settings.threads)
    text = make_text_embedder(settings.text_embedder, settings)
    if settings.text_embedder == settings.image_embedder != "embedded":
        text = in_one_space(eye) or text  # one model in memory
    ocr = PaddleOcr(cache_dir=settings.cache, threads=settings.threads) if settings.ocr else None
    return Embedders(text, eye, labeller, ocr, make_page_embedder(settings.page_embedder, settings))


def calibration_of(settings: Settings) -> Calibration | None:
    """Return the fit of the settings, None without one. Raises BadInput, and BadConfig for that of another model."""
    if settings.calibration is None:
        return None
    from foveal.graphs.calibrated import ANSWERING, load_calibration, model_of

    found = load_calibration(settings.calibration)
    found.check(model_of({name: getattr(settings, name) for name in ANSWERING}))
    return found


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
        """Models by role (:data:`foveal.types.ROLES`); one instance a spec."""
        from foveal.tools.models.registry import make_model

        specs = self.settings.models()
        made = {spec: make_model(spec, self.settings, self.picture) for spec in dict.fromkeys(specs.values())}
        return {role: made[spec] for role, spec in specs.items()}

    def picture(self, sha256: str) -> bytes:
        """Return the re-encoded bytes of a picture of a question or of the collection. Raises BadImage."""
        try:
            return self.blobs.read(sha256)
        except BadImage:
            if self.settings.index is None:
                raise
            return self.collection.blobs.read(sha256)

    def variant(self, **changes: Any) -> Tools:
        """Return tools of settings with *changes* that work with the parts made so far; these close them.

        Parts depend on other settings: what changes is how a run goes (``strategy``), or that it does without one.
        """
        other = Tools(self.settings.model_copy(update=changes))
        other.__dict__.update({part: made for part, made in self.__dict__.items() if part not in ("settings", "runs")})
        return other

    async def prepare(self) -> None:
        """Find out what models can do before the first call to them. Raises ModelUnavailable."""
        await asyncio.gather(*(model.prepare() for model in {id(m): m for m in self.models.values()}.values()))

    @cached_property
    def collection(self) -> LocalCollection:
        """The collection of the settings. Raises IndexMissing."""
        from foveal.tools.index.collection import LocalCollection
        from foveal.tools.index.options import SearchOptions

        if self.settings.index is None:
            raise IndexMissing("No collection was given.", remedy=NO_INDEX)
        return LocalCollection.open(
            self.settings.index,
            self.embedders,
            pictures=self.blobs,
            options=SearchOptions(self.settings.hubness, self.settings.document_means),
        )

    @cached_property
    def reranking(self) -> Reranking:
        """How passages are put in order and chosen. Raises BadConfig."""
        from foveal.graphs.reranking import make_reranking

        return make_reranking(self.settings.reranker, self.settings.selector, self.settings.rerank_pool, self.picture)

    @cached_property
    def calibration(self) -> Calibration | None:
        """How confidences and gates are set for the models of the settings. Raises BadInput, BadConfig."""
        return calibration_of(self.settings)

    @cached_property
    def exemplars(self) -> tuple[Exemplar, ...]:
        """The worked examples that the settings give. Raises BadInput."""
        from foveal.graphs.strategies.exemplars import load

        return load(self.settings.exemplars) if self.settings.exemplars else ()

    @cached_property
    def runs(self) -> RunStore | None:
        """The store of runs; None when nothing is to be kept. Raises StoreUnavailable, StorageFull."""
        from foveal.tools.runs.store import RunStore

        return RunStore.open(self.settings.home) if self.settings.persist else None

    @cached_property
    def web(self) -> Web | None:
        """The web of the settings; None when it is off. Raises BadConfig."""
        if self.settings.web == "off":
            return None
        from foveal.tools.search.registry import make_web

        return make_web(self.settings, blobs=self.blobs)

    def needed(self) -> tuple[str, ...]:
        """Return the parts that a run of the settings works with."""
        searched: tuple[str, ...] = ()
        if self.settings.strategy != "direct":
            online = self.settings.web != "off"
            searched = (*(("web",) if online else ()), *(("collection",) if self.settings.index or not online else ()))
        fitted = ("calibration",) if self.settings.calibration else ()
        return (*fitted, "embedders", "blobs", "models", *searched)

    def opened(self) -> bool:
        """Return whether :meth:`open` has nothing left to open."""
        return all(part in self.__dict__ for part in self.needed())

    def open(self) -> None:
        """Open what a run works with; blocking. Raises BadConfig, IndexMissing, IndexCorrupt, IndexMismatch."""
        for part in self.needed():
            getattr(self, part)

    def research(
        self,
        emit: Callable[[str, Mapping[str, Any]], None],
        journal: Journal | None = None,
        *,
        pace: Pace | None = None,
    ) -> Research:
        """Return the context of one run; its meter goes on from *journal*, and *pace* is its clock."""
        from foveal.graphs.budget import Meter, MeteredModel
        from foveal.graphs.state import Research

        meter = Meter(self.settings.budget(), journal, pace=pace)
        labeller = self.embedders.labeller
        assert labeller is not None, "the embedded eye labels too"
        needed, fitted = self.needed(), self.calibration
        enough = self.settings.sufficiency
        if enough is None and fitted is not None:
            enough = fitted.sufficiency
        planner, solver, answerer, judge = (MeteredModel(self.models[role], meter, role=role) for role in ROLES)
        return Research(
            meter=meter,
            planner=planner,
            solver=solver,
            answerer=answerer,
            judge=judge,
            collection=self.collection if "collection" in needed else None,
            blobs=self.blobs,
            eye=labeller,
            ocr=self.embedders.ocr,
            emit=emit,
            now=meter.pace.date,
            strategy=self.settings.strategy,
            web=self.web if "web" in needed else None,
            private=self.settings.private,
            embedder=self.embedders.text,
            picture=self.picture,
            codes=self.settings.codes(),
            reranking=self.reranking,
            sufficiency=enough,
            calibrated=fitted.confidence if fitted else None,
            exemplars=self.exemplars,
            config=self.config(),
        )

    def config(self) -> dict[str, Any]:
        """Return what identifies a run's configuration, with a hash over all of it."""
        from foveal.graphs.strategies.exemplars import hash_of
        from foveal.prompts.loader import prompts_hash

        settings = self.settings
        config: dict[str, Any] = {
            "models": {role: model.name for role, model in self.models.items()},
            "strategy": settings.strategy,
            "profile": settings.profile,
            "replan": settings.replan,
            "sufficiency": settings.sufficiency,
            "reranker": settings.reranker,
            "selector": settings.selector,
            "rerank_pool": settings.rerank_pool,
            "index": settings.index.name if settings.index else None,
            "web": named(settings.web),
            "prompts_hash": prompts_hash(),
            **({"calibration": self.calibration.config()} if self.calibration else {}),
            **({"exemplars": hash_of(self.exemplars)} if self.exemplars else {}),
        }
        budget = {"max_calls": settings.max_calls, "max_usd": settings.max_usd, "deadline": settings.deadline}
        hashed = json.dumps({**config, **budget}, sort_keys=True).encode()
        return {**config, "config_hash": hashlib.sha256(hashed).hexdigest()[:16]}

    async def portable(self) -> dict[str, Any]:
        """Return what a resume needs to be the same run: its settings, and the state of the collection."""
        kept = self.settings.model_dump(mode="json", exclude=set(OF_THE_MACHINE))
        if self.settings.index is not None:
            kept["index"] = str(self.settings.index.absolute())
        kept["web"] = placed(self.settings.web, Path.cwd())
        for name in ("calibration", "exemplars"):
            if file := getattr(self.settings, name):
                kept[name] = str(file.absolute())
        content = await self.collection.content() if "collection" in self.__dict__ else None
        return {"settings": kept, "content": content}

    def put(self, image: Any) -> ImageRef:
        """Clean and keep a picture of a question: bytes or a path. Raises BadImage."""
        if isinstance(image, ImageRef):
            return image
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
        if made.get("web") is not None:
            await made["web"].aclose()
        if made.get("runs") is not None:
            await asyncio.to_thread(made["runs"].close)


def settings_of(run: RunRecord, settings: Settings, **changes: Any) -> Settings:
    """Return the settings with which *run* is resumed: its own, with those of this machine out of *settings*.

    *changes* that are not None (a higher budget) come last. Raises RunMismatch when this version knows them no more.
    """
    here = {name: getattr(settings, name) for name in OF_THE_MACHINE}
    given = {name: value for name, value in changes.items() if value is not None}
    try:
        return Settings(**{**run.settings["settings"], **here, **given})
    except (KeyError, ValidationError) as error:
        problem = f"Run {run.run_id} was begun with settings that this version does not know."
        raise RunMismatch(problem, remedy=AGAIN) from error


def check_unchanged(run: RunRecord, config: Mapping[str, Any], content: str | None) -> None:
    """Refuse to go on with *run* when what its answer depends on is not what it was. Raises RunMismatch."""
    from foveal.graphs.state import SCHEMA_VERSION

    if run.schema_version != SCHEMA_VERSION:
        raise RunMismatch(
            f"Run {run.run_id} was begun by another version of Foveal "
            f"(its state has schema {run.schema_version}, ours {SCHEMA_VERSION}).",
            remedy=f"Resume it with that version. {AGAIN}",
        )
    changed = list(differences(run.config, json.loads(json.dumps(config))))
    if changed:
        raise RunMismatch(f"Run {run.run_id} was begun with another {', '.join(changed)}.", remedy=AGAIN)
    if run.settings.get("content") != content:
        raise RunMismatch(f"The collection has changed since run {run.run_id} was begun.", remedy=AGAIN)


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield in words which values of a configuration are not what they were."""
    for key, value in before.items():
        if key == "models":
            models = now.get("models", {})
            yield from (f"model of the {role}" for role in {**value, **models} if value.get(role) != models.get(role))
        elif key != "config_hash" and now.get(key) != value:
            yield key
