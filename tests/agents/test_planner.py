from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.drafting import MAX_STEPS
from foveal.agents.planner import make_plan, two_step, without_scope
from foveal.agents.typed_plan import Frame, PlanFault, read_plan
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import ImageRef, Plan, Region, SubQuestion

QUESTION = "Which river flows through the capital of the country whose flag is shown?"
FLAG = (ImageRef("sha", 100, 80),)
IDENTIFY = (SubQuestion("s1", "Which country?", purpose="identify", tool="image_search", image="sha"),)


def step(name: str, question: str, *depends_on: str, **fields: Any) -> dict[str, Any]:
    given_ = {"id": name, "question": question, "purpose": "lookup", "tool": "collection"}
    return given_ | {"depends_on": list(depends_on)} | fields


SOUND = [step("s2", "What is the capital of #s1?", "s1"), step("s3", "Which river flows through #s2?", "s2")]


def planner(*replies: Any) -> ScriptedModel:
    model = ScriptedModel([{"task": "plan", "reply": reply} for reply in replies])
    model.capabilities = replace(model.capabilities, plans_freely=True)
    return model


def read(steps: list[Any], **more: Any) -> Plan:
    return read_plan({"steps": steps, **more}, Frame(FLAG, IDENTIFY))


def faults(steps: list[Any], **more: Any) -> str:
    with pytest.raises(PlanFault) as caught:
        read(steps, **more)
    return "; ".join(caught.value.faults)


async def test_a_strong_model_plans_after_the_pictures_are_identified() -> None:
    plan = await make_plan(QUESTION, FLAG, planner({"steps": SOUND}))
    assert (plan.source, plan.notes) == ("model", ())
    assert [(s.id, s.tool, s.depends_on) for s in plan.steps] == [
        ("s1", "image_search", ()),
        ("s2", "collection", ("s1",)),
        ("s3", "collection", ("s2",)),
    ]


@pytest.mark.parametrize(
    "bad",
    [
        "I would first look for the flag.",
        {"steps": [step("s2", "Which river flows through #s7?", "s7")]},
        {"steps": [step("s2", "What is near #s3?", "s3"), step("s3", "What is near #s2?", "s2")]},
        {"steps": []},
        {"plan": "look it up"},
    ],
)
async def test_behaviour_17_a_plan_that_cannot_run_is_repaired_once_and_then_falls_back(bad: Any) -> None:
    model = planner(bad, {"steps": SOUND})
    repaired = await make_plan(QUESTION, FLAG, model)
    assert repaired.source == "model"
    assert len(repaired.steps) == 3
    assert "not sound" in repaired.notes[0]
    assert "cannot be used" in model.calls[1].messages[-1].content

    model = planner(bad, bad, {"steps": SOUND})
    plan = await make_plan(QUESTION, FLAG, model)
    assert plan.source == "fallback"
    assert [s.purpose for s in plan.steps] == ["identify", "lookup", "lookup"]
    assert len(model.calls) == 2, "one repair, no busy loop"
    assert len(plan.notes) == 2


async def test_behaviour_18_an_imagined_trajectory_with_an_answer_is_rejected() -> None:
    imagined = [SOUND[0] | {"observation": "Paris"}, SOUND[1] | {"answer": "the Seine"}]
    plan = await make_plan(QUESTION, FLAG, planner({"steps": imagined}, {"steps": SOUND, "final_answer": "the Seine"}))
    assert plan.source == "fallback"
    assert all(s.answer is None for s in plan.steps)
    assert "holds no" in plan.notes[0]


async def test_behaviour_19_an_unknown_tool_is_named_to_the_planner_with_those_allowed() -> None:
    model = planner({"steps": [step("s2", "What is it called?", "s1", tool="google")]}, {"steps": SOUND})
    plan = await make_plan(QUESTION, FLAG, model)
    told = model.calls[1].messages[-1].content
    assert "unknown tool 'google'; allowed are none, image_search, crop" in told
    assert plan.source == "model"


async def test_behaviour_19_the_web_is_unknown_unless_it_is_there() -> None:
    web = {"steps": [step("s2", "What is the capital of #s1?", "s1", tool="web")]}
    assert (await make_plan(QUESTION, FLAG, planner(web, web))).source == "fallback"
    plan = await make_plan(QUESTION, FLAG, planner(web), tools=("none", "image_search", "collection", "web"))
    assert plan.steps[-1].tool == "web"


