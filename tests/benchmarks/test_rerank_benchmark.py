from __future__ import annotations

import argparse
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fakes.bench import script
from fakes.embedders import ColourEye, HashText

from foveal.agents.selectors import Selector
from foveal.api import Foveal
from foveal.cli import seams
from foveal.settings import Settings
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import Candidate


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return script("rerank")


def test_rows_by_hand(bench: ModuleType) -> None:
    def pool(n: int, *docs: str) -> Any:
        return bench.Pool(f"q{n}", "?", ("gold",), tuple(Candidate("", doc_id=d) for d in docs))

    pools = [pool(1, "a", "gold"), pool(2, "gold", "b"), pool(3, "c", "d")]
    scores = {
        "q1|?": bench.Scores((1, 0), (0.9, 0.6), 2, 1.0),
        "q2|?": bench.Scores((1, 0), (0.4, 0.3), 2, 3.0),
        "q3|?": bench.Scores((0, 1), (0.2, 0.1), 2, 2.0),
    }
    row = bench.row("model", Selector.parse("up-to-k:0.5,2"), pools, scores)
    assert (row.n, row.mean_k, row.recall_1, row.recall) == (2, pytest.approx(2 / 3), 0.5, 0.5)
    assert row.same_k == pytest.approx(2 / 3 * 0.5), "fixed 0 finds nothing, fixed 1 the first of the two"
    assert (row.none, row.none_right, row.fired) == (pytest.approx(2 / 3), 0.5, pytest.approx(2 / 3))
    assert (row.calls, row.seconds) == (2.0, 2.0)
    both = bench.row("model", Selector.parse("fixed:2"), pools, scores)
    assert (both.recall_1, both.recall_5, both.recall, both.same_k, both.fired) == (0.5, 1.0, 1.0, 1.0, 0.0)


@pytest.fixture
def given(tmp_path: Path, bench: ModuleType, monkeypatch: pytest.MonkeyPatch) -> argparse.Namespace:
    """Two questions over three documents, and a model that finds one of them relevant."""
    texts = {
        "guide": "The Eph Tower is open every day. The Eph Tower is tall.",
        "tower": "The Eph Tower stands in Eph. Bo Ek built it in 1901.",
        "hotel": "The hotel beside the Eph Tower was built by Al Ud.",
    }
    eye = ColourEye()
    parts = Embedders(HashText(), eye, eye, None)
    rows = [{"id": name, "title": f"On the {name}", "text": text} for name, text in texts.items()]
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    collection = LocalCollection.create(tmp_path / "index", parts)
    collection.add([tmp_path / "corpus.jsonl"], ocr="never")
    collection.close()
    asked = [{"id": f"q{n}", "question": q, "answers": ["Bo Ek"], "evidence": ["tower"], "evidence_steps": [["tower"]]}
             for n, q in enumerate(("Who built the Eph Tower?", "Who made the Eph Tower?"))]  # fmt: skip
    (tmp_path / "questions.jsonl").write_text("\n".join(map(json.dumps, asked)), encoding="utf-8")
    script: list[dict[str, Any]] = [
        {"task": "relevant", "contains": "Bo Ek", "probability": 0.9, "repeat": True},
        {"task": "relevant", "probability": 0.1, "repeat": True},
        {"task": "read", "contains": "Bo Ek", "probability": 0.95, "repeat": True},
        {"task": "read", "probability": 0.05, "repeat": True},
        {"task": "read", "reply": " Bo Ek", "repeat": True},
    ]
    made: list[ScriptedModel] = []

    def make(settings: Settings) -> Foveal:
        foveal = Foveal(settings.model_copy(update={"home": tmp_path / "home"}))
        model = ScriptedModel(script)
        made.append(model)
        roles = dict.fromkeys(("planner", "solver", "answerer", "judge"), model)
        foveal.tools.__dict__.update(embedders=parts, models=roles)
        return foveal

    monkeypatch.setattr(seams, "make_foveal", make)
    return argparse.Namespace(
        questions=tmp_path / "questions.jsonl", index=tmp_path / "index", out=tmp_path / "out", categories="",
        limit=None, pool=8, model=None, deadline=60.0, rerankers="none,model", made=made,
        selectors="fixed:1 up-to-k:0.5,3", answers="model up-to-k:0.5,3",
    )  # fmt: skip


async def test_the_whole_table_and_again_without_a_call(bench: ModuleType, given: argparse.Namespace) -> None:
    first = await bench.measure(given)
    assert (first["questions"], first["pools"], first["candidates"]) == (2, 2, 6)
    rows = {(r["reranker"], r["selector"]): r for r in first["rows"]}
    assert set(rows) == {("none", "fixed:1"), ("model", "fixed:1"), ("model", "up-to-k:0.5,3")}
    best = rows["model", "up-to-k:0.5,3"]
    assert (best["recall_1"], best["mean_k"], best["fired"], best["calls"]) == (1.0, 1.0, 1.0, 3.0)
    assert first["answers"][0]["accuracy"] == 1.0 and first["answers"][0]["model_calls"] == 3 + 2
    given.made.clear()
    again = await bench.measure(given)
    assert again == first and not any(model.calls for model in given.made)
    assert "|model|up-to-k:0.5,3|1.00|1.000|" in bench.table([bench.Row(**r) for r in again["rows"]])


async def test_a_line_that_a_kill_cut_off_is_made_again(bench: ModuleType, given: argparse.Namespace) -> None:
    first = await bench.measure(given)
    for file in ("pools.jsonl", "scores-model.jsonl"):
        path = given.out / file
        path.write_bytes(path.read_bytes()[:-20])
    again = await bench.measure(given)
    for row in (*first["rows"], *again["rows"]):
        del row["seconds"]
    assert again["rows"] == first["rows"]
    assert len(bench.Kept(given.out / "pools.jsonl").rows) == 2
