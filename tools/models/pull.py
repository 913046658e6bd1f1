"""Fetching models: resumable, checked, one process at a time.

A file grows as ``NAME.part`` and gets its name only when its sha256 is right and it is safe on disk. What was
checked is written down in ``checked.json`` beside it; a file without that line (copied there by hand) is checked by
the next pull, which needs no network for it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveal.errors import BackendError, ModelUnavailable, StorageFull, WeightsCorrupt
from foveal.tools.models.catalogue import Entry, ModelFile, find, load_catalogue
from foveal.tools.models.hub import Download, Hub

ATTEMPTS = 4
"""Times in a row that a download may fail without a new byte."""
LONGEST_PAUSE = 30.0
SPARE_BYTES = 64 << 20
_BLOCK = 4 << 20

Progress = Callable[[str, int, int], None]
"""Called with (file name, bytes there, bytes in all)."""


@dataclass(frozen=True, slots=True)
class PulledFiles:
    """Where the files of a model are."""

    model: Path
    mmproj: Path | None


class ModelStore:
    """The models that were fetched into *folder*, a folder each. Blocking."""

    def __init__(
        self,
        folder: Path,
        *,
        hub: Hub | None = None,
        catalogue: Sequence[Entry] | None = None,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.folder = folder
        self.hub = hub or Hub()
        self.catalogue = tuple(catalogue) if catalogue is not None else load_catalogue()
        self._pause = pause

    def state(self, entry: Entry) -> str:
        """Return "ready", "unchecked", "partial" or "missing"."""
        there = [self._path(entry, file) for file in entry.files]
        if all(path.is_file() for path in there):
            return "ready" if all(self._checked(entry, file) for file in entry.files) else "unchecked"
        return "partial" if any(path.is_file() or _part(path).is_file() for path in there) else "missing"

    def files_of(self, name: str) -> PulledFiles:
        """Return the checked files of the model *name*. Raises BadConfig, ModelUnavailable."""
        entry = find(self.catalogue, name)
        if (state := self.state(entry)) != "ready":
            what = "was copied here but not checked yet" if state == "unchecked" else "is not here yet"
            raise ModelUnavailable(f"{entry.title} {what}.", remedy=f"Run: foveal models pull {entry.name}")
        mmproj = self._path(entry, entry.mmproj) if entry.mmproj is not None else None
        return PulledFiles(self._path(entry, entry.model), mmproj)

    def pull(self, name: str, progress: Progress | None = None) -> PulledFiles:
        """Fetch what is missing of the model *name*, check it, and return its files.

        Raises BadConfig (no such model), StorageFull, BackendError (offline, or another process pulls the same),
        ModelUnavailable (not there, not allowed), WeightsCorrupt. What had come stays for the next time.
        """
        from filelock import FileLock, Timeout

        entry = find(self.catalogue, name)
        try:
            (self.folder / entry.name).mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / entry.name / ".lock", timeout=0):
                self._need_space(entry)
                for file in entry.files:
                    self._fetch(entry, file, progress or (lambda name, done, total: None))
        except Timeout as problem:
            raise BackendError(
                f"Another process is pulling {entry.name}.", remedy="Wait until it has finished."
            ) from problem
        except OSError as problem:
            raise _storage(problem, self.folder) from problem
        return self.files_of(entry.name)

    def _path(self, entry: Entry, file: ModelFile) -> Path:
        return self.folder / entry.name / file.name

    def _record(self, entry: Entry) -> dict[str, Any]:
        try:
            record = json.loads((self.folder / entry.name / "checked.json").read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def _checked(self, entry: Entry, file: ModelFile) -> bool:
        """Whether *file* is the one that was checked, by size, time and, if the catalogue has it, digest."""
        line = self._record(entry).get(file.name)
        try:
            stat = self._path(entry, file).stat()
        except OSError:
            return False
        return (
            isinstance(line, dict)
            and [line.get("size"), line.get("mtime_ns")] == [stat.st_size, stat.st_mtime_ns]
            and file.sha256 in (None, line.get("sha256"))
        )

    def _need_space(self, entry: Entry) -> None:
        missing = 0
        for file in entry.files:
            path = self._path(entry, file)
            if not path.is_file():
                part = _part(path)
                missing += max(file.size - (part.stat().st_size if part.is_file() else 0), 0)
        free = shutil.disk_usage(self.folder).free
        if missing and free < missing + SPARE_BYTES:
            raise StorageFull(
                f"{entry.title} needs {missing / 1e9:.2f} GB more in {self.folder}; {free / 1e9:.2f} GB are free."
            )

    def _fetch(self, entry: Entry, file: ModelFile, progress: Progress) -> None:
        path, part = self._path(entry, file), _part(self._path(entry, file))
        if self._checked(entry, file):
            progress(file.name, file.size, file.size)
            return
        if path.is_file():  # copied here by hand
            self._accept(entry, file, path, path)
            return
        self._download(entry, file, part, progress)
        try:
            self._accept(entry, file, part, path)
        except WeightsCorrupt:
            part.unlink()
            raise

    def _accept(self, entry: Entry, file: ModelFile, found: Path, path: Path) -> None:
        """Check *found*, give it the name *path*, and write that down. Raises WeightsCorrupt."""
        said = file.sha256 or self._first_word(entry, file)
        digest = _hash(found)
        if found.stat().st_size != file.size or digest != (said or digest):
            raise WeightsCorrupt(
                f"{found} is not the file that was expected: it has {found.stat().st_size} bytes of {file.size} "
                f"and the sha256 {digest[:12]}…, not {(said or 'unknown')[:12]}….",
                remedy="Remove it and pull again; if that does not help, the hub or the way to it changes files."
                if found == path
                else "Pull it again; if that does not help, the hub or the way to it changes files.",
            )
        _sync(found)
        found.replace(path)
        _sync(path.parent)
        stat = path.stat()
        trust = "catalogue" if file.sha256 else "hub" if said else "first use"
        line = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": digest, "trust": trust}
        _write(path.parent / "checked.json", {**self._record(entry), file.name: line})

    def _first_word(self, entry: Entry, file: ModelFile) -> str | None:
        """Return the digest that this file had before, or that the hub gave for it: trust on first use."""
        record = self._record(entry)
        line = record.get(file.name) or {}
        return line.get("sha256") or (record.get("said") or {}).get(file.name)

    def _download(self, entry: Entry, file: ModelFile, part: Path, progress: Progress) -> None:
        failures = 0
        while (have := part.stat().st_size if part.is_file() else 0) < file.size:
            pause = min(2.0**failures, LONGEST_PAUSE)
            try:
                with self.hub.open(entry.path_of(file), have) as reply:
                    if reply.status in (200, 206):
                        self._take(entry, file, part, reply, have, progress)
                        continue
                    self._refuse(entry, file, reply)
                    with suppress(ValueError):
                        pause = min(float(reply.headers.get("retry-after", pause)), LONGEST_PAUSE)
                    problem = BackendError(f"{self.hub.url} answered with status {reply.status}.")
            except BackendError as error:
                problem = error
            failures = 1 if part.is_file() and part.stat().st_size > have else failures + 1
            if failures >= ATTEMPTS:
                raise BackendError(f"{problem.message} {file.name} is not complete.", remedy=self.by_hand(entry))
            self._pause(pause)

    def _take(self, entry: Entry, file: ModelFile, part: Path, reply: Download, have: int, progress: Progress) -> None:
        """Add the reply to *part*; a reply that does not begin where it should replaces it."""
        if reply.sha256 and file.sha256 is None:
            record = self._record(entry)
            said = {**(record.get("said") or {})}
            said.setdefault(file.name, reply.sha256)
            _write(part.parent / "checked.json", {**record, "said": said})
        goes_on = reply.status == 206 and reply.headers.get("content-range", "").startswith(f"bytes {have}-")
        if reply.status == 206 and not goes_on:
            part.unlink(missing_ok=True)
            raise BackendError(f"{self.hub.url} sent another part of {file.name} than was asked for.")
        done = have if goes_on else 0
        with part.open("ab" if goes_on else "wb") as out:
            for block in reply.blocks:
                out.write(block)
                done += len(block)
                progress(file.name, done, file.size)
                if done > file.size:
                    break
        if done < file.size:
            raise BackendError(f"The connection to {self.hub.url} broke off.")

    def _refuse(self, entry: Entry, file: ModelFile, reply: Download) -> None:
        """Raise for what trying again does not help."""
        if reply.status == 416:
            _part(self._path(entry, file)).unlink(missing_ok=True)
        elif reply.status in (401, 403):
            raise ModelUnavailable(f"The hub does not give {file.name} to everyone.", remedy=self.by_hand(entry))
        elif 400 <= reply.status < 500 and reply.status not in (408, 429):
            raise ModelUnavailable(
                f"{self.hub.address(entry.path_of(file))} is not there (status {reply.status}).",
                remedy="Check `hub_url`, or fetch the model elsewhere and use llama:PATH.gguf,mmproj=PATH.",
            )

    def by_hand(self, entry: Entry) -> str:
        """Return what to copy where when there is no network."""
        files = " and ".join(self.hub.address(entry.path_of(file)) for file in entry.files)
        return (
            f"What has come is kept: run the same command again. Without a network, fetch {files} elsewhere, copy to "
            f"{self.folder / entry.name}, and run `foveal models pull {entry.name}`, which then only checks."
        )


def _part(path: Path) -> Path:
    return path.with_name(path.name + ".part")


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    """Make sure that what was written is on the disk; folders cannot be asked for it everywhere."""
    with suppress(PermissionError):
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _write(path: Path, value: Any) -> None:
    fresh = path.with_name(path.name + ".new")
    fresh.write_text(json.dumps(value, indent=1), "utf-8")
    fresh.replace(path)


def _storage(problem: OSError, folder: Path) -> StorageFull | ModelUnavailable:
    import errno

    if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull(f"No space left in {folder}.")
    return ModelUnavailable(
        f"The model could not be written to {folder}: {problem.strerror or problem}.",
        remedy="Set `home` to a folder that can be written.",
    )
