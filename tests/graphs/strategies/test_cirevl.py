"""CIReVL and WeiMoCIR over a real collection: a picture and a change to it find another picture."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.embedders import ColourEye, HashText
from fakes.lands import flag
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from foveal.agents.checker import unresolved, unsupported
from foveal.api import Foveal
from foveal.graphs.strategies.weimocir import weighted
from foveal.settings import Settings
from foveal.tools.embed.vectors import unit
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.compose import composed_query
from foveal.tools.index.enrich import Embedders
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import ROLES, Answer, Capabilities, Citation, Evidence, SubQuestion

Going = Callable[..., Any]
QUESTION = "Find a picture like this one, but with a lemon yellow sky."
TEXTS = {"barn": "a red barn", "dusk": "a red barn under a lemon yellow sky", "sea": "a blue sea"}
COLOURS = {"barn": (200, 20, 20), "dusk": (220, 120, 30), "sea": (20, 20, 200)}
EDITED = {"task": "edit", "reply": "Edited Description: a red barn under a lemon yellow sky"}


class SharedEye(ColourEye):
    """Sees and reads."""

    id = "shared-eye"

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        colours = [COLOURS["dusk"] if "yellow" in text else (0, 0, 0) for text in texts]
        return self.embed_images([Image.new("RGB", (8, 8), colour) for colour in colours])


def barn() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (90, 60), COLOURS["barn"]).save(data, "PNG")
    return data.getvalue()


async def ask(
    folder: Path, strategy: str, script: list[dict[str, Any]], *, eye: ColourEye | None = None, sees: bool = False
) -> tuple[Answer, ScriptedModel]:
    rows = []
    for name, colour in COLOURS.items():
        Image.new("RGB", (90, 60), colour).save(folder / f"{name}.png")
        rows.append({"id": name, "title": "photograph", "text": TEXTS[name], "image": f"{name}.png"})
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    eye = eye or ColourEye()
    embedders = Embedders(HashText(), eye, eye)
    collection = LocalCollection.create(folder / "index", embedders)
    collection.add([folder / "corpus.jsonl"])
    collection.close()
    model = ScriptedModel(script, capabilities=Capabilities(vision=sees, json_schema=True, logprobs=True))
    settings = Settings(
        index=folder / "index", home=folder / "home", cache=folder / "cache", deadline=60, strategy=strategy
    )
    async with Foveal(settings) as foveal:
        foveal.tools.__dict__.update(embedders=embedders, models=dict.fromkeys(ROLES, model))
        answer = await foveal.ask(QUESTION, [barn()])
    return answer, model


def sound(answer: Answer) -> None:
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


@pytest.mark.parametrize("sees", [False, True])
async def test_the_edited_description_is_what_is_searched(tmp_path: Path, sees: bool) -> None:
    answer, model = await ask(tmp_path, "cirevl", [EDITED], sees=sees)
    assert answer.answer == "dusk [1]" and answer.citations[0].doc_id == "dusk" and answer.retrieved[0] == "dusk"
    assert [c.task for c in model.calls] == ["edit"] and answer.usage.tool_calls == {"picture_search": 1}
    assert answer.plan[0].query == "a red barn under a lemon yellow sky"
    said = model.calls[0].messages[-1]
    assert "crimson" in said.content and "lemon yellow sky" in said.content
    assert len(said.images) == sees
    sound(answer)


async def test_a_reply_that_is_no_description_leaves_the_instruction(tmp_path: Path) -> None:
    answer, _ = await ask(tmp_path, "cirevl", [{"task": "edit", "reply": "\n"}])
    assert "lemon yellow sky" in (answer.plan[0].query or "") and answer.answer == "dusk [1]"


async def test_two_spaces_are_searched_and_weighed_without_a_model_call(tmp_path: Path) -> None:
    answer, model = await ask(tmp_path, "weimocir", [])
    assert answer.answer == "dusk [1]" and model.calls == []
    assert answer.usage.tool_calls == {"image_search": 1, "picture_search": 1}
    assert "barn" not in [c.doc_id for c in answer.citations]
    sound(answer)


async def test_one_space_is_searched_with_one_query(tmp_path: Path) -> None:
    answer, model = await ask(tmp_path, "weimocir", [], eye=SharedEye())
    assert answer.answer == "dusk [1]" and model.calls == []
    assert answer.usage.tool_calls == {"picture_search": 1} and answer.plan[0].image
    sound(answer)


@pytest.mark.parametrize("strategy", ["cirevl", "weimocir"])
async def test_another_question_is_answered_from_the_pictures_that_were_found(going: Going, strategy: str) -> None:
    edited = [{"task": "edit", "reply": "Edited Description: the flag of Cor"}] if strategy == "cirevl" else []
    foveal, model = going(strategy, [*edited, {"task": "generate", "reply": "Eph"}])
    async with foveal:
        answer = await foveal.ask("What is the capital of Cor, whose flag is shown?", [flag("Bel")])
    assert answer.answer.startswith("Eph [1]") and answer.citations[0].doc_id == "cor" and model.left == 0
    assert not any('title="Bel"' in c.messages[-1].content for c in model.calls), "the given picture is not a result"
    sound(answer)


@pytest.mark.parametrize("strategy", ["cirevl", "weimocir"])
async def test_a_question_without_a_picture_is_searched_as_it_describes(going: Going, strategy: str) -> None:
    foveal, model = going(strategy, [])
    async with foveal:
        answer = await foveal.ask('Find the picture in the collection that shows this: "a flag, capital Dun".')
    assert answer.answer == "bel [1]" and model.calls == [] and answer.plan[0].query == "a flag, capital Dun"
    sound(answer)


def test_the_digits_of_a_documents_id_are_no_numbers_that_must_be_told() -> None:
    entry = Evidence("s1e1", "image", "photo:7d2", "photograph", "a barn")
    cited = (Citation(1, entry.id, entry.doc_id, entry.title, quote=entry.quote),)
    step = SubQuestion("s2", "Which photo?", tool="none")
    assert unsupported(step.having(answer="photo:7d2"), cited, {entry.id: entry}) == []
    assert unsupported(step.having(answer="photo:7d3"), cited, {entry.id: entry}) == ["7", "3"]


@pytest.mark.parametrize("strategy", ["cirevl", "weimocir"])
async def test_the_budget_ends_it(going: Going, strategy: str) -> None:
    foveal, _ = going(strategy, [EDITED], max_calls=1)
    async with foveal:
        answer = await foveal.ask("What is the capital of the country whose flag is shown?", [flag("Cor")])
    if strategy == "cirevl":
        assert (answer.status, answer.stop_reason) == ("insufficient", "budget:model_calls")
    assert answer.usage.model_calls <= 1


vectors = st.integers(0, 2**32 - 1).map(
    lambda seed: unit(np.random.default_rng(seed).standard_normal((8, 16)).astype(np.float32))
)


@given(vectors, st.floats(0.05, 0.95), st.floats(0, 1))
def test_in_one_space_the_weights_on_cosines_order_as_the_mixed_query_does(
    made: np.ndarray, alpha: float, beta: float
) -> None:
    words, picture, reference, captions = made[0], made[1], made[2], made[3:]
    mixed = composed_query(picture, words, alpha)
    length = np.linalg.norm((1 - alpha) * picture + alpha * words)
    alone = weighted(captions @ picture, words, reference, captions, alpha, 0.0)
    assert np.allclose(alone, (captions @ mixed) * length, atol=1e-5)
    both = weighted(captions @ picture, words, reference, captions, alpha, beta)
    told = captions @ composed_query(reference, words, alpha)
    assert np.allclose(both, (1 - beta) * alone + beta * told, atol=1e-5)
