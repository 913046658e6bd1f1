"""What a report counts: runs side by side on the questions of all, losses, confidences, and what a reader may see."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path

import pytest
from evaluation.report.samples import CITIES, EVIL, answer_to, three_runs, write_questions, write_run

from foveal.errors import BadInput
from foveal.evaluation.compare import Run, compare
from foveal.evaluation.questions import load_questions
from foveal.evaluation.report.model import gather, listing
from foveal.evaluation.report.runs import load_runs
from foveal.evaluation.report.views import FOUND, packed, view, web_address
from foveal.evaluation.score import ALL


def test_figures_are_those_of_compare_and_of_the_failures(tmp_path: Path) -> None:
    path, folders = three_runs(tmp_path)
    questions = load_questions(path)
    runs = load_runs(questions, folders)
    report = gather(questions, runs)
    rows = compare([Run(run.name, run.judged, run.model_calls) for run in runs])
    assert [line.row for line in report.lines] == [row for row in rows if row.category == ALL]
    assert [line.name for line in report.lines] == ["good", "middling", "poor"]
    assert [round(8 * line.row.accuracy) for line in report.lines] == [6, 4, 1]
    assert report.lines[0].usd == pytest.approx(0.02) and report.lines[0].tokens == 100
    assert report.losses[0] == {
        **dict.fromkeys(report.losses[0], 0),
        "right": 6,
        "read but wrong": 1,
        "wrongly answered": 1,
    }
    assert report.losses[2]["failed"] == 1 and all(sum(counts.values()) == 8 for counts in report.losses)
    for n in range(3):
        both = [counts[n] for counts in report.losses_by_category.values()]
        assert {key: sum(one[key] for one in both) for key in both[0]} == report.losses[n]
    assert [plot.title.split()[2] for plot in report.costs] == ["model", "all", "seconds", "money"]
    assert report.trust[0] and report.trust[0].n == 8 and report.risk and len(report.risk.curves) == 3
    assert report.date == "2026-02-03T04:15:06+00:00", "the date is the run's"
    assert report.about[0].index == "idx", "no path of a machine"


def test_runs_of_different_questions_are_compared_on_those_of_both(tmp_path: Path) -> None:
    path = write_questions(tmp_path / "q")
    folders = [write_run(tmp_path / "a", [0]), write_run(tmp_path / "b", [1], asked=[1, 2, 3])]
    questions = load_questions(path)
    report = gather(questions, load_runs(questions, folders))
    assert (report.asked, report.common) == (8, 3) and [line.row.n for line in report.lines] == [3, 3]
    assert [line.row.accuracy for line in report.lines] == [1.0, pytest.approx(2 / 3)]
    assert sum(report.losses[0].values()) == 3
    apart = [write_run(tmp_path / "c", asked=[0]), folders[1]]
    report = gather(questions, load_runs(questions, apart))
    assert report.common == 0 and "no question in common" in report.warnings[0]
    assert [line.row.n for line in report.lines] == [1, 3] and report.lines[1].row.p is None
    assert any(cell is None for cells in report.matrix for cell in cells)


def test_a_folder_of_runs_stands_for_them_and_what_is_none_is_refused(tmp_path: Path) -> None:
    path, folders = three_runs(tmp_path / "x")
    questions = load_questions(path)
    assert [run.name for run in load_runs(questions, [tmp_path / "x"])] == ["good", "middling", "poor"]
    assert load_runs(questions, [folders[0] / "predictions.jsonl"])[0].views
    with pytest.raises(BadInput, match="no run in"):
        load_runs(questions, [tmp_path / "q"])
    (tmp_path / "p.jsonl").write_text('{"id": "stranger", "answer": "x"}\n')
    with pytest.raises(BadInput, match="answers none of the questions"):
        load_runs(questions, [tmp_path / "p.jsonl"])


def test_what_is_wrong_with_a_run_is_told_and_the_rest_is_shown(tmp_path: Path) -> None:
    path, folders = three_runs(tmp_path)
    with (folders[0] / "predictions.jsonl").open("a") as file:
        file.write('{"id": "stranger"}\nnonsense\n')
    (folders[0] / "traces" / "odd.json").write_text(
        json.dumps({"id": f"q/0 {CITIES[0]}", "answer": {"plan": 3, "usage": {"model_calls": 1}}})
    )
    record = json.loads((folders[0] / "run.json").read_text())
    del record["finished_at"]
    record["config"]["questions"] = "f" * 64
    (folders[0] / "run.json").write_text(json.dumps(record))
    (folders[1] / "run.json").write_text("[")
    for trace in (folders[1] / "traces").iterdir():
        trace.unlink()
    questions = load_questions(path)
    runs = load_runs(questions, folders)
    told = " / ".join(runs[0].warnings)
    for words in ("line 10", "belong to no question", "another state", "has not finished"):
        assert words in told
    assert len(runs[0].judged) == 8
    report = gather(questions, runs)
    assert report.about[1].model == "not said" and report.trust[1] is None
    rows = listing(questions, runs, {})
    assert rows[0]["runs"][1]["right"] and rows[0]["runs"][1]["calls"] is None


def test_the_list_tells_each_question_and_the_rank_of_its_evidence(tmp_path: Path) -> None:
    path, folders = three_runs(tmp_path)
    questions = load_questions(path)
    rows = listing(questions, load_runs(questions, folders), {f"q/0 {CITIES[0]}": ("key",)})
    assert [row["id"] for row in rows] == [question.id for question in questions.questions]
    assert rows[0]["pictures"] == ["key"] and rows[1]["pictures"] == []
    assert rows[0]["runs"][0] | {"right": True, "ranks": [2], "searches": 1, "calls": 5} == rows[0]["runs"][0]
    assert rows[4]["runs"][2]["loss"] == "failed" and rows[4]["runs"][2]["answer"] == ""


def test_a_view_keeps_what_the_answer_rests_on_and_cuts_the_rest() -> None:
    answer = answer_to(0, right=True).as_dict()
    found = [{"id": f"x{n}", "doc_id": f"d{n}", "quote": "long " * 500, "score": n / 100} for n in range(60)]
    answer["evidence"] = found + answer["evidence"]
    answer["plan"][0]["evidence_ids"].append("x3")
    events = [
        {"type": "tool.called", "data": {"tool": "t", "step": "s1", "query": "one"}},
        {"type": "tool.called", "data": {"tool": "t", "step": "s1", "query": "two"}},
        {"type": "tool.returned", "data": {"tool": "t", "step": "s1", "status": "empty", "n": 0}},
    ]
    seen = view({"answer": answer, "events": events})
    shown = [item for item in seen["evidence"] if "id" in item]
    assert [item["id"] for item in shown[:3]] == ["s1e1", "x3", "x59"] and shown[0]["used"] and "used" not in shown[2]
    assert len(shown) == 2 + FOUND and seen["evidence"][-1] == {"left": 62 - 2 - FOUND}
    assert len(shown[1]["quote"]) > len(shown[2]["quote"]) and len(shown[1]["quote"]) <= 700
    one, two = ({"tool": "t", "step": "s1", "query": query} for query in ("one", "two"))
    assert seen["calls"] == [{**one, "status": "empty", "n": 0}, two]
    assert seen["log"][1]["code"] == "EMPTY" and seen["conflicts"][0]["text"] == "Which?: A / B → A"
    assert "\u202e" in EVIL and "\u202e" not in json.dumps(seen, ensure_ascii=False), "nothing turns the reading round"
    placed = view({"answer": {"answer": f"So ![a flag](<{'a' * 64}>) it is."}})
    assert placed["answer"] == "So [picture: a flag] it is."
    assert view({"error": {"message": "It is down."}})["error"] == "It is down."


def test_packed_views_are_the_same_twice_and_come_back() -> None:
    value = [view({"answer": answer_to(1, right=False).as_dict()}), None]
    text = packed(value)
    assert text == packed(value)
    assert json.loads(gzip.decompress(base64.b64decode(text))) == value
    assert "\ud800" not in gzip.decompress(base64.b64decode(packed(["\ud800"]))).decode()


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "data:text/html,x", "//host/x", "https:///x", "file:///etc/passwd", "http://[", None, 3],
)
def test_only_web_addresses_are_links(url: object) -> None:
    assert web_address(url) is None
    assert web_address("https://example.org/x") == "https://example.org/x"


def test_ablations_are_told_beside(tmp_path: Path) -> None:
    path = write_questions(tmp_path / "q")
    closed = write_run(tmp_path / "closed", [0, 1, 2, 3], config={"ablation": "closed_book"})
    blind = write_run(tmp_path / "blind", [0, 1, 2, 3, 4, 6], config={"ablation": "no_image"})
    questions = load_questions(path)
    report = gather(questions, load_runs(questions, [write_run(tmp_path / "whole"), closed, blind]))
    assert report.ablations and report.ablations.searching[0].gain == pytest.approx(0.5)
    assert report.about[1].strategy == "closed, closed book"
