"""Finds the sources under what a user names: files, folders, corpora. What is no document is skipped with a
reason."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from foveal.tools.index.readers import KIND_OF_TYPE, Unit
from foveal.tools.index.report import IngestReport

MAX_LINE_BYTES = 64_000_000


@dataclass(slots=True)
class Sources:
    """Files found: (path, the root it was found under, kind); ``missing`` are named paths that do not
    exist."""

    files: list[tuple[Path, str, str]] = field(default_factory=list)
    roots: list[Path] = field(default_factory=list)
    total: int = 0
    """Units to come: files, and lines of corpora."""


def discover(paths: list[Path], report: IngestReport, *, without: Path) -> Sources:
    """Walk *paths* in name order, leaving out hidden files and the folder *without* (the collection
    itself)."""
    found = Sources()
    seen: set[tuple[int, int]] = set()
    for path in paths:
        root = _absolute(path)
        found.roots.append(root)
        if os.path.isdir(root):  # noqa: PTH112 - unlike Path.is_dir, false for a name that is too long
            _walk(root, root, found, report, seen, without)
        else:
            _take(root, root, found, report, named=True)
    _drop_pictures_of_corpora(found)
    found.total = sum(_lines(path) if kind == "corpus" else 1 for path, _, kind in found.files)
    return found


def _walk(
    folder: Path, root: Path, found: Sources, report: IngestReport, seen: set[tuple[int, int]], without: Path
) -> None:
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        report.skipped.append((_printable(folder), _reason(error)))
        return
    if (status.st_dev, status.st_ino) in seen:
        report.skipped.append((_printable(folder), "a link to a folder that was already read (a loop?)"))
        return
    seen.add((status.st_dev, status.st_ino))
    for entry in entries:
        path = Path(entry.path)
        if entry.name.startswith(".") or path == without:
            continue
        if _printable(path) != str(path):
            report.skipped.append((_printable(path), "its name is not valid UTF-8: rename it"))
            continue
        try:
            is_folder = entry.is_dir()
        except OSError as error:
            report.skipped.append((str(path), _reason(error)))
            continue
        if is_folder:
            _walk(path, root, found, report, seen, without)
        else:
            _take(path, root, found, report, named=False)


def _take(path: Path, root: Path, found: Sources, report: IngestReport, *, named: bool) -> None:
    """Keep a file if it can be a document; a device or pipe is never opened."""
    problems = report.failed if named else report.skipped
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        problems.append((_printable(path), _reason(error)))
        return
    if not stat.S_ISREG(status.st_mode):
        problems.append((_printable(path), "not a regular file (a pipe, socket or device)"))
        return
    kind = KIND_OF_TYPE.get(path.suffix.lower())
    if kind is None:
        problems.append((_printable(path), f"unknown type {path.suffix or '(none)'}"))
    elif not os.access(path, os.R_OK):
        problems.append((_printable(path), "not readable: permission denied"))
    elif kind == "corpus" and not named and not _is_corpus(path):
        report.skipped.append((str(path), "a JSON Lines file, but its lines are no documents (id, title or text)"))
    else:
        found.files.append((path, str(root), kind))


def _is_corpus(path: Path) -> bool:
    try:
        with path.open("rb") as lines:
            row = json.loads(lines.readline(MAX_LINE_BYTES))
    except (OSError, ValueError):
        return True  # let the reader report the bad line
    return isinstance(row, dict) and "id" in row and bool({"text", "title", "image"} & row.keys())


def _drop_pictures_of_corpora(found: Sources) -> None:
    """A picture that a line of a corpus brings is that line's, not a document of its own."""
    owned: set[Path] = set()
    for path, _, kind in found.files:
        if kind == "corpus" and len(found.files) > 1:
            for _, row, _ in corpus_rows(path):
                if row is not None and isinstance(row.get("image"), str):
                    owned.add(_absolute(path.parent / row["image"]))
    found.files = [entry for entry in found.files if entry[0] not in owned]


