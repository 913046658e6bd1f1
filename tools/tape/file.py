"""The file of a recording: JSON, an object a line, written as the run goes; a kill leaves what came before it whole.

The first line is the header (``is: tape``): who made it, what was asked, with which settings. Then, in the order in
which it happened: ``picture``, ``fact``, ``moment``, ``call`` and ``event``; and at the end ``end``, with the sha256
of all lines before it.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from foveal.errors import BadInput, FovealError, RunMismatch, StorageFull, StoreUnavailable
from foveal.tools.runs import codec

SCHEMA = 1
SUFFIX = ".tape"
_HAS = {
    "picture": {"sha256", "data"},
    "fact": {"part", "name", "value"},
    "moment": {"branch", "what", "at"},
    "call": {"part", "method", "key", "request"},
    "event": {"type", "data"},
    "end": {"status", "sha256"},
}
"""Kinds of lines, and what each has at least."""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def create(path: Path) -> BinaryIO:
    """Open a new file. Raises OSError."""
    return path.open("xb", buffering=0)


class TapeWriter:
    """Writes a new file, line by line, in a thread of its own. Safe for several threads."""

    def __init__(self, path: Path) -> None:
        """Raises BadInput when there is such a file, or none can be made there."""
        self.path = path
        self._failed: FovealError | None = None
        self._closed = False
        self._digest = hashlib.sha256()
        try:
            self._file = create(path)
        except FileExistsError:
            raise BadInput(
                f"There is a file {path} already.", remedy="Record to another file, or remove that one."
            ) from None
        except OSError as error:
            raise BadInput(
                f"{path} cannot be written: {error.strerror}.", remedy="Give --record a file in a folder that is there."
            ) from None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="foveal-tape")

    def put(self, kind: str, **values: Any) -> None:
        """Have a line written; nothing after :meth:`close`, when only what the run gave up on may still come.

        Raises what kept an earlier line from being written: StorageFull, StoreUnavailable.
        """
        if self._failed is not None:
            raise self._failed
        if not self._closed:
            self._thread.submit(self._write, codec.dump({"is": kind, **values}).encode() + b"\n")

    def picture(self, sha256: str, data: bytes) -> None:
        """Have a picture's file written."""
        self.put("picture", sha256=sha256, data=base64.b64encode(data).decode())

    def end(self, **values: Any) -> None:
        """Write that the run has ended. Blocking. Raises StorageFull, StoreUnavailable."""
        self._written()
        self.put("end", **values, sha256=self._digest.hexdigest())
        self._written()
        if self._failed is not None:
            raise self._failed

    def close(self, *, keep: bool = True) -> None:
        """Finish what is being written and let go of the file, or remove it. Blocking."""
        self._closed = True
        self._thread.shutdown(wait=True)
        self._file.close()
        if not keep:
            self.path.unlink(missing_ok=True)

    def _written(self) -> None:
        self._thread.submit(lambda: None).result()

    def _write(self, line: bytes) -> None:
        if self._failed is not None:
            return
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[self._file.write(rest) :]
            self._digest.update(line)
        except OSError as error:
            full = error.errno in _FULL
            message = f"The recording {self.path} cannot be written: {error.strerror}."
            self._failed = StorageFull(message) if full else StoreUnavailable(message, remedy="Record somewhere else.")


@dataclass(slots=True)
class Tape:
    """A recording that was read. Lines are as they were written."""

    path: Path
    header: Mapping[str, Any]
    lines: list[Mapping[str, Any]] = field(default_factory=list)
    """All but the header, the pictures and the end."""
    pictures: dict[str, bytes] = field(default_factory=dict)
    """The files of the pictures by the sha256 of their bytes."""
    end: Mapping[str, Any] | None = None
    """How the run ended; None when the recording was interrupted."""

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        """Return the lines of one kind, in order."""
        return [line for line in self.lines if line["is"] == kind]


def read_tape(path: Path) -> Tape:
    """Read a recording, whole or interrupted. Blocking. Raises BadInput, RunMismatch for another version's."""
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = "is not there" if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}"
        raise BadInput(f"The recording {path} {reason}.", remedy="Check the path of the recording.") from None
    rows = data.split(b"\n")
    cut = rows.pop()  # what stands after the last line's end: nothing, or a line that was not finished
    header = _object(rows[0]) if rows else None
    if header is None or header.get("is") != "tape":
        reason = "is empty" if not data else "is no recording of a run"
        raise BadInput(f"{path} {reason}.", remedy="Give a file that `foveal ask --record FILE` wrote.")
    if header.get("schema") != SCHEMA:
        raise RunMismatch(
            f"{path} was written by Foveal {header.get('version')} (recordings of schema {header.get('schema')}; "
            f"this version reads {SCHEMA}).",
            remedy="Replay it with that version, or record anew.",
        )
    tape, digest = Tape(path, header), hashlib.sha256(rows[0] + b"\n")
    for number, row in enumerate(rows[1:], 2):
        line = _object(row)
        if line is None or not _HAS.get(line["is"], {""}) <= line.keys() or tape.end is not None:
            raise _damaged(path, number)
        if line["is"] == "end":
            if line["sha256"] != digest.hexdigest():
                raise _damaged(path, number)
            tape.end = line
        elif line["is"] == "picture":
            try:
                tape.pictures[line["sha256"]] = base64.b64decode(line["data"], validate=True)
            except ValueError:
                raise _damaged(path, number) from None
        else:
            tape.lines.append(line)
        digest.update(row + b"\n")
    if cut and tape.end is not None:
        raise _damaged(path, len(rows) + 1)
    return tape


def _object(row: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(row)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("is"), str) else None


def _damaged(path: Path, number: int) -> BadInput:
    return BadInput(
        f"The recording {path} is damaged: line {number} is not what was written.",
        remedy="Take another copy of it, or record anew.",
    )
