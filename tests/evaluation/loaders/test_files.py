"""The forms files come in, and what is wrong with some of them."""

from __future__ import annotations

import base64
import builtins
import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from evaluation.loaders.samples import BENCHMARKS

from foveal.errors import BadInput
from foveal.evaluation.loaders import load
from foveal.evaluation.loaders.files import data_files, raw_rows

ROW = {"id": "a", "question": "Which?", "answers": ["x"]}
OTHER = {"id": "b", "question": "What?"}


def read(path: Path) -> list[tuple[int, Any, str]]:
    rows = [row for file in data_files(path) for row in raw_rows(file)]
    return [(row.number, row.data if row.data is not None else row.problem, row.key) for row in rows]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("q.json", json.dumps([ROW, OTHER])),
        ("q.json", json.dumps([ROW, OTHER], indent=2)),
        ("q.json", json.dumps({"version": 1, "data": [ROW, OTHER]})),
        ("q.json", f"{json.dumps(ROW)}\n\n{json.dumps(OTHER)}\n"),
        ("q.jsonl", json.dumps([ROW, OTHER])),
        ("q.jsonl", json.dumps([ROW, OTHER], indent=2)),
        ("q.jsonl", f"\n{json.dumps(ROW)}\r\n{json.dumps(OTHER)}"),
        ("q.ndjson", f"\ufeff{json.dumps(ROW)}\n{json.dumps(OTHER)}"),
    ],
)
def test_json_whatever_its_name_says(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    assert [data for _, data, _ in read(tmp_path)] == [ROW, OTHER]
    (tmp_path / name).unlink()
    (tmp_path / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
    assert [data for _, data, _ in read(tmp_path / f"{name}.gz")] == [ROW, OTHER]


def test_an_object_of_rows_keeps_their_names(tmp_path: Path) -> None:
    (tmp_path / "q.json").write_text(json.dumps({"one": ROW, "two": OTHER}))
    assert read(tmp_path) == [(1, ROW, "one"), (2, OTHER, "two")]


def test_rows_by_position(tmp_path: Path) -> None:
    (tmp_path / "d.jsonl").write_text('[7, "text", ["a"]]\n[8, "more", []]\n')
    assert [data for _, data, _ in read(tmp_path)] == [
        {"0": 7, "1": "text", "2": ["a"]},
        {"0": 8, "1": "more", "2": []},
    ]


def test_bad_lines_are_named(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_bytes(b'{"id": 1}\n{broken\n"text"\n\xff\xfe\n' + b"[" * 100_000 + b"\n")
    found = read(tmp_path)
    assert [number for number, data, _ in found if isinstance(data, str)] == [2, 3, 4, 5]
    assert found[0][1] == {"id": 1}
    for text in ("{broken", "3", ""):
        (tmp_path / "q.jsonl").unlink(missing_ok=True)
        (tmp_path / "q.json").write_text(text)
        assert isinstance(read(tmp_path)[0][1], str)


def test_tables(tmp_path: Path) -> None:
    (tmp_path / "q.csv").write_bytes('\ufeffid,question\na,"two\nlines, and a comma"\nb\nc,x,y\n'.encode())
    found = read(tmp_path)
    assert found[0][:2] == (3, {"id": "a", "question": "two\nlines, and a comma"})
    assert found[1][1] == {"id": "b", "question": None} and found[2][1] == "more fields than the header has"
    (tmp_path / "q.csv").write_text(",id\n0,a\n1,b,c\n")  # a first column without a name, as pandas writes it
    assert [data for _, data, _ in read(tmp_path)] == [{"": "0", "id": "a"}, "more fields than the header has"]
    (tmp_path / "q.csv").unlink()
    (tmp_path / "q.tsv").write_text(f"id\timage\na\t{'A' * 300_000}\n")  # longer than the usual limit of a field
    assert len(read(tmp_path)[0][1]["image"]) == 300_000


def test_parquet_with_pictures_as_bytes(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = [json.loads(line) for line in (BENCHMARKS / "mmsearch" / "end2end.jsonl").read_text("utf-8").splitlines()]
    for row in rows:
        for name in ("query_image", "image_search_result"):
            if row.get(name):
                row[name] = {"bytes": base64.b64decode(row[name]["bytes"]), "path": "x.png"}
    (tmp_path / "data").mkdir()
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "data" / "end2end-00000-of-00001.parquet")
    loaded = load("auto", tmp_path / "data", keep=tmp_path / "kept")
    plain = load("mmsearch", BENCHMARKS / "mmsearch" / "end2end.jsonl", keep=tmp_path / "kept")
    assert loaded.format == "mmsearch" and loaded.questions == plain.questions and loaded.corpus == plain.corpus
    assert [str(row) for row in loaded.bad_rows] == ["end2end-00000-of-00001.parquet line 3: no `gt_answer`"]
    without = load("mmsearch", tmp_path / "data")  # no folder to keep pictures in: said, not dropped
    assert [question.id for question in without.questions] == ["knowledge_0002"]
    assert "no folder was named" in without.bad_rows[0].reason


def test_parquet_that_is_none_and_without_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "q.parquet").write_bytes(b"PAR1 but no more")
    pytest.importorskip("pyarrow")
    assert "not Parquet" in read(tmp_path)[0][1]
    real = builtins.__import__

    def missing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(BadInput, match="pyarrow") as caught:
        read(tmp_path)
    assert "foveal[datasets]" in caught.value.remedy


def test_a_zip_holds_rows_and_pictures(tmp_path: Path) -> None:
    folder = BENCHMARKS / "chartqa"
    with zipfile.ZipFile(tmp_path / "chartqa.zip", "w") as packed:
        for path in sorted(folder.rglob("*")):
            packed.write(path, path.relative_to(folder))
        packed.writestr("__MACOSX/._test_human.json", b"\0")
    loaded = load("auto", tmp_path / "chartqa.zip", keep=tmp_path / "kept")
    plain = load("chartqa", folder, keep=tmp_path / "kept")
    assert loaded.questions == plain.questions and loaded.bad_rows == plain.bad_rows


def test_broken_packages_are_reported(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl.gz").write_bytes(gzip.compress(b'{"id": "a"}\n' * 1000)[:40])
    (tmp_path / "z.zip").write_bytes(b"PK no zip")
    found = read(tmp_path)
    assert "cannot be read" in found[-1][1] and "cannot be read" in found[-2][1]
    (tmp_path / "q.jsonl").write_text(json.dumps(ROW))
    loaded = load("own", tmp_path)
    assert len(loaded.questions) == 1 and {row.file for row in loaded.bad_rows} == {"q.jsonl.gz", "z.zip"}
