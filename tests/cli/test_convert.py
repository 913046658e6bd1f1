"""``foveal eval convert``, and a data set that ``foveal eval run`` converts by itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .conftest import FakeFoveal

BENCHMARKS = Path(__file__).resolve().parents[1] / "fixtures" / "benchmarks"


def test_convert(foveal: Any, tmp_path: Path) -> None:
    done = foveal("eval", "convert", "auto", BENCHMARKS / "mrag_bench", "--out", "conv")
    assert done.code == 0 and "MRAG-Bench: 2 questions, 4 documents" in done.out
    assert "test.jsonl line 3: `answer_choice` is no option" in done.err
    shown = foveal("eval", "convert", "chartqa", BENCHMARKS / "chartqa", "--out", "charts", "--json")
    assert json.loads(shown.out)["bad_rows"] == 1 and "note: 1 questions with a picture that is not here" in shown.err
    wrong = foveal("eval", "convert", "nothing", BENCHMARKS / "chartqa", "--out", "x")
    assert wrong.code == 2 and "There are: auto, chartqa" in wrong.err


def test_a_converted_folder_is_asked_and_scored(foveal: Any, fake: FakeFoveal, tmp_path: Path) -> None:
    foveal("eval", "convert", "chartqa", BENCHMARKS / "chartqa", "--out", "conv")
    done = foveal("eval", "run", "conv", "--index", "x", "--out", "r")
    assert done.code == 0 and "3 questions" in done.out
    assert "1 questions have pictures that are not here" in done.err
    assert [len(images) for _, images in fake.asked] == [0, 1, 1] and fake.asked[1][1][0].is_file()
    assert foveal("eval", "score", "conv", "r").code == 0


def test_a_raw_data_set_is_converted_and_resumed(foveal: Any, fake: FakeFoveal, tmp_path: Path) -> None:
    run = ("eval", "run", BENCHMARKS / "dyn_vqa", "--format", "dyn_vqa", "--index", "x", "--out", "r", "--json")
    assert json.loads(foveal(*run).out)["asked"] == 5
    assert json.loads(foveal(*run).out)["kept"] == 5 and len(fake.asked) == 5
    assert foveal("eval", "score", "r/data", "r").code == 0
