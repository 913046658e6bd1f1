"""Question files: good rows are kept, bad ones are named by their line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BadInput
from foveal.evaluation.predictions import load_predictions
from foveal.evaluation.questions import load_questions


def write(path: Path, *rows: Any) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n")
    return path


def test_good_and_bad_rows(tmp_path: Path) -> None:
    path = write(
        tmp_path / "q.jsonl",
        {"id": "a", "question": "What?", "images": ["i/x.png"], "extra": 1, "evidence_steps": [["d"]]},
        "{not json",
        {"id": "b", "question": "What?", "images": None},
        {"question": "no id"},
        [],
        {"id": "a", "question": "again"},
        "",
        {"id": "c", "question": "What?", "answers": "not a list"},
        {"id": "d", "question": "What?", "answer_type": "essay"},
        {"id": 7, "question": "What?"},
    )  # fmt: skip
    loaded = load_questions(path)
    assert [question.id for question in loaded.questions] == ["a", "b"]
    assert loaded.questions[0].images == (str(tmp_path / "i/x.png"),)
    assert loaded.questions[0].evidence_steps == (("d",),)
    assert sorted(row.line for row in loaded.bad_rows) == [2, 4, 5, 6, 8, 9, 10]
    assert "already on line 1" in next(row.reason for row in loaded.bad_rows if row.line == 6)


def test_a_folder_and_the_fields_of_data_sets(tmp_path: Path) -> None:
    row = {"id": "a", "question": "?", "choices": ["x", "y"], "boxes": [["p1", 0, 1, 2, 3.5]], "references": None}
    write(tmp_path / "questions.jsonl", row, {"id": "b", "question": "?", "meta": None, "gold_query": None})
    one, two = load_questions(tmp_path).questions
    assert one.choices == ("x", "y") and one.boxes == (("p1", 0.0, 1.0, 2.0, 3.5),) and one.text_only
    assert two.meta == {} and two.gold_query == ""
    assert not one.model_copy(update={"references": ("https://example.org/x.png",)}).text_only


def test_no_question_at_all(tmp_path: Path) -> None:
    for text in ("", "x", '{"id": "a"}'):
        (tmp_path / "q.jsonl").write_text(text)
        with pytest.raises(BadInput, match="holds no question"):
            load_questions(tmp_path / "q.jsonl")
    with pytest.raises(BadInput, match="cannot be read"):
        load_questions(tmp_path / "none.jsonl")
    with pytest.raises(BadInput, match="cannot be read"):
        load_questions(tmp_path)


def test_picking(tmp_path: Path) -> None:
    rows = [{"id": str(n), "question": "?", "category": "ab"[n % 2]} for n in range(6)]
    loaded = load_questions(write(tmp_path / "q.jsonl", *rows))
    assert [question.id for question in loaded.pick(["b"], 2)] == ["1", "3"]
    assert len(loaded.pick()) == 6
    with pytest.raises(BadInput, match="category c"):
        loaded.pick(["a", "c"])


@given(st.lists(st.one_of(st.binary(max_size=40), st.just(b'{"id": "a", "question": "?"}')), max_size=5))
def test_any_bytes_can_be_read(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(b"\n".join(lines))
    load_predictions(path)
    try:
        assert load_questions(path).questions
    except BadInput as error:
        assert error.remedy
