"""Plans of comparisons, from the question to the computed answer, with what the look-ups would have found."""

from __future__ import annotations

import pytest

from foveal.agents.decompose import decompose
from foveal.graphs import progress
from foveal.types import Plan, SubQuestion


def look_up(step: SubQuestion, plan: Plan, facts: dict[str, str]) -> SubQuestion:
    told = facts.get(progress.fill(step.text, {s.id: s for s in plan.steps}))
    if told is None:
        return step.having(status="insufficient")
    members = tuple(told.split(", ")) if any(s.each == step.id for s in plan.steps) else (told,)
    return step.having(status="answered", answer=told, values=members, confidence=0.9)


def answered(question: str, facts: dict[str, str]) -> Plan:
    """Return the plan of *question* with every look-up answered from *facts*, as far as it gets."""
    plan = decompose(question)
    for _ in range(20):
        plan, _ = progress.advance(plan)
        ready = {s.id for s in progress.ready(plan)}
        if not ready:
            return plan
        plan = Plan(tuple(look_up(s, plan, facts) if s.id in ready else s for s in plan.steps))
    raise AssertionError("the plan never ends")


@pytest.mark.parametrize(
    ("question", "facts", "answer"),
    [
        (
            "Which is taller, the Kessel Tower or the Brandt Building?",
            {
                "What is the height of the Kessel Tower?": "300 ft",
                "What is the height of the Brandt Building?": "120 m",
            },
            "the Brandt Building",
        ),
        (
            "Which film has the director who died later, Red Dawn or Green Fields?",
            {
                "Who is the director of the film Red Dawn?": "Ida Roth",
                "Who is the director of the film Green Fields?": "Bo Lind",
                "When did Ida Roth die?": "5 May 1980",
                "When did Bo Lind die?": "1979",
            },
            "Red Dawn",
        ),
        (
            "Which city has the larger population, the birthplace of Ana Ruiz or the birthplace of Tom Ray?",
            {
                "What is the birthplace of Ana Ruiz?": "Orm",
                "What is the birthplace of Tom Ray?": "Velm",
                "What is the population of Orm?": "12,000",
                "What is the population of Velm?": "1.2 million",
            },
            "Velm",
        ),
        (
            "Who lived longer, Ivo Brand or Karl Ost?",
            {
                "When was Ivo Brand born?": "1 May 1800",
                "When did Ivo Brand die?": "30 April 1870",
                "When was Karl Ost born?": "1 May 1801",
                "When did Karl Ost die?": "1 May 1871",
            },
            "Karl Ost",
        ),
        (
            "Which company is located in Texas, Acme Corp or Bolt Industries?",
            {"Is Acme Corp located in Texas?": "no", "Is Bolt Industries located in Texas?": "Yes"},
            "Bolt Industries",
        ),
        (
            "How many of the countries that border Norland are republics?",
            {
                "Which countries border Norland?": "Arda, Osk, Velmia",
                "Is Arda a republic?": "yes",
                "Is Osk a republic?": "no",
                "Is Velmia a republic?": "yes",
            },
            "2",
        ),
        (
            "How many of Arda, Osk and Velmia are republics?",
            {"Is Arda a republic?": "yes", "Is Osk a republic?": "no"},
            None,
        ),
        (
            "How many years after Norland was Sudria founded?",
            {"When was Norland founded?": "1821", "When was Sudria founded?": "3 June 1830"},
            "9",
        ),
        (
            "What is the combined area of Norland and Sudria?",
            {"What is the area of Norland?": "1,200 km²", "What is the area of Sudria?": "300 km²"},
            "1500 km²",
        ),
        (
            "Were Nora Vance and Peter Dahl of the same nationality?",
            {"What is the nationality of Nora Vance?": "Oman", "What is the nationality of Peter Dahl?": "Romania"},
            "no",
        ),
        (
            "Which is taller, the Kessel Tower or the Brandt Building?",
            {"What is the height of the Kessel Tower?": "300 ft"},
            None,
        ),
    ],
)
def test_what_is_compared_is_computed_and_not_asked_of_a_model(
    question: str, facts: dict[str, str], answer: str | None
) -> None:
    final = answered(question, facts).steps[-1]
    assert (final.purpose, final.tool) == ("compute", "none")
    assert final.answer == answer
    assert final.status == ("answered" if answer else "insufficient")


def test_the_two_of_something_hold_a_premise() -> None:
    step = decompose("Of the two moons of Tarsus, which is larger?").steps[0].having(status="answered", answer="A, B")
    assert progress.broken_premise(step.having(values=("A", "B"))) is None
    assert "there are 3" in (progress.broken_premise(step.having(values=("A", "B", "C"))) or "")
