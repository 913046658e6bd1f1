"""A small collection of made-up countries with flags, and a Foveal over it whose weights are fakes."""

from __future__ import annotations

import io
import json
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

LAND = "{} is a country. Capital: {}. Area: {} square kilometres. Currency: {}. Land borders: {}."
LANDS = {
    "Ida": ("Arx", "8,336", "idal", "Bel, Cor", ("red", "white", "blue")),
    "Bel": ("Dun", "1,200", "bell", "Ida", ("green", "yellow", "black")),
    "Cor": ("Eph", "90,000", "core", "Ida", ("yellow", "blue", "red")),
}
TOWER = "The Eph Tower stands in Eph. It was built by Bo Ek in 1901."


def picture(*colours: str, size: tuple[int, int] = (60, 40)) -> bytes:
    """Stripes of *colours*, as PNG."""
    image = Image.new("RGB", size, colours[0])
    for n, colour in enumerate(colours):
        image.paste(colour, (n * size[0] // len(colours), 0, size[0], size[1]))
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def flag(land: str) -> bytes:
    """The flag of a country of the collection."""
    return picture(*LANDS[land][-1])


class WordlessReader(SizeReader):
    """OCR of pictures without words."""

    def read(self, image: Image.Image) -> list[Any]:
        return []


def embedders() -> Embedders:
    eye = ColourEye()
    return Embedders(HashText(), eye, eye, WordlessReader())


def lands(folder: Path) -> Settings:
    """Make the collection in *folder*; return settings that use it."""
    corpus = folder / "corpus"
    corpus.mkdir()
    rows: list[dict[str, Any]] = [{"id": "tower", "title": "Eph Tower", "text": TOWER, "image": "tower.png"}]
    (corpus / "tower.png").write_bytes(picture("black", "red", "grey", "green"))
    for name, (*facts, _) in LANDS.items():
        (corpus / f"{name}.png").write_bytes(flag(name))
        text, meta = LAND.format(name, *facts), {"shows": "flag"}
        rows.append({"id": name.lower(), "title": name, "text": text, "image": f"{name}.png", "meta": meta})
    (corpus / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    collection = LocalCollection.create(folder / "index", embedders())
    collection.add([corpus / "corpus.jsonl"], ocr="never")
    collection.close()
    return Settings(index=folder / "index", home=folder / "home", cache=folder / "cache", deadline=60)


def wired(settings: Settings, script: list[dict[str, Any]]) -> Foveal:
    """A Foveal whose weights are fakes; everything else is real."""
    foveal = Foveal(settings)
    model = ScriptedModel(script)
    foveal.tools.__dict__.update(embedders=embedders(), models=dict.fromkeys(ROLES, model))
    return foveal
