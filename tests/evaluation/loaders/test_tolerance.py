"""Rows with fields dropped, renamed, emptied or full of something else: each becomes an item, or is reported."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from evaluation.loaders.samples import FORMAT_OF, rows_of
from hypothesis import given, settings
from hypothesis import strategies as st

from foveal.evaluation.loaders import FORMATS, Document, Source, fields
from foveal.evaluation.loaders.registry import items_of
from foveal.evaluation.questions import BadRow, Question

ROWS = {sample: rows_of(sample) for sample in FORMAT_OF}
LEAF = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["[1, 2", "['a', None]", "{'a': (1,)}", "data:image/png;base64,!", "../../x.png", "\ud800", " "]),
)  # fmt: skip
JUNK = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3)
)


def spoiled(data: st.DataObject, value: Any, depth: int = 0) -> Any:
    """The same value with some fields dropped, renamed, null, NaN, as text, or junk; inner objects too."""
    if isinstance(value, list) and value and depth < 3:
        return [spoiled(data, item, depth + 1) for item in value[:3]]
    if not isinstance(value, dict) or depth >= 3:
        return value
    changed: dict[str, Any] = {}
    for name, inner in value.items():
        how = data.draw(
            st.sampled_from(["keep"] * 6 + ["inside"] * 3 + ["drop", "rename", "null", "nan", "text", "junk"])
        )
        if how == "drop":
            continue
        if how == "inside":
            inner = spoiled(data, inner, depth + 1)
        inner = {"null": None, "nan": float("nan"), "text": str(inner)}.get(how, inner)
        changed[f"{name}_2" if how == "rename" else name] = data.draw(JUNK) if how == "junk" else inner
    return changed


@pytest.mark.parametrize("sample", FORMAT_OF)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_spoiled_row_is_read_or_reported(sample: str, data: st.DataObject) -> None:
    name, raw = data.draw(st.sampled_from(ROWS[sample]))
    row = spoiled(data, raw.data)
    folder = Path(tempfile.mkdtemp())
    try:
        file = folder / Path(name.removesuffix(".gz")).with_suffix(".json").name
        file.write_text(json.dumps({raw.key: row} if raw.key else [row]))
        source = Source(folder, keep=folder / "kept")
        items = list(items_of(FORMATS[FORMAT_OF[sample]], source))
        assert all(isinstance(item, Question | Document | BadRow) for item in items)
        assert items or source.notes, "a row has vanished"
        for item in items:
            if isinstance(item, Question):
                json.dumps(item.model_dump(mode="json"), allow_nan=False, ensure_ascii=False).encode("utf-8")
            elif isinstance(item, Document):
                json.dumps(item.as_row(), allow_nan=False, ensure_ascii=False).encode("utf-8")
    finally:
        shutil.rmtree(folder)


@given(JUNK)
def test_fields_never_fail(value: Any) -> None:
    assert all(fields.strings(value)) and isinstance(fields.text_of(value), str)
    assert isinstance(fields.integers(value), tuple)
    assert all(isinstance(row, dict) for row in (*fields.objects(value), fields.mapping(value)))
    assert all(len(row) == 2 for row in fields.pairs(value, "a", "b"))
    json.dumps(fields.plain(value), allow_nan=False, ensure_ascii=False).encode("utf-8")


@given(st.lists(st.text(alphabet="ab, '\"", max_size=5), max_size=4))
def test_a_list_written_as_text_is_that_list(values: list[str]) -> None:
    wanted = fields.strings(values)
    assert (
        fields.strings(str(values)) == wanted == fields.strings(json.dumps(values)) == fields.strings([[values], None])
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(3, "3"), (3.0, "3"), (0.5, "0.5"), (True, "true"), (float("nan"), ""), (None, ""), ([1], ""), (" a\0 ", "a")],
)
def test_one_text(value: Any, text: str) -> None:
    assert fields.text_of(value) == text


def test_numbers() -> None:
    assert fields.number("1,200") == 1200 and fields.number("12 %") == 12 and fields.number(True) is None
    assert fields.number("inf") is None and fields.number("about 3") is None
    assert fields.integer("7") == 7 and fields.integer(7.0) == 7 and fields.integer("7.5") is None
    assert fields.integers("[5, 6, '6']") == (5, 6)
