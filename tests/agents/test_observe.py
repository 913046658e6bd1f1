"""What a model that sees replies, read with care; and what it is shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.observe import Picture, describe, observe, read_described, read_observed
from foveal.errors import ContextOverflow, VisionUnsupported
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import Capabilities, ImageRef, Region

IMAGE = ImageRef("a" * 64, 200, 100)
SEES = Capabilities(vision=True, json_schema=True, context_tokens=32_000, picture_tokens=1000)


def reply(*evidence: str, answer: str = "27", sufficient: bool = True) -> dict[str, Any]:
    rows = [{"picture": n, "evidence": e} for n, e in enumerate(evidence, 1)]
    return {"observations": rows, "answer": answer, "sufficient": sufficient}


def test_evidence_names_its_pictures() -> None:
    seen = read_observed(reply("no relevant information", "a bar of 27"), 2)
    assert (seen.answer, dict(seen.seen)) == ("27", {1: "a bar of 27"})


@pytest.mark.parametrize(
    "said",
    [
        reply("no relevant information", "No relevant information."),
        reply("a bar of 27", answer=""),
        reply("a bar of 27", sufficient=False),
        {"answer": "27", "sufficient": True},
        {"observations": [{"picture": 7, "evidence": "a bar"}], "answer": "27", "sufficient": True},
        {"observations": "all", "answer": "27", "sufficient": True},
        {**reply("a bar of 27"), "sufficient": "true"},
        None,
        [],
    ],
)
def test_it_abstains_when_no_picture_that_was_shown_tells(said: Any) -> None:
    assert read_observed(said, 2).answer is None


def test_an_answer_that_was_avoided_is_an_abstention() -> None:
    assert read_observed(reply("a bar"), 1, avoid=("27",)).answer is None


def test_behaviour_26_boxes_become_pixels_and_what_is_no_box_is_dropped() -> None:
    boxes = [[100, 100, 500, 900], [900, 0, 100, 500], [0, 0, 1000, 1000], [-50, 500, 2000, 1000], [1, 2, 3], "x"]
    things = [{"name": f"thing {n}", "box": box} for n, box in enumerate(boxes[:5])]
    seen = read_described({"description": "a  street", "things": things}, IMAGE)
    assert seen.description == "a street" and len(seen.names) == 5
    assert seen.regions == (Region(20, 10, 100, 90), Region(0, 50, 200, 100))
    assert read_described({"things": [{"name": "", "box": boxes[5]}]}, IMAGE).regions == ()


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(), min_size=4, max_size=4))
def test_a_box_is_always_inside_the_picture(box: list[float]) -> None:
    for region in read_described({"things": [{"name": "x", "box": box}]}, IMAGE).regions:
        assert 0 <= region.x0 < region.x1 <= 200 and 0 <= region.y0 < region.y1 <= 100


async def test_pictures_go_in_the_last_message_before_the_text_read_in_them_with_a_warning() -> None:
    model = ScriptedModel([{"task": "observe", "reply": reply("a bar of 27")}], capabilities=SEES)
    await observe(model, "How many?", [Picture("p1", "Sales", "Plums 27"), Picture("p2")])
    last = model.calls[0].messages[-1]
    assert last.images == ("p1", "p2")
    assert "may be inaccurate" in last.content and last.content.index("Plums 27") < last.content.index("How many?")
    assert last.content.count("may be inaccurate") == 1, "only of a picture in which text was read"


async def test_at_most_five_pictures_are_shown_and_fewer_when_tokens_are_short() -> None:
    pictures = [Picture(f"p{n}") for n in range(9)]
    for context, shown in ((32_000, 5), (6_000, 3), (1_000, 1)):
        room = Capabilities(vision=True, context_tokens=context, picture_tokens=1000)
        model = ScriptedModel([{"reply": reply("x")}], capabilities=room)
        await observe(model, "How many?", pictures)
        assert len(model.calls[0].messages[-1].images) == shown


async def test_row_49_too_many_pictures_for_the_context_are_halved_and_told() -> None:
    class Narrow(ScriptedModel):
        async def generate(self, messages: Any, **asked: Any) -> Any:
            if len(messages[-1].images) > 2:
                raise ContextOverflow("too long")
            return await super().generate(messages, **asked)

    model = Narrow([{"reply": reply("x", "y")}], capabilities=Capabilities(vision=True, context_tokens=8000))
    model.capabilities = Capabilities(vision=True, context_tokens=8000, picture_tokens=1000)
    seen = await observe(model, "How many?", [Picture(f"p{n}") for n in range(4)])
    assert seen.answer == "27" and "too much for the context" in seen.warnings[0]


async def test_row_48_a_model_that_cannot_see_after_all_is_an_error_for_the_caller() -> None:
    class Blind(ScriptedModel):
        async def generate(self, *args: Any, **asked: Any) -> Any:
            raise VisionUnsupported("It takes no pictures.")

    with pytest.raises(VisionUnsupported):
        await describe(Blind([], capabilities=SEES), "What is it?", IMAGE)
