"""MMed-RAG over a real collection: the domain's retriever alone is asked, and the ratio cuts what it found."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fakes.lands import flag

from foveal.agents.checker import unresolved
from foveal.types import OcrLine, Region

Going = Callable[..., Any]
QUESTION = "What is the currency of the country whose flag is shown?"


@pytest.mark.parametrize("sees", [False, True])
async def test_a_photograph_is_searched_by_its_looks_alone(going: Going, sees: bool) -> None:
    foveal, model = going("mmed", [{"choose": "photograph"}, {"task": "generate", "reply": "core"}], sees=sees)
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Cor")])
    assert answer.answer.startswith("core [1]") and answer.usage.tool_calls == {"image_search": 1}
    assert [c.task for c in model.calls] == ["mmed", "generate"]
    assert len(model.calls[0].messages[-1].images) == sees
    assert model.calls[1].messages[-1].content.count("<passage") == 1 and answer.retrieved[0] == "cor"
    assert "the ratio fired" in answer.plan[-1].reason, "the other flags are far less alike"
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


async def test_a_text_is_searched_by_words_alone(going: Going) -> None:
    foveal, model = going("mmed", [{"choose": "text"}, {"task": "generate", "reply": "Bo Ek"}])
    async with foveal:
        answer = await foveal.ask("Who built the Eph Tower?")
    assert answer.answer == "Bo Ek [1]" and answer.usage.tool_calls == {"collection": 1}
    kept = model.calls[1].messages[-1].content
    assert 'title="Eph Tower"' in kept and kept.count("<passage") < 4
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


async def test_a_chart_that_was_given_is_itself_what_is_found(going: Going) -> None:
    foveal, _ = going("mmed", [{"choose": "chart"}, {"task": "generate", "reply": "27"}])
    async with foveal:
        foveal.tools.embedders.ocr.read = lambda image: [OcrLine("Plums 27", Region(0, 0, 60, 40), 0.9)]
        answer = await foveal.ask("How many plums were sold?", [flag("Cor")])
    assert answer.answer == "27 [1]" and answer.usage.tool_calls == {}


async def test_pictures_without_a_word_are_no_charts(going: Going) -> None:
    script = [{"choose": [0.6, 0.4]}, {"task": "generate", "reply": "core"}]
    foveal, _ = going("mmed", script)
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Cor")])
    assert answer.usage.tool_calls == {"image_search": 1}


async def test_a_chart_of_the_collection_is_searched_by_description(going: Going) -> None:
    foveal, _ = going("mmed", [{"choose": "chart"}, {"task": "generate", "reply": "unable to determine"}])
    async with foveal:
        answer = await foveal.ask("Which chart shows the capital Dun?")
    assert answer.usage.tool_calls == {"picture_search": 1} and answer.status == "insufficient"


async def test_the_budget_ends_it_before_it_answers(going: Going) -> None:
    foveal, _ = going("mmed", [{"choose": "photograph"}], max_calls=1)
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Cor")])
    assert (answer.status, answer.stop_reason) == ("insufficient", "budget:model_calls")
