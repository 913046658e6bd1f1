"""The folder of a run: ``run.json``, ``predictions.jsonl`` and ``traces/ID.json``."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from foveal.errors import BadConfig, BadInput, StorageFull
from foveal.evaluation.predictions import Prediction, load_predictions

SCHEMA = "foveal.eval/1"
LONGEST_NAME = 150


def config_hash(config: Mapping[str, Any]) -> str:
    """Return a digest of *config* that does not depend on the order of its keys."""
    text = json.dumps(config, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class RunFolder:
    """Where a run of one configuration is kept. Blocking."""

    def __init__(self, path: Path, config: Mapping[str, Any]) -> None:
        self.path = path
        self.predictions = path / "predictions.jsonl"
        self.traces = path / "traces"
        self._record = path / "run.json"
        self._config = dict(config)
        self._hash = config_hash(config)

    def prepare(self, *, resume: bool) -> dict[str, Prediction]:
        """Return the rows that are there already; without *resume* remove what an earlier run left.

        Raises BadConfig when they are of another configuration.
        """
        if not resume:
            for old in (self.predictions, self._record, *self.traces.glob("*.json")):
                old.unlink(missing_ok=True)
            return {}
        self.check()
        return load_predictions(self.predictions)[0] if self.predictions.exists() else {}

    def check(self) -> None:
        """Refuse a folder whose rows are of another configuration. Raises BadConfig."""
        if not self.predictions.exists():
            return
        before = read_record(self.path)
        if before.get("config_hash") != self._hash:
            raise BadConfig(
                f"{self.path} holds a run of another configuration{_difference(before, self._config)}.",
                remedy="Use another --out, or --no-resume to start over.",
            )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder and keep other runs out of it. Raises BadInput."""
        try:
            self.traces.mkdir(parents=True, exist_ok=True)
            lock = os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise BadInput(
                f"{self.path} cannot be used for a run: {error.strerror or error}.",
                remedy="Give --out a folder that can be written.",
            ) from None
        try:
            _lock(lock, self.path)
            yield
        finally:
            os.close(lock)

    def put_in_order(self, ids: Sequence[str]) -> None:
        """Put the rows in the order of *ids*, what is of none of them last. Raises StorageFull."""
        places = {question_id: number for number, question_id in enumerate(ids)}
        lines = self.predictions.read_bytes().splitlines(keepends=True)
        ordered = sorted(lines, key=lambda line: places.get(_id_of(line), len(places)))
        if ordered != lines:
            _replace_text(self.predictions, b"".join(ordered), lasting=True)

    def write_record(self, about: Mapping[str, Any], *, totals: Mapping[str, Any]) -> None:
        """Write ``run.json``; what an earlier start of this run said first stays."""
        record: dict[str, Any] = {"schema": SCHEMA, "config_hash": self._hash, "config": self._config}
        before = read_record(self.path)
        if before.get("config_hash") == self._hash and "started_at" in before:
            record["started_at"] = before["started_at"]
        for key, value in about.items():
            record.setdefault(key, value)
        _replace(self._record, {**record, "totals": totals})

    def write_trace(self, question_id: str, trace: Mapping[str, Any]) -> None:
        """Write ``traces/ID.json``."""
        _replace(self.traces / f"{file_name(question_id)}.json", trace)


def read_record(folder: Path) -> dict[str, Any]:
    """Return what the ``run.json`` in *folder* says; nothing when there is none that can be read."""
    try:
        record = json.loads((folder / "run.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def run_folders(paths: Sequence[Path]) -> dict[str, Path]:
    """Return the folders of runs by a short name for each: *paths* themselves, or the runs in them, as they were made.

    Runs of one name are told apart by the folders that they are in. Raises BadInput for a path without a run.
    """
    found: list[Path] = []
    for path in paths:
        if (path / "predictions.jsonl").exists() or path.is_file():
            found.append(path)
            continue
        inside = [file.parent for file in path.glob("*/predictions.jsonl")] if path.is_dir() else []
        if not inside:
            raise BadInput(f"There is no run in {path}.", remedy="Give the --out folder of `foveal eval run`.")
        found += sorted(inside, key=lambda run: (read_record(run).get("order", 0), run.name))
    found = list(dict.fromkeys(found))
    names, depth = [_tail(path, 1) for path in found], 1
    while len(set(names)) < len(names) and depth < 10:
        depth += 1
        names = [_tail(path, depth) if names.count(name) > 1 else name for path, name in zip(found, names, strict=True)]
    return dict(zip(names, found, strict=True))


def _tail(path: Path, depth: int) -> str:
    return "/".join(path.absolute().parts[-depth:])


def file_name(question_id: str) -> str:
    """Return a name no id can leave the folder with; long ids end in a digest."""
    name = quote(question_id.encode("utf-8", "replace"), safe=" @+,")
    name = "%2E" + name[1:] if name.startswith(".") else name
    if len(name) > LONGEST_NAME:
        return name[:LONGEST_NAME] + "-" + hashlib.sha256(question_id.encode("utf-8", "replace")).hexdigest()[:12]
    return name


def _difference(before: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    old = before.get("config")
    if not isinstance(old, dict):
        return ""
    changed = sorted(key for key in {*old, *config} if old.get(key) != config.get(key))
    return f" ({', '.join(changed)} changed)" if changed else ""


def _lock(handle: int, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # a system without flock
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise BadInput(
            f"Another run is writing to {path}.", remedy="Wait for it to finish, or use another --out."
        ) from None


def _id_of(line: bytes) -> str:
    try:
        return str(json.loads(line)["id"])
    except (ValueError, TypeError, KeyError):
        return ""


def _replace(path: Path, value: Mapping[str, Any]) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=1, default=str)
    _replace_text(path, text.encode("utf-8", "backslashreplace"))


def _replace_text(path: Path, text: bytes, *, lasting: bool = False) -> None:
    """Write *text* so that a reader sees the old file or the new one, never half; *lasting* survives a power cut."""
    try:
        handle, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(text)
                if lasting:
                    out.flush()
                    os.fsync(handle)
            if path.exists():
                shutil.copymode(path, name)
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise StorageFull(f"{path} cannot be written: {error.strerror or error}.") from error
