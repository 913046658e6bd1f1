"""Runs for other programs: what they read back is what was scored."""

from __future__ import annotations

import csv
import io
import json
import statistics
from pathlib import Path
from typing import Any

import pytest
from evaluation.report.samples import CITIES, EVIL, three_runs, write_run
from hypothesis import given
from hypothesis import strategies as st

from foveal.cli.judged import judged_of
from foveal.errors import BadInput
from foveal.evaluation.export import COLUMNS, FORMATS, UNABLE
from foveal.evaluation.predictions import Prediction
from foveal.evaluation.questions import Question
from foveal.evaluation.score import ALL, judge, score
from foveal.outfile import write

Pair = tuple[list[Any], dict[str, Any]]

RAGAS = {"user_input", "response", "retrieved_contexts", "retrieved_context_ids", "reference_context_ids", "reference"}
"""Fields of ragas.SingleTurnSample 0.4.3 that are filled; and below, of deepeval.test_case.LLMTestCase 4.3.1."""
DEEPEVAL = {
    "name", "input", "actual_output", "expected_output", "retrieval_context", "token_cost", "completion_time",
    "metadata",
}  # fmt: skip


@pytest.fixture
def judged(tmp_path: Path) -> Pair:
    path, _ = three_runs(tmp_path)
    return judged_of(path, write_run(tmp_path / "run", [1], asked=range(7), failed=[2], usd=0.5), 10)


def rows_of(judged: Pair, format: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in FORMATS[format](*judged, "run").splitlines()]


def test_csv_has_every_question_with_its_scores_and_costs(judged: Pair) -> None:
    rows = list(csv.DictReader(io.StringIO(FORMATS["csv"](*judged, ""))))
    assert [row["id"] for row in rows] == [f"q/{n} {city}" for n, city in enumerate(CITIES)]
    assert tuple(rows[0]) == COLUMNS
    accuracy = statistics.fmean(float(row["correct"]) for row in rows)
    assert accuracy == score(judged[0])[ALL].accuracy
    assert rows[0]["retrieved"].split("\n") == ["country:99", "country:0"] and rows[0]["usd"] == "0.5"
    assert rows[1]["loss"] == "read but wrong" and EVIL in rows[1]["question"]
    assert rows[2]["loss"] == "failed" and rows[2]["model_calls"] == "" and rows[7]["answer"] == ""


@pytest.mark.parametrize(
    ("text", "kept"),
    [("=1+2", False), ("@cmd", False), ("+x", False), ("-x", False), ("-5", True), ("+3.5 %", True), ("a=b", True)],
)
def test_no_cell_is_a_formula_and_numbers_stay(text: str, kept: bool) -> None:
    rows = judge([Question(id="a", question="q", answers=("x",))], {"a": Prediction("a", text, status="answered")})
    row = next(csv.DictReader(io.StringIO(FORMATS["csv"](rows, {}, ""))))
    assert row["answer"] == (text if kept else f"'{text}")


def test_trec_files_give_our_figures_in_trec_eval(judged: Pair) -> None:
    pytrec_eval = pytest.importorskip("pytrec_eval", reason="pytrec_eval-terrier is not installed")
    run = pytrec_eval.parse_run(io.StringIO(FORMATS["trec"](*judged, "my run")))
    qrels = pytrec_eval.parse_qrel(io.StringIO(FORMATS["trec-qrels"](*judged, "")))
    found = pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank", "ndcg_cut_10", "recall_10"}).evaluate(run)
    ours = {
        row.question.id.replace(" ", "%20"): row for row in judged[0] if row.prediction and row.prediction.retrieved
    }
    assert found.keys() == ours.keys() and len(found) == 6
    for key, figures in found.items():
        row = ours[key]
        assert figures == pytest.approx({"recip_rank": row.mrr, "ndcg_cut_10": row.ndcg, "recall_10": row.recall})


@given(st.lists(st.text(min_size=1), min_size=1, max_size=12), st.text())
def test_trec_lines_have_their_columns_whatever_the_ids(ids: list[str], name: str) -> None:
    rows = judge(
        [Question(id="a b", question="q", evidence=tuple(ids))], {"a b": Prediction("a b", retrieved=tuple(ids))}
    )
    lines = FORMATS["trec"](rows, {}, name).split("\n")[:-1]
    assert len(lines) == len(set(ids)) and all(len(line.split()) == 6 for line in lines)
    assert len({line.split()[2] for line in lines}) == len(set(ids)), "ids that differ stay different"
    scores = [float(line.split()[4]) for line in lines]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == len(scores)
    marks = FORMATS["trec-qrels"](rows, {}, "").split("\n")[:-1]
    assert {line.split()[2] for line in marks} == {line.split()[2] for line in lines}


def test_ragas_rows_have_its_fields_and_contexts_in_order_of_retrieval(judged: Pair) -> None:
    rows = rows_of(judged, "ragas")
    assert len(rows) == 8 and all(row.keys() == RAGAS for row in rows)
    assert rows[0]["retrieved_context_ids"] == ["country:99", "country:0"], "the first that was retrieved"
    assert rows[0]["retrieved_contexts"][1].startswith("Capital: Dhaka") and rows[0]["reference"] == "Dhaka"
    assert rows[7]["reference"] == UNABLE and rows[7]["response"] == "" and rows[7]["retrieved_contexts"] == []


def test_deepeval_rows_have_its_fields(judged: Pair) -> None:
    rows = rows_of(judged, "deepeval")
    assert len(rows) == 8 and all(row.keys() == DEEPEVAL for row in rows)
    assert rows[0]["actual_output"] == "Dhaka" and rows[0]["token_cost"] == 0.5 and rows[0]["completion_time"] == 1.0
    assert rows[0]["metadata"]["tools"][0]["name"] == "collection" and rows[1]["metadata"]["correct"] is False


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is a folder"):
        write("x", tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be written"):
        write("x", tmp_path / "file" / "y")
    write("a\nb\n", tmp_path / "new" / "z")
    assert (tmp_path / "new" / "z").read_bytes() == b"a\nb\n"
