from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes.embedders import ColourEye, HashText, SizeReader
from PIL import Image

from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders


@pytest.fixture
def embedders() -> Embedders:
    eye = ColourEye()
    return Embedders(text=HashText(), eye=eye, labeller=eye, ocr=SizeReader())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.fixture
def collection(folder: Path, embedders: Embedders) -> Iterator[LocalCollection]:
    made = LocalCollection.create(folder, embedders)
    yield made
    made.close()


def picture(path: Path, colour: tuple[int, int, int], size: tuple[int, int] = (200, 120)) -> Path:
    """A two-coloured picture, so that its features have a direction."""
    image = Image.new("RGB", size, (240, 240, 240))
    image.paste(colour, (0, 0, size[0] // 2, size[1]))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)
    return path


def corpus(path: Path, rows: Sequence[dict[str, Any] | str]) -> Path:
    """A corpus file; a string is written as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def sample_corpus(folder: Path) -> Path:
    """Three documents: two with a picture, one without."""
    picture(folder / "images" / "red.png", (220, 20, 20))
    picture(folder / "images" / "blue.png", (20, 20, 220))
    return corpus(
        folder / "corpus.jsonl",
        [
            {
                "id": "country:RD",
                "title": "Redland",
                "text": "Redland is a country. Capital: Rubyville. Currency: garnet.",
                "image": "images/red.png",
                "source": "made up",
                "licence": "CC0",
                "meta": {"kind": "country"},
            },
            {
                "id": "country:BL",
                "title": "Blueland",
                "text": "Blueland is a country. Capital: Cobalt.",
                "image": "images/blue.png",
            },
            {
                "id": "wiki:garnet",
                "title": "Garnet (mineral)",
                "text": "Garnets are silicate minerals.",
                "image": None,
            },
        ],
    )
