"""MIRAGE over a real collection: everything found is judged alone, what passes is read, at least one thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fakes.lands import flag

from foveal.agents.checker import unresolved
from foveal.types import OcrLine, Region

Going = Callable[..., Any]
QUESTION = "What is the currency of the country whose flag is shown?"


def judged(title: str, probability: float) -> dict[str, Any]:
    return {"task": "mirage", "contains": f'title="{title}"', "probability": probability, "repeat": True}


async def test_only_what_passes_the_filter_is_read_best_first(going: Going) -> None:
    script = [judged("Ida", 0.6), judged("Cor", 0.9), {"task": "mirage", "probability": 0.4, "repeat": True},
              {"task": "generate", "reply": "core"}]  # fmt: skip
    foveal, model = going("mirage", script)
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Cor")])
    assert answer.answer.startswith("core [1]") and answer.citations[0].doc_id == "cor"
    *filtered, read = model.calls
    assert {c.task for c in filtered} == {"mirage"} and read.task == "generate"
    shown = read.messages[-1].content
    assert shown.index('title="Cor"') < shown.index('title="Ida"') and 'title="Bel"' not in shown
    assert answer.retrieved[0] == "cor" and answer.plan[-1].reason.startswith(f"2 of {len(filtered)} passed")
    assert len({c.messages[-1].content for c in filtered}) == len(filtered), "nothing is judged twice"
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


async def test_the_best_one_stays_when_none_passes_and_the_answer_is_as_unsure(going: Going) -> None:
    script = [judged("Ida", 0.3), {"task": "mirage", "probability": 0.1, "repeat": True},
              {"task": "generate", "reply": "idal"}]  # fmt: skip
    foveal, model = going("mirage", script)
    async with foveal:
        answer = await foveal.ask("What is the currency of Ida?")
    assert model.calls[-1].messages[-1].content.count("<passage") == 1
    assert answer.answer == "idal [1]" and answer.confidence == 0.3
    assert "none of" in answer.plan[-1].reason


async def test_at_most_three_are_read_though_all_pass(going: Going) -> None:
    script = [{"task": "mirage", "probability": 0.8, "repeat": True},
              {"task": "generate", "reply": "unable to determine"}]  # fmt: skip
    foveal, model = going("mirage", script)
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Cor")])
    assert answer.status == "insufficient" and answer.answer == "Unable to determine." and not answer.citations
    assert model.calls[-1].messages[-1].content.count("<passage") == 3 < len(model.calls) - 1


@pytest.mark.parametrize("sees", [False, True])
async def test_a_picture_is_judged_by_its_looks_when_the_model_sees(going: Going, sees: bool) -> None:
    script = [{"task": "mirage", "probability": 0.8, "repeat": True}, {"task": "generate", "reply": "core"}]
    foveal, model = going("mirage", script, sees=sees)
    async with foveal:
        await foveal.ask(QUESTION, [flag("Cor")])
    shown = [c.messages[-1].images for c in model.calls if c.task == "mirage"]
    assert max(map(len, shown)) == (2 if sees else 0), "the question's picture and the one that was found"
    assert ("looks like" in model.calls[0].messages[-1].content) is not sees


async def test_a_chart_that_was_given_is_part_of_the_haystack(going: Going) -> None:
    script = [judged("the picture itself", 0.9), {"task": "mirage", "probability": 0.1, "repeat": True},
              {"task": "generate", "reply": "27"}]  # fmt: skip
    foveal, _ = going("mirage", script)
    async with foveal:
        words = "Fruit sales by year 2015 2016 Apples 34 35 Plums 27 29 Pears 12 11 in tonnes of fruit"
        foveal.tools.embedders.ocr.read = lambda image: [OcrLine(words, Region(0, 0, 60, 40), 0.9)]
        answer = await foveal.ask("How many plums were sold in 2015?", [flag("Cor")])
    assert answer.answer == "27 [1]" and answer.citations[0].doc_id.startswith("picture:")
    assert "image_search" not in answer.usage.tool_calls


async def test_the_budget_ends_it_in_the_middle_of_the_filter(going: Going) -> None:
    foveal, _ = going("mirage", [{"task": "mirage", "probability": 0.8, "repeat": True}], max_calls=2)
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Cor")])
    assert answer.status == "insufficient" and answer.stop_reason == "budget:model_calls"
