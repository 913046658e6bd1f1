"""Pictures of which a part is meant: regions are searched, doubted and kept as provenance."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fakes.embedders import ColourEye, HashText
from PIL import Image

from foveal.api import Foveal
from foveal.errors import BadImage
from foveal.graphs.regions import merged, search_regions
from foveal.graphs.state import BranchState, Research
from foveal.settings import Settings
from foveal.tools.images.decode import parse_data_url
from foveal.tools.images.regions import iou
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import ROLES, Answer, ImageHit, ImageRef, OcrLine, Region, SubQuestion

LAND = "{} is a country. Capital: {}."
GROUND = (205, 205, 200)
LEFT, RIGHT = Region(40, 50, 220, 170), Region(290, 60, 470, 180)
CAPITAL = "What is the capital of the country whose flag is shown?"


class Reader:
    """OCR that reads what it was told is written."""

    id = "told"

    def __init__(self) -> None:
        self.lines: list[OcrLine] = []

    def read(self, image: Image.Image) -> list[OcrLine]:
        return self.lines


def flag(*colours: str, size: tuple[int, int] = (180, 120)) -> Image.Image:
    image = Image.new("RGB", size)
    for n, colour in enumerate(colours):
        image.paste(colour, (n * size[0] // len(colours), 0, size[0], size[1]))
    return image


IDA, BEL, COR = flag("red", "white", "blue"), flag("green", "yellow", "black"), flag("yellow", "blue", "red")


def data(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def pasted(*parts: tuple[Image.Image, Region]) -> Image.Image:
    ground = Image.new("RGB", (520, 240), GROUND)
    for image, box in parts:
        ground.paste(image.resize((box.x1 - box.x0, box.y1 - box.y0)), (box.x0, box.y0))
    return ground


@pytest.fixture
async def foveal(tmp_path: Path) -> AsyncIterator[Foveal]:
    folder = tmp_path / "corpus"
    folder.mkdir()
    rows: list[dict[str, Any]] = []
    painting = flag("purple", "orange", "purple", "orange")
    for name, image, text in (
        ("Ida", IDA, LAND.format("Ida", "Arx")),
        ("Bel", BEL, LAND.format("Bel", "Dun")),
        ("Cor", COR, LAND.format("Cor", "Eph")),
        ("Stripes", painting, "Stripes is a painting. Painter: Bo Ek."),
    ):
        image.save(folder / f"{name}.png")
        rows.append({"id": name.lower(), "title": name, "text": text, "image": f"{name}.png"})
    rows.append({"id": "tower", "title": "Eph Tower", "text": "Eph Tower is a tower. Owner: Bo Ek."})
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    eye = ColourEye()
    embedders = Embedders(HashText(), eye, eye, Reader())
    collection = LocalCollection.create(tmp_path / "index", embedders)
    collection.add([folder / "corpus.jsonl"], ocr="never")
    collection.close()
    settings = Settings(index=tmp_path / "index", home=tmp_path / "home", cache=tmp_path / "cache", deadline=60)
    made = Foveal(settings)
    model = ScriptedModel([])
    made.tools.__dict__.update(embedders=embedders, models=dict.fromkeys(ROLES, model))
    async with made:
        yield made


async def asked(foveal: Foveal, question: str, *pictures: Image.Image) -> tuple[Answer, list[tuple[str, Any]]]:
    events = [(e.type, e.data) async for e in foveal.stream(question, [data(p) for p in pictures])]
    return events[-1][1]["answer"], events


def calls(events: list[tuple[str, Any]]) -> list[str]:
    return [told["tool"] for kind, told in events if kind == "tool.called"]


def branch(foveal: Foveal, image: ImageRef) -> BranchState:
    return BranchState(step=SubQuestion("s1", "", purpose="identify", tool="crop", image=image.sha256), image=image)


async def context(foveal: Foveal) -> Research:
    await foveal.collection()
    return foveal.tools.research(lambda *event: None)


async def test_behaviour_2_what_is_pictured_is_searched_by_picture_before_any_text(foveal: Foveal) -> None:
    _, events = await asked(foveal, "What is the capital of this country?", IDA)
    assert calls(events)[0] == "image_search" and calls(events)[-1] == "collection"


async def test_behaviour_4_both_flags_of_one_picture_are_kept_with_evidence(foveal: Foveal) -> None:
    answer, events = await asked(foveal, CAPITAL, pasted((IDA, LEFT), (BEL, RIGHT)))
    assert calls(events)[:2] == ["image_search", "crop"]
    (hypotheses,) = answer.hypotheses.values()
    seen = {h.doc_id: h for h in hypotheses}
    assert {"ida", "bel"} <= set(list(seen)[:2])
    entries = {e.doc_id: e for e in answer.evidence if e.tool == "crop"}
    assert iou(entries["ida"].region, LEFT) > 0.8 and iou(entries["bel"].region, RIGHT) > 0.8
    assert all(seen[name].pros and seen[name].region == entries[name].region for name in ("ida", "bel"))


async def test_behaviour_5_nothing_alike_leads_to_regions_and_then_to_the_words_in_the_picture(foveal: Foveal) -> None:
    foveal.tools.embedders.ocr.lines = [OcrLine("EPH TOWER 1901", Region(20, 20, 200, 40), 0.9)]  # type: ignore[union-attr]
    answer, events = await asked(foveal, "Who is the owner of the tower in the picture?", flag("grey", "grey"))
    assert calls(events)[:2] == ["image_search", "crop"]
    queries = [told["query"] for kind, told in events if kind == "tool.called"]
    assert all(q and q.strip() and "undefined" not in q for q in queries)
    assert answer.answer.startswith("Bo Ek")
    identified = answer.plan[0]
    assert identified.answer == "Eph Tower" and "its name stands in the picture" in identified.reason
    ledger = {e.id: e for e in answer.evidence}
    assert [ledger[i].doc_id for i in identified.evidence_ids] == ["tower"]


async def test_behaviour_6_of_two_things_the_one_asked_about_is_cropped_searched_and_cited(foveal: Foveal) -> None:
    painting = flag("purple", "orange", "purple", "orange")
    answer, events = await asked(foveal, CAPITAL, pasted((painting, LEFT), (COR, RIGHT)))
    assert answer.answer.startswith("Eph ") and calls(events) == ["image_search", "crop", "collection"]
    ledger = {e.id: e for e in answer.evidence}
    (found,) = (ledger[i] for i in answer.plan[0].evidence_ids)
    assert (found.kind, found.tool, found.doc_id) == ("region", "crop", "cor")
    assert found.region is not None and iou(found.region, RIGHT) > 0.8
    claim = next(c for c in answer.citations if ledger[c.evidence_id].tool == "collection")
    assert claim.doc_id == found.doc_id and answer.plan[0].id in answer.plan[-1].depends_on


async def test_an_unknown_flag_is_said_to_be_unknown(foveal: Foveal) -> None:
    answer, events = await asked(foveal, CAPITAL, flag("teal", "teal"))
    print([(h.name, h.similarity, h.probability) for v in answer.hypotheses.values() for h in v])
    assert answer.status == "insufficient" and not answer.citations
    assert calls(events) == ["image_search", "crop"]


async def test_behaviour_26_a_box_is_clipped_mapped_and_refused_inverted(foveal: Foveal) -> None:
    work = await context(foveal)
    image = work.blobs.put_bytes(data(pasted((IDA, LEFT), (BEL, RIGHT))))
    part = work.blobs.crop(image, Region(250, 40, 500, 220))
    hits = await search_regions(branch(foveal, part), work, [Region(40, 20, 220, 140)])
    assert hits[0].doc_id == "bel" and hits[0].region == RIGHT, "in pixels of the first original"
    hits = await search_regions(branch(foveal, image), work, [Region(-30, 50, 220, 170)])
    assert hits[0].region == Region(0, 50, 220, 170)
    for box in (Region(220, 50, 40, 170), Region(40, 170, 220, 50), Region(600, 0, 700, 100)):
        with pytest.raises(BadImage, match="holds no pixel"):
            await search_regions(branch(foveal, image), work, [box])


async def test_behaviour_27_one_picture_by_path_bytes_and_data_is_searched_once(foveal: Foveal, tmp_path: Path) -> None:
    (tmp_path / "ida.png").write_bytes(data(IDA))
    url = "data:image/png;base64," + base64.b64encode(data(IDA)).decode()
    same = [tmp_path / "ida.png", data(IDA), parse_data_url(url)]
    assert len({foveal.tools.put(p).sha256 for p in same}) == 1
    answer = await foveal.ask("What is the capital of the country whose flag is shown?", same)
    assert answer.answer.startswith("Arx") and answer.usage.tool_calls["image_search"] == 1


def test_a_document_found_in_several_regions_counts_where_it_is_most_alike() -> None:
    def hit(doc: str, score: float, region: Region | None) -> ImageHit:
        return ImageHit(doc, doc, "", "sha", score, 0.0, region=region)

    found = merged([[hit("a", 0.5, None), hit("b", 0.4, None)], [hit("b", 0.9, LEFT), hit("a", 0.1, LEFT)]])
    assert [(h.doc_id, h.score, h.region) for h in found] == [("b", 0.9, LEFT), ("a", 0.5, None)]
    assert [round(h.margin, 3) for h in found] == [0.4, 0.5]
