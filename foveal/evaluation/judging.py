"""Asks a judging model about answers. What it said is read by :mod:`foveal.evaluation.metrics.judged`.

The judge sees the question, the accepted answers and the answer, never a trace. An answer that was not given is not
put before it: it is worth 0. What the judge fails on is worth 0 too, and is counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from foveal.agents import fence
from foveal.errors import ENDING, BadConfig, FovealError
from foveal.evaluation.metrics.judged import scale_value
from foveal.evaluation.score import Judged
from foveal.prompts.loader import render
from foveal.protocols import ChatModel
from foveal.tools.limits.together import together

GRADES = {"CORRECT": 1.0, "INCORRECT": 0.0, "NOT_ATTEMPTED": 0.0}
LOW, HIGH = 1, 5
AT_ONCE = 4
JUDGED = ("judged_grade", "judged_scale", "l3score")
"""Measures that a model gives. Where a set names none, answers are graded."""
NEEDS = {"accuracy_given_attempted": "judged_grade"}
"""Measures that are made from them."""


@dataclass(slots=True)
class Grades:
    """What *judge* said: by measure and question id a value of 0 to 1, None for a failure.

    ``attempted`` are the ids of answers that were graded as one. ``failed`` judgements are worth 0.
    """

    judge: str
    asked: int = 0
    failed: int = 0
    values: dict[str, dict[str, float | None]] = field(default_factory=dict)
    attempted: set[str] = field(default_factory=set)
    problems: dict[str, str] = field(default_factory=dict)


def wanted(rows: Sequence[Judged]) -> Mapping[str, tuple[str, ...]]:
    """Return which judged measures each question has, by id: its own, or a grade where no question has any."""
    own = {
        row.question.id: tuple(
            dict.fromkeys(name for given in row.question.metrics if (name := NEEDS.get(given, given)) in JUDGED)
        )
        for row in rows
    }
    return own if any(own.values()) else {key: ("judged_grade",) for key in own}


async def grade(rows: Sequence[Judged], model: ChatModel) -> Grades:
    """Return the judgements of *rows*, and close *model*.

    Questions without accepted answers are left out: there is nothing to compare with. Raises the errors that every
    further question would meet too, and BadConfig.
    """
    grades, asked = Grades(model.name), wanted(rows)

    async def one(row: Judged, measure: str) -> None:
        values = grades.values.setdefault(measure, {})
        given = row.prediction
        if given is None or given.status == "failed" or not given.answer.strip():
            values[row.question.id] = 0.0
            return
        try:
            value = await _asked(model, measure, row, grades)
            problem = "its reply is no grade" if value is None else ""
        except (*ENDING, BadConfig):
            raise
        except FovealError as error:
            value, problem = None, str(error)
        grades.asked += 1
        values[row.question.id] = value
        if problem:
            grades.failed += 1
            grades.problems[row.question.id] = problem

    work = [partial(one, row, measure) for row in rows if row.question.answers for measure in asked[row.question.id]]
    try:
        await model.prepare()
        await together(work, at_once=AT_ONCE)
    finally:
        await model.aclose()
    return grades


async def _asked(model: ChatModel, measure: str, row: Judged, grades: Grades) -> float | None:
    """Return the judge's value, None for a reply that is none."""
    assert row.prediction is not None
    asked = {"question": row.question.question, "answer": row.prediction.answer}
    asked["accepted"] = " | ".join(row.question.answers)
    # a run's code would do; a score has no run, and nobody who writes an answer knows this one
    code = fence.code(f"{row.question.id} {row.prediction.answer}") if model.capabilities.plans_freely else ""
    if measure == "l3score":
        value, _ = await model.yes_probability(render("same", code=code, **asked), task="same")
        return value
    prompt = "grade" if measure == "judged_grade" else "rate"
    reply = await model.generate(render(prompt, code=code, **asked), max_tokens=16, task=prompt)
    if measure == "judged_scale":
        rating = scale_value(reply.text, LOW, HIGH)
        return None if rating is None else (rating - LOW) / (HIGH - LOW)
    said = reply.text.strip().strip(".*\"'").upper().replace(" ", "_")
    if said in GRADES and said != "NOT_ATTEMPTED":
        grades.attempted.add(row.question.id)
    return GRADES.get(said)
