"""VisDoMRAG over a real collection: two branches apart, and a fusion only where they differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fakes.lands import flag
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.checker import unresolved
from foveal.graphs.strategies.visdom import Branch, agreed, settled
from foveal.settings import Settings
from foveal.types import Budget

Going = Callable[..., Any]
QUESTION = "Who built the Eph Tower?"
FLAG = "What is the capital of the country whose flag is shown?"


def chain(answer: str, **more: Any) -> dict[str, Any]:
    return {
        "task": "visdom",
        "reply": {"evidence": f"e {answer}", "reasoning": f"r {answer}", "answer": answer},
        **more,
    }


def fusion(answer: str) -> dict[str, Any]:
    return {"task": "visdom_fuse", "reply": {"analysis": "a", "conclusion": "the pictures", "answer": answer}}


async def test_branches_that_agree_are_not_fused(going: Going) -> None:
    foveal, model = going("visdom", [chain("1901"), chain("in 1901")])
    async with foveal:
        answer = await foveal.ask("When was the Eph Tower built?")
    assert [c.task for c in model.calls] == ["visdom", "visdom"]
    assert answer.answer == "1901 [1]" and answer.citations[0].doc_id == "tower"
    assert answer.usage.tool_calls == {"collection": 1, "picture_search": 1}
    assert answer.plan[-1].reason == "both branches agree"
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


async def test_branches_that_differ_are_fused_with_both_chains(going: Going) -> None:
    foveal, model = going("visdom", [chain("Eph"), chain("Dun"), fusion("Eph")])
    async with foveal:
        answer = await foveal.ask(FLAG, [flag("Cor")])
    assert [c.task for c in model.calls] == ["visdom", "visdom", "visdom_fuse"]
    said = model.calls[-1].messages[-1].content
    assert said.index("Answer: Eph") < said.index("Answer: Dun") and "Reasoning: r Dun" in said
    assert 'title="pictures"' in said and 'title="texts"' in said and "Evidence: e Eph" in said
    assert answer.answer.startswith("Eph [1]") and answer.citations[0].doc_id == "cor"
    assert answer.plan[-1].reason == "fused: the pictures"


async def test_the_branches_know_nothing_of_each_other(going: Going) -> None:
    foveal, model = going("visdom", [chain("Eph"), chain("Eph")])
    async with foveal:
        await foveal.ask(FLAG, [flag("Cor")])
    visual, textual = (c.messages[-1].content for c in model.calls)
    assert visual.index('title="Cor"') == visual.index('title="'), "the pictures by likeness"
    assert visual != textual and "Eph" not in textual.split("Question:")[1]


async def test_a_side_that_could_not_tell_is_weighed_against_the_other(going: Going) -> None:
    foveal, model = going("visdom", [chain("unable to determine"), chain("Bo Ek"), fusion("unable to determine")])
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert "Answer: unable to determine" in model.calls[-1].messages[-1].content
    assert answer.status == "insufficient", "it was right not to tell"


async def test_when_neither_can_tell_nothing_is_fused(going: Going) -> None:
    foveal, model = going("visdom", [chain("unable to determine", repeat=True)])
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert len(model.calls) == 2 and answer.status == "insufficient" and not answer.citations


async def test_a_branch_that_cannot_be_read_leaves_the_answer_to_the_other(going: Going) -> None:
    foveal, model = going("visdom", [{"task": "visdom", "reply": "## Evidence: none"}, chain("Bo Ek")])
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert [c.task for c in model.calls] == ["visdom", "visdom"], "not skipped, not fused"
    assert answer.answer == "Bo Ek [1]" and answer.plan[-1].reason.endswith("alone")


async def test_a_branch_that_found_nothing_leaves_the_answer_to_the_other(
    going: Going, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "budget", lambda self: Budget(tool_calls=1))  # the text search is refused
    foveal, model = going("visdom", [chain("Bo Ek")])
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert len(model.calls) == 1 and answer.answer == "Bo Ek [1]"


@pytest.mark.parametrize("reply", ["## Final Answer: Dun", {"analysis": "a"}])
async def test_a_fusion_that_cannot_be_read_leaves_the_pictures_answer(going: Going, reply: Any) -> None:
    foveal, _ = going("visdom", [chain("Eph"), chain("Dun"), {"task": "visdom_fuse", "reply": reply}])
    async with foveal:
        answer = await foveal.ask(FLAG, [flag("Cor")])
    assert answer.answer.startswith("Eph") and answer.status == "answered"


async def test_a_budget_spent_by_one_branch_ends_with_that_branch(
    going: Going, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Settings, "budget", lambda self: Budget(model_calls=1))
    foveal, model = going("visdom", [chain("Bo Ek", repeat=True)])
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert sum(answer.usage.tool_calls.values()) == 2 and len(model.calls) == 1
    assert answer.answer.startswith("Bo Ek") and any("budget" in w.lower() for w in answer.warnings)


async def test_a_budget_spent_before_the_fusion_ends_with_the_pictures(going: Going) -> None:
    foveal, model = going("visdom", [chain("Eph"), chain("Dun")], max_calls=2)
    async with foveal:
        answer = await foveal.ask(FLAG, [flag("Cor")])
    assert len(model.calls) == 2 and answer.answer.startswith("Eph")
    assert any("budget" in w.lower() for w in answer.warnings)


async def test_a_model_that_sees_is_shown_the_pictures_in_one_branch_only(going: Going) -> None:
    foveal, model = going("visdom", [chain("Eph"), chain("Eph")], sees=True)
    async with foveal:
        await foveal.ask(FLAG, [flag("Cor")])
    visual, textual = (c.messages[-1] for c in model.calls)
    assert len(visual.images) == 4 and "<passage" not in visual.content, "the question's picture and three found"
    assert len(textual.images) == 1 and "<passage" in textual.content


SIDES = st.builds(Branch, st.sampled_from(("pictures", "texts")), st.just(()), st.text(max_size=5), st.text(max_size=5),
                  st.one_of(st.none(), st.sampled_from(("Eph", "Dun", "1901", "in 1901"))))  # fmt: skip


@given(SIDES, SIDES)
def test_agreeing_does_not_depend_on_the_order(one: Branch, other: Branch) -> None:
    assert agreed(one, other) == agreed(other, one) and agreed(one, one)


@given(st.lists(SIDES, max_size=2))
def test_without_a_fusion_an_answer_comes_before_none_and_the_first_before_the_second(sides: list[Branch]) -> None:
    answers = [b.answer for b in sides if b.answer is not None]
    assert settled(sides).text == (answers[0] if answers else None)
