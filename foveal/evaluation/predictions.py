"""The file a run leaves behind: one row a question, written when the question is finished.

A row is one ``write`` followed by ``fsync``, so that a kill loses at most the row being written; opening the
file again cuts such a torn last line off.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from foveal.errors import StorageFull
from foveal.evaluation.questions import BadRow, json_lines, read_bytes
from foveal.types import Answer

_MARK = re.compile(r"\s*\[(\d{1,3})\]")
_PICTURE = re.compile(r"\s*!\[[^\]]*\]\(<[0-9a-f]{64}>\)")


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was answered. ``retrieved``: ids of documents in rank order; ``seconds``: wall time."""

    id: str
    answer: str = ""
    retrieved: tuple[str, ...] = ()
    searches: int = 0
    seconds: float = 0.0
    abstained: bool = False
    status: str = "failed"
    stop_reason: str = ""

    @classmethod
    def of(cls, question_id: str, answer: Answer, seconds: float) -> Prediction:
        """Return the row of a finished question; its citations' marks and pictures are left to the trace."""
        cited = {str(citation.n) for citation in answer.citations}
        words = _MARK.sub(lambda mark: "" if mark[1] in cited else mark[0], _PICTURE.sub("", answer.answer))
        return cls(
            id=question_id,
            answer=words.strip(),
            retrieved=tuple(answer.retrieved),
            searches=sum(n for tool, n in answer.usage.tool_calls.items() if tool != "rerank"),
            seconds=round(seconds, 3),
            abstained=answer.status in ("insufficient", "premise_false"),
            status=answer.status,
            stop_reason=answer.stop_reason,
        )

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> Prediction:
        """Read a row of this or another program. Raises ValueError for one that cannot be scored."""
        if not isinstance(row.get("id"), str):
            raise ValueError("`id` is missing or no text")
        retrieved = row.get("retrieved") or ()
        if not isinstance(retrieved, list | tuple):
            raise ValueError("`retrieved` is no list of document ids")
        try:
            searches, seconds = int(row.get("searches") or 0), float(row.get("seconds") or 0.0)
        except (TypeError, ValueError):
            raise ValueError("`searches` or `seconds` is no number") from None
        return cls(
            id=row["id"],
            answer=str(row.get("answer") or ""),
            retrieved=tuple(str(doc_id) for doc_id in retrieved),
            searches=searches,
            seconds=seconds,
            abstained=bool(row.get("abstained")),
            status=str(row.get("status") or ""),
            stop_reason=str(row.get("stop_reason") or ""),
        )


def load_predictions(path: Path) -> tuple[dict[str, Prediction], list[BadRow]]:
    """Return the rows by question id (the last of an id counts) and the lines that are none."""
    bad: list[BadRow] = []
    found: dict[str, Prediction] = {}
    for number, row in json_lines(read_bytes(path, "prediction file"), bad):
        try:
            prediction = Prediction.from_row(row)
        except ValueError as error:
            bad.append(BadRow(number, str(error)))
            continue
        found[prediction.id] = prediction
    return found, sorted(bad, key=lambda row: row.line)


class PredictionLog:
    """An append-only prediction file. Blocking; a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            _cut_torn_line(path)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        except OSError as error:
            raise _cannot_write(path, error) from error

    def append(self, prediction: Prediction) -> None:
        """Write a row so that it survives a kill and a power cut. Raises StorageFull."""
        row = json.dumps(asdict(prediction), ensure_ascii=False).encode("utf-8", "backslashreplace")
        left = memoryview(row + b"\n")
        try:
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError as error:
            raise _cannot_write(self.path, error) from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def __enter__(self) -> PredictionLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _cannot_write(path: Path, error: OSError) -> StorageFull:
    return StorageFull(f"{path} cannot be written: {error.strerror or error}.")


def _cut_torn_line(path: Path) -> None:
    """Drop a last line that a kill left without its end."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    if data and not data.endswith(b"\n"):
        os.truncate(path, data.rfind(b"\n") + 1)
