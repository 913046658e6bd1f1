"""RoRA-VLM over a real collection: entities by likeness, then a text search for each of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fakes.lands import flag, picture
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.checker import unresolved
from foveal.agents.values import fold
from foveal.graphs.strategies.rora import DESCRIPTION, ENTITIES, expanded
from foveal.types import Answer

Going = Callable[..., Any]
QUESTION = "Which currency does the country have whose flag is shown?"
TELLS = {"task": "generate", "reply": "core"}


def sound(answer: Answer) -> None:
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


async def test_every_entity_has_a_search_of_its_own_with_name_and_description(going: Going) -> None:
    foveal, model = going("rora", [TELLS])
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Cor")])
    assert answer.answer == "core [1]" and answer.citations[0].doc_id == "cor"
    searches = [s for s in answer.plan if s.tool == "collection"]
    assert [s.tool for s in answer.plan] == ["image_search", *["collection"] * ENTITIES, "none"]
    assert all(s.query.startswith(QUESTION) for s in searches)
    assert searches[0].query == f"{QUESTION} Cor is a country. Capital: Eph. Area: 90,000 square kilometres. " \
        "Currency: core. Land borders: Ida."  # fmt: skip
    names = [next(n for n in ("Ida", "Bel", "Cor", "Eph Tower") if f"{QUESTION} {n}" in s.query) for s in searches]
    assert len(set(names)) == ENTITIES, "the entities are kept apart"
    assert [c.task for c in model.calls] == ["generate"], "a blind model compares no pictures"
    shown = model.calls[0].messages[-1].content
    assert shown.index('title="Looks like the picture: Cor"') < shown.index(f"Looks like the picture: {names[1]}")
    sound(answer)


async def test_a_model_that_sees_leaves_out_what_shows_another_thing(going: Going) -> None:
    script = [
        {"task": "rora", "contains": "Cor", "probability": 0.9},
        {"task": "rora", "probability": 0.1, "repeat": True},
        TELLS,
    ]
    foveal, model = going("rora", script, sees=True)
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Cor")])
    assert [s.tool for s in answer.plan] == ["image_search", "collection", "none"]
    checks = [c for c in model.calls if c.task == "rora"]
    assert len(checks) == ENTITIES and all(len(c.messages[-1].images) == 2 for c in checks)
    assert len(model.calls[-1].messages[-1].images) == 1 and "picture_text" not in model.calls[-1].messages[-1].content
    sound(answer)


async def test_where_all_are_denied_the_likest_is_kept(going: Going) -> None:
    foveal, _ = going("rora", [{"task": "rora", "probability": 0.0, "repeat": True}, TELLS], sees=True)
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Cor")])
    searches = [s for s in answer.plan if s.tool == "collection"]
    assert len(searches) == 1 and f"{QUESTION} Cor" in searches[0].query


async def test_two_pictures_share_the_entities(going: Going) -> None:
    foveal, _ = going("rora", [{"task": "generate", "reply": "unable to determine"}])
    async with foveal:
        answer = await foveal.ask("Which of the two countries is larger?", [flag("Cor"), flag("Bel")])
    tools = [s.tool for s in answer.plan]
    assert tools == ["image_search", "collection", "image_search", "collection", "none"]
    assert answer.status == "insufficient" and not answer.citations


async def test_a_question_without_a_picture_has_no_first_stage(going: Going) -> None:
    foveal, _ = going("rora", [{"task": "generate", "reply": "Bo Ek"}])
    async with foveal:
        answer = await foveal.ask("Who built the Eph Tower?")
    assert [s.tool for s in answer.plan] == ["collection", "none"]
    assert answer.answer == "Bo Ek [1]" and answer.citations[0].doc_id == "tower"


async def test_a_spent_budget_ends_without_an_answer_and_says_so(going: Going) -> None:
    foveal, _ = going("rora", [TELLS], max_calls=2)
    async with foveal:
        answer = await foveal.ask(QUESTION, [picture("red", "white", "blue")])
    assert sum(answer.usage.tool_calls.values()) <= 2
    assert any("budget" in w.lower() for w in answer.warnings)


@given(st.text(min_size=1, max_size=60), st.text(max_size=30), st.text(max_size=400))
def test_the_query_begins_with_the_question_and_does_not_repeat_the_name(q: str, name: str, told: str) -> None:
    query = expanded(q, name, told)
    assert query.startswith(q) and len(query) <= len(q) + len(name) + DESCRIPTION + 2
    assert name in query or fold(" ".join(told.split())[:DESCRIPTION]).startswith(fold(name))
