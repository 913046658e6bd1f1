from __future__ import annotations

from foveal.graphs import progress
from foveal.graphs.state import Finding
from foveal.types import Plan, SubQuestion


def found(
    step: SubQuestion, answer: str | None, *values: str, evidence: str = "", retrieved: tuple[str, ...] = ()
) -> dict[str, Finding]:
    ended = step.having(
        status="answered" if answer else "insufficient",
        answer=answer,
        values=values or ((answer,) if answer else ()),
        confidence=0.9,
        evidence_ids=(evidence,) if evidence else (),
    )
    return {step.id: Finding(ended, retrieved)}


LIST = SubQuestion("s1", "Which islands belong to Ida?")
EACH = SubQuestion("s2", "What is the area of #each?", each="s1", depends_on=("s1",))
PICK = SubQuestion("s3", "Which is largest?", purpose="compute", tool="none", op="argmax", depends_on=("s1", "s2"))
LAST = SubQuestion("s4", "Who rules #s3?", depends_on=("s3",))


def test_a_list_unfolds_into_a_look_up_a_member_and_the_choice_is_computed() -> None:
    plan = Plan((LIST, EACH, PICK, LAST))
    assert [s.id for s in progress.ready(plan)] == ["s1"]
    plan, changes = progress.advance(progress.take(plan, found(LIST, "Arx, Bel", "Arx", "Bel")))
    assert [s.text for s in progress.ready(plan)] == ["What is the area of Arx?", "What is the area of Bel?"]
    assert [c.code for c in changes] == ["NEW_HOP"] and plan.version == 2
    findings = {}
    for step, area in zip(progress.ready(plan), ("12 km²", "1,300 km²"), strict=True):
        findings |= found(step, area, evidence=f"{step.id}e1")
    plan, _ = progress.advance(progress.take(plan, findings))
    assert [(s.id, s.answer) for s in plan.steps if s.id == "s3"] == [("s3", "Bel")]
    assert progress.fill(progress.ready(plan)[0].text, {s.id: s for s in plan.steps}) == "Who rules Bel?"
    plan, _ = progress.advance(progress.take(plan, found(LAST, "Bo Ek", evidence="s4e2")))
    assert progress.support(plan) == ("s4e2", "s2.1e1", "s2.2e1")


def test_what_depends_on_a_lost_step_is_skipped() -> None:
    first, second = SubQuestion("s1", "Who?"), SubQuestion("s2", "Where is #s1?", depends_on=("s1",))
    plan, _ = progress.advance(progress.take(Plan((first, second)), found(first, None)))
    assert [s.status for s in plan.steps] == ["insufficient", "skipped"]
    assert progress.ready(plan) == []


def test_answered_steps_do_not_change() -> None:
    first = SubQuestion("s1", "Who?", status="answered", answer="Bo")
    plan, _ = progress.advance(progress.take(Plan((first,)), found(first, "Eve")))
    assert plan.steps[0].answer == "Bo"


def test_names_lose_brackets_and_quotes() -> None:
    step = SubQuestion("s1", "?", status="answered", answer='"Arx" (since 1821).', values=('"Arx" (since 1821).',))
    assert progress.name_of(step) == "Arx"


def test_rankings_are_merged_round_by_round_latest_first() -> None:
    a, b = SubQuestion("s1", "a"), SubQuestion("s2", "b")
    findings = {**found(a, "x", retrieved=("d1", "d2")), **found(b, "y", retrieved=("d3", "d1"))}
    assert progress.merged_ranking(findings, Plan((a, b))) == ("d3", "d1", "d2")
