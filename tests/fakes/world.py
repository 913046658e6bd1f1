"""A small world on disk and a Foveal over it without weights; every tool and model call is noted in a file."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fakes.embedders import ColourEye, HashText, SizeReader
from PIL import Image

from foveal.api import Foveal
from foveal.settings import Settings
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import ROLES

LAND = "{} is a country. Capital: {}. Area: {} square kilometres. Land borders: {}."
KING = "{} has a king. In 1990 the throne of {} went to {}, who has ruled since."
FLAGS = {
    "Ida": ("red", "white", "blue"),
    "Bel": ("green", "yellow", "black"),
    "Cor": ("yellow", "blue", "red"),
}
QUESTION = "Who is the king of the country whose flag is shown?"
SCRIPT: list[dict[str, Any]] = [
    {"task": "read", "contains": "throne of Ida", "probability": 0.95, "repeat": True},
    {"task": "read", "contains": "throne of Bel", "probability": 0.03, "repeat": True},
    {"task": "read", "probability": 0.02, "repeat": True},
    {"task": "read", "reply": " Otto", "repeat": True},
    {"probability": 0.9, "repeat": True},
    {"reply": "Otto", "repeat": True},
]


class WordlessReader(SizeReader):
    """OCR of pictures without words."""

    def read(self, image: Image.Image) -> list[Any]:
        return []


class NotingModel(ScriptedModel):
    """A scripted model that takes *delay* seconds and notes every call that it finishes in a file."""

    def __init__(self, script: Sequence[Mapping[str, Any]], log: Path, *, delay: float = 0.0) -> None:
        super().__init__(script)
        self._log, self._delay = log, delay

    async def generate(self, messages: Any, **asked: Any) -> Any:
        await asyncio.sleep(self._delay)
        result = await super().generate(messages, **asked)
        note(self._log, "generate", messages[-1].content)
        return result

    async def yes_probability(self, messages: Any, **asked: Any) -> Any:
        await asyncio.sleep(self._delay)
        result = await super().yes_probability(messages, **asked)
        note(self._log, "yes", messages[-1].content)
        return result


def note(log: Path, kind: str, what: str) -> None:
    """Append a line; the file outlives a kill."""
    with log.open("a", encoding="utf-8") as file:
        file.write(json.dumps([kind, what]) + "\n")


def noted(log: Path) -> list[tuple[str, str]]:
    """Return what was noted."""
    return [tuple(json.loads(line)) for line in log.read_text("utf-8").splitlines()] if log.exists() else []


def flag(*colours: str, size: tuple[int, int] = (60, 40)) -> bytes:
    """A picture of upright stripes."""
    image = Image.new("RGB", size, colours[0])
    for n, colour in enumerate(colours):
        image.paste(colour, (n * size[0] // len(colours), 0, size[0], size[1]))
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def embedders() -> Embedders:
    eye = ColourEye()
    return Embedders(HashText(), eye, eye, WordlessReader())


def build(folder: Path, **changes: Any) -> Settings:
    """Make the collection below *folder* and return settings for it."""
    corpus = folder / "corpus"
    corpus.mkdir()
    rows: list[dict[str, Any]] = []
    for (name, colours), capital, area, king in zip(
        FLAGS.items(), ("Arx", "Dun", "Eph"), ("8,336", "1,200", "90,000"), ("Otto", "Maud", "Ivo"), strict=True
    ):
        (corpus / f"{name}.png").write_bytes(flag(*colours))
        text = LAND.format(name, capital, area, ", ".join(n for n in FLAGS if n != name))
        rows.append(
            {"id": name.lower(), "title": name, "text": text, "image": f"{name}.png", "meta": {"shows": "flag"}}
        )
        rows.append({"id": f"king-{name}", "title": f"Throne of {name}", "text": KING.format(name, name, king)})
    (corpus / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    collection = LocalCollection.create(folder / "index", embedders())
    collection.add([corpus / "corpus.jsonl"], ocr="never")
    collection.close()
    given = {"index": folder / "index", "home": folder / "home", "cache": folder / "cache", "deadline": 60}
    return Settings(**{**given, **changes})


def wired(settings: Settings, model: ScriptedModel) -> Foveal:
    """A Foveal whose weights are fakes; everything else is real."""
    foveal = Foveal(settings)
    foveal.tools.__dict__.update(embedders=embedders(), models=dict.fromkeys(ROLES, model))
    return foveal
