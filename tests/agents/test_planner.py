from __future__ import annotations

from dataclasses import replace
from typing import Any

from foveal.agents.planner import make_plan, without_scope
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import ImageRef

QUESTION = "Which river flows through the capital of the country whose flag is shown?"
FLAG = (ImageRef("sha", 10, 10),)


def planner(*replies: Any) -> ScriptedModel:
    model = ScriptedModel([{"task": "plan", "reply": reply} for reply in replies])
    model.capabilities = replace(model.capabilities, plans_freely=True)
    return model


async def test_a_strong_model_plans_after_the_pictures_are_identified() -> None:
    steps = ["What is the capital of #s1?", "Which river flows through #s2?"]
    plan = await make_plan(QUESTION, FLAG, planner({"steps": steps}))
    assert plan.source == "model"
    assert [(s.id, s.tool, s.depends_on) for s in plan.steps] == [
        ("s1", "image_search", ()),
        ("s2", "collection", ("s1",)),
        ("s3", "collection", ("s2",)),
    ]


async def test_row_47_a_plan_that_is_no_dag_or_no_json_falls_back_to_the_form() -> None:
    for reply in ({"steps": ["Which river flows through #s7?"]}, {"steps": ["What is #s2 in #s2?"]}, "not json"):
        plan = await make_plan(QUESTION, FLAG, planner(reply))
        assert plan.source == "fallback"
        assert [s.purpose for s in plan.steps] == ["identify", "lookup", "lookup"]


async def test_a_small_model_is_not_asked_to_plan() -> None:
    plan = await make_plan(QUESTION, FLAG, ScriptedModel([]))
    assert plan.source == "guided"


def test_the_document_that_was_named_leaves_the_question() -> None:
    assert without_scope("In the document a-1.pdf: Who signed it?") == "Who signed it?"
    assert without_scope("In the document stands what?") == "In the document stands what?"
