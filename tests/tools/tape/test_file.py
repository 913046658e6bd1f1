"""The file of a recording: written line by line, read whole or as far as it goes, and never mistaken."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BadInput, FovealError, RunMismatch, StorageFull, StoreUnavailable
from foveal.tools.tape import file
from foveal.tools.tape.file import SCHEMA, TapeWriter, read_tape


def written(path: Path, *, end: bool = True) -> Path:
    out = TapeWriter(path)
    out.put("tape", schema=SCHEMA, version="0.1.0")
    out.picture("a" * 64, b"\x89PNG")
    out.put("moment", branch="s1", what="asking", at=0.1)
    out.put("event", type="warning", data={"text": "naïve \ud800\n"})
    if end:
        out.end(status="finished")
    out.close()
    return path


def test_what_is_written_is_read(tmp_path: Path) -> None:
    tape = read_tape(written(tmp_path / "t"))
    assert tape.header["version"] == "0.1.0" and tape.pictures == {"a" * 64: b"\x89PNG"}
    assert [line["is"] for line in tape.lines] == ["moment", "event"] and tape.end is not None
    assert tape.of("event")[0]["data"]["text"].startswith("naïve")


def test_without_its_end_it_is_read_and_says_that_it_was_interrupted(tmp_path: Path) -> None:
    assert read_tape(written(tmp_path / "t", end=False)).end is None


@given(st.data())
def test_row_80_cut_anywhere_it_is_read_up_to_there_or_refused(tmp_path_factory: Any, data: Any) -> None:
    path = tmp_path_factory.mktemp("cut") / "t"
    whole = written(path).read_bytes()
    rows = whole.splitlines(keepends=True)
    cut = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:cut])
    if cut < len(rows[0]):
        with pytest.raises(BadInput):
            read_tape(path)
        return
    tape = read_tape(path)
    assert tape.end is None
    assert 1 + len(tape.pictures) + len(tape.lines) == whole[:cut].count(b"\n")


@given(st.data())
def test_a_bit_that_turned_is_found(tmp_path_factory: Any, data: Any) -> None:
    path = tmp_path_factory.mktemp("turned") / "t"
    whole = bytearray(written(path).read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(bytes(whole))
    end = bytes(whole).rfind(b'{"is":"end"')
    try:
        tape = read_tape(path)
    except FovealError:
        return
    assert at >= end and (tape.end is None or tape.end["status"] != "finished"), "only the end may be another one"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\x89PNG\r\n\x1a\n", "is no recording of a run"),
        (b'{"schema":"foveal.answer/1"}\n', "is no recording"),
        (b"[1]\n", "is no recording"),
        (b"SQLite format 3\x00\n\n", "is no recording"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "t").write_bytes(content)
    with pytest.raises(BadInput, match=said):
        read_tape(tmp_path / "t")


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is not there"):
        read_tape(tmp_path / "t")
    with pytest.raises(BadInput, match="cannot be read"):
        read_tape(tmp_path)


def test_another_versions_recording_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "t").write_text('{"is":"tape","schema":99,"version":"7.0"}\n')
    with pytest.raises(RunMismatch, match=r"written by Foveal 7\.0"):
        read_tape(tmp_path / "t")


def test_lines_after_the_end_are_damage(tmp_path: Path) -> None:
    path = written(tmp_path / "t")
    with path.open("ab") as out:
        out.write(b'{"is":"moment","what":"x","at":1}\n')
    with pytest.raises(BadInput, match="line 6 is not what was written"):
        read_tape(path)


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, StorageFull), (errno.EIO, StoreUnavailable)])
def test_what_cannot_be_written_is_told_at_the_next_line_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[FovealError]
) -> None:
    class Broken:
        def write(self, data: Any) -> int:
            raise OSError(number, "It broke")

        def close(self) -> None:
            pass

    monkeypatch.setattr(file, "create", lambda path: Broken())
    out = TapeWriter(tmp_path / "t")
    out.put("tape", schema=SCHEMA)
    with pytest.raises(kind, match="It broke"):
        out.end(status="finished")
    with pytest.raises(kind):
        out.put("moment", what="x", at=1.0)
    out.close()


def test_after_it_is_closed_nothing_more_is_written(tmp_path: Path) -> None:
    path = tmp_path / "t"
    out = TapeWriter(path)
    out.put("tape", schema=SCHEMA)
    out.close()
    size = path.stat().st_size
    out.put("moment", what="late", at=1.0)
    assert path.stat().st_size == size
