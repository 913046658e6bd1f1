"""A converted folder: what every command takes, the same each time, and nothing lost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from evaluation.loaders.samples import BENCHMARKS, FORMAT_OF

from foveal.errors import BadInput, StorageFull
from foveal.evaluation.loaders import convert, load
from foveal.evaluation.questions import Question, load_questions
from foveal.tools.index.discover import corpus_rows


def as_given(question: Question) -> dict[str, object]:
    """A question without the folders of its pictures."""
    return {**question.model_dump(), "images": [Path(image).name for image in question.images]}


@pytest.mark.parametrize("name", FORMAT_OF)
def test_a_folder_is_read_back(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = convert("auto", BENCHMARKS / name, out)
    loaded = load(FORMAT_OF[name], BENCHMARKS / name, keep=tmp_path / "kept")
    assert (done.questions, done.documents, done.bad_rows) == (
        len(loaded.questions), len(loaded.corpus), len(loaded.bad_rows),
    )  # fmt: skip
    back = load_questions(out)
    assert not back.bad_rows and [as_given(q) for q in back.questions] == [as_given(q) for q in loaded.questions]
    assert all(Path(image).is_file() for question in back.questions for image in question.images)
    rows = list(corpus_rows(out / "corpus.jsonl"))
    assert [row["id"] for _, row, problem in rows if row and not problem] == [document.id for document in loaded.corpus]
    assert all((out / row["image"]).is_file() for _, row, _ in rows if row and "image" in row)
    assert done.pictures == len(list((out / "images").glob("*"))) if done.pictures else True
    bad = [json.loads(line) for line in (out / "bad_rows.jsonl").read_text("utf-8").splitlines()]
    assert [(row["file"], row["line"], row["reason"]) for row in bad] == [
        (row.file, row.line, row.reason) for row in loaded.bad_rows
    ]


@pytest.mark.parametrize("name", ["mmsearch", "webqa", "mmlongbench_doc"])
def test_the_same_data_gives_the_same_bytes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    convert(name, BENCHMARKS / name, tmp_path / "one")
    monkeypatch.chdir(tmp_path)
    convert("auto", BENCHMARKS / name, Path("two"))
    convert("auto", BENCHMARKS / name, Path("two"))  # over an earlier one
    one, two = ({path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
                for out in (tmp_path / "one", tmp_path / "two"))  # fmt: skip
    assert one == two and not [path for path in one if path.name.endswith(".part")]


def test_a_converted_folder_is_a_data_set_too(tmp_path: Path) -> None:
    convert("mmsearch", BENCHMARKS / "mmsearch", tmp_path / "one")
    convert("auto", tmp_path / "one", tmp_path / "two")
    one, two = load_questions(tmp_path / "one"), load_questions(tmp_path / "two")
    assert [as_given(q) for q in one.questions] == [as_given(q) for q in two.questions]
    assert (tmp_path / "one/corpus.jsonl").read_bytes() == (tmp_path / "two/corpus.jsonl").read_bytes()


def test_pictures_from_elsewhere(tmp_path: Path) -> None:
    shutil.copy(BENCHMARKS / "chartqa" / "test_human.json", tmp_path)
    bare = convert("chartqa", tmp_path / "test_human.json", tmp_path / "bare")
    assert bare.pictures == 0 and bare.notes == {"questions with a picture that is not here": 2}
    found = convert("chartqa", tmp_path / "test_human.json", tmp_path / "out", images=BENCHMARKS / "chartqa")
    assert found.pictures == 2 and not found.notes


def test_nothing_is_overwritten_that_no_conversion_wrote(tmp_path: Path) -> None:
    (tmp_path / "questions.jsonl").write_text("mine")
    with pytest.raises(BadInput, match="no conversion wrote"):
        convert("chartqa", BENCHMARKS / "chartqa", tmp_path)
    with pytest.raises(BadInput, match="is no folder"):
        convert("chartqa", BENCHMARKS / "chartqa", tmp_path / "questions.jsonl")
    shutil.copytree(BENCHMARKS / "chartqa", tmp_path / "data")
    with pytest.raises(BadInput, match="lies in the data set"):
        convert("chartqa", tmp_path / "data", tmp_path / "data" / "out")
    assert (tmp_path / "questions.jsonl").read_text() == "mine"


def test_a_failed_conversion_leaves_the_earlier_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    convert("chartqa", BENCHMARKS / "chartqa", out)
    before = (out / "questions.jsonl").read_bytes()
    with pytest.raises(BadInput, match="holds no question"):
        convert("simpleqa", BENCHMARKS / "inquire", out)
    assert (out / "questions.jsonl").read_bytes() == before and not list(out.glob("*.part"))
    assert not list(out.glob(".*.part"))
    (tmp_path / "file").write_text("")
    with pytest.raises((StorageFull, BadInput)):
        convert("chartqa", BENCHMARKS / "chartqa", tmp_path / "file" / "out")
