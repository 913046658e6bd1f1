"""What a data set is read into: questions, documents of its own corpus, and rows that are neither."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from foveal.evaluation.questions import BadRow, Question


class Unusable(ValueError):
    """A row of a data set is no question and no document; says why. Becomes a BadRow and leaves no loader."""


@dataclass(frozen=True, slots=True)
class Document:
    """A document of a corpus. ``image`` is a path that can be opened from here."""

    id: str
    title: str = ""
    text: str = ""
    image: str | None = None
    url: str = ""
    source: str = ""
    licence: str = ""
    meta: dict[str, Any] = field(default_factory=dict)

    def as_row(self) -> dict[str, Any]:
        """Return the line of a corpus file that ``foveal index add`` reads, without what is empty."""
        values = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in values.items() if value or name == "id"}


Item = Question | Document | BadRow
