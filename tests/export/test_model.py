"""What a page shows of a run, before it is drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.export.model import RunPage, gather, highlighted
from foveal.export.timeline import lay_out
from foveal.export.versions import plan_versions
from foveal.tools.runs.store import CallRecord
from foveal.types import Event, PlanChange

from .samples import SAMPLES, Sample, abstention, conflict, region_search


def page_of(sample: Sample, **changes: Any) -> RunPage:
    given_ = {"events": sample.events, "calls": sample.calls, "answer": sample.answer, **changes}
    return gather(sample.run, given_["events"], given_["calls"], given_["answer"])


def test_every_version_of_the_plan_with_the_reason_of_each_change() -> None:
    first, second = page_of(conflict()).versions
    assert [s.id for s in first.steps] == ["s1", "s2", "s3"]
    assert {s.id: s.status for s in first.steps} == {"s1": "answered", "s2": "answered", "s3": "pending"}
    assert second.changes == (PlanChange(2, "CONFLICT", "1901 (Eph Tower) against 1911 (Eph Travel Guide)", "s1"),)
    assert (second.added, second.edited, second.gone) == ({"s4"}, {"s3"}, ())
    assert [s.status for s in second.steps] == ["answered"] * 4


def test_a_dropped_step_is_kept_with_what_it_found() -> None:
    page = page_of(region_search())
    assert [s.id for s in page.versions[1].gone] == ["s1"]
    dropped = page.steps[-1]
    assert (dropped.step.id, dropped.dropped, dropped.step.status) == ("s1", True, "insufficient")
    assert [s.dropped for s in page.steps] == [False, False, True]


def test_changes_made_in_one_go_share_a_drawing() -> None:
    row = {"id": "s1", "text": "a"}
    both = [row, {"id": "s2", "text": "b"}]
    events = [
        Event(1, "plan.created", {"steps": [row], "source": "model"}),
        Event(2, "subquestion.finished", {"step": {**row, "status": "answered"}}),
        Event(3, "plan.changed", {"code": "EMPTY", "version": 2, "step": "s1", "steps": both}),
        Event(4, "plan.changed", {"code": "CONFLICT", "version": 3, "step": "s1", "steps": both}),
        Event(5, "subquestion.started", {"step": both[1]}),
        Event(6, "plan.changed", {"code": "NEW_HOP", "version": 4, "steps": both}),
    ]
    versions = plan_versions(events, {})
    assert [(v.number, [c.code for c in v.changes]) for v in versions] == [
        (1, ["created"]),
        (2 + 1, ["EMPTY", "CONFLICT"]),
        (4, ["NEW_HOP"]),
    ]


def test_a_resumed_run_that_tells_its_plan_again_has_each_version_once() -> None:
    sample = conflict()
    told = [e for e in sample.events if e.type.startswith("plan.")]
    events = [*sample.events[:-2], *told, *sample.events[-2:]]
    assert [v.number for v in page_of(sample, events=events).versions] == [1, 2]


def test_evidence_stands_with_its_step_and_what_answers_comes_first() -> None:
    page = page_of(conflict())
    first = page.steps[0]
    assert [e.id for e in first.used] == ["s1e1"] and [e.id for e in first.other] == ["s1e2", "s1e3"]
    assert first.queries == ("Eph Tower built year",)
    assert [c.name for c in first.calls] == ["collection", "read"]
    assert page.links["s4e1"] == "s4"


def test_a_conflict_shows_both_values_which_was_chosen_and_why() -> None:
    (found,) = page_of(conflict()).conflicts
    assert [(s.value, s.chosen, [e.doc_id for e in s.evidence]) for s in found.sides] == [
        ("1901", True, ["tower", "archive"]),
        ("1911", False, ["guide"]),
    ]
    assert found.chosen == "1901" and "do not depend" in found.reason


def test_a_conflict_is_settled_by_the_steps_answer_when_nothing_else_says_so() -> None:
    sample = conflict()
    assert sample.answer is not None
    row = {k: v for k, v in sample.answer["conflicts"][0].items() if k not in ("chosen", "reason")}
    (found,) = page_of(sample, answer={**sample.answer, "conflicts": [row]}).conflicts
    assert found.chosen == "1901" and found.reason == "stated in the passage"
    (open_,) = page_of(sample, answer={**sample.answer, "conflicts": [{**row, "chosen": None}]}).conflicts
    assert open_.chosen is None and not any(s.chosen for s in open_.sides)


def test_regions_that_were_searched_are_marked_on_the_picture_with_what_was_seen() -> None:
    (picture,) = page_of(region_search()).pictures
    assert [(s.region.x0, s.label) for s in picture.seen] == [(120, "Eph Tower, s1r"), (395, "Dun Bridge")]
    assert picture.hypotheses[0].cons == ("the whole picture does not",)
    assert picture.labels == ("beacon",) and picture.text == "EPH 1901"


def test_the_answers_marks_become_citations_and_other_brackets_stay_words() -> None:
    sample = conflict()
    assert sample.answer is not None
    page = page_of(sample, answer={**sample.answer, "answer": "It is [2] or [99], see [1][3]."})
    assert page.answer == ("It is ", 2, " or [99], see ", 1, 3, ".")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_run_cut_short_anywhere_shows_what_is_known(name: str) -> None:
    sample = SAMPLES[name]()
    for end in range(len(sample.events) - 2):
        run = replace(sample.run, status="interrupted", finished_at=None)
        page = gather(run, sample.events[:end], sample.calls[: end // 3], None)
        assert page.status == "interrupted" and page.answer == ()
        added = [e.data["id"] for e in sample.events[:end] if e.type == "evidence.added"]
        assert sorted(page.links) == sorted(added)
    assert page.versions


def test_gauges_tell_the_usage_and_without_an_answer_what_the_calls_cost() -> None:
    sample = abstention()
    used = {g.name: (g.used, g.limit) for g in page_of(sample).gauges}
    assert used == {
        "model calls": (60, 60),
        "tool calls": (2, 30),
        "tokens": (51_900, 60_000),
        "seconds": (108.4, 120.0),
    }
    cut = {g.name: g.used for g in page_of(sample, answer=None).gauges}
    assert cut["model calls"] == 2 and cut["tool calls"] == 1, "what was given again cost nothing"
    assert cut["tokens"] == 610 + 60 + 450 + 12


def test_what_each_role_spent_is_added_up_from_the_calls_that_were_made() -> None:
    sample = abstention()
    calls = [replace(c, role="solver") if c.kind == "model" else c for c in sample.calls]
    page = gather(sample.run, sample.events, calls, sample.answer)
    (row,) = page.roles
    assert (row.role, row.model, row.spent.calls, row.spent.prompt_tokens) == ("solver", "scripted", 2, 610 + 450)


def test_warnings_are_told_once() -> None:
    assert page_of(abstention()).warnings == (
        "The model cannot see: pictures were read by image search, labels and OCR.",
    )


@given(st.text(max_size=200), st.lists(st.text(max_size=8), max_size=4))
def test_highlighted_pieces_joined_are_the_quote(quote: str, needles: list[str]) -> None:
    pieces = highlighted(quote, needles)
    assert "".join(text for text, _ in pieces) == quote
    assert all(text for text, _ in pieces)
    wanted = {n.strip().casefold() for n in needles}
    assert all(text.casefold() in wanted or text.lower() in {w.lower() for w in wanted} for text, hit in pieces if hit)


@pytest.mark.parametrize(
    ("quote", "needles", "hits"),
    [
        ("In 1901, not 19011.", ["1901"], ["1901"]),
        ("bo ek and Bo Ek", ["Bo Ek", "Bo"], ["bo ek", "Bo Ek"]),
        ("a+b (c)", ["(c)", "a+b"], ["a+b", "(c)"]),
        ("nothing here", ["", "  "], []),
    ],
)
def test_the_answering_span_is_whole_words_in_any_case(quote: str, needles: list[str], hits: list[str]) -> None:
    assert [text for text, hit in highlighted(quote, needles) if hit] == hits


times = st.floats(0, 100, allow_nan=False)


@given(st.lists(st.tuples(st.sampled_from(["", "s1", "s2"]), times, times), max_size=20))
def test_calls_at_the_same_time_lie_in_different_lanes(given_calls: list[tuple[str, float, float]]) -> None:
    calls = [
        CallRecord(seq, "tool", "t", step, "ok", started=at, elapsed=took)
        for seq, (step, at, took) in enumerate(given_calls)
    ]
    drawn = lay_out(calls)
    assert sum(len(row.bars) for row in drawn.rows) == len(calls)
    for row in drawn.rows:
        for bar in row.bars:
            assert 0 <= bar.lane < row.lanes and bar.left + bar.width <= 100.001
            for other in row.bars:
                if other is not bar and other.lane == bar.lane:
                    assert (
                        other.call.started + other.call.elapsed <= bar.call.started
                        or bar.call.started + bar.call.elapsed <= other.call.started
                    )
    assert 2 <= len(drawn.ticks) <= 9


def test_the_limit_of_time_is_shown_when_the_run_came_near_it() -> None:
    assert lay_out([], limit=120, seconds=108.4).deadline == 100
    assert lay_out([], limit=120, seconds=5).deadline is None
    assert lay_out([], limit=120, seconds=240).deadline == 50


def test_before_the_end_the_hypotheses_are_those_that_were_told() -> None:
    sample = region_search()
    row = {"title": "Eph Tower", "score": 0.8, "probability": 0.7, "why": "looks alike", "against": "too small"}
    events = [Event(1, "perceived", {"image": sample.run.images[0].sha256, "candidates": [row]})]
    ((guess,),) = [p.hypotheses for p in page_of(sample, events=events, answer=None).pictures]
    assert (guess.name, guess.probability, guess.pros, guess.cons) == (
        "Eph Tower",
        0.7,
        ("looks alike",),
        ("too small",),
    )
