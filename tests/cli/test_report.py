"""``foveal eval report`` and ``foveal eval export``, as they are run."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from evaluation.report.samples import three_runs


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, list[Path]]:
    return three_runs(tmp_path / "all")


def test_without_a_page_losses_are_counted(foveal: Any, runs: Any) -> None:
    questions, (good, middling, _) = runs
    one = foveal("eval", "report", questions, good)
    assert one.code == 0 and one.out.splitlines()[0].split()[:2] == ["category", "right"] and "good:" not in one.out
    told = json.loads(foveal("eval", "report", questions, good, "--json").out)
    assert told["counts"]["ALL"]["right"] == 6 and told["runs"] == {"good": told["counts"]}
    both = foveal("eval", "report", questions, good, middling)
    assert both.code == 0 and "good:" in both.out and "middling:" in both.out
    told = json.loads(foveal("eval", "report", questions, good, middling, "--json").out)
    assert "counts" not in told and [counts["ALL"]["right"] for counts in told["runs"].values()] == [6, 4]


def test_a_page_is_written_of_a_folder_of_runs(foveal: Any, runs: Any) -> None:
    questions, _ = runs
    done = foveal("eval", "report", questions, questions.parent.parent, "--html", "r.html")
    assert done.code == 0 and "3 runs, 8 questions" in done.out and "MB" in done.out
    page = Path("r.html").read_text("utf-8")
    assert "<h1" in page and "data:image/webp" in page
    told = json.loads(
        foveal("eval", "report", questions, questions.parent.parent, "--html", "r.html", "--no-pictures", "--json").out
    )
    assert told["schema"] == "foveal.report/1" and told["runs"] == ["good", "middling", "poor"]
    assert told["pictures"] == 0 and told["bytes"] < len(page.encode())
    assert "data:image/webp" not in Path("r.html").read_text("utf-8")


def test_what_is_odd_is_said_and_what_is_wrong_is_refused(foveal: Any, runs: Any, tmp_path: Path) -> None:
    questions, (good, *_) = runs
    with (good / "predictions.jsonl").open("a") as file:
        file.write("nonsense\n")
    with questions.open("a") as file:
        file.write('\n{"id": 3}')
    done = foveal("eval", "report", questions, good, "--html", "r.html")
    assert done.code == 0 and "line 9" in done.err and "not JSON" in done.err
    assert foveal("eval", "report", questions, tmp_path / "none", "--html", "r.html").code == 2
    refused = foveal("eval", "report", questions, good, "--html", tmp_path)
    assert refused.code == 2 and "is a folder" in refused.err


@pytest.mark.parametrize(
    ("format", "rows", "first"),
    [("csv", 8, "id,category"), ("trec", 16, "q/0%20Dhaka Q0 country:99 1 2 good"), ("trec-qrels", 8, "q/0%20Dhaka 0"),
     ("ragas", 8, '{"user_input"'), ("deepeval", 8, '{"name"')],
)  # fmt: skip
def test_export(foveal: Any, runs: Any, format: str, rows: int, first: str) -> None:
    questions, (good, *_) = runs
    done = foveal("eval", "export", questions, good, "--format", format, "--out", "x/y.out")
    assert done.code == 0 and f"{rows} rows" in done.out
    assert Path("x/y.out").read_text("utf-8").startswith(first)
    told = json.loads(foveal("eval", "export", questions, good, "--format", format, "--out", "z", "--json").out)
    assert told == {"schema": "foveal.export/1", "format": format, "out": "z", "rows": rows}


def test_an_unknown_format_is_refused(foveal: Any, runs: Any) -> None:
    questions, (good, *_) = runs
    done = foveal("eval", "export", questions, good, "--format", "xml", "--out", "x")
    assert done.code == 2 and "csv" in done.err and not Path("x").exists()


def test_help_loads_no_page(foveal: Any) -> None:
    before = set(sys.modules)
    assert foveal("eval", "report", "--help").code == 0
    assert not [name for name in set(sys.modules) - before if name.startswith("foveal.evaluation.report")]
