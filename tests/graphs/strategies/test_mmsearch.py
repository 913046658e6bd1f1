"""MMSearch-Engine over a real collection: image search, requery, rerank, one page, summarization."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from fakes.lands import flag
from fakes.web import FakeWeb, page
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.checker import unresolved
from foveal.graphs.strategies.mmsearch import QUERY, distinct
from foveal.types import Evidence

Going = Callable[..., Any]
QUESTION = "What is the currency of the country whose flag is shown?"


def stages(answer: str, *, query: str = "Bel currency", pick: str = "1") -> list[dict[str, Any]]:
    return [
        {"task": "mmsearch_requery", "reply": query},
        {"task": "mmsearch_rerank", "choose": pick},
        {"task": "mmsearch_summarize", "reply": answer},
    ]


async def test_the_stages_are_those_of_the_paper_and_each_is_told_of_the_image_search(going: Going) -> None:
    foveal, model = going("mmsearch", stages("bell"))
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Bel")])
    assert [c.task for c in model.calls] == ["mmsearch_requery", "mmsearch_rerank", "mmsearch_summarize"]
    assert all("Image search result: Bel" in c.messages[-1].content for c in model.calls)
    assert [s.tool for s in answer.plan] == ["image_search", "collection", "visit", "none"]
    assert answer.plan[1].query == "Bel currency" and answer.usage.model_calls == 3
    assert answer.answer.startswith("bell [1]") and answer.citations[0].doc_id == "bel"
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


@pytest.mark.parametrize(("pick", "read"), [("1", 0), ("3", 2), ("4", 3)])
async def test_the_website_that_is_picked_is_the_one_that_is_read(going: Going, pick: str, read: int) -> None:
    foveal, model = going("mmsearch", stages("unable to determine", pick=pick))
    async with foveal:
        answer = await foveal.ask("Which currency does Bel have?")
    shown = re.findall(r'title="([^"]+)"', model.calls[1].messages[-1].content)
    assert len(shown) == len(set(shown)) == 4, "a website is one result"
    told = model.calls[2].messages[-1].content
    assert f'title="{shown[read]}"' in told and all(f'title="{t}"' not in told for t in shown if t != shown[read])
    assert answer.status == "insufficient" and answer.usage.tool_calls == {"collection": 1, "visit": 1}


async def test_row_47_a_pick_that_cannot_be_read_takes_the_first(going: Going) -> None:
    foveal, model = going("mmsearch", stages("bell", pick="0"))
    async with foveal:
        answer = await foveal.ask("Which currency does Bel have?")
    assert any("No website was picked" in w for w in answer.warnings)
    assert model.calls[-1].task == "mmsearch_summarize" and answer.retrieved


async def test_a_false_premise_is_told_and_not_answered(going: Going) -> None:
    foveal, _ = going("mmsearch", stages("Invalid question."))
    async with foveal:
        answer = await foveal.ask("Who is the king of Bel?")
    assert answer.status == "insufficient" and any("false for granted" in w for w in answer.warnings)


async def test_a_query_is_never_empty_and_never_longer_than_published(going: Going) -> None:
    for reply, asked in (("", "Which currency does Bel have?"), ("q " * 400, ("q " * 400)[:QUERY])):
        foveal, _ = going("mmsearch", stages("bell", query=reply))
        async with foveal:
            answer = await foveal.ask("Which currency does Bel have?")
        assert answer.plan[0].query == asked


async def test_a_search_without_results_still_answers_from_the_image_search(going: Going) -> None:
    web = FakeWeb()
    foveal, model = going("mmsearch", stages("bell"), web=web, alone=True)
    async with foveal:
        nothing = await foveal.ask("Which currency does Bel have?")
    assert nothing.status == "insufficient" and len(model.calls) == 1, "there is nothing to rerank or read"
    foveal, model = going("mmsearch", stages("bell"))
    async with foveal:

        async def empty(*_: Any, **__: Any) -> list[Any]:
            return []

        (await foveal.collection()).search_text = empty  # type: ignore[method-assign]
        answer = await foveal.ask(QUESTION, [flag("Bel")])
    assert [c.task for c in model.calls] == ["mmsearch_requery", "mmsearch_summarize"]
    assert answer.answer.startswith("bell [1]") and answer.citations[0].image


async def test_on_the_web_one_page_is_opened_and_cited(going: Going) -> None:
    tower = page("https://atlas.test/eph", "Eph Tower", "# Eph Tower\n\nThe Eph Tower was built by Bo Ek in 1901.")
    cake = page("https://cake.test/", "Cake tower", "A tower of cake is baked.")
    web = FakeWeb(cake, tower, snippets={cake.url: "A cake tower.", tower.url: "About the Eph Tower."})
    foveal, model = going("mmsearch", stages("1901", query="Eph Tower built", pick="1"), web=web, alone=True)
    async with foveal:
        answer = await foveal.ask("In which year was the Eph Tower built?")
    assert web.queries == ["Eph Tower built"] and web.opened == [tower.url]
    assert answer.answer == "1901 [1]" and answer.citations[0].url == tower.url
    assert "About the Eph Tower." in model.calls[2].messages[-1].content, "the snippet is read too"


@pytest.mark.parametrize("sees", [False, True])
async def test_every_stage_is_shown_the_picture_or_told_of_it(going: Going, sees: bool) -> None:
    foveal, model = going("mmsearch", stages("bell"), sees=sees)
    async with foveal:
        await foveal.ask(QUESTION, [flag("Bel")])
    assert [len(c.messages[-1].images) for c in model.calls] == [int(sees)] * 3
    requery = model.calls[0].messages[-1].content
    assert ("Picture 1 looks like" in requery) is not sees


async def test_row_51_a_budget_spent_before_the_summary_says_so(going: Going) -> None:
    foveal, _ = going("mmsearch", stages("bell"), max_calls=2)
    async with foveal:
        answer = await foveal.ask("Which currency does Bel have?")
    assert (answer.status, answer.stop_reason) == ("insufficient", "budget:model_calls")
    assert answer.retrieved, "what was found is told"


@given(st.lists(st.sampled_from("abcd")))
def test_distinct_keeps_the_first_of_each_document_in_order(docs: list[str]) -> None:
    found = [Evidence(f"e{n}", "text", doc, doc) for n, doc in enumerate(docs)]
    kept = distinct(found)
    assert [e.doc_id for e in kept] == list(dict.fromkeys(docs))
    assert all(e is next(f for f in found if f.doc_id == e.doc_id) for e in kept)
