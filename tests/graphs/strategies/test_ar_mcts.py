"""AR-MCTS over a real collection: a retrieval for each step, candidates verified, the best conclusion given."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from fakes.lands import flag
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.checker import unresolved
from foveal.graphs.strategies.ar_mcts import CANDIDATES, ROUNDS, candidates
from foveal.types import Answer

Going = Callable[..., Any]
QUESTION = "Who built the tower in the capital of the country whose flag is shown?"


def steps(*candidates: str, **more: Any) -> dict[str, Any]:
    return {"task": "ar_mcts", "reply": {"steps": candidates}, **more}


def verified(step: str, probability: float) -> dict[str, Any]:
    return {"task": "ar_mcts_verify", "contains": f"Last step: {step}", "probability": probability, "repeat": True}


def sound(answer: Answer) -> None:
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


HOPS = [
    steps("The capital of Cor is Eph.", "Cor has a bell."),
    steps("The answer is Bo Ek.", "The answer is 1901."),
    verified("The capital", 0.7), verified("Cor has", 0.2),
    verified("The answer is Bo", 0.9), verified("The answer is 19", 0.4),
]  # fmt: skip


async def test_each_step_retrieves_for_itself_and_the_best_conclusion_is_given(going: Going) -> None:
    foveal, model = going("ar_mcts", HOPS)
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Cor")])
    assert answer.answer == "Bo Ek [1]" and answer.citations[0].doc_id == "tower" and answer.confidence == 0.9
    assert [c.task for c in model.calls] == ["ar_mcts", *["ar_mcts_verify"] * 2] * 2
    assert answer.usage.tool_calls == {"image_search": 1, "collection": 2}
    searched = [s.query for s in answer.plan if s.tool == "collection"]
    assert searched == [f"Cor {QUESTION}", f"Cor {QUESTION} The capital of Cor is Eph."]
    again = model.calls[3].messages[-1].content
    assert "The capital of Cor is Eph." in again and "Cor has a bell." not in again
    assert again.count("<passage") <= 3, "what the step before had found is replaced"
    sound(answer)


async def test_a_step_that_the_verifier_doubts_is_left_for_its_sibling(going: Going) -> None:
    script = [
        steps("First.", "Second."),
        steps("So the answer is: Eph.", contains="Second."),
        verified("First.", 0.1), verified("Second.", 0.6), verified("So the", 0.9),
    ]  # fmt: skip
    foveal, model = going("ar_mcts", script)
    async with foveal:
        answer = await foveal.ask("What is the capital of Cor?")
    assert answer.answer.startswith("Eph") and model.left == 0
    sound(answer)


async def test_it_ends_after_four_rounds_and_the_shared_generator_answers(going: Going) -> None:
    script = [
        steps("On.", "Off.", repeat=True),
        {"task": "ar_mcts_verify", "probability": 0.5, "repeat": True},
        {"task": "generate", "reply": "Eph"},
    ]
    foveal, model = going("ar_mcts", script)
    async with foveal:
        answer = await foveal.ask("What is the capital of Cor?")
    assert [c.task for c in model.calls].count("ar_mcts") == ROUNDS
    assert model.calls[-1].task == "generate" and answer.answer.startswith("Eph [1]")
    assert re.search(r"Question: (On|Off)\. What is the capital of Cor\?", model.calls[-1].messages[-1].content)
    taken = [c.messages[-1].content for c in model.calls if c.task == "ar_mcts_verify"]
    assert not any("Steps so far: On." in t and "Last step: On." in t for t in taken), "no step is taken twice"
    sound(answer)


async def test_replies_that_are_no_steps_end_with_the_shared_generator(going: Going) -> None:
    script = [{"task": "ar_mcts", "reply": "no json"}, {"task": "generate", "reply": "unable to determine"}]
    foveal, model = going("ar_mcts", script)
    async with foveal:
        answer = await foveal.ask("What is the capital of Cor?")
    assert answer.status == "insufficient" and not answer.citations and model.left == 0


async def test_what_is_far_from_question_or_concept_is_not_read(going: Going) -> None:
    foveal, model = going("ar_mcts", [steps("The answer is z."), verified("The answer", 0.9)])
    async with foveal:
        answer = await foveal.ask("Qqq ppp vvv mmm?")
    assert "<passage" not in model.calls[0].messages[-1].content, "no evidence is a valid state"
    assert answer.answer == "z" and any("Nothing that was found" in w for w in answer.warnings)


async def test_the_budget_ends_it_with_the_best_conclusion_so_far(going: Going) -> None:
    script = [
        steps("The answer is Eph.", "More is to be found."),
        verified("The answer", 0.6), verified("More", 0.5),
        steps("Never.", repeat=True), verified("Never", 0.1),
    ]  # fmt: skip
    foveal, _ = going("ar_mcts", script, max_calls=4)
    async with foveal:
        answer = await foveal.ask("What is the capital of Cor?")
    assert answer.answer.startswith("Eph") and answer.usage.model_calls == 4 and answer.confidence == 0.6
    assert any("model_calls" in w for w in answer.warnings)


async def test_a_model_that_sees_is_shown_the_picture_and_told_no_words(going: Going) -> None:
    foveal, model = going("ar_mcts", HOPS, sees=True)
    async with foveal:
        await foveal.ask(QUESTION, [flag("Cor")])
    assert all(len(c.messages[-1].images) == 1 for c in model.calls)
    assert not any("looks like" in m.content for c in model.calls for m in c.messages)


rubbish = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["steps", "step", "answer"]), inner),
    max_leaves=12,
)


@given(rubbish)
def test_any_reply_is_read_as_few_different_steps(reply: Any) -> None:
    read = candidates(reply)
    assert len(read) <= CANDIDATES and len({step for step, _ in read}) == len(read)
    assert all(step.strip() for step, _ in read)


def test_a_step_concludes_only_when_it_says_so() -> None:
    said = ["The answer is Lucca.", "Lucca answers much.", "The answer to the question is: Bo Ek", "The answer is"]
    assert [candidates({"steps": [step]})[0][1] for step in said] == ["Lucca", None, "Bo Ek", None]
