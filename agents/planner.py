"""The planner: a typed plan from a model that can, or from the question's form."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from foveal.agents import fence
from foveal.agents.decompose import decompose, pictured
from foveal.agents.typed_plan import OPS, SCHEMA, TOOLS, Frame, PlanFault, read_plan
from foveal.errors import ModelOutputError
from foveal.prompts.loader import render
from foveal.protocols import ChatModel
from foveal.types import ImageRef, Message, Plan, SubQuestion, Tool

_SCOPE = re.compile(
    r"^\s*(?:in|from|according to)\s(?:the\s)?(?:document|file|paper|report|pdf|slides?)\s.+?[:,]\s+", re.I
)
_REPAIRS = 1


def without_scope(question: str) -> str:
    """Return the question without the words that only name the document it is about."""
    return _SCOPE.sub("", question, count=1) or question


async def make_plan(
    question: str,
    images: tuple[ImageRef, ...],
    model: ChatModel,
    *,
    tools: Sequence[Tool] = TOOLS,
    shown: Mapping[str, str] | None = None,
) -> Plan:
    """Return a plan: guided by the question's form unless *model* plans freely and its plan is sound.

    A plan with faults is sent back once, with what is wrong; after that the form's plan is the fallback, and
    ``notes`` says why. Only the form's plan is made when the question looks for a picture. *shown* says in words
    what pictures (by digest) show.
    """
    guided = decompose(question, images)
    if not model.capabilities.plans_freely or guided.steps[0].tool == "picture_search":
        return guided
    identify = tuple(s for s in guided.steps if s.purpose == "identify")
    frame = Frame(images, identify, tuple(tools))
    pictures = [
        {"step": step.id, "number": str(number), "text": (shown or {}).get(step.image or "", "")}
        for number, step in enumerate(identify, 1)
    ]
    messages = render(
        "plan", code=fence.of(model), question=question, shown=pictures, tools=", ".join(tools), ops=", ".join(OPS)
    )
    notes: tuple[str, ...] = ()
    for _ in range(1 + _REPAIRS):
        said = ""
        try:
            reply = await model.generate(messages, schema=SCHEMA, max_tokens=1500, task="plan")
            said = reply.text
            plan = read_plan(reply.parsed, frame)
            return replace(plan, notes=(*notes, *plan.notes))
        except PlanFault as problem:
            wrong = problem.faults
        except ModelOutputError as problem:
            wrong = (f"the reply was no JSON object ({problem.message})",)
        notes = (*notes, f"the model's plan was not sound: {'; '.join(wrong)}")
        listed = "".join(f"- {w}\n" for w in wrong)
        again = f"This plan cannot be used:\n{listed}Reply with the whole plan again, as JSON."
        messages = [*messages, Message("assistant", said[:4000] or "(nothing)"), Message("user", again)]
    return Plan(guided.steps, source="fallback", notes=notes)


def two_step(question: str, images: tuple[ImageRef, ...]) -> Plan:
    """Return the plan of a fixed pipeline: say what each picture shows, then ask the question once."""
    steps, text = pictured(question, images)
    if steps and steps[0].tool == "picture_search":
        return Plan(steps, source="two_step")
    asked = SubQuestion(f"s{len(steps) + 1}", text, depends_on=tuple(s.id for s in steps))
    return Plan((*steps, asked), source="two_step")
