"""What each code does to a plan: pure edits, without tools or models."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.graphs import progress, replan
from foveal.graphs.resort import last_resort
from foveal.graphs.state import Attempt, Finding
from foveal.types import PLAN_CODES, Evidence, Hypothesis, Plan, SubQuestion, Trouble

LOCAL = frozenset({"image_search", "crop", "picture_search", "collection", "visit"})
SEE = SubQuestion("s1", "What is in picture 1?", purpose="identify", tool="image_search", image="ab")
LOOK = SubQuestion("s2", "Who built #s1?", depends_on=("s1",))


def situation(
    *findings: Finding, tried: tuple[Attempt, ...] = (), tools: frozenset = LOCAL, ledger: tuple[Evidence, ...] = ()
) -> replan.Situation:
    return replan.Situation(
        question="Who built the tower in the photo?",
        findings={f.step.id: f for f in findings},
        evidence={e.id: e for e in ledger},
        tried=tried,
        tools=tools,
        codes=frozenset(PLAN_CODES),
    )


def lost(step: SubQuestion, text: str = "") -> SubQuestion:
    return step.having(status="insufficient", text=text or step.text)


def known(step: SubQuestion, answer: str, **more: object) -> SubQuestion:
    return step.having(status="answered", answer=answer, values=(answer,), **more)


def step_of(plan: Plan, name: str) -> SubQuestion:
    return next(s for s in plan.steps if s.id == name)


def test_empty_picture_search_goes_on_with_regions_and_never_twice() -> None:
    """Behaviour 5: an empty reverse search is followed by a search of the picture's parts."""
    plan = Plan((lost(SEE), LOOK))
    trouble = Trouble("EMPTY", "s1", "nothing looks like it")
    plan, changes = replan.replan(plan, [trouble], situation(tried=(Attempt("s1", "image_search", "x"),)))
    again = step_of(plan, "s1")
    assert (again.tool, again.status, again.attempts) == ("crop", "pending", 1)
    assert [(c.code, c.step, c.version) for c in changes] == [("EMPTY", "s1", 2)]
    tried = (Attempt("s1", "image_search", "x"), Attempt("s1", "crop", "x"))
    same, changes = replan.replan(Plan((lost(again), LOOK)), [trouble], situation(tried=tried))
    assert changes == [] and step_of(same, "s1").status == "insufficient"


def test_behaviour_9_the_same_words_in_another_order_are_one_query() -> None:
    tried = (Attempt("s2", "collection", "Who built the Eph Tower?"),)
    assert replan.is_duplicate("collection", "the tower eph BUILT who", tried)
    assert not replan.is_duplicate("web", "Who built the Eph Tower?", tried)
    assert not replan.is_duplicate("collection", "When was the Eph Tower opened to visitors?", tried)
    assert not replan.is_duplicate("collection", "谁建造了这座塔", (Attempt("s2", "collection", "塔有多高"),))


@given(st.lists(st.sampled_from(["arx", "bel", "cor", "dun", "eph"]), min_size=1, unique=True), st.randoms())
def test_a_duplicate_does_not_depend_on_order(words: list[str], random: object) -> None:
    shuffled = list(words)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert replan.is_duplicate("collection", " ".join(shuffled), (Attempt("s", "collection", " ".join(words)),))


def test_a_step_is_sent_again_at_most_twice() -> None:
    step = lost(LOOK, "Who built Arx?").having(attempts=replan.MAX_ATTEMPTS - 1)
    plan, changes = replan.replan(Plan((step,)), [Trouble("IRRELEVANT", "s2", "")], situation(Finding(step)))
    assert changes == [] and plan.version == 1


def test_behaviour_23_a_tool_that_is_down_is_not_asked_again_when_another_is_there() -> None:
    step = lost(LOOK.having(status="failed"), "Who built Arx?")
    tried = (Attempt("s2", "collection", "Who built Arx?"),)
    plan, changes = replan.replan(
        Plan((step,)),
        [Trouble("TOOL_DOWN", "s2", "collection is locked")],
        situation(Finding(step), tried=tried, tools=LOCAL - {"visit"} | {"web"}),
    )
    assert step_of(plan, "s2").tool == "web" and changes[0].code == "TOOL_DOWN"


