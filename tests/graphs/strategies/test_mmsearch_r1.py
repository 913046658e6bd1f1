"""MMSearch-R1's loop over a real collection: searches only when it has to, and never more than it may."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fakes.embedders import SizeReader
from fakes.lands import WordlessReader, flag
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.checker import unresolved
from foveal.graphs.strategies.mmsearch_r1 import ANSWER, IMAGE, LIMITS, ROUNDS, TEXT, allowed

Going = Callable[..., Any]
QUESTION = "What is the currency of the country whose flag is shown?"


def turn(tool: str, text: str = "", **more: Any) -> dict[str, Any]:
    return {"task": "mmsearch_r1", "reply": {"reason": "because", "tool": tool, "text": text}, **more}


def may_use(call: Any) -> str:
    return str(call.messages[-1].content.rpartition("You may use: ")[2])


async def test_picture_then_text_then_the_answer(going: Going) -> None:
    foveal, model = going("mmsearch_r1", [turn(IMAGE), turn(TEXT, "Bel currency"), turn(ANSWER, "bell")])
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Bel")])
    assert [s.tool for s in answer.plan] == ["image_search", "collection", "none"]
    assert answer.answer.startswith("bell [1]") and answer.citations[0].doc_id == "bel" and len(model.calls) == 3
    said = [c.messages[-1].content for c in model.calls]
    assert [r in s for r, s in zip((ROUNDS[""], ROUNDS[IMAGE], ROUNDS[ANSWER]), said, strict=True)] == [True] * 3
    assert [may_use(c) for c in model.calls] == [f"{IMAGE}, {TEXT}, {ANSWER}", f"{TEXT}, {ANSWER}", ANSWER]
    assert 'Turn 1: image search\n<passage n="1" title="Bel">\n</passage>' in said[1], "look-alikes are titles"
    assert "Turn 2: text search Bel currency" in said[2] and "Currency: bell" in said[2]
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


async def test_what_is_known_is_answered_without_a_search(going: Going, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WordlessReader, "read", SizeReader.read)
    foveal, model = going("mmsearch_r1", [turn(ANSWER, "60")])
    async with foveal:
        answer = await foveal.ask("How wide is it?", [flag("Bel")])
    assert answer.usage.tool_calls == {} and len(model.calls) == 1
    assert answer.answer == "60 [1]" and "width 60" in answer.citations[0].quote


async def test_the_third_turn_may_not_search_and_two_text_searches_are_all(going: Going) -> None:
    script = [turn(TEXT, "Bel"), turn(TEXT, "Bel money"), turn(TEXT, "Bel coins")]
    foveal, model = going("mmsearch_r1", [*script, {"task": "generate", "reply": "unable to determine"}])
    async with foveal:
        answer = await foveal.ask("Which currency does Bel have?")
    assert [may_use(c) for c in model.calls if c.task == "mmsearch_r1"] == [f"{TEXT}, {ANSWER}"] * 2 + [ANSWER]
    assert answer.usage.tool_calls == {"collection": 2} and answer.status == "insufficient"


@pytest.mark.parametrize("words", ["Unable to answer due to lack of relevant information.", "unable to determine", ""])
async def test_lack_of_information_is_an_answer_of_its_own(going: Going, words: str) -> None:
    foveal, _ = going("mmsearch_r1", [turn(TEXT, "king of Bel"), turn(ANSWER, words)])
    async with foveal:
        answer = await foveal.ask("Who is the king of Bel?")
    assert (answer.status, answer.citations) == ("insufficient", ())
    assert answer.plan[-1].reason == "because" and answer.retrieved


async def test_row_47_turns_that_cannot_be_read_search_first_and_then_answer_from_what_was_found(going: Going) -> None:
    script = [
        {"task": "mmsearch_r1", "reply": "<reason>x</reason><search><img></search>"},
        {"task": "mmsearch_r1", "reply": {"reason": "x", "tool": "browse", "text": "y"}},
        {"task": "generate", "reply": "bell"},
    ]
    foveal, model = going("mmsearch_r1", script)
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Bel")])
    assert [s.tool for s in answer.plan] == ["image_search", "none"] and model.left == 0
    assert answer.answer.startswith("bell [1]")


async def test_nothing_found_is_told_to_the_model(going: Going) -> None:
    from fakes.web import FakeWeb

    script = [turn(TEXT, "Bel currency"), turn(ANSWER, "bell")]
    foveal, model = going("mmsearch_r1", script, web=FakeWeb(), alone=True)
    async with foveal:
        answer = await foveal.ask("Which currency does Bel have?")
    assert 'title="nothing was found"' in model.calls[1].messages[-1].content
    assert "Nothing that was found holds the words of this answer." in answer.warnings and not answer.citations


@pytest.mark.parametrize("sees", [False, True])
async def test_the_picture_and_its_look_alikes_are_shown_to_a_model_that_sees(going: Going, sees: bool) -> None:
    foveal, model = going("mmsearch_r1", [turn(IMAGE), turn(ANSWER, "bell")], sees=sees)
    async with foveal:
        await foveal.ask(QUESTION, [flag("Bel")])
    first, second = (c.messages[-1] for c in model.calls)
    assert ("Picture 1 looks like" in first.content) is not sees and len(first.images) == int(sees)
    assert (len(second.images) > 2) is sees


async def test_row_51_a_budget_spent_in_the_middle_abstains(going: Going) -> None:
    foveal, _ = going("mmsearch_r1", [turn(IMAGE), turn(TEXT, "Bel"), turn(ANSWER, "bell")], max_calls=2)
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Bel")])
    assert (answer.status, answer.stop_reason) == ("insufficient", "budget:model_calls") and answer.retrieved


@given(st.lists(st.sampled_from((IMAGE, TEXT)), max_size=4), st.booleans())
def test_no_search_is_allowed_more_often_than_published(made: list[str], pictures: bool) -> None:
    tools = allowed(made, pictures=pictures)
    assert tools[-1] == ANSWER
    assert set(tools[:-1]) == {t for t, n in LIMITS.items() if made.count(t) < n} - ({IMAGE} if not pictures else set())
