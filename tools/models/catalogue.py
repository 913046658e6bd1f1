"""Models worth fetching: a short list of GGUF files for chats, most of them with eyes.

Sizes and digests in ``catalogue.json`` are those that independent public sources give for these files; a file
without ``sha256`` takes the hub's own word at the first download, and is held to it from then on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from foveal.errors import BadConfig

WORKING_BYTES = 2_500_000_000
"""Memory beside the weights, at most: the cache of keys and values (:mod:`.sizing`) and the engine's buffers."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a repository: exact bytes, and their sha256 when it is known."""

    name: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that can be fetched. ``mmproj`` is the projector that lets it see."""

    name: str
    title: str
    parameters: int
    licence: str
    repository: str
    model: ModelFile
    mmproj: ModelFile | None = None
    revision: str = "main"
    note: str = ""

    @property
    def files(self) -> tuple[ModelFile, ...]:
        """All of its files."""
        return (self.model,) if self.mmproj is None else (self.model, self.mmproj)

    @property
    def size(self) -> int:
        """Bytes to download."""
        return sum(file.size for file in self.files)

    @property
    def memory(self) -> int:
        """An upper estimate of the bytes of memory that it takes: its files and :data:`WORKING_BYTES`."""
        return self.size + WORKING_BYTES

    def path_of(self, file: ModelFile) -> str:
        """Return where *file* is, below the address of the hub."""
        return f"{self.repository}/resolve/{self.revision}/{file.name}"


def load_catalogue() -> tuple[Entry, ...]:
    """Return the list that ships with Foveal, those that see first, by size."""
    text = resources.files("foveal.tools.models").joinpath("catalogue.json").read_text("utf-8")
    return tuple(_entry(row) for row in json.loads(text))


def find(catalogue: Sequence[Entry], name: str) -> Entry:
    """Return the entry *name*. Raises BadConfig."""
    for entry in catalogue:
        if entry.name == name.strip().lower():
            return entry
    known = ", ".join(entry.name for entry in catalogue)
    raise BadConfig(f"There is no model {name!r} in the catalogue.", remedy=f"Known: {known}.")


def _entry(row: dict[str, Any]) -> Entry:
    mmproj = row.pop("mmproj")
    return Entry(**{**row, "model": ModelFile(**row["model"]), "mmproj": ModelFile(**mmproj) if mmproj else None})
