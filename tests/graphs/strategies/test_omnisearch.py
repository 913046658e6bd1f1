"""OmniSearch over a real collection: sub-question, retrieval, feedback, until the planner answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from fakes.lands import flag
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.checker import unresolved
from foveal.graphs.strategies.omnisearch import FINAL, IMAGE, LOOK, PICTURE, TEXT, TURNS, offered, repeats
from foveal.types import Answer

Going = Callable[..., Any]
QUESTION = "Who built the tower in the capital of the country whose flag is shown?"


def turn(tool: str, query: str = "", sub_question: str = "", **more: Any) -> dict[str, Any]:
    reply = {"thought": "t", "sub_question": sub_question, "tool": tool, "query": query}
    return {"task": "omnisearch", "reply": reply, **more}


HOPS = [
    turn(IMAGE, sub_question="Which country is it?"),
    turn(TEXT, "Cor capital", "What is the capital of Cor?"),
    {"task": "generate", "contains": "What is the capital of Cor?", "reply": "Eph"},
    turn(TEXT, "Eph Tower built by", "Who built the Eph Tower?"),
    {"task": "generate", "contains": "Who built the Eph Tower?", "reply": "Bo Ek"},
    turn(FINAL, "Bo Ek"),
]


def sound(answer: Answer) -> None:
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


async def test_each_retrieval_answers_one_sub_question_and_is_fed_back(going: Going) -> None:
    foveal, model = going("omnisearch", HOPS)
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Cor")])
    assert answer.answer == "Bo Ek [1]" and answer.citations[0].doc_id == "tower"
    assert [s.tool for s in answer.plan] == ["image_search", "collection", "collection", "none"]
    assert [s.answer for s in answer.plan[1:3]] == ["Eph", "Bo Ek"]
    assert [c.task for c in model.calls] == [
        "omnisearch", "omnisearch", "generate", "omnisearch", "generate", "omnisearch",
    ]  # fmt: skip
    assert model.left == 0 and answer.usage.tool_calls == {"image_search": 1, "collection": 2}
    second, last = model.calls[1].messages[-1].content, model.calls[-1].messages[-1].content
    assert "looks most like: Cor" in second and "Which country is it? (image search)" in second
    assert "Step 3: Who built the Eph Tower? (text search: Eph Tower built by)" in last and last.count("<passage") == 3
    sound(answer)


async def test_nothing_is_answered_before_something_was_retrieved(going: Going) -> None:
    imagined = turn(FINAL, "Bo Ek", "Who built it?")
    untold = {"task": "generate", "reply": "unable to determine"}
    foveal, model = going("omnisearch", [imagined, untold, turn(FINAL, "")])
    async with foveal:
        answer = await foveal.ask("Who built the Eph Tower?")
    assert answer.usage.tool_calls == {"collection": 1}, "the imagined answer is no turn: the question is searched"
    assert "You may use: text search, picture search\n" in model.calls[0].messages[-1].content
    assert answer.status == "insufficient" and not answer.citations


async def test_row_51_the_last_turn_may_only_answer_and_a_question_has_five_retrievals(going: Going) -> None:
    script = [turn(TEXT, f"query {n}", f"What is number {n}?") for n in range(TURNS)]
    never = {"task": "generate", "reply": "unable to determine", "repeat": True}
    foveal, model = going("omnisearch", [*script, never, turn(TEXT, "one more", "And?")])
    async with foveal:
        answer = await foveal.ask("Who built the Eph Tower?")
    asked = [c.messages[-1].content for c in model.calls if c.task == "omnisearch"]
    assert len(asked) == TURNS + 1 and asked[-1].endswith(f"You may use: {FINAL}\nNext step:")
    assert answer.usage.tool_calls == {"collection": TURNS}
    assert answer.status == "insufficient", "what the last turn searched for is not the answer"


async def test_a_retrieval_that_repeats_one_ends_the_search(going: Going) -> None:
    again = [turn(TEXT, "Eph Tower", "Who built it?"), turn(TEXT, "eph  tower", "Who?"), turn(FINAL, "Bo Ek")]
    foveal, model = going("omnisearch", [*again, {"task": "generate", "reply": "Bo Ek", "repeat": True}])
    async with foveal:
        answer = await foveal.ask("Who built the Eph Tower?")
    assert answer.answer == "Bo Ek [1]" and answer.usage.tool_calls == {"collection": 1}
    assert model.calls[-1].messages[-1].content.endswith(f"You may use: {FINAL}\nNext step:")


async def test_row_47_a_turn_that_cannot_be_read_is_answered_from_what_was_found(going: Going) -> None:
    script = [
        {"task": "omnisearch", "reply": "<Thought> prose <Search> Image Retrieval with Input Image"},
        turn(TEXT, "Eph Tower", "Where does it stand?"),
        {"task": "generate", "reply": "Eph"},
        {"task": "omnisearch", "reply": "Final Answer: a guess"},
        {"task": "generate", "contains": "Question: Who built the Eph Tower?", "reply": "Bo Ek"},
    ]
    foveal, _ = going("omnisearch", script)
    async with foveal:
        answer = await foveal.ask("Who built the Eph Tower?", [flag("Cor")])
    assert answer.answer == "Bo Ek [1]"
    assert [s.tool for s in answer.plan] == ["image_search", "collection", "none"]
    assert sum("could not be read" in w for w in answer.warnings) == 2
    sound(answer)


async def test_row_51_a_budget_spent_in_the_middle_hands_in_the_last_sub_answer(going: Going) -> None:
    foveal, _ = going("omnisearch", HOPS, max_calls=3)
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Cor")])
    assert answer.answer.startswith("Eph [1]") and answer.confidence == 0.2
    assert any("budget of model_calls" in w for w in answer.warnings)
    foveal, _ = going("omnisearch", HOPS, max_calls=2)
    async with foveal:
        nothing = await foveal.ask(QUESTION, [flag("Cor")])
    assert (nothing.status, nothing.stop_reason) == ("insufficient", "budget:model_calls")


async def test_row_55_a_run_that_was_cancelled_goes_on_where_it_was(going: Going) -> None:
    foveal, model = going("omnisearch", HOPS[:4])
    reached = asyncio.Event()
    real = model.generate

    async def stopping(*asked: Any, **how: Any) -> Any:
        if len(model.calls) == 4:
            reached.set()
            await asyncio.sleep(60)
        return await real(*asked, **how)

    model.generate = stopping
    async with foveal:
        asked = asyncio.create_task(foveal.ask(QUESTION, [flag("Cor")], run_id="run1"))
        await asyncio.wait_for(reached.wait(), 30)
        asked.cancel()
        await asyncio.wait([asked])
    again, model = going("omnisearch", HOPS[4:])
    async with again:
        answer = [e async for e in again.resume("run1")][-1].data["answer"]
    assert answer.answer == "Bo Ek [1]" and model.left == 0 and len(model.calls) == 2
    assert answer.usage.model_calls == 6 and answer.usage.tool_calls == {"image_search": 1, "collection": 2}
    sound(answer)


@pytest.mark.parametrize("sees", [False, True])
async def test_pictures_are_shown_to_a_model_that_sees_and_told_to_a_blind_one(going: Going, sees: bool) -> None:
    script = [
        turn(PICTURE, "a striped flag of Ida", "Which flag has red?"),
        {"task": "generate", "reply": "red"},
        turn(FINAL, "ida"),
    ]
    foveal, model = going("omnisearch", script, sees=sees)
    async with foveal:
        answer = await foveal.ask("Find a flag like this one. Answer with its id.", [flag("Bel")])
    planner, solver, last = model.calls
    assert ("Picture 1 looks like: " in planner.messages[-1].content) is not sees
    assert len(planner.messages[-1].images) == int(sees)
    assert "Pictures found: " in last.messages[-1].content and "ida (Ida)" in last.messages[-1].content
    assert (1 < len(last.messages[-1].images) <= 9) is sees and (len(solver.messages[-1].images) > 1) is sees
    assert answer.answer.startswith("ida [1]") and answer.citations[0].doc_id == "ida" and answer.citations[0].image


async def test_a_look_reads_the_sub_answer_off_the_picture_itself(going: Going, monkeypatch: Any) -> None:
    from fakes.embedders import SizeReader
    from fakes.lands import WordlessReader

    monkeypatch.setattr(WordlessReader, "read", SizeReader.read)
    script = [turn(LOOK, "", "How wide is it?"), {"task": "generate", "reply": "width 60"}, turn(FINAL, "60")]
    foveal, model = going("omnisearch", script)
    async with foveal:
        answer = await foveal.ask("How wide is it?", [flag("Bel")])
    assert answer.usage.tool_calls == {} and answer.answer == "60 [1]" and "width 60" in answer.citations[0].quote
    assert "width 60 height 40" in model.calls[1].messages[-1].content


@given(
    st.lists(st.sampled_from((IMAGE, TEXT, PICTURE, LOOK)), max_size=TURNS), st.booleans(), st.booleans()
)  # fmt: skip
def test_there_is_always_a_tool_and_never_one_that_cannot_help(made: list[str], pictures: bool, last: bool) -> None:
    tools = offered([{"tool": tool} for tool in made], pictures=pictures, last=last)
    assert tools and (tools == (FINAL,)) is last
    if not last:
        assert (FINAL in tools) is bool(made)
        assert (IMAGE in tools) is (pictures and IMAGE not in made) and (LOOK in tools) is pictures


@given(st.sampled_from((TEXT, PICTURE, LOOK)), st.text(max_size=20), st.text(max_size=20))
def test_a_move_repeats_itself_and_no_other_tool_s(tool: str, query: str, sub_question: str) -> None:
    move: Mapping[str, str] = {"tool": tool, "query": query, "sub_question": sub_question}
    assert repeats(move, [move]) and not repeats(move, []) and not repeats({**move, "tool": FINAL}, [move])
