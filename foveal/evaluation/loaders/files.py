"""Files of a data set and the raw rows in them: JSON, JSON lines, CSV, TSV, Parquet, each also gzipped or in a zip."""

from __future__ import annotations

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from foveal.errors import BadInput

TYPES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
NOT_DATA = (
    "dataset_info*.json", "state.json", "conversion.json", "bad_rows.jsonl", "predictions.jsonl", "run.json", "imgs.tsv"
)  # fmt: skip
LISTS = ("data", "questions", "samples", "examples", "annotations", "rows", "results")
"""Names under which a JSON object holds its rows."""
LONGEST_FIELD = 2**31 - 1
BATCH = 32
TOO_MANY = "\0"
"""Where a table keeps the fields of a row that its header does not name; no header has such a name."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file: its name below the data set, and how it is opened."""

    name: str
    open: Callable[[], AbstractContextManager[IO[bytes]]]

    @property
    def kind(self) -> str:
        """``.jsonl``, ``.csv``, ...; that of the packed file for a gzipped one."""
        return PurePosixPath(self.name.lower().removesuffix(".gz")).suffix

    def matches(self, *patterns: str) -> bool:
        """Whether the last part of the name is like one of *patterns* (``*withkb*``), whatever its case."""
        last = PurePosixPath(self.name).name.lower()
        return any(fnmatch(last, pattern.lower()) for pattern in patterns)


@dataclass(frozen=True, slots=True)
class RawRow:
    """A row as it stands: ``number`` counts from 1 (lines of a text file), ``key`` is its name in an object of rows.

    ``problem`` says why there is no ``data``.
    """

    number: int
    data: dict[str, Any] | None
    key: str = ""
    problem: str = ""


def data_files(path: Path) -> list[DataFile]:
    """Return the data files of a file, a zip or a folder (and of the zips in it), by name. Raises BadInput."""
    if path.is_dir():
        found = [path_file for path_file in sorted(path.rglob("*")) if path_file.is_file()]
    elif path.is_file():
        found = [path]
    else:
        raise BadInput(
            f"The data set {path} cannot be read: there is no such file or folder.", remedy="Check the path."
        )
    files: list[DataFile] = []
    for file in found:
        name = file.name if file == path else file.relative_to(path).as_posix()
        if file.suffix.lower() == ".zip":
            files.extend(_zipped(file, name))
        elif _is_data(name):
            files.append(DataFile(name, _opener(file)))
    if not files:
        raise BadInput(f"{path} holds no data file.", remedy=f"Expected is one of: {', '.join(TYPES)} (or .gz, .zip).")
    return files


def raw_rows(file: DataFile) -> Iterator[RawRow]:
    """Yield the rows of *file*; what cannot be read is a row with a problem. Raises BadInput without pyarrow."""
    try:
        with file.open() as opened:
            if file.kind == ".parquet":
                yield from _parquet(opened)
            elif file.kind in (".csv", ".tsv"):
                yield from _table(opened, "\t" if file.kind == ".tsv" else ",")
            else:
                yield from _json(opened, lines=file.kind != ".json")
    except (OSError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError) as error:
        yield RawRow(0, None, problem=f"the file cannot be read: {error}")


def _is_data(name: str) -> bool:
    last = PurePosixPath(name).name.lower()
    if last.startswith(".") or "__MACOSX" in name or any(fnmatch(last, pattern) for pattern in NOT_DATA):
        return False
    return PurePosixPath(last.removesuffix(".gz")).suffix in TYPES


def _opener(file: Path) -> Callable[[], AbstractContextManager[IO[bytes]]]:
    def opened() -> IO[bytes]:
        return cast(IO[bytes], gzip.open(file, "rb")) if file.suffix.lower() == ".gz" else file.open("rb")

    return opened


