"""Runs on tape: what the file of a recording says of its run, and a run's parts put behind a recording or a replay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr, ValidationError

from foveal.errors import RunMismatch
from foveal.protocols import (
    ChatModel,
    Collection,
    ImageEmbedder,
    Labeller,
    OcrReader,
    Reranker,
    TextEmbedder,
    Web,
)
from foveal.runtime import OF_THE_MACHINE, Tools, differences
from foveal.settings import Settings, named
from foveal.types import Evidence, ImageRef, SubQuestion, plain

if TYPE_CHECKING:
    from foveal.graphs.state import Reranking
    from foveal.tools.runs.journal import Entry
    from foveal.tools.tape.file import Tape
    from foveal.tools.tape.recording import Recording
    from foveal.tools.tape.replay import Replay

ANEW = "Replay it with the version that recorded it, or record anew."


@asynccontextmanager
async def ending(deck: Recording | Replay | None) -> AsyncIterator[None]:
    """A block in which a run is made: its tape learns how it ended, unless it is cancelled.

    Raises StorageFull, StoreUnavailable when that cannot be kept, ReplayMiss when the run was not as recorded.
    """
    if deck is None:
        yield
        return
    try:
        try:
            yield
        except Exception as error:
            await deck.finish(error)
            raise
        await deck.finish()
    finally:
        await deck.close()


async def recorded(deck: Recording, tools: Tools, pictures: Sequence[ImageRef], **told: Any) -> Tools:
    """Write what the run is that begins now, *told* beside its settings and pictures; return its parts, recorded."""
    from foveal import __version__
    from foveal.prompts.loader import names, prompt_hash

    parts = _parts(tools)
    deck.begin(
        {
            "version": __version__,
            "images": plain(pictures),
            "settings": _kept(tools.settings),
            "config": tools.config(),
            "prompts": {name: prompt_hash(name) for name in names()},
            "parts": parts,
            **({"calibration": tools.calibration.record} if tools.calibration else {}),
            **({"exemplars": plain(tools.exemplars)} if tools.exemplars else {}),
            **plain(told),
        }
    )
    for picture in pictures:
        await asyncio.to_thread(deck.picture, picture.sha256, partial(tools.blobs.read, picture.sha256))
    return _behind(deck, tools.settings, parts, tools)


def replaying(deck: Replay) -> Tools:
    """Return the parts of a recorded run, with nothing behind them. Raises RunMismatch when it cannot be the same."""
    from foveal.prompts.loader import names, prompt_hash

    header = deck.tape.header
    now = {name: prompt_hash(name) for name in names()}
    if changed := sorted(name for name in {*now, *header["prompts"]} if now.get(name) != header["prompts"].get(name)):
        raise RunMismatch(f"{deck.tape.path} was recorded with other prompts: {', '.join(changed)}.", remedy=ANEW)
    try:
        settings = Settings(**header["settings"], persist=False)
    except ValidationError as error:
        problem = f"{deck.tape.path} was recorded with settings that this version does not know."
        raise RunMismatch(problem, remedy=ANEW) from error
    held = {"fitted": header.get("calibration"), "memory": header.get("exemplars", ())}
    tools = _behind(deck, settings, header["parts"], None, **held)
    if others := list(differences(header["config"], plain(tools.config()))):
        raise RunMismatch(f"{deck.tape.path} was recorded with another {', '.join(others)}.", remedy=ANEW)
    return tools


def check_asked(tape: Tape, question: str | None, images: Sequence[Any], settings: Mapping[str, Any]) -> None:
    """Refuse a question, pictures or settings that are given and not the recording's. Raises RunMismatch, BadImage."""
    header = tape.header
    asked = (header.get("turn") or header)["question"]
    remedy = "Leave out what the recording holds: its question, pictures and settings are used."
    if question is not None and question != asked:
        raise RunMismatch(f"{tape.path} is the recording of another question: {asked}", remedy=remedy)
    if images and [_digest(image) for image in images] != [image["sha256"] for image in header["images"]]:
        raise RunMismatch(f"{tape.path} was recorded with other pictures.", remedy=remedy)
    shown = {name: value.name if isinstance(value, Path) else value for name, value in settings.items()}
    if "web" in shown:
        shown["web"] = named(shown["web"])
    kept = header["settings"]
    if others := [name for name, value in shown.items() if name in kept and value != kept[name]]:
        told = ", ".join(f"{name} {kept[name]}" for name in others)
        raise RunMismatch(f"{tape.path} was recorded with {told}.", remedy=remedy)


