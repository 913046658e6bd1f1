"""Last resorts: what is tried when no step is ready and the question is not answered."""

from __future__ import annotations

import re
from dataclasses import replace

from foveal.graphs import progress
from foveal.graphs.replan import Situation, again, dependants
from foveal.types import Hypothesis, Plan, PlanChange, SubQuestion

RIVAL = 0.15
"""A second hypothesis this close to the first is followed when the first leads nowhere."""
DOUBTED = 0.9
"""An answer less certain than this may have been the wrong one when what rests on it is not found."""


def last_resort(plan: Plan, situation: Situation) -> tuple[Plan, list[PlanChange]]:
    """Return the plan with one more line of enquiry; unchanged when there is none, or one was followed already."""
    last = plan.steps[-1]
    followed = any(s.id.endswith("b") for s in plan.steps)
    if followed or last.status == "answered" or any("." in s.id for s in plan.steps):
        return plan, []  # a list that was unfolded is not unfolded twice
    resting_on = progress.chain(plan)
    for step in reversed(plan.steps):
        if step.status != "answered" or step not in resting_on:
            continue
        if step.purpose == "identify" and "AMBIGUOUS_ID" in situation.codes:
            other = _other_hypothesis(step, situation)
        elif step.purpose == "lookup" and step.confidence < DOUBTED and "IRRELEVANT" in situation.codes:
            other = (
                _other_answer(step),
                PlanChange(0, "IRRELEVANT", f"another answer than {step.answer} is sought", step.id),
            )
        else:
            other = None
        if other:
            taken, change = other
            steps = (*plan.steps, taken, *_asked_of(plan, step))
            changed = replace(plan, steps=steps, version=plan.version + 1)
            return changed, [replace(change, version=changed.version)]
    return plan, []


def _other_hypothesis(step: SubQuestion, situation: Situation) -> tuple[SubQuestion, PlanChange] | None:
    """Return a step that holds a picture's close second hypothesis."""
    found = situation.findings.get(step.id)
    if found is None or len(found.hypotheses) < 2:
        return None
    first, second = found.hypotheses[:2]
    if first.score - second.score > RIVAL:
        return None
    told = f"{second.name} is followed instead of {first.name}"
    return _taking(step, second, first, situation), PlanChange(0, "AMBIGUOUS_ID", told, step.id)


def _other_answer(step: SubQuestion) -> SubQuestion:
    """Return *step* asked again, its answer passed over."""
    avoid = (*step.avoid, step.answer or "")
    return again(step, step.tool, step.query).having(id=f"{step.id}b", attempts=0, avoid=avoid)


def _asked_of(plan: Plan, step: SubQuestion) -> list[SubQuestion]:
    """Return what rests on *step*, to be asked of the step that is followed instead."""
    resting = [s for s in plan.steps if s.id in dependants(plan, step.id)]
    names = {s.id: f"{s.id}b" for s in (step, *resting)}
    return [_renamed(s, names) for s in resting]


def _taking(step: SubQuestion, second: Hypothesis, first: Hypothesis, situation: Situation) -> SubQuestion:
    entries = [i for i, e in situation.evidence.items() if e.sub_question == step.id and e.doc_id == second.doc_id]
    return step.having(
        id=f"{step.id}b",
        answer=second.name,
        values=(second.name, *(a for a in second.aliases if a != second.name)),
        confidence=round(min(1.0, second.score), 3),
        evidence_ids=tuple(entries[:1]),
        reason=f"second hypothesis, {first.score - second.score:.2f} behind {first.name}",
    )


def _renamed(step: SubQuestion, names: dict[str, str]) -> SubQuestion:
    step = again(step, step.tool, None)

    def renamed(text: str) -> str:
        return re.sub(progress.REFERENCE, lambda m: f"#{names.get(m[1], m[1])}", text)

    depends_on = tuple(names.get(d, d) for d in step.depends_on)
    return step.having(
        id=names[step.id], attempts=0, text=renamed(step.text), noun=renamed(step.noun), depends_on=depends_on
    )