async def test_row_52_five_hundred_steps_are_capped_to_what_the_answer_rests_on_and_logged() -> None:
    many = [step(f"s{n}", f"What is fact number {n}?") for n in range(2, 500)]
    last = step("s500", "Which river flows through #s450 and #s1?", "s450", "s1")
    plan = await make_plan(QUESTION, FLAG, planner({"steps": [*many, last]}))
    assert len(plan.steps) == MAX_STEPS
    assert plan.steps[-1].id == "s500"
    assert {"s1", "s450"} <= {s.id for s in plan.steps}
    assert plan.notes == ("500 steps were planned, 12 kept",)


def test_row_52_a_chain_that_is_too_long_is_a_fault() -> None:
    chain = [step(f"s{n}", f"What follows #s{n - 1}?", f"s{n - 1}") for n in range(2, 30)]
    assert "rests on 29 steps" in faults(chain)


def test_regions_are_clipped_and_empty_ones_refused() -> None:
    look = step("s2", "What is on the flag?", purpose="identify", tool="crop", image=1, region=[10, -5, 500, 40])
    assert read([look, step("s3", "Who drew #s2?", "s2")]).steps[1].region == Region(10, 0, 100, 40)
    assert "empty" in faults([look | {"region": [40, 10, 20, 30]}])
    assert "no image 2" in faults([look | {"image": 2}])
    assert "four whole numbers" in faults([look | {"region": ["a", 1, 2, 3]}])
    assert "number of an image" in faults([look | {"image": None, "region": None}])


def test_a_picture_that_is_identified_again_is_the_step_that_does_it_already() -> None:
    again = step("s5", "Which country is it?", purpose="identify", tool="image_search", image=1)
    plan = read([again, step("s6", "What is the capital of #s5?", "s5")])
    assert [(s.id, s.text) for s in plan.steps][1:] == [("s6", "What is the capital of #s1?")]


def test_operands_of_a_choice_carry_what_they_are_values_of() -> None:
    plan = read(
        [
            step("s2", "What is the area of #s1?", "s1"),
            step("s3", "What is the area of Chad?"),
            step("s4", "Which is larger?", "s2", "s3", purpose="compare", op="argmax"),
        ]
    )
    assert [s.noun for s in plan.steps[1:3]] == ["#s1", "Chad"]
    assert (plan.steps[-1].purpose, plan.steps[-1].tool) == ("compute", "none")


def test_steps_in_any_order_are_put_parents_first() -> None:
    plan = read([SOUND[1], SOUND[0]])
    assert [s.id for s in plan.steps] == ["s1", "s2", "s3"]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    said = faults(
        [
            step("x", "What is this?", purpose="guess", op="median"),
            step("s2", "?"),
            step("s2", "What is that?"),
            step("s3", "Is it earlier?", "s9", purpose="compute", op="before"),
            step("s4", "How many?", purpose="compute"),
            7,
        ]
    )
    for part in ("'x' is no step id", "unknown purpose", "unknown op", "4 to 300", "called s2", "s9, which is no step",
                 "exactly two", "needs an op", "no object"):  # fmt: skip
        assert part in said


_KEYS = st.sampled_from(["steps", "id", "question", "purpose", "tool", "image", "region", "depends_on", "op"])
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=6),
    max_leaves=20,
)


@given(_JSON)
def test_any_json_is_a_sound_plan_or_a_fault(written: Any) -> None:
    try:
        plan = read_plan(written, Frame(FLAG, IDENTIFY))
    except PlanFault as fault:
        assert fault.faults
    else:
        assert 1 <= len(plan.steps) <= MAX_STEPS


async def test_a_small_model_is_not_asked_to_plan() -> None:
    plan = await make_plan(QUESTION, FLAG, ScriptedModel([]))
    assert plan.source == "guided"


def test_a_fixed_pipeline_asks_the_question_once() -> None:
    assert [s.text for s in two_step(QUESTION, FLAG).steps][1:] == ["Which river flows through the capital of #s1?"]


def test_the_document_that_was_named_leaves_the_question() -> None:
    assert without_scope("In the document a-1.pdf: Who signed it?") == "Who signed it?"
    assert without_scope("In the document stands what?") == "In the document stands what?"