def _zipped(archive: Path, shown: str) -> list[DataFile]:
    """The data files in a zip; a zip that cannot be read is a file that cannot be read, to be reported."""
    try:
        with zipfile.ZipFile(archive) as packed:
            names = [info.filename for info in packed.infolist() if not info.is_dir() and _is_data(info.filename)]
    except (OSError, zipfile.BadZipFile):
        return [DataFile(shown, lambda: zipfile.ZipFile(archive).open(""))]

    def opener(name: str) -> Callable[[], AbstractContextManager[IO[bytes]]]:
        def opened() -> IO[bytes]:
            with zipfile.ZipFile(archive) as packed:
                data = packed.read(name)
            return io.BytesIO(gzip.decompress(data) if name.lower().endswith(".gz") else data)

        return opened

    return [DataFile(name, opener(name)) for name in sorted(names)]


def _json(opened: IO[bytes], *, lines: bool) -> Iterator[RawRow]:
    """JSON or JSON lines: the names of the files do not always say which."""
    first = b""
    while not first.strip() and (line := opened.readline()):
        first = line.removeprefix(b"\xef\xbb\xbf")
    if first.strip() in (b"{", b"[") or not _starts_lines(first, opened, lines=lines):
        opened.seek(0)
        yield from _document(opened.read())
        return
    opened.seek(0)
    for number, line in enumerate(opened, 1):
        if not line.strip():
            continue
        try:
            value = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
        except (ValueError, RecursionError) as error:
            yield RawRow(number, None, problem=f"not JSON: {_reason(error)}")
            continue
        yield _row(number, value)


def _starts_lines(first: bytes, opened: IO[bytes], *, lines: bool) -> bool:
    """Whether *first* is the first of several rows. A line like ``[7, "text", ["a.png"]]`` is a row by position."""
    try:
        value = json.loads(first.decode("utf-8"))
    except (ValueError, RecursionError):
        return lines and not first.lstrip().startswith(b"[")
    if isinstance(value, list):
        return lines and bool(value) and not any(isinstance(row, dict) for row in value)
    return lines or any(line.strip() for line in opened)


def _document(data: bytes) -> Iterator[RawRow]:
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        yield RawRow(1, None, problem=f"not JSON: {_reason(error)}")
        return
    if isinstance(value, list):
        yield from _listed(value)
        return
    if not isinstance(value, dict):
        yield RawRow(1, None, problem="neither a list nor an object")
        return
    for name in LISTS:
        if isinstance(value.get(name), list) and all(isinstance(row, dict) for row in value[name]):
            yield from _listed(value[name])
            return
    if value and all(isinstance(row, dict) for row in value.values()):
        for number, (key, row) in enumerate(value.items(), 1):
            yield RawRow(number, row, key=key)
        return
    yield RawRow(1, value)


def _listed(rows: list[Any]) -> Iterator[RawRow]:
    for number, row in enumerate(rows, 1):
        yield _row(number, row)


def _row(number: int, value: Any) -> RawRow:
    if isinstance(value, list):
        return RawRow(number, {str(place): cell for place, cell in enumerate(value)})
    if isinstance(value, dict):
        return RawRow(number, value)
    return RawRow(number, None, problem="not a JSON object")


def _table(opened: IO[bytes], delimiter: str) -> Iterator[RawRow]:
    csv.field_size_limit(LONGEST_FIELD)  # pictures come as text in a field; the standard limit is for the whole process
    reader = csv.DictReader(
        io.TextIOWrapper(opened, "utf-8-sig", errors="replace", newline=""), delimiter=delimiter, restkey=TOO_MANY
    )
    try:
        for row in reader:
            if row.get(TOO_MANY):
                yield RawRow(reader.line_num, None, problem="more fields than the header has")
            else:
                yield RawRow(reader.line_num, dict(row))
    except csv.Error as error:
        yield RawRow(reader.line_num, None, problem=f"not a table: {error}")


def _parquet(opened: IO[bytes]) -> Iterator[RawRow]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise BadInput(
            "Parquet files need the package pyarrow.", remedy="Run: pip install 'foveal[datasets]'."
        ) from None
    try:
        number = 0
        for batch in pyarrow.parquet.ParquetFile(opened).iter_batches(batch_size=BATCH):
            for row in batch.to_pylist():
                number += 1
                yield RawRow(number, row)
    except pyarrow.ArrowException as error:
        yield RawRow(number, None, problem=f"not Parquet: {error}")


def _reason(error: Exception) -> str:
    return error.msg if isinstance(error, json.JSONDecodeError) else "cannot be decoded"
