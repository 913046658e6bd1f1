"""Questions to be asked in bulk: a JSON object a line.

Needed: ``id`` and ``question``. Known: ``category``, ``images`` (paths relative to the file, or null),
``answers`` (aliases), ``answer_type``, ``evidence`` (document ids), ``evidence_steps`` (ids of each hop) and
``expected_searches``; and those of published data sets, see :class:`Question`. Other fields are left alone.
A folder stands for the ``questions.jsonl`` in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from foveal.errors import BadInput

AnswerType = Literal["string", "number", "number_relaxed5", "yesno", "date", "doc_id", "abstain"]


class Question(BaseModel):
    """One question, with what a right answer is. ``images`` are paths that can be opened from here.

    ``references`` stand for pictures of it that are not here (addresses, ids). ``choices`` are the options A, B, ...,
    which stand in ``question`` too. ``candidates`` are the ids to choose from where a data set gives them, gold ones
    among them. ``pictures`` are the ids of the pictures of a right answer, in order. ``boxes`` are the gold regions:
    page id, x0, y0, x1, y1. ``gold_query`` is what a person searched for. ``metrics`` names the data set's own
    measures, ``meta`` keeps what else it says.
    """

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    id: str = Field(min_length=1)
    question: str = Field(min_length=1)
    category: str = "all"
    images: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    answer_type: AnswerType = "string"
    evidence: tuple[str, ...] = ()
    evidence_steps: tuple[tuple[str, ...], ...] = ()
    expected_searches: int | None = None
    references: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    boxes: tuple[tuple[str, float, float, float, float], ...] = ()
    gold_query: str = ""
    metrics: tuple[str, ...] = ()
    meta: dict[str, Any] = Field(default_factory=dict)

    @field_validator(
        "images", "answers", "evidence", "evidence_steps", "references", "choices", "candidates", "pictures", "boxes",
        "metrics", mode="before",
    )  # fmt: skip
    @classmethod
    def _frozen(cls, value: Any) -> Any:
        """JSON has lists and null where we have tuples."""
        if value is None:
            return ()
        if isinstance(value, list):
            return tuple(tuple(item) if isinstance(item, list) else item for item in value)
        return value

    @field_validator("gold_query", "meta", mode="before")
    @classmethod
    def _empty(cls, value: Any, field: ValidationInfo) -> Any:
        """Null where nothing is said."""
        return value if value is not None else "" if field.field_name == "gold_query" else {}

    @property
    def unanswerable(self) -> bool:
        """Right is to say that it cannot be told."""
        return self.answer_type == "abstain"

    @property
    def text_only(self) -> bool:
        """No picture belongs to it, be it here or not."""
        return not self.images and not self.references


@dataclass(frozen=True, slots=True)
class BadRow:
    """A line that is no question, or no prediction, and why. ``file`` where there are several."""

    line: int
    reason: str
    file: str = ""

    def __str__(self) -> str:
        place = f"{self.file} line {self.line}".strip() if self.line else self.file
        return f"{place}: {self.reason}" if place else self.reason


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """The questions of a file, the lines that could not be used, and the sha256 of the file."""

    questions: tuple[Question, ...]
    bad_rows: tuple[BadRow, ...]
    sha256: str

    def pick(self, categories: Collection[str] = (), limit: int | None = None) -> tuple[Question, ...]:
        """Return the questions of *categories* (all, when empty), at most *limit* of them.

        Raises BadInput for a category that no question has.
        """
        known = {question.category for question in self.questions}
        if unknown := [category for category in categories if category not in known]:
            raise BadInput(
                f"No question has the category {unknown[0]}.",
                remedy=f"There are: {', '.join(sorted(known))}.",
            )
        picked = [q for q in self.questions if not categories or q.category in categories]
        return tuple(picked[:limit])


def load_questions(path: Path) -> QuestionSet:
    """Read a question file. A bad line becomes a :class:`BadRow`; no good line at all raises BadInput."""
    if path.is_dir():
        path = path / "questions.jsonl"
    data = read_bytes(path, "question file")
    questions: list[Question] = []
    bad: list[BadRow] = []
    first_line: dict[str, int] = {}
    for number, row in json_lines(data, bad):
        try:
            question = Question.model_validate(row)
        except ValidationError as error:
            bad.append(BadRow(number, first_problem(error)))
            continue
        if question.id in first_line:
            bad.append(BadRow(number, f"the id {question.id} is already on line {first_line[question.id]}"))
            continue
        first_line[question.id] = number
        images = tuple(str(path.parent / image) for image in question.images)
        questions.append(question.model_copy(update={"images": images}))
    if not questions:
        detail = f" ({bad[0]})" if bad else ""
        raise BadInput(f"{path} holds no question{detail}.", remedy='Each line is an object with "id" and "question".')
    return QuestionSet(tuple(questions), tuple(bad), hashlib.sha256(data).hexdigest())


def read_bytes(path: Path, what: str) -> bytes:
    """Return the bytes of *path*. Raises BadInput with *what* the file is."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(
            f"The {what} {path} cannot be read: {error.strerror or error}.", remedy="Check the path."
        ) from None


def json_lines(data: bytes, bad: list[BadRow]) -> list[tuple[int, dict[str, Any]]]:
    """Return (line number, object) for each line; what is no JSON object is added to *bad*."""
    rows: list[tuple[int, dict[str, Any]]] = []
    for number, line in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "cannot be decoded"
            bad.append(BadRow(number, f"not JSON: {reason}"))
            continue
        if isinstance(row, dict):
            rows.append((number, row))
        else:
            bad.append(BadRow(number, "not a JSON object"))
    return rows


def first_problem(error: ValidationError) -> str:
    """Return which field is wrong and why."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"`{where}`: {first['msg']}"
