"""Reranking inside a run: order, selection, budget, events, and what happens when it fails or keeps nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes.embedders import ColourEye, HashText
from PIL import Image

from foveal.api import Foveal
from foveal.errors import BadConfig, ModelError
from foveal.graphs.reranking import make_reranking
from foveal.graphs.state import Reranking
from foveal.settings import Settings
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import Answer, Candidate, Event, Scored

QUESTION = "Who built the Eph Tower?"
TEXTS = {
    "guide": "The Eph Tower is open every day. The Eph Tower is tall.",
    "tower": "The Eph Tower stands in Eph. Bo Ek built it in 1901.",
    "hotel": "The hotel beside the Eph Tower was built by Al Ud.",
}


def embedders() -> Embedders:
    eye = ColourEye()
    return Embedders(HashText(), eye, eye, None)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    rows = [{"id": name, "title": f"On the {name}", "text": text} for name, text in TEXTS.items()]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    collection = LocalCollection.create(tmp_path / "index", embedders())
    collection.add([tmp_path / "corpus.jsonl"], ocr="never")
    collection.close()
    return Settings(index=tmp_path / "index", home=tmp_path / "home", cache=tmp_path / "cache", deadline=60)


async def run(
    settings: Settings, script: list[dict[str, Any]], *, question: str = QUESTION, **tools: Any
) -> tuple[Answer, list[Event]]:
    async with Foveal(settings) as foveal:
        model = ScriptedModel(script)
        roles = dict.fromkeys(("planner", "solver", "answerer", "judge"), model)
        foveal.tools.__dict__.update(embedders=embedders(), models=roles, **tools)
        events = [event async for event in foveal.stream(question)]
    return events[-1].data["answer"], events


def judges(**probabilities: float) -> list[dict[str, Any]]:
    return [{"task": "relevant", "contains": TEXTS[name], "probability": p, "repeat": True}
            for name, p in probabilities.items()]  # fmt: skip


READS = [
    {"task": "read", "contains": TEXTS["tower"], "probability": 0.95, "repeat": True},
    {"task": "read", "probability": 0.05, "repeat": True},
    {"task": "read", "reply": " Bo Ek", "repeat": True},
]


async def test_the_model_puts_passages_in_order_and_the_selector_keeps_some(settings: Settings) -> None:
    chosen = settings.model_copy(update={"reranker": "model", "selector": "up-to-k:0.5,3"})
    answer, events = await run(chosen, [*judges(guide=0.1, tower=0.9, hotel=0.6), *READS])
    assert answer.answer == "Bo Ek [1]" and answer.citations[0].doc_id == "tower"
    assert answer.retrieved == ("tower", "hotel") and {e.doc_id for e in answer.evidence} == {"tower", "hotel"}
    told = next(e.data for e in events if e.type == "rerank")
    assert [s["doc_id"] for s in told["scores"]] == ["tower", "hotel", "guide"]
    assert (told["kept"], told["of"], told["fired"], told["selector"]) == (2, 3, True, "up-to-k:0.5,3")
    assert answer.usage.model_calls == 3 + 2, "one for each candidate, and two to read the best"
    kinds = [e.type for e in events]
    assert kinds.index("tool.returned") < kinds.index("rerank") < kinds.index("evidence.added")


async def test_nothing_kept_is_a_result_and_nothing_is_read(settings: Settings) -> None:
    chosen = settings.model_copy(update={"reranker": "model", "selector": "absolute:0.5"})
    answer, _ = await run(chosen, [*judges(guide=0.1, tower=0.2, hotel=0.3), *READS])
    assert answer.status == "insufficient" and not answer.citations
    assert "relevant with 0.30" in answer.plan[0].reason and answer.plan[0].reason.startswith("IRRELEVANT")
    assert answer.usage.model_calls == 3, "nothing was read"


async def test_row_49_a_reranker_that_fails_leaves_the_order_of_the_search(settings: Settings) -> None:
    plain, _ = await run(settings, READS)
    chosen = settings.model_copy(update={"reranker": "model", "selector": "up-to-k:0.5,3"})
    answer, events = await run(chosen, [*judges(guide=0.1), *READS])  # the others are unexpected calls
    assert answer.answer == plain.answer == "Bo Ek [1]" and answer.retrieved == plain.retrieved
    assert any("order of the search" in w for w in answer.warnings) and not plain.warnings
    assert "rerank" not in {e.type for e in events}


class Backwards:
    """A reranker in this process: the last first. Fails when told to."""

    name, scale, per_candidate, metered = "backwards", "probability", False, False

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem = problem
        self.asked = 0

    async def rerank(self, query: str, candidates: Sequence[Candidate]) -> list[Scored]:
        self.asked += 1
        if self.problem:
            raise self.problem
        return [Scored(n, (n + 1) / len(candidates)) for n in reversed(range(len(candidates)))]


def local(reranker: Backwards, selector: str = "fixed:1") -> Reranking:
    rule = make_reranking("model", selector, 20).selector
    return Reranking(lambda model: reranker, rule, 20)


async def test_a_local_reranker_is_a_call_of_the_budget_and_of_the_journal(settings: Settings) -> None:
    first, _ = await run(settings, READS)
    answer, _ = await run(settings, READS, reranking=local(Backwards()))
    assert answer.usage.tool_calls == {"collection": 1, "rerank": 1}
    assert [e.doc_id for e in answer.evidence] == [first.evidence[-1].doc_id]


async def test_row_49_a_local_reranker_that_fails_is_a_warning(settings: Settings) -> None:
    broken = Backwards(ModelError("The reranker x failed: no such layer."))
    answer, _ = await run(settings, READS, reranking=local(broken))
    assert answer.answer == "Bo Ek [1]" and any("no such layer" in w for w in answer.warnings)


async def test_a_dual_threshold_asks_twice(settings: Settings) -> None:
    reranker = Backwards()
    await run(settings, READS, reranking=local(reranker, "dual-threshold:0.5,0.5,2"))
    assert reranker.asked == 2


async def test_a_small_budget_is_not_spent_on_judging(settings: Settings) -> None:
    chosen = settings.model_copy(update={"reranker": "model", "selector": "fixed:3", "max_calls": 8})
    answer, events = await run(chosen, [*judges(guide=0.1, tower=0.9, hotel=0.6), *READS])
    assert next(e.data["of"] for e in events if e.type == "rerank") == 2
    assert answer.usage.model_calls <= 8


async def test_without_a_reranker_fixed_k_says_how_much_is_read(settings: Settings) -> None:
    all_of_them, events = await run(settings, READS)
    one, _ = await run(settings.model_copy(update={"selector": "fixed:1"}), READS)
    ranked = [e.doc_id for e in all_of_them.evidence]
    assert len(ranked) == 3 and [e.doc_id for e in one.evidence] == ranked[:1]
    assert "rerank" not in {e.type for e in events}


@pytest.mark.parametrize(
    ("reranker", "selector", "said"),
    [
        ("none", "up-to-k:0.5,3", "needs scores"),
        ("listwise", "absolute:0.5", "no more than a rank"),
        ("maxsim:some/model", "absolute:0.5", "no more than a similarity"),
        ("bm25", "fixed:3", "no reranker 'bm25'"),
        ("model", "best", "no selector 'best'"),
    ],
)
def test_a_pair_that_means_nothing_is_refused(reranker: str, selector: str, said: str) -> None:
    with pytest.raises(BadConfig, match=said):
        make_reranking(reranker, selector, 20)


async def test_a_record_that_answers_by_its_key_is_not_reranked(settings: Settings, tmp_path: Path) -> None:
    row = {"id": "ida", "title": "Eph Tower", "text": "Architect: Bo Ek\nBuilt by: Bo Ek\nHeight: 80 m"}
    (tmp_path / "more.jsonl").write_text(json.dumps(row), encoding="utf-8")
    collection = LocalCollection.open(tmp_path / "index", embedders())
    collection.add([tmp_path / "more.jsonl"], ocr="never")
    collection.close()
    chosen = settings.model_copy(update={"reranker": "model", "selector": "up-to-k:0.5,3"})
    async with Foveal(chosen) as foveal:
        model = ScriptedModel([])
        roles = dict.fromkeys(("planner", "solver", "answerer", "judge"), model)
        foveal.tools.__dict__.update(embedders=embedders(), models=roles)
        answer = await foveal.ask("What is the height of the Eph Tower?")
    assert answer.answer.startswith("80 m") and answer.usage.model_calls == 0


async def test_pictures_found_by_words_are_put_in_order_too(settings: Settings, tmp_path: Path) -> None:
    for name, colour in (("one", "red"), ("two", "crimson")):
        Image.new("RGB", (60, 40), colour).save(tmp_path / f"{name}.png")
    rows = [
        {"id": f"photo:{n}", "title": "", "text": f"a crimson cloth, {n}", "image": f"{n}.png"} for n in ("one", "two")
    ]
    (tmp_path / "photos.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    collection = LocalCollection.open(tmp_path / "index", embedders())
    collection.add([tmp_path / "photos.jsonl"], ocr="never")
    collection.close()
    asked = 'Find the photo in the collection that shows this: "a crimson cloth". Answer with the id of the photo.'
    plain, _ = await run(settings, [], question=asked)
    turned, events = await run(settings, [], question=asked, reranking=local(Backwards()))
    told = next(e.data for e in events if e.type == "rerank")
    assert told["of"] == 2 and turned.answer.startswith(told["scores"][0]["doc_id"])
    assert plain.answer.startswith(told["scores"][-1]["doc_id"])