def test_conflict_is_verified_before_anything_rests_on_it() -> None:
    first = known(SubQuestion("s1", "What is the height of Arx?"), "90 m")
    plan = Plan((first, LOOK))
    finding = Finding(first, rivals=("90 m", "120 m"))
    plan, _ = replan.replan(plan, [Trouble("CONFLICT", "s1", "90 m or 120 m")], situation(finding))
    assert [s.id for s in plan.steps] == ["s1", "s1v", "s2"]
    check = step_of(plan, "s1v")
    assert (check.purpose, check.values, check.depends_on) == ("verify", ("90 m", "120 m"), ("s1",))
    assert step_of(plan, "s2").depends_on == ("s1", "s1v")
    assert [s.id for s in progress.ready(plan)] == ["s1v"]
    same, _ = replan.replan(plan, [Trouble("CONFLICT", "s1", "again")], situation(finding))
    assert [s.id for s in same.steps] == ["s1", "s1v", "s2"]


def test_a_verdict_replaces_the_answer_and_resets_what_rested_on_it() -> None:
    first = known(SubQuestion("s1", "?"), "90 m")
    check = known(SubQuestion("s1v", "?", purpose="verify", depends_on=("s1",)), "120 m", evidence_ids=("s1ve1",))
    rests = known(SubQuestion("s2", "Is #s1 tall?", depends_on=("s1", "s1v")), "no")
    other = known(SubQuestion("s3", "Who?"), "Bo")
    plan, changes = replan.settle(Plan((first, check, rests, other)), {})
    assert (step_of(plan, "s1").answer, step_of(plan, "s1").evidence_ids) == ("120 m", ("s1ve1",))
    assert (step_of(plan, "s2").status, step_of(plan, "s2").answer) == ("pending", None)
    assert step_of(plan, "s3") == other
    assert [c.code for c in changes] == ["CONFLICT"]
    assert replan.settle(plan, {}) == (plan, [])


@pytest.mark.parametrize("code", PLAN_CODES)
def test_answered_steps_are_not_edited(code: str) -> None:
    step = known(LOOK, "Bo Ek")
    plan, _ = replan.replan(Plan((step,)), [Trouble(code, "s2", "it is 2026")], situation(Finding(step)))
    assert step_of(plan, "s2") == step


@pytest.mark.parametrize(("newer", "answer"), [("2026-03-01", "Eve"), ("2019-01-01", "Bo"), (None, "Bo")])
def test_behaviour_13_the_newer_value_wins_only_if_its_date_is_known(newer: str | None, answer: str) -> None:
    first = known(SubQuestion("s1", "Who is the current mayor?"), "Bo", evidence_ids=("s1e1",))
    old = Evidence("s1e1", "text", "d1", "Arx", published_at="2020-05-01", sub_question="s1")
    plan = Plan((first,))
    trouble = Trouble("STALE", "s1", "the newest evidence is of 2020, it is 2026")
    plan, changes = replan.replan(plan, [trouble], situation(Finding(first)))
    check = step_of(plan, "s1v")
    assert (check.text, changes[0].code) == ("Who is the current mayor? 2026", "STALE")
    found = Evidence("s1ve1", "text", "d2", "Arx", published_at=newer, sub_question="s1v")
    plan = Plan((first, known(check, "Eve", evidence_ids=("s1ve1",))))
    plan, _ = replan.settle(plan, {"s1e1": old, "s1ve1": found})
    assert step_of(plan, "s1").answer == answer


def test_codes_that_are_switched_off_do_nothing() -> None:
    step = lost(LOOK, "Who built Arx?")
    still = replan.Situation("?", {"s2": Finding(step)}, {}, (), LOCAL, frozenset({"CONFLICT"}))
    assert replan.replan(Plan((step,)), [Trouble("IRRELEVANT", "s2", "")], still) == (Plan((step,)), [])