def asked_of(tape: Tape) -> dict[str, Any]:
    """Return what the recorded run was given, as :class:`foveal.api.Foveal` takes it."""
    from foveal.tools.runs import codec
    from foveal.tools.runs.journal import Entry

    header = tape.header
    calls: list[Entry] = codec.load(list[Entry], header["calls"])
    return {
        "id": header["run_id"],
        "thread": header["run_id"],
        "question": header["question"],
        "images": codec.load(tuple[ImageRef, ...], header["images"]),
        "known": codec.load(dict[str, SubQuestion], header["known"]),
        "evidence": codec.load(dict[str, Evidence], header["evidence"]),
        "calls": calls,
        "kept": header["kept"],
    }


def _digest(image: Any) -> str:
    """Return the sha256 that a picture has in a store. Raises BadImage."""
    from foveal.tools.images.store import digest_of

    return image.sha256 if isinstance(image, ImageRef) else digest_of(image)


def _kept(settings: Settings) -> dict[str, Any]:
    """Return settings without secrets and without what is this machine's."""
    secret = {name for name in type(settings).model_fields if isinstance(getattr(settings, name), SecretStr)}
    kept = settings.model_dump(mode="json", exclude=secret | OF_THE_MACHINE)
    files = {name: getattr(settings, name) for name in ("index", "calibration", "exemplars")}
    names = {name: path.name if path else None for name, path in files.items()}
    return {**kept, **names, "web": named(settings.web)}


def _parts(tools: Tools) -> dict[str, Any]:
    """Return which parts a run has; models by role, those that are one by the first of its roles."""
    first: dict[int, str] = {}
    models = {role: first.setdefault(id(model), role) for role, model in tools.models.items()}
    searched = {part: part in tools.needed() for part in ("collection", "web")}
    return {"models": models, "ocr": tools.embedders.ocr is not None, **searched}


def _behind(
    deck: Any, settings: Settings, parts: Mapping[str, Any], real: Tools | None, *, fitted: Any = None, memory: Any = ()
) -> Tools:
    """Return tools of stand-ins for *parts*; *real* are the ones behind them, which a replay has not.

    *fitted* is the calibration that a recording holds, *memory* its worked examples.
    """
    from foveal.graphs.calibrated import Calibration
    from foveal.graphs.strategies.exemplars import Exemplar
    from foveal.tools.index.enrich import Embedders
    from foveal.tools.tape.taped import Taped, TapedPictures

    seeing = real.embedders if real else None

    def made(part: str, protocol: type, target: Any) -> Any:
        return Taped(deck, part, protocol, target)

    models = {
        part: made(part, ChatModel, real.models[part] if real else None) for part in set(parts["models"].values())
    }
    searched = {
        part: made(part, protocol, getattr(real, part) if real else None)
        for part, protocol in (("collection", Collection), ("web", Web))
        if parts[part]
    }
    tools = Tools(settings)
    tools.__dict__.update(
        models={role: models[part] for role, part in parts["models"].items()},
        blobs=TapedPictures(deck, real.blobs if real else None),
        embedders=Embedders(
            made("text", TextEmbedder, seeing and seeing.text),
            made("eye", ImageEmbedder, seeing and seeing.eye),
            made("labeller", Labeller, seeing and seeing.labeller),
            made("ocr", OcrReader, seeing and seeing.ocr) if parts["ocr"] else None,
        ),
        reranking=_reranking(deck, settings, real),
        calibration=real.calibration if real else Calibration.of(fitted) if fitted else None,
        exemplars=real.exemplars if real else tuple(Exemplar(**row) for row in memory),
        **searched,
    )
    return tools


def _reranking(deck: Any, settings: Settings, real: Tools | None) -> Reranking:
    from foveal.agents.selectors import Selector
    from foveal.graphs.reranking import FROM_MODEL, make_reranking
    from foveal.graphs.state import Reranking
    from foveal.tools.tape.taped import Taped

    if settings.reranker == "none" or settings.reranker in FROM_MODEL:
        return make_reranking(settings.reranker, settings.selector, settings.rerank_pool)

    def make(model: ChatModel) -> Any:
        local = real.reranking.make if real else None
        return Taped(deck, "reranker", Reranker, local(model) if local else None)

    return Reranking(make, Selector.parse(settings.selector), settings.rerank_pool)
