"""Charts in the whole graph: what code reads off them is asked of no model, in the question's picture or the
collection."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes.charts import columns, lying
from fakes.embedders import ColourEye, HashText
from PIL import Image

from foveal.api import Foveal
from foveal.settings import Settings
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import ROLES, OcrLine

BANKS = lying(["Bank of Bel", "Ida Savings", "Cor Credit"], [41, 23, 7])
TREES = lying(["Bank of Bel", "Old Park", "Arx Hill"], [12, 30, 8])
YEARS, DRAWN = columns(["2015", "2016", "2017", "2018"], [[10, 20, 30, 40], [15, 12, 33, 21]], ["Men", "Women"])


class KnownReader:
    """OCR that knows the lines of pictures by their width."""

    id = "known-reader"

    def __init__(self, known: dict[int, Sequence[OcrLine]]) -> None:
        self._known = known

    def read(self, image: Image.Image) -> list[OcrLine]:
        return list(self._known.get(image.width, ()))


def png(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def embedders() -> Embedders:
    eye = ColourEye()
    return Embedders(HashText(), eye, eye, KnownReader({400: BANKS, 420: TREES, 800: YEARS}))


def wired(tmp_path: Path, rows: list[dict[str, Any]], script: list[dict[str, Any]]) -> Foveal:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for width in (400, 420):
        (folder / f"{width}.png").write_bytes(png(Image.new("RGB", (width, 300), "white")))
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    collection = LocalCollection.create(tmp_path / "index", embedders())
    collection.add([folder / "corpus.jsonl"])
    collection.close()
    foveal = Foveal(Settings(index=tmp_path / "index", home=tmp_path / "home", cache=tmp_path / "cache", deadline=60))
    model = ScriptedModel(script)
    foveal.tools.__dict__["models"] = dict.fromkeys(ROLES, model)
    foveal.tools.__dict__["embedders"] = embedders()
    return foveal


def chart_row(name: str, width: int, text: str) -> dict[str, Any]:
    return {"id": name, "title": "chart", "text": text, "image": f"{width}.png", "meta": {"kind": "chart"}}


CHARTS = [chart_row("banks", 400, "Employees of banks, thousands. " * 9), chart_row("trees", 420, "Trees, by place.")]


async def test_behaviour_a_chart_in_the_question_is_computed_without_a_model(tmp_path: Path) -> None:
    async with wired(tmp_path, CHARTS, []) as foveal:
        answer = await foveal.ask("What is the sum of Women in 2016 and 2017?", [png(DRAWN)])
    assert answer.answer == "45 [1]" and answer.usage.model_calls == 0 and answer.usage.tool_calls == {}
    assert answer.plan[0].reason == "chart, sum of 2016, Women: 12; 2017, Women: 33"


async def test_a_chart_of_the_collection_is_read_by_code_and_its_row_is_cited(tmp_path: Path) -> None:
    async with wired(tmp_path, CHARTS, []) as foveal:
        answer = await foveal.ask("How many employees does Ida Savings have?")
    assert answer.answer == "23 [1]" and answer.usage.model_calls == 0
    assert answer.citations[0].doc_id == "banks" and answer.citations[0].quote == "Ida Savings: 23"


async def test_of_two_charts_with_the_label_the_one_that_says_what_is_asked_is_read(tmp_path: Path) -> None:
    async with wired(tmp_path, CHARTS, []) as foveal:
        answer = await foveal.ask("How many trees does Bank of Bel have?")
    assert answer.answer == "12 [1]" and answer.citations[0].doc_id == "trees"


async def test_a_chart_says_nothing_of_what_has_a_document_of_its_own(tmp_path: Path) -> None:
    own = {"id": "ida", "title": "Ida Savings", "text": "Ida Savings is a bank with employees in many places."}
    script = [{"task": "read", "probability": 0.02, "repeat": True}]
    async with wired(tmp_path, [*CHARTS, own], script) as foveal:
        answer = await foveal.ask("How many employees does Ida Savings have?")
    assert answer.status == "insufficient"


async def test_a_chart_that_has_the_label_but_is_about_something_else_is_not_read(tmp_path: Path) -> None:
    script = [{"task": "read", "probability": 0.02, "repeat": True}]
    async with wired(tmp_path, CHARTS, script) as foveal:
        answer = await foveal.ask("How much did Ida Savings lend in 2016?")
    assert answer.status == "insufficient"


async def test_what_the_model_reads_in_a_chart_is_corrected_by_its_numbers(tmp_path: Path) -> None:
    script = [
        {"contains": "Ida Savings: 23", "probability": 0.95, "repeat": True},
        {"probability": 0.02, "repeat": True},
        {"reply": " 41", "repeat": True},
    ]
    async with wired(tmp_path, CHARTS, script) as foveal:
        answer = await foveal.ask("What is the lowest number of employees of a bank?")
    assert answer.answer == "7 [1]" and answer.plan[-1].reason.startswith("chart, extreme of Cor Credit: 7")


@pytest.mark.parametrize("mode", ["auto", "always"])
def test_a_chart_is_read_however_much_is_said_about_it(tmp_path: Path, mode: Any) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "400.png").write_bytes(png(Image.new("RGB", (400, 300), "white")))
    (folder / "corpus.jsonl").write_text(json.dumps(CHARTS[0]), encoding="utf-8")
    collection = LocalCollection.create(tmp_path / "index", embedders())
    collection.add([folder / "corpus.jsonl"], ocr=mode)
    kept = collection._rows.all("SELECT ocr FROM documents")
    collection.close()
    assert kept[0][0].split("\n")[0] == "Bank of Bel: 41"
