"""UniversalRAG over a real collection: a router first, then only the indexes of its routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fakes.embedders import HashText
from fakes.lands import flag

from foveal.agents import routing
from foveal.agents.checker import unresolved
from foveal.graphs.strategies import universal_rag
from foveal.graphs.strategies.universal_rag import DOCUMENTS, GIVEN, PASSAGES, trained

Going = Callable[..., Any]
QUESTION = "Who built the Eph Tower?"
FLAG = "What is the capital of the country whose flag is shown?"
BUILDER = {"task": "generate", "reply": "Bo Ek"}


def route(*p: float) -> dict[str, Any]:
    return {"task": "universal_rag", "choose": list(p)}


@pytest.mark.parametrize(
    ("p", "tools", "routes"),
    [
        ((0, 0.9, 0.1, 0), {"collection": 1}, "Paragraph"),
        ((0, 0.2, 0.8, 0), {"collection": 1}, "Document"),
        ((0, 0.1, 0.1, 0.8), {"picture_search": 1}, "Image"),
        ((0, 0.45, 0, 0.55), {"picture_search": 1, "collection": 1}, "Image+Paragraph"),
        ((0.1, 0.28, 0.27, 0.35), {"picture_search": 1}, "Image"),
    ],
)
async def test_only_the_indexes_of_the_routes_are_searched(
    going: Going, p: tuple[float, ...], tools: dict[str, int], routes: str
) -> None:
    foveal, model = going("universal_rag", [route(*p), BUILDER])
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert [c.task for c in model.calls] == ["universal_rag", "generate"]
    assert answer.usage.tool_calls == tools and answer.plan[-1].reason.startswith(f"route {routes}: prompted")
    assert answer.answer == "Bo Ek [1]" and answer.citations[0].doc_id == "tower"
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


async def test_no_route_searches_nothing_and_cites_nothing(going: Going) -> None:
    foveal, model = going("universal_rag", [route(0.6, 0.4, 0, 0), {"task": "direct", "reply": "102"}])
    async with foveal:
        answer = await foveal.ask("What is 17 times 6?")
    assert [c.task for c in model.calls] == ["universal_rag", "direct"]
    assert answer.usage.tool_calls == {} and answer.answer == "102" and not answer.citations
    assert any("holds the words" in w for w in answer.warnings), "that nothing backs it is told"


async def test_whole_documents_are_few_and_long_and_paragraphs_are_many(going: Going) -> None:
    shown = {}
    for name, p in (("Paragraph", (0, 1, 0, 0)), ("Document", (0, 0, 1, 0))):
        foveal, model = going("universal_rag", [route(*p), BUILDER])
        async with foveal:
            await foveal.ask(QUESTION)
        shown[name] = model.calls[-1].messages[-1].content.count("<passage")
    assert shown == {"Paragraph": PASSAGES, "Document": DOCUMENTS}


@pytest.mark.parametrize("sees", [False, True])
async def test_a_picture_is_looked_up_in_the_pictures(going: Going, sees: bool) -> None:
    foveal, model = going("universal_rag", [route(0, 0, 0, 1), {"task": "generate", "reply": "Eph"}], sees=sees)
    async with foveal:
        answer = await foveal.ask(FLAG, [flag("Cor")])
    assert answer.usage.tool_calls == {"image_search": 1}
    assert model.calls[0].messages[-1].content.endswith(GIVEN + FLAG)
    assert [len(c.messages[-1].images) for c in model.calls] == [int(sees)] * 2
    assert answer.answer == "Eph [1]" and answer.citations[0].doc_id == "cor"


async def test_a_search_for_a_picture_ends_with_the_best_one(going: Going) -> None:
    foveal, _ = going("universal_rag", [route(0, 0, 0, 1)])
    async with foveal:
        answer = await foveal.ask('Find the picture that shows "Capital: Dun".')
    assert answer.plan[-1].answer == "bel" and answer.citations[0].doc_id == "bel"


async def test_a_router_that_fails_means_paragraph_and_never_a_random_route(going: Going) -> None:
    foveal, _ = going("universal_rag", [{"task": "universal_rag", "choose": "Video"}, BUILDER])
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert answer.plan[-1].reason == "route Paragraph: the router could not be read"
    assert answer.answer == "Bo Ek [1]"


async def test_the_classifier_routes_without_a_model_call(going: Going) -> None:
    foveal, model = going("universal_rag:classifier", [{"task": "direct", "reply": "42"}])
    async with foveal:
        answer = await foveal.ask("What is 17 times 6?")  # one of the questions that it was fitted on
    assert [c.task for c in model.calls] == ["direct"]
    assert answer.plan[-1].reason.startswith("route No: classifier")


@pytest.mark.parametrize(("sure", "asked"), [(0.0, []), (1.1, ["universal_rag"])])
async def test_the_ensemble_asks_the_model_where_the_classifier_is_not_sure(
    going: Going, monkeypatch: pytest.MonkeyPatch, sure: float, asked: list[str]
) -> None:
    monkeypatch.setattr(universal_rag, "SURE", sure)
    script = [route(1, 0, 0, 0), {"task": "direct", "reply": "1901", "repeat": True}, {**BUILDER, "repeat": True}]
    foveal, model = going("universal_rag:ensemble", script)
    async with foveal:
        await foveal.ask("What is 17 times 6?")
    assert [c.task for c in model.calls] == [*asked, "direct"]


async def test_a_budget_spent_by_the_router_ends_the_run(going: Going) -> None:
    foveal, model = going("universal_rag", [route(0, 1, 0, 0), BUILDER], max_calls=1)
    async with foveal:
        answer = await foveal.ask(QUESTION)
    assert len(model.calls) == 1 and answer.status == "insufficient"
    assert any("budget" in w.lower() for w in answer.warnings)


def test_the_classifier_is_fitted_once_an_embedder() -> None:
    embedder = HashText()
    first = trained(embedder)
    count = len(embedder.embedded)
    assert trained(embedder) is first and len(embedder.embedded) == count > 60


def test_the_labelled_questions_are_well_formed() -> None:
    from importlib.resources import files

    table = files("foveal.graphs.strategies").joinpath("universal_rag.tsv").read_text(encoding="utf-8")
    rows = routing.read_labelled(table)
    assert len({q for q, _ in rows}) == len(rows) > 60
    assert {r for _, routes in rows for r in routes} == set(routing.ROUTES)
    assert all("No" not in routes or routes == ("No",) for _, routes in rows)
