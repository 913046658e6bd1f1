"""A picture like one that is given, but different: the whole graph over a real collection."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from fakes.embedders import ColourEye, HashText
from PIL import Image

from foveal.api import Foveal
from foveal.settings import Settings
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import ROLES, Answer

QUESTION = "Find a picture like this one, but with a lemon yellow sky."
TEXTS = {"barn": "a red barn", "dusk": "a red barn under a lemon yellow sky", "sea": "a blue sea"}
COLOURS = {"barn": (200, 20, 20), "dusk": (220, 210, 30), "sea": (20, 20, 200)}


class SharedEye(ColourEye):
    """Sees and reads."""

    id = "shared-eye"

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        colours = ["yellow" if "yellow" in text else "black" for text in texts]
        return self.embed_images([Image.new("RGB", (8, 8), colour) for colour in colours])


@pytest.mark.parametrize("eye", [ColourEye(), SharedEye()], ids=["words", "one space"])
async def test_behaviour_a_picture_and_words_find_another_picture(eye: ColourEye, tmp_path: Path) -> None:
    rows = []
    for name, colour in COLOURS.items():
        Image.new("RGB", (90, 60), colour).save(tmp_path / f"{name}.png")
        rows.append({"id": name, "title": "photograph", "text": TEXTS[name], "image": f"{name}.png"})
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    embedders = Embedders(HashText(), eye, eye)
    collection = LocalCollection.create(tmp_path / "index", embedders)
    collection.add([tmp_path / "corpus.jsonl"])
    collection.close()
    model = ScriptedModel(
        [{"task": "edit", "reply": "Edited Description: a red barn under a lemon yellow sky", "repeat": True}]
    )
    settings = Settings(index=tmp_path / "index", home=tmp_path / "home", cache=tmp_path / "cache", deadline=60)
    async with Foveal(settings) as foveal:
        foveal.tools.__dict__.update(embedders=embedders, models=dict.fromkeys(ROLES, model))
        data = io.BytesIO()
        Image.new("RGB", (90, 60), COLOURS["barn"]).save(data, "PNG")
        answer: Answer = await foveal.ask(QUESTION, [data.getvalue()])
    assert answer.retrieved[0] == "dusk"
    assert "barn" not in answer.retrieved, "the picture that was given is not what is looked for"
    assert [call.task for call in model.calls] == ["edit"]
    assert "crimson" in model.calls[0].messages[-1].content, "the model does not see: the eye's words stand in"
    assert answer.usage.tool_calls == {"picture_search": 1}
