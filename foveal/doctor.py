"""``foveal doctor``: runs every part once on a tiny question whose answer is known."""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from PIL import Image, ImageDraw

from foveal.errors import BackendDown, FovealError, ModelError
from foveal.prompts.loader import render
from foveal.runtime import Tools
from foveal.settings import Settings
from foveal.types import WebQuery

Row = tuple[str, bool, str, str]
REPORT = "Run `foveal doctor` again with FOVEAL_DEBUG=1 and report what it prints."
OWN = {"strategy": "adaptive", "web": "off"}
NO_NETWORK = "Without a network use --web zim:FILE, or --web searxng with a server of your own."
QUESTION = "What is the capital of the country whose flag is shown?"


async def examine(settings: Settings, tell: Callable[[str], None]) -> AsyncIterator[Row]:
    """Yield (part, works, detail, remedy) for each part as it is tried; nothing is raised."""
    with tempfile.TemporaryDirectory(prefix="foveal-doctor-") as folder:
        own = settings.model_copy(update={"index": Path(folder) / "index", "home": Path(folder) / "home", **OWN})
        tools = Tools(own)
        try:
            for part, trial in (
                ("weights", _weights),
                ("pictures", _pictures),
                ("text embedder", _text),
                ("eye", _eye),
                ("OCR", _ocr),
                ("language model", _model),
                ("question end to end", _question),
            ):
                tell(part)
                yield await _tried(part, trial, tools)
        finally:
            await tools.aclose()
        if settings.index is not None:
            tell("collection")
            yield await _tried("collection", _collection, Tools(settings))
        if settings.web != "off":
            tell("web")
            fresh = settings.model_copy(update={"cache": Path(folder) / "cache"})
            yield await _tried("web", _web, Tools(fresh))


async def _tried(part: str, trial: Callable[[Tools], Awaitable[str]], tools: Tools) -> Row:
    started = time.perf_counter()
    try:
        detail = await trial(tools)
    except FovealError as problem:
        return part, False, problem.message, problem.remedy
    except Exception as problem:
        return part, False, f"{type(problem).__name__}: {problem}", REPORT
    return part, True, f"{detail} ({time.perf_counter() - started:.1f} s)", ""


async def _weights(tools: Tools) -> str:
    from foveal.tools.embed.weights import list_weights

    rows = await asyncio.to_thread(list_weights, cache_dir=tools.settings.cache)
    return f"{sum(bool(row.present) for row in rows)} of {len(rows)} weight files are there"


async def _pictures(tools: Tools) -> str:
    ref = await asyncio.to_thread(tools.put, _flag(60, 40))
    return f"decoded, cleaned and kept as {ref.sha256[:12]}"


async def _text(tools: Tools) -> str:
    near, far = await asyncio.to_thread(_nearness, tools)
    if near <= far:
        raise ModelError(
            "The text embedder puts unrelated texts nearer than related ones.", remedy="Run `foveal models verify`."
        )
    return f"related texts are nearer ({near:.2f}) than unrelated ones ({far:.2f})"


def _nearness(tools: Tools) -> tuple[float, float]:
    a, b, c = tools.embedders.text.embed_texts(["the highest mountain", "the tallest peak", "a recipe for soup"])
    return float(a @ b), float(a @ c)


async def _eye(tools: Tools) -> str:
    picture = Image.open(io.BytesIO(_flag(300, 200)))
    vectors = await asyncio.to_thread(tools.embedders.eye.embed_images, [picture])
    return f"{vectors.shape[1]} features of a picture"


async def _ocr(tools: Tools) -> str:
    if tools.embedders.ocr is None:
        return "switched off"
    picture = Image.new("RGB", (420, 90), "white")
    ImageDraw.Draw(picture).text((20, 20), "FOVEAL 2048", fill="black", font_size=44)
    lines = await asyncio.to_thread(tools.embedders.ocr.read, picture)
    words = " ".join(line.text for line in lines)
    if "2048" not in words:
        raise ModelError(f"OCR read {words!r} where FOVEAL 2048 is written.", remedy="Run `foveal models verify`.")
    return f"read {words!r}"


async def _model(tools: Tools) -> str:
    model = tools.models["solver"]
    messages = render(
        "read", question="Who built the tower?", title="Tower", passage="The tower was built by Bo Ek in 1901."
    )
    probability, call = await model.yes_probability(messages, task="read")
    if probability < 0.5:
        raise ModelError(
            f"{model.name} does not see that a passage answers a question (probability {probability:.2f}).",
            remedy="Choose another model with --model.",
        )
    return f"{model.name} answered ({call.prompt_tokens} prompt tokens)"


async def _question(tools: Tools) -> str:
    from foveal.api import Foveal
    from foveal.tools.index.collection import LocalCollection

    folder = tools.settings.home / "corpus"
    folder.mkdir(parents=True)
    (folder / "flag.png").write_bytes(_flag(300, 200))
    rows = [
        {
            "id": "ida",
            "title": "Ida",
            "text": "Ida is a country. Capital: Arx. Area: 8,336 square kilometres.",
            "image": "flag.png",
        },
        {"id": "bel", "title": "Bel", "text": "Bel is a country. Capital: Dun. Area: 120 square kilometres."},
    ]
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert tools.settings.index is not None
    collection = await asyncio.to_thread(LocalCollection.create, tools.settings.index, tools.embedders)
    try:
        await asyncio.to_thread(collection.add, [folder / "corpus.jsonl"])
    finally:
        await collection.aclose()
    foveal = Foveal(tools.settings)
    foveal.tools = tools
    answer = await foveal.ask(QUESTION, [_flag(200, 120)])
    if "Arx" not in answer.answer:
        raise ModelError(f"Asked for a capital that is Arx, Foveal said: {answer.answer}", remedy=REPORT)
    return f"{answer.answer} ({len(answer.plan)} steps, {len(answer.citations)} citations)"


async def _collection(tools: Tools) -> str:
    try:
        stats = await asyncio.to_thread(lambda: tools.collection.stats())
        return f"{stats.documents} documents open"
    finally:
        await tools.aclose()


async def _web(tools: Tools) -> str:
    try:
        web = await asyncio.to_thread(lambda: tools.web)
        assert web is not None
        if web.name == "replay":
            return "the recording is open"
        outcome = await web.search(WebQuery("Eiffel Tower", k=3))
        if outcome.error:
            raise BackendDown(outcome.error, remedy=NO_NETWORK)
        passed = "".join(f"; {note}" for note in outcome.notes)
        return f"{outcome.backend} found {len(outcome.items)} pages{passed}"
    finally:
        await tools.aclose()


def _flag(width: int, height: int) -> bytes:
    picture = Image.new("RGB", (width, height), "#0a5")
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, height // 3, width, 2 * height // 3), fill="#fc0")
    draw.ellipse((width // 3, height // 4, 2 * width // 3, 3 * height // 4), fill="#c03")
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()
