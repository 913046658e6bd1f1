"""The whole graph over a real collection with a solver that sees, and with one that does not."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from fakes.charts import lying
from fakes.embedders import ColourEye, HashText
from PIL import Image

from foveal.agents.checker import unresolved
from foveal.api import Foveal
from foveal.errors import VisionUnsupported
from foveal.graphs.ending import BLIND, READ
from foveal.graphs.regions import search_regions
from foveal.graphs.state import BranchState, Perception
from foveal.settings import Settings
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import ROLES, Capabilities, OcrLine, Region, SubQuestion

SEES = Capabilities(vision=True, json_schema=True, logprobs=True, context_tokens=32_000)
CHART = lying(["Bank of Bel", "Ida Savings", "Cor Credit"], [41, 23, 7])
CAPITAL = "What is the capital of the country whose flag is shown?"
NOT_SHOWN = {"observations": [{"picture": 1, "evidence": "no relevant information"}], "answer": "", "sufficient": False}
READS_NOTHING = {"task": "read", "probability": 0.02, "repeat": True}


def png(*colours: str, size: tuple[int, int] = (60, 40)) -> bytes:
    image = Image.new("RGB", size, colours[0])
    for n, colour in enumerate(colours):
        image.paste(colour, (n * size[0] // len(colours), 0, size[0], size[1]))
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


class ChartReader:
    """OCR that reads a chart in pictures of its width, and nothing in others."""

    id = "chart-reader"

    def read(self, image: Image.Image) -> list[OcrLine]:
        return list(CHART) if image.width == 400 else []


def embedders() -> Embedders:
    eye = ColourEye()
    return Embedders(HashText(), eye, eye, ChartReader())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "corpus"
    folder.mkdir()
    rows = []
    for name, capital, flag in (("Ida", "Arx", ("red", "white", "blue")), ("Bel", "Dun", ("green", "yellow", "black"))):
        (folder / f"{name}.png").write_bytes(png(*flag))
        rows.append({"id": name.lower(), "title": name, "text": f"{name} is a country. Capital: {capital}.",
                     "image": f"{name}.png"})  # fmt: skip
    (folder / "banks.png").write_bytes(png("white", "grey", size=(400, 300)))
    rows.append({"id": "banks", "title": "chart", "text": "Employees of banks, thousands.",
                 "image": "banks.png", "meta": {"kind": "chart"}})  # fmt: skip
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    collection = LocalCollection.create(tmp_path / "index", embedders())
    collection.add([folder / "corpus.jsonl"])
    collection.close()
    return Settings(index=tmp_path / "index", home=tmp_path / "home", cache=tmp_path / "cache", deadline=60)


def wired(settings: Settings, model: ScriptedModel) -> Foveal:
    made = Foveal(settings)
    made.tools.__dict__.update(embedders=embedders(), models=dict.fromkeys(ROLES, model))
    return made


def seeing(*script: dict[str, Any]) -> ScriptedModel:
    return ScriptedModel(script, capabilities=SEES)


def saw(evidence: str, answer: str) -> dict[str, Any]:
    return {"observations": [{"picture": 1, "evidence": evidence}], "answer": answer, "sufficient": True}


async def test_behaviour_1_what_is_seen_is_answered_by_looking_without_a_search(settings: Settings) -> None:
    model = seeing({"task": "observe", "reply": saw("seven bottles on a shelf", "7")})
    async with wired(settings, model) as foveal:
        shelf = png("grey", "white", size=(300, 200))
        events = [e async for e in foveal.stream("How many bottles are there?", [shelf])]
    answer = events[-1].data["answer"]
    assert (answer.answer, answer.status, answer.usage.tool_calls) == ("7 [1]", "answered", {})
    shown = model.calls[0].messages[-1].images
    assert shown == (answer.citations[0].image,), "the picture itself is looked at, and cited"
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []
    assert answer.plan[0].reason == "seen, [1] seven bottles on a shelf" and BLIND not in answer.warnings
    told = [e.type for e in events]
    order = ["plan.created", "subquestion.started", "evidence.added", "subquestion.finished", "answer.final"]
    assert [t for t in told if t in order] == order


async def test_what_is_not_shown_is_searched_and_the_models_name_is_one_more_hypothesis(settings: Settings) -> None:
    described = {"description": "A flag of Ida, far away.", "things": [{"name": "Ida", "box": [100, 0, 600, 500]}]}
    model = seeing({"task": "observe", "reply": NOT_SHOWN}, {"task": "describe", "reply": described})
    unlike = png("grey", "purple", "orange", size=(90, 60))
    async with wired(settings, model) as foveal:
        answer = await foveal.ask(CAPITAL, [unlike])
    assert answer.answer.startswith("Arx [1]")
    (hypotheses,) = answer.hypotheses.values()
    assert hypotheses[0].name == "Ida" and "recognised by the model" in hypotheses[0].pros


async def test_without_a_name_of_the_model_the_same_picture_is_not_taken_for_it(settings: Settings) -> None:
    nothing = {"description": "stripes", "things": []}
    model = seeing({"task": "observe", "reply": NOT_SHOWN}, {"task": "describe", "reply": nothing})
    async with wired(settings, model) as foveal:
        answer = await foveal.ask(CAPITAL, [png("grey", "purple", "orange", size=(90, 60))])
    assert not answer.answer.startswith("Arx [1]")


async def test_a_chart_of_the_collection_is_shown_to_the_model_and_cited_as_a_picture(settings: Settings) -> None:
    model = seeing({"task": "observe", "reply": saw("the bar of Bank of Bel is black", "black")}, READS_NOTHING)
    async with wired(settings, model) as foveal:
        answer = await foveal.ask("Which colour stands for the employees of banks?")
        (shown,) = [c.messages[-1] for c in model.calls if c.task == "observe"]
        assert foveal.tools.picture(shown.images[0]).startswith(b"\x89PNG"), "its bytes are read from the collection"
    assert answer.answer == "black [1]" and answer.citations[0].doc_id == "banks"
    assert shown.images[0] == answer.citations[0].image
    assert "may be inaccurate" in shown.content and "Bank of Bel: 41" in shown.content
    assert next(e for e in answer.evidence if e.id == answer.citations[0].evidence_id).kind == "image"


async def test_when_no_picture_tells_the_words_are_read_and_it_may_abstain(settings: Settings) -> None:
    nothing = {**NOT_SHOWN, "observations": [{"picture": n, "evidence": "none"} for n in (1, 2, 3)]}
    model = seeing({"task": "observe", "reply": nothing, "repeat": True}, READS_NOTHING)
    async with wired(settings, model) as foveal:
        answer = await foveal.ask("Who is the king of Ida?")
    assert answer.status == "insufficient" and not answer.citations


async def test_row_48_a_server_that_refuses_pictures_is_told_and_the_words_stand_in(settings: Settings) -> None:
    class Refusing(ScriptedModel):
        async def generate(self, messages: Any, **asked: Any) -> Any:
            if any(m.images for m in messages):
                raise VisionUnsupported("The server takes no pictures.", remedy="Start it with a projector.")
            return await super().generate(messages, **asked)

    async with wired(settings, Refusing([], capabilities=SEES)) as foveal:
        answer = await foveal.ask(CAPITAL, [png("red", "white", "blue")])
    assert answer.answer.startswith("Arx [1]")
    assert any("could not be looked at" in w and "Start it with a projector" in w for w in answer.warnings)


@pytest.mark.parametrize("strategy", ["adaptive", "direct"])
async def test_row_48_behaviour_39_a_model_that_cannot_see_is_shown_no_picture_and_that_is_told(
    settings: Settings, strategy: str
) -> None:
    model = ScriptedModel([{"task": "direct", "reply": "Arx"}])
    async with wired(settings.model_copy(update={"strategy": strategy}), model) as foveal:
        answer = await foveal.ask(CAPITAL, [png("red", "white", "blue")])
    assert answer.answer.startswith("Arx") and BLIND in answer.warnings
    assert not any(m.images for call in model.calls for m in call.messages)


async def test_the_direct_strategy_shows_the_pictures_to_an_answerer_that_sees(settings: Settings) -> None:
    model = seeing({"task": "direct", "reply": "Arx"})
    async with wired(settings.model_copy(update={"strategy": "direct"}), model) as foveal:
        answer = await foveal.ask(CAPITAL, [png("red", "white", "blue")])
    assert len(model.calls[0].messages[-1].images) == 1 and BLIND not in answer.warnings


async def test_row_48_words_that_were_read_in_a_picture_of_the_collection_are_told_to_be(settings: Settings) -> None:
    async with wired(settings, ScriptedModel([])) as foveal:
        answer = await foveal.ask("How many employees does Cor Credit have?")
    assert answer.answer == "7 [1]" and READ in answer.warnings


async def test_a_chart_that_code_can_read_is_not_looked_at(settings: Settings) -> None:
    async with wired(settings, seeing()) as foveal:
        answer = await foveal.ask("What is the sum of Ida Savings and Cor Credit?", [png("white", size=(400, 300))])
    assert answer.answer == "30 [1]" and answer.usage.model_calls == 0


async def test_boxes_of_the_model_are_searched_beside_the_proposed_ones(settings: Settings) -> None:
    ground = Image.new("RGB", (520, 240), (205, 205, 200))
    ground.paste(Image.open(io.BytesIO(png("red", "white", "blue"))).resize((180, 120)), (40, 50))
    box = Region(40, 50, 220, 170)
    async with wired(settings, seeing()) as foveal:
        image = foveal.tools.blobs.put_image(ground)
        work = foveal.tools.research(lambda kind, data: None)
        step = SubQuestion("s1", "", purpose="identify", tool="crop", image=image.sha256)
        seen = Perception(image.sha256, regions=(box,))
        looked: list[Region | None] = []
        search = work.collection.search_image  # type: ignore[union-attr]

        async def noting(look: Any, **asked: Any) -> Any:
            looked.append(look.box)
            return await search(look, **asked)

        work.collection.search_image = noting  # type: ignore[union-attr,method-assign]
        await search_regions(BranchState(step=step, image=image, perception=seen), work)
    assert looked[:2] == [None, box] and len(set(looked)) == len(looked)
