"""``foveal eval``: from a question file to scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from foveal.errors import IndexMissing

from .conftest import FakeFoveal, make_answer


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    rows: list[Any] = [
        {"id": "a", "category": "one", "question": "Which city?", "images": ["flag.png"],
         "answers": ["N'Djamena"], "evidence": ["country:TD"], "evidence_steps": [["country:TD"]]},
        {"id": "b", "category": "two", "question": "Which lake?", "answers": ["Lake Chad"],
         "evidence": ["lake"], "evidence_steps": [["lake"]]},
        {"id": "c", "category": "two"},
    ]  # fmt: skip
    path = tmp_path / "q.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_run_score_report(foveal: Any, fake: FakeFoveal, questions: Path, tmp_path: Path) -> None:
    done = foveal("eval", "run", questions, "--index", "x", "--out", "r")
    assert done.code == 0
    assert "2 questions (0 from before): 2 answered" in done.out
    assert "line 3" in done.err and "[2/2] b: answered" in done.err
    assert fake.asked[0] == ("Which city?", [tmp_path / "flag.png"])
    record = json.loads(Path("r/run.json").read_text("utf-8"))
    assert record["config"]["index"] == str(tmp_path / "x") and "foveal" in record["versions"]

    again = foveal("eval", "run", questions, "--index", "x", "--out", "r", "--json")
    assert json.loads(again.out)["kept"] == 2 and len(fake.asked) == 2
    other = foveal("eval", "run", questions, "--index", "x", "--out", "r", "--model", "openai:x")
    assert other.code == 2 and "model changed" in other.err

    scored = foveal("eval", "score", questions, "r/predictions.jsonl")
    assert "citations: 2 and 2 marks in 2 traces, 100.0% resolve" in scored.out
    shown = json.loads(foveal("eval", "score", questions, "r", "--json").out)
    assert shown["scores"]["ALL"]["accuracy"] == 0.5 and shown["citations"]["rate"] == 1.0
    losses = json.loads(foveal("eval", "report", questions, "r", "--json").out)["counts"]
    assert losses["one"]["right"] == 1 and losses["two"]["not retrieved"] == 1
    assert "not retrieved" in foveal("eval", "report", questions, "r").out


def test_categories_limit_and_failures(foveal: Any, fake: FakeFoveal, questions: Path) -> None:
    def fail(question: str) -> Any:
        raise RuntimeError(question)

    fake.script = fail
    done = foveal("eval", "run", questions, "--index", "x", "--out", "r", "--categories", "two", "--limit", 1)
    assert done.code == 4 and "1 failed" in done.out
    assert foveal("eval", "run", questions, "--index", "x", "--out", "r", "--categories", "six").code == 2


def test_direct_needs_no_collection(foveal: Any, fake: FakeFoveal, questions: Path) -> None:
    assert foveal("eval", "run", questions, "--out", "r").code == 2
    assert foveal("eval", "run", questions, "--out", "r", "--strategy", "direct").code == 0


def test_a_collection_that_cannot_be_opened_is_known_at_once(foveal: Any, fake: FakeFoveal, questions: Path) -> None:
    fake.missing = IndexMissing("There is no collection in x.", remedy="Make one.")
    done = foveal("eval", "run", questions, "--index", "x", "--out", "r")
    assert done.code == 2 and "no collection in x" in done.err and fake.asked == []


def test_bad_files(foveal: Any, fake: FakeFoveal, questions: Path, tmp_path: Path) -> None:
    assert foveal("eval", "run", "none.jsonl", "--index", "x", "--out", "r").code == 2
    assert foveal("eval", "score", questions, "none.jsonl").code == 2
    (tmp_path / "p.jsonl").write_text('{"answer": "x"}\n')
    done = foveal("eval", "score", questions, "p.jsonl")
    assert done.code == 2 and "line 1" in done.err and "holds no prediction" in done.err
    (tmp_path / "p.jsonl").write_text('{"id": "a", "answer": "N\'Djamena"}\n{"id": "z"}\n')
    done = foveal("eval", "score", questions, "p.jsonl")
    assert done.code == 0 and "belong to no question" in done.err


def test_an_abstention_is_flagged(foveal: Any, fake: FakeFoveal, questions: Path) -> None:
    fake.script = lambda question: make_answer(question, status="insufficient", answer="Unable to determine.")
    foveal("eval", "run", questions, "--index", "x", "--out", "r")
    rows = [json.loads(line) for line in Path("r/predictions.jsonl").read_text("utf-8").splitlines()]
    assert all(row["abstained"] and row["searches"] == 2 for row in rows)
