"""RagVL over a real collection: a yes/no call for each candidate, and a generator that is given what passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fakes.lands import flag

from foveal.agents.checker import unresolved
from foveal.graphs.budget import Meter
from foveal.graphs.strategies.ragvl import POOL
from foveal.settings import Settings
from foveal.types import Budget

Going = Callable[..., Any]
QUESTION = "Who built the Eph Tower?"
NO = {"task": "relevant", "probability": 0.1, "repeat": True}


def says(title: str, probability: float) -> dict[str, Any]:
    return {"task": "relevant", "contains": f'title="{title}"', "probability": probability}


async def test_the_two_most_probable_that_pass_are_generated_from(going: Going) -> None:
    script = [says("Eph Tower", 0.6), says("Cor", 0.9), says("Ida", 0.55), NO, {"task": "generate", "reply": "Bo Ek"}]
    foveal, model = going("ragvl", script)
    async with foveal:
        answer = await foveal.ask(QUESTION)
    judged = [c for c in model.calls if c.task == "relevant"]
    assert 3 <= len(judged) <= POOL and all(c.method == "yes_probability" for c in judged)
    assert all(c.messages[-1].content.count("<passage") == 1 for c in judged), "a call of its own for each"
    given = model.calls[-1].messages[-1].content
    assert given.count("<passage") == 2 and given.index('title="Cor"') < given.index('title="Eph Tower"')
    assert "Ida is a country" not in given, "a third one is over the top two"
    assert answer.answer == "Bo Ek [1]" and answer.citations[0].doc_id == "tower"
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []
    assert answer.usage.tool_calls == {"collection": 1}


async def test_nothing_that_passes_leaves_nothing_to_generate_from(going: Going) -> None:
    foveal, model = going("ragvl", [says("Eph Tower", 0.49), NO, {"task": "generate", "reply": "unable to determine"}])
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert "<passage" not in model.calls[-1].messages[-1].content
    assert answer.status == "insufficient" and answer.answer == "Unable to determine." and not answer.citations
    assert "0.5" in answer.plan[-1].reason


async def test_one_half_passes(going: Going) -> None:
    foveal, _ = going("ragvl", [says("Eph Tower", 0.5), NO, {"task": "generate", "reply": "1901"}])
    async with foveal:
        answer = await foveal.ask("When was the Eph Tower built?")
    assert answer.answer == "1901 [1]"


@pytest.mark.parametrize("sees", [False, True])
async def test_candidates_of_a_picture_are_its_look_alikes(going: Going, sees: bool) -> None:
    kind = "picture" if sees else "passage"
    script = [says("Cor", 0.8), NO, {"task": "generate", "reply": "Eph"}]
    foveal, model = going("ragvl", script, sees=sees)
    async with foveal:
        answer = await foveal.ask("What is the capital of the country whose flag is shown?", [flag("Cor")])
    judged = [c for c in model.calls if c.task == "relevant"]
    assert len(judged) >= 3 and all(len(c.messages[-1].images) == int(sees) for c in judged)
    assert all(f"is the {kind} relevant to the question" in c.messages[-1].content.lower() for c in judged)
    assert answer.answer == "Eph [1]" and answer.citations[0].doc_id == "cor"
    assert len(model.calls[-1].messages[-1].images) == 2 * sees, "the question's picture and the one that was kept"


async def test_the_best_picture_that_passes_is_the_answer_to_a_search_for_one(going: Going) -> None:
    question = 'Find the picture in the collection that shows "land borders: Ida". Answer with its id.'
    foveal, model = going("ragvl", [says("Cor", 0.7), says("Bel", 0.9), NO])
    async with foveal:
        answer = await foveal.ask(question)
    assert answer.answer == "bel [1]" and answer.citations[0].doc_id == "bel" and answer.confidence == 0.9
    assert {c.task for c in model.calls} == {"relevant"}, "nothing is generated"


async def test_no_picture_that_passes_is_no_answer(going: Going) -> None:
    foveal, _ = going("ragvl", [NO])
    async with foveal:
        answer = await foveal.ask('Find the picture that shows "land borders: Ida".')
    assert answer.status == "insufficient"


async def test_a_budget_spent_while_reranking_leaves_what_was_judged(
    going: Going, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Meter, "elapsed", property(lambda meter: 110.0 if len(model.calls) >= 2 else 0.0))
    foveal, model = going("ragvl", [says("Eph Tower", 0.9), NO, {"task": "generate", "reply": "Bo Ek"}], deadline=120)
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert [c.task for c in model.calls] == ["relevant", "relevant", "generate"], "the reserve is the generator's"
    assert answer.answer == "Bo Ek [1]" and any("Judged were 2 of" in w for w in answer.warnings)


async def test_a_budget_spent_before_anything_is_judged_leaves_the_order_of_the_search(
    going: Going, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "budget", lambda settings: Budget(model_calls=0))
    foveal, model = going("ragvl", [])
    async with foveal:
        answer = await foveal.ask('Find the picture in the collection that shows "land borders: Ida".')
    assert answer.status == "answered" and answer.citations[0].evidence_id == "s1e1"
    assert not model.calls and any("budget" in w.lower() for w in answer.warnings)


async def test_a_reply_that_cannot_be_read_ends_with_what_stands(going: Going) -> None:
    foveal, _ = going("ragvl", [])  # no entry fits: a ModelOutputError
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert answer.status == "insufficient" and any("Unexpected call" in w for w in answer.warnings)