def _lines(path: Path) -> int:
    try:
        with path.open("rb") as lines:
            return sum(1 for line in lines if line.strip())
    except OSError:
        return 0


def units(found: Sources, fail: Callable[[str, str], None]) -> Iterator[Unit]:
    """Every source with its digest, read as they come. *fail* is called with (source, reason)."""
    for path, root, kind in found.files:
        if kind == "corpus":
            try:
                yield from _corpus_units(path, fail)
            except OSError as error:
                fail(str(path), _reason(error))
            continue
        try:
            digest = _digest(path)
        except OSError as error:
            fail(str(path), _reason(error))
            continue
        yield Unit(uri=str(path), root=root, path=path, kind=kind, digest=digest)


def corpus_rows(path: Path) -> Iterator[tuple[int, dict[str, Any] | None, str]]:
    """Lines of a corpus: (line number, row or None, what is wrong with it)."""
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                if len(line) > MAX_LINE_BYTES:
                    raise ValueError("the line is too long")
                row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except (ValueError, RecursionError) as error:
                yield number, None, f"not valid JSON ({str(error)[:120]})"
                continue
            problem = _problem(row)
            yield number, (None if problem else row), problem


def _problem(row: Any) -> str:
    if not isinstance(row, dict):
        return "not a JSON object"
    if not isinstance(row.get("id"), str | int) or isinstance(row.get("id"), bool) or not str(row["id"]).strip():
        return "no id"
    for key in ("title", "text", "image", "source", "licence", "url"):
        if row.get(key) is not None and not isinstance(row[key], str):
            return f"{key} is not a string"
    if row.get("meta") is not None and not isinstance(row["meta"], dict):
        return "meta is not an object"
    if not any((row.get(key) or "").strip() for key in ("text", "title", "image")):
        return "no text, title or image"
    return ""


def _corpus_units(path: Path, fail: Callable[[str, str], None]) -> Iterator[Unit]:
    """Lines as units. A picture outside of the corpus's folder makes its line fail; a missing one, only when
    the line has no words."""
    used: dict[str, int] = {}
    folder = Path(os.path.realpath(path.parent))
    for number, row, problem in corpus_rows(path):
        where = f"{path}:{number}"
        if row is None:
            fail(where, problem)
            continue
        doc_id = str(row["id"])
        if doc_id in used:
            fail(where, f"id {doc_id} was used on line {used[doc_id]} already")
            continue
        used[doc_id] = number
        picture, notice = None, ""
        hasher = hashlib.sha256(json.dumps(row, sort_keys=True).encode())
        if row.get("image"):
            try:
                picture = _inside(folder, row["image"])
                hasher.update(_digest(picture).encode())
            except PermissionError as error:
                fail(where, str(error))
                continue
            except (OSError, ValueError) as error:
                picture, notice = None, f"line {number}: picture {row['image']!r}: {_reason(error)}"
                if not (row.get("text") or "").strip():
                    fail(where, f"picture {row['image']!r}: {_reason(error)}")
                    continue
        yield Unit(
            uri=f"{path}#{doc_id}", root=str(path), path=path, kind="row", digest=hasher.hexdigest(),
            row=row, picture=picture, notice=notice,
        )  # fmt: skip


def _inside(folder: Path, relative: str) -> Path:
    """The picture's path, if links and dots do not lead out of *folder*; a regular file."""
    resolved = Path(os.path.realpath(folder / relative))
    if not resolved.is_relative_to(folder) or Path(relative).is_absolute():
        raise PermissionError(f"picture {relative!r} is outside of the corpus's folder")
    if not stat.S_ISREG(resolved.stat().st_mode):
        raise ValueError("not a regular file")
    return resolved


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _absolute(path: Path) -> Path:
    """Absolute without dots; links stay, since a person knows a file by the path that was given."""
    return Path(os.path.abspath(path))  # noqa: PTH100


def _printable(path: Path) -> str:
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, PermissionError):
        return "not readable: permission denied"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return str(error)
