"""What came of adding, verifying and counting."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class IngestReport:
    """What ``add`` did. Counts are of sources (files, or lines of a corpus); ``docs`` and ``pictures`` of
    documents.

    ``failed`` and ``skipped`` hold (source, reason): the first could not be read, the second are no
    documents. ``embedding`` is seconds inside the models, by ``text``, ``eye`` and ``ocr``.
    """

    added: int = 0
    unchanged: int = 0
    replaced: int = 0
    moved: int = 0
    removed: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notices: list[tuple[str, str]] = field(default_factory=list)
    docs: int = 0
    pictures: int = 0
    seconds: float = 0.0
    embedding: dict[str, float] = field(default_factory=lambda: {"text": 0.0, "eye": 0.0, "ocr": 0.0})
    cancelled: bool = False

    @property
    def seconds_in_embedders(self) -> float:
        """Seconds inside the models, all together."""
        return sum(self.embedding.values())

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Count the time inside the block as time in the embedder *what*."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.embedding[what] += time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """Whether a collection is whole: ``problems`` is empty when it is."""

    documents: int
    chunks: int
    pictures: int
    compared: int
    """Vectors that were compared between the two stores."""
    problems: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Stats:
    """What a collection holds. ``bytes`` is the size of its folder."""

    documents: int
    chunks: int
    pictures: dict[str, int]
    sources: int
    embedders: dict[str, str]
    bytes: int
