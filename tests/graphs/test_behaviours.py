"""What an agent of this kind owes its users, over a real collection; numbers are those of the design's behaviours."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from fakes.lands import WordlessReader, embedders, flag, lands, picture
from fakes.web import FakeWeb, page
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.checker import unresolved, unsupported
from foveal.api import Foveal
from foveal.graphs.progress import merged_ranking
from foveal.graphs.state import Finding
from foveal.settings import Settings
from foveal.tools.index.collection import LocalCollection
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import ROLES, Answer, Citation, Evidence, OcrLine, Plan, Region, SubQuestion

CAPITAL = "What is the capital of the country whose flag is shown?"
NOTHING = [{"probability": 0.02, "repeat": True}, {"reply": "", "repeat": True}]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return lands(tmp_path)


def foveal_of(settings: Settings, script: list[dict[str, Any]] | None = None) -> Foveal:
    made = Foveal(settings)
    model = ScriptedModel(script if script is not None else [])
    made.tools.__dict__.update(embedders=embedders(), models=dict.fromkeys(ROLES, model))
    return made


def more(settings: Settings, *rows: dict[str, Any]) -> None:
    """Add documents to the collection."""
    assert settings.index is not None
    path = settings.index.parent / "more.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    collection = LocalCollection.open(settings.index, embedders())
    collection.add([path], ocr="never")
    collection.close()


class ChartReader(WordlessReader):
    """OCR that reads a small table in every picture."""

    def read(self, image: Any) -> list[OcrLine]:
        words = "Bottles by year 2015 2016 Red 34 35 Green 27 29 White 12 11 in thousands"
        return [OcrLine(words, Region(0, 0, 60, 40), 0.9)]


async def test_behaviour_1_what_the_pixels_answer_is_not_searched(settings: Settings) -> None:
    async with foveal_of(settings, [{"task": "look", "reply": "27"}]) as foveal:
        foveal.tools.embedders.ocr.read = ChartReader().read  # type: ignore[union-attr,method-assign]
        answer = await foveal.ask("How many green bottles were there in 2015?", [picture("grey", "white")])
    assert (answer.usage.tool_calls, answer.stop_reason) == ({}, "answered")


async def test_behaviour_3_after_identification_the_query_names_the_thing(settings: Settings) -> None:
    async with foveal_of(settings) as foveal:
        events = [e async for e in foveal.stream(CAPITAL, [flag("Ida")])]
    queries = [e.data["query"] for e in events if e.type == "tool.called" and e.data["tool"] == "collection"]
    assert queries and all("Ida" in q for q in queries)
    assert not any(word in q.lower() for q in queries for word in ("this", "image", "shown", "picture"))


async def test_behaviour_7_independent_steps_run_together_and_dependent_ones_wait(settings: Settings) -> None:
    async with foveal_of(settings) as foveal:
        collection = await foveal.collection()
        search, slow = collection.search_text, 0.3

        async def slowly(*args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(slow)
            return await search(*args, **kwargs)

        collection.search_text = slowly  # type: ignore[method-assign]
        began = time.monotonic()
        answer = await foveal.ask(
            "Two flags are shown. Of these two countries, take the one with the larger area: what is its capital?",
            [flag("Bel"), flag("Cor")],
        )
        took = time.monotonic() - began
    # two areas side by side, then the capital; each look-up searches twice: in the named document and everywhere
    assert answer.answer.startswith("Eph") and took < 3 * 2 * slow
    by_id = {s.id: s for s in answer.plan}
    assert "Cor" in by_id[answer.plan[-1].id].text, "the dependent step has its parent's answer"


async def test_behaviour_11_twenty_runs_in_a_row_have_the_same_budget_each(settings: Settings) -> None:
    async with foveal_of(settings.model_copy(update={"max_calls": 3})) as foveal:
        answers = [await foveal.ask(CAPITAL, [flag("Ida")]) for _ in range(20)]
    assert {a.answer for a in answers} == {answers[0].answer} and answers[0].status == "answered"
    assert {sum(a.usage.tool_calls.values()) for a in answers} == {2}


MAYOR = [
    {"id": "m20", "title": "Arx mayors", "text": "The mayor of Arx is Bo.", "meta": {"published_at": "2020-05-01"}},
    {"id": "m26", "title": "Arx mayors", "text": "The mayor of Arx is Eve.", "meta": {"published_at": "2026-02-01"}},
]
SAYS_MAYOR = [
    {"task": "read", "contains": "is Bo", "probability": 0.97, "repeat": True},
    {"task": "read", "contains": "is Eve", "probability": 0.6, "repeat": True},
    {"task": "read", "probability": 0.02, "repeat": True},
    {"task": "read", "reply": " Bo", "repeat": True},
]


async def test_behaviour_12_a_fresh_question_is_searched_and_old_evidence_is_told(settings: Settings) -> None:
    more(settings, MAYOR[0])
    async with foveal_of(settings, SAYS_MAYOR) as foveal:
        answer = await foveal.ask("Who is the current mayor of Arx?")
    assert answer.usage.tool_calls.get("collection", 0) >= 1
    assert "STALE" in [c.code for c in answer.plan_log], "asked again with the year"
    assert answer.answer.startswith("Bo") and any("2020" in w for w in answer.warnings)


HEIGHT = "How tall is the Dun Dome?"
DOMES = [
    {"id": f"dome{n}", "title": "Dun Dome", "text": f"Dun Dome. Height: {height}. Opened: 1931.", "meta": meta}
    for n, (height, meta) in enumerate([("90 m", {}), ("120 m", {}), ("120 m", {})])
]


async def test_conflict_is_verified_told_and_both_values_kept(settings: Settings) -> None:
    """Behaviours 4 and 13: documents of one name that give two values, the majority wins, both are shown."""
    more(settings, *DOMES)
    async with foveal_of(settings) as foveal:
        events = [e async for e in foveal.stream("What is the height of the Dun Dome?")]
    answer: Answer = events[-1].data["answer"]
    found = [e.data for e in events if e.type == "conflict.found"]
    assert len(found) == 1 and {v["value"] for v in found[0]["values"]} == {"90 m", "120 m"}
    assert answer.answer.startswith("120 m")
    assert answer.conflicts[0]["chosen"] == "120 m" and "2 documents" in answer.conflicts[0]["reason"]
    assert "CONFLICT" in [c.code for c in answer.plan_log]
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


async def test_behaviour_13_of_dated_documents_the_newer_wins(settings: Settings) -> None:
    dates = ["2025-01-01", "2019-01-01", "2019-01-01"]
    more(settings, *({**d, "meta": {"published_at": date}} for d, date in zip(DOMES, dates, strict=True)))
    async with foveal_of(settings) as foveal:
        answer = await foveal.ask("What is the height of the Dun Dome?")
    assert answer.answer.startswith("90 m") and "newest" in answer.conflicts[0]["reason"]


async def test_behaviour_14_a_false_premise_is_told_and_nothing_is_made_up(settings: Settings) -> None:
    script = [
        {"task": "read", "contains": "only neighbour of Ida", "probability": 0.95, "repeat": True},
        {"task": "read", "reply": " Bel, Cor", "repeat": True},
    ]
    async with foveal_of(settings, script) as foveal:
        answer = await foveal.ask(
            "The country whose flag is shown has exactly one neighbour. What is the capital of that neighbour?",
            [flag("Ida")],
        )
    assert (answer.status, answer.stop_reason) == ("premise_false", "premise_false")
    assert "Bel" in answer.answer and "Cor" in answer.answer and answer.citations
    assert not any(capital in answer.answer for capital in ("Dun", "Eph"))


async def test_behaviour_15_what_cannot_be_told_is_said_with_what_was_found(settings: Settings) -> None:
    async with foveal_of(settings, NOTHING) as foveal:
        answer = await foveal.ask("Who wrote the anthem of the country whose flag is shown?", [flag("Ida")])
    assert answer.status == "insufficient" and answer.answer.startswith("Unable to determine")
    assert "Ida" in answer.answer and "#s" not in answer.answer


async def test_behaviour_16_after_the_last_round_nothing_more_is_called(settings: Settings) -> None:
    """The rounds of a profile bound re-planning; the run still ends with one answer."""
    async with foveal_of(settings.model_copy(update={"profile": "fast"}), NOTHING) as foveal:
        events = [
            e async for e in foveal.stream("Who wrote the anthem of the country shown?", [picture("pink", "cyan")])
        ]
    kinds = [e.type for e in events]
    assert kinds.count("answer.final") == 1 and kinds.count("plan.changed") <= 2
    assert "tool.called" not in kinds[kinds.index("answer.final") :]


async def test_behaviour_20_a_made_up_citation_is_dropped_and_counted() -> None:
    ledger = {"s1e1": Evidence("s1e1", "text", "ida", "Ida", quote="Capital: Arx")}
    good = Citation(1, "s1e1", "ida", "Ida")
    assert unresolved("Arx [1]", (good,), ledger) == []
    assert unresolved("Arx [1][9]", (good,), ledger) == ["[9]"]
    assert unresolved("Arx [1]", (Citation(1, "s9e9", "x", "X"),), ledger) == ["s9e9"]


@given(st.integers(0, 10**9))
def test_behaviour_21_a_number_that_no_cited_text_holds_is_found(number: int) -> None:
    ledger = {"e": Evidence("e", "text", "d", "D", quote=f"It is {number} metres high.")}
    cited = (Citation(1, "e", "d", "D"),)
    assert unsupported(SubQuestion("s1", "?", answer=f"{number} metres"), cited, ledger) == []
    assert unsupported(SubQuestion("s1", "?", answer=f"{number}7 metres"), cited, ledger) == [f"{number}7"]


async def test_behaviour_22_without_evidence_there_is_no_citation_and_a_disclaimer(settings: Settings) -> None:
    direct = settings.model_copy(update={"strategy": "direct"})
    async with foveal_of(direct, [{"task": "direct", "reply": "Arx"}]) as foveal:
        answer = await foveal.ask("What is the capital of Ida?")
    assert not answer.citations and any("nothing backs" in w for w in answer.warnings)


async def test_behaviour_35_a_ranking_merges_empty_and_repeated_results() -> None:
    steps = (SubQuestion("s1", "a"), SubQuestion("s2", "b"), SubQuestion("s3", "c"))
    findings = {
        "s1": Finding(steps[0], ()),
        "s2": Finding(steps[1], ("d1", "d1", "d2")),
        "s3": Finding(steps[2], ("d2",)),
    }
    assert merged_ranking(findings, Plan(steps)) == ("d2", "d1")
    assert merged_ranking({}, Plan(steps)) == ()


async def test_behaviour_39_a_model_that_cannot_see_says_so(settings: Settings) -> None:
    async with foveal_of(settings) as foveal:
        answer = await foveal.ask(CAPITAL, [flag("Ida")])
    assert any("cannot see" in w for w in answer.warnings)


async def test_new_hop_a_list_becomes_a_step_a_member(settings: Settings) -> None:
    async with foveal_of(settings) as foveal:
        answer = await foveal.ask(
            "Of all the countries that share a land border with the country whose flag is shown, "
            "which one has the largest area?",
            [flag("Ida")],
        )
    assert answer.answer.startswith("Cor") and "NEW_HOP" in [c.code for c in answer.plan_log]


async def test_tool_down_the_web_answers_when_the_collection_does_not(settings: Settings) -> None:
    """Behaviour 23: noted in the plan log, and the other backend is asked."""
    from foveal.errors import IndexCorrupt

    ida = page("https://ida.example/", "Ida", "Ida. Capital: Arx.")
    async with foveal_of(settings.model_copy(update={"web": "ddgs"})) as foveal:
        foveal.tools.__dict__["web"] = FakeWeb(ida, snippets={ida.url: ida.text})
        collection = await foveal.collection()

        async def broken(*args: Any, **kwargs: Any) -> Any:
            raise IndexCorrupt("The vectors cannot be read.")

        collection.search_text = broken  # type: ignore[method-assign]
        answer = await foveal.ask("What is the capital of Ida?")
    assert answer.answer.startswith("Arx") and answer.usage.tool_calls.get("web") == 1
    assert [c.code for c in answer.plan_log] == ["created", "TOOL_DOWN"]


async def test_the_same_question_by_other_strategies(settings: Settings) -> None:
    """`guided` makes the same plan and never changes it; `two_step` asks the question once, as it stands."""
    more(settings, *DOMES)
    seen: dict[str, Answer] = {}
    for strategy in ("adaptive", "guided", "two_step"):
        async with foveal_of(settings.model_copy(update={"strategy": strategy}), NOTHING) as foveal:
            seen[strategy] = await foveal.ask("What is the height of the Dun Dome?")
            asked = await foveal.ask("What is the capital of the neighbour with which Ida shares a border?")
            assert strategy != "two_step" or len(asked.plan) == 1
    assert [c.code for c in seen["guided"].plan_log] == ["created"] and seen["guided"].answer.startswith("90 m")
    assert seen["adaptive"].answer.startswith("120 m")
