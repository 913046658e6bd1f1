"""VisRAG over a real collection: whole pages, and three ways to generate from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from fakes.lands import flag
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from foveal.agents.checker import unresolved
from foveal.graphs.strategies.visrag import PAGES, side_by_side, weighed

Going = Callable[..., Any]
QUESTION = "Who built the Eph Tower?"
BUILDER = {"task": "generate", "reply": "Bo Ek"}
UNABLE = {"task": "generate", "reply": "unable to determine", "repeat": True}


def certain(model: Any, logprobs: dict[str, float]) -> None:
    """Let *model* tell a mean log probability by what it replies."""
    from dataclasses import replace

    told = model._generation

    def generation(messages: Any, text: str, *rest: Any, logprob: float | None = None, **more: Any) -> Any:
        made = told(messages, text, *rest, logprob=logprob, **more)
        return replace(made, logprob=logprobs.get(text)) if logprob is not None else made

    model._generation = generation


async def test_pages_are_one_text_to_a_blind_model(going: Going) -> None:
    foveal, model = going("visrag", [BUILDER])
    async with foveal:
        answer = await foveal.ask(QUESTION)
    (call,) = model.calls
    said = call.messages[-1].content
    assert said.count("<passage") == 1 and "Bo Ek in 1901" in said and "is a country" in said
    assert answer.answer == "Bo Ek [1]" and [c.doc_id for c in answer.citations] == ["tower"]
    assert answer.usage.tool_calls == {"collection": 1}
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


async def test_images_are_one_by_one_in_one_call(going: Going) -> None:
    foveal, model = going("visrag:images", [BUILDER])
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert len(model.calls) == 1 and model.calls[0].messages[-1].content.count("<passage") == PAGES
    assert answer.answer == "Bo Ek [1]"


@pytest.mark.parametrize(("variant", "shown"), [("visrag", 1), ("visrag:images", PAGES)])
async def test_a_model_that_sees_is_shown_pages_and_not_told_them(going: Going, variant: str, shown: int) -> None:
    foveal, model = going(variant, [BUILDER], sees=True)
    async with foveal:
        answer = await foveal.ask(QUESTION)
        (call,) = model.calls
        images = call.messages[-1].images
        if variant == "visrag":
            joined = foveal.tools.blobs.open(images[0])
            assert joined.height == 40 and joined.width > 100, "three pages of 60 x 40 side by side"
    assert len(images) == shown and "<passage" not in call.messages[-1].content
    assert answer.citations[0].doc_id == "tower", "words that also stand in the page are cited"


async def test_weighted_asks_each_page_alone_and_takes_the_surest_of_the_nearest(going: Going) -> None:
    script = [
        {"task": "generate", "contains": 'title="Cor"', "reply": "Ida"},
        {"task": "generate", "contains": 'title="Eph Tower"', "reply": "Bo Ek"},
        UNABLE,
    ]
    foveal, model = going("visrag:weighted", script)
    certain(model, {"Bo Ek": -0.1, "Ida": -0.4, "unable to determine": 0.0})
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert len(model.calls) == PAGES and all(c.messages[-1].content.count("<passage") == 1 for c in model.calls)
    assert answer.answer == "Bo Ek [1]" and answer.citations[0].doc_id == "tower"
    assert answer.confidence == pytest.approx(math.exp(-0.1), abs=1e-3)
    assert "weighs most" in answer.plan[-1].reason


async def test_pages_that_cannot_tell_drop_out_and_all_of_them_abstain(going: Going) -> None:
    foveal, _ = going("visrag:weighted", [{"task": "generate", "contains": "is a country", "reply": "Ida"}, UNABLE])
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert answer.answer.startswith("Ida"), "a page that cannot tell does not win, however sure it is"
    foveal, _ = going("visrag:weighted", [UNABLE])
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert answer.status == "insufficient" and not answer.citations


async def test_a_budget_spent_between_pages_ends_with_the_best_so_far(going: Going) -> None:
    foveal, model = going("visrag:weighted", [{**BUILDER, "repeat": True}], max_calls=1)
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert len(model.calls) == 1 and answer.answer.startswith("Bo Ek")
    assert any("budget" in w.lower() for w in answer.warnings)


async def test_what_looks_like_the_picture_is_a_page_too(going: Going) -> None:
    foveal, model = going("visrag:images", [{"task": "generate", "reply": "Eph"}])
    async with foveal:
        answer = await foveal.ask("What is its capital?", [flag("Cor")])
    assert answer.usage.tool_calls == {"collection": 1, "image_search": 1}
    first = model.calls[0].messages[-1].content
    assert first.index('title="Cor"') == first.index('title="'), "the likest page comes first"
    assert answer.answer == "Eph [1]" and answer.citations[0].doc_id == "cor"


async def test_a_search_for_a_picture_generates_nothing(going: Going) -> None:
    foveal, model = going("visrag", [])
    async with foveal:
        answer = await foveal.ask('Find the picture that shows "Capital: Dun".')
    assert model.calls == [] and answer.citations[0].doc_id == "bel" == answer.plan[-1].answer


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 1)), min_size=1, max_size=6))
def test_weights_are_shares_of_the_scores_times_certainty(pages: list[tuple[float, float]]) -> None:
    scores, certainties = zip(*pages, strict=True)
    weights = weighed(scores, certainties)
    assert all(0 <= w <= c + 1e-9 for w, c in zip(weights, certainties, strict=True))
    assert sum(weighed(scores, [1.0] * len(scores))) == pytest.approx(1)
    shifted = weighed([s + 3 for s in scores], certainties)
    assert shifted == pytest.approx(weights, abs=1e-6), "only differences of scores count"


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=5))
def test_joined_pages_keep_their_shapes_at_the_greatest_height(sizes: list[tuple[int, int]]) -> None:
    joined = side_by_side([Image.new("RGB", size, "red") for size in sizes])
    height = max(h for _, h in sizes)
    assert joined.height == height
    assert joined.width == sum(max(1, round(w * height / h)) for w, h in sizes)
    assert joined.getpixel((joined.width - 1, height - 1)) == (255, 0, 0), "no page is left out"
