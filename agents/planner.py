"""The planner: a typed plan from a model that can, or from the question's form."""

from __future__ import annotations

import re

from foveal.agents.decompose import MAX_STEPS, decompose
from foveal.errors import ModelOutputError
from foveal.prompts.loader import render
from foveal.protocols import ChatModel
from foveal.types import ImageRef, Plan, SubQuestion

_SCOPE = re.compile(
    r"^\s*(?:in|from|according to)\s(?:the\s)?(?:document|file|paper|report|pdf|slides?)\s.+?[:,]\s+", re.I
)
_SCHEMA = {
    "type": "object",
    "properties": {
        "steps": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_STEPS,
            "items": {"type": "string", "minLength": 4, "maxLength": 300},
        }
    },
    "required": ["steps"],
    "additionalProperties": False,
}


def without_scope(question: str) -> str:
    """Return the question without the words that only name the document it is about."""
    return _SCOPE.sub("", question, count=1) or question


async def make_plan(question: str, images: tuple[ImageRef, ...], model: ChatModel) -> Plan:
    """Return a plan: guided by the question's form unless *model* plans freely and its plan is sound."""
    guided = decompose(question, images)
    if not model.capabilities.plans_freely or guided.steps[0].tool == "picture_search":
        return guided
    identify = tuple(s for s in guided.steps if s.purpose == "identify")
    pictures = "".join(f"#{s.id} stands for what is in picture {n}.\n" for n, s in enumerate(identify, 1))
    try:
        reply = await model.generate(
            render("plan", question=question, pictures=pictures), schema=_SCHEMA, max_tokens=600, task="plan"
        )
        return typed(reply.parsed["steps"], identify)
    except (ModelOutputError, ValueError):
        return Plan(guided.steps, source="fallback")


def typed(texts: list[str], identify: tuple[SubQuestion, ...]) -> Plan:
    """Return the plan of *texts*, in which ``#sN`` names a step before it. Raises ValueError if one does not."""
    steps = list(identify)
    for text in texts:
        name = f"s{len(steps) + 1}"
        depends_on = tuple(dict.fromkeys(re.findall(r"#(s\d+)", text)))
        if unknown := set(depends_on) - {s.id for s in steps}:
            raise ValueError(f"step {name} depends on {sorted(unknown)}, which are not before it")
        steps.append(SubQuestion(name, text, depends_on=depends_on))
    return Plan(tuple(steps), source="model")