@pytest.mark.parametrize(("behind", "followed"), [(0.05, True), (0.4, False)])
def test_behaviour_4_a_close_second_hypothesis_is_followed_when_the_first_leads_nowhere(
    behind: float, followed: bool
) -> None:
    see = known(SEE, "Arx", evidence_ids=("s1e1",))
    asked = lost(LOOK).having(text="Who built Arx?", template=LOOK.text)
    plan = Plan((see, asked))
    weighed = (Hypothesis("Arx", 0.9, "arx"), Hypothesis("Bel", 0.9 - behind, "bel"))
    ledger = Evidence("s1e2", "image", "bel", "Bel", sub_question="s1")
    plan, changes = last_resort(plan, situation(Finding(see, hypotheses=weighed), ledger=(ledger,)))
    assert [s.id for s in plan.steps] == (["s1", "s2", "s1b", "s2b"] if followed else ["s1", "s2"])
    if followed:
        second, asked = plan.steps[2:]
        assert (second.answer, second.evidence_ids, step_of(plan, "s1").answer) == ("Bel", ("s1e2",), "Arx")
        assert (asked.text, asked.depends_on, asked.status) == ("Who built #s1b?", ("s1b",), "pending")
        assert changes[0].code == "AMBIGUOUS_ID"
        assert last_resort(plan, situation(Finding(see, hypotheses=weighed)))[1] == []


def test_another_answer_is_sought_when_what_rests_on_a_doubtful_one_is_not_found() -> None:
    first = known(SubQuestion("s1", "For which team did Bo play?"), "Cor", confidence=0.7)
    second = lost(SubQuestion("s2", "Where is #s1?", depends_on=("s1",))).having(
        text="Where is Cor?", template="Where is #s1?"
    )
    plan, changes = last_resort(Plan((first, second)), situation(Finding(first), Finding(second)))
    other, asked = plan.steps[2:]
    assert (other.id, other.status, other.avoid) == ("s1b", "pending", ("Cor",))
    assert (asked.text, asked.depends_on) == ("Where is #s1b?", ("s1b",))
    assert [c.code for c in changes] == ["IRRELEVANT"] and plan.version == 2
    sure = first.having(confidence=0.95)
    assert last_resort(Plan((sure, second)), situation(Finding(sure)))[1] == []


def test_duplicate_a_question_that_was_answered_is_not_asked_again() -> None:
    first = known(SubQuestion("s1", "What is the area of Arx?"), "12 km²", evidence_ids=("s1e1",))
    same = SubQuestion("s2", "What is the area of #s0?", depends_on=("s0",))
    other = SubQuestion("s3", "What is the height of Arx?")
    plan, changes = replan.reuse(Plan((first, same, other)), lambda s: s.text.replace("#s0", "ARX"))
    assert (step_of(plan, "s2").answer, step_of(plan, "s2").evidence_ids) == ("12 km²", ("s1e1",))
    assert step_of(plan, "s3").status == "pending"
    assert [(c.code, c.step) for c in changes] == [("DUPLICATE", "s2")]


def test_duplicate_a_refused_query_is_logged() -> None:
    step = lost(LOOK, "Who built Arx?")
    tried = (Attempt("s2", "collection", "Who built the tower in the photo"), Attempt("s2", "visit", "x"))
    sure = situation(Finding(step), tried=tried, tools=LOCAL | {"web"})
    plan, changes = replan.replan(Plan((step,)), [Trouble("EMPTY", "s2", "nothing")], sure)
    assert [c.code for c in changes] == ["DUPLICATE", "EMPTY"] and step_of(plan, "s2").tool == "web"


def test_a_renamed_step_points_at_the_new_one_by_text_and_label() -> None:
    see = known(SEE, "Arx")
    value = lost(SubQuestion("s2", "What is the area of #s1?", depends_on=("s1",), noun="#s1"))
    weighed = (Hypothesis("Arx", 0.9, "arx"), Hypothesis("Bel", 0.85, "bel"))
    plan, _ = last_resort(Plan((see, value), notes=("repaired",)), situation(Finding(see, hypotheses=weighed)))
    assert (plan.steps[-1].text, plan.steps[-1].noun, plan.notes) == (
        "What is the area of #s1b?",
        "#s1b",
        ("repaired",),
    )


def test_questions_in_other_scripts_are_told_apart() -> None:
    first = known(SubQuestion("s1", "塔有多高？"), "90 m")
    plan, changes = replan.reuse(Plan((first, SubQuestion("s2", "山有多高？"))), lambda s: s.text)
    assert changes == [] and step_of(plan, "s2").status == "pending"
