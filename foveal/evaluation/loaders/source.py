"""A data set being read: its rows with their tolerant fields, its pictures, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ValidationError

from foveal.evaluation.loaders.fields import present, strings, text_of
from foveal.evaluation.loaders.files import DataFile, data_files, raw_rows
from foveal.evaluation.loaders.items import Document, Item, Unusable
from foveal.evaluation.loaders.pictures import Found, Pictures
from foveal.evaluation.questions import BadRow, Question, first_problem


class Source:
    """The data set at *path* (a file, a zip, a folder). Pictures may lie elsewhere too: *images*.

    ``notes`` counts what is odd without making a row bad. Raises BadInput when there is no data file.
    """

    def __init__(self, path: Path, *, images: Path | None = None, keep: Path | None = None) -> None:
        self.path = path
        self.files = data_files(path)
        self.notes: Counter[str] = Counter()
        root = path if path.is_dir() else path.parent
        self.pictures = Pictures((root,) if images is None else (images, root), keep)
        self.asked: dict[str, str] = {}
        self.joined: list[BadRow] = []
        self._tables: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}

    def rows(self, *patterns: str, without: Iterable[str] = ()) -> Iterator[Row | BadRow]:
        """Yield the rows of all files, or of those with a name like *patterns*, but for those *without*."""
        for file in self.files:
            if (not patterns or file.matches(*patterns)) and not file.matches(*without):
                yield from self.rows_of(file)

    def rows_of(self, file: DataFile) -> Iterator[Row | BadRow]:
        """Yield the rows of one file."""
        for raw in raw_rows(file):
            if raw.data is None:
                yield BadRow(raw.number, raw.problem, file.name)
            else:
                yield Row(self, file.name, raw.number, raw.data, text_of(raw.key))

    def each(
        self, parse: Callable[[Row], Iterable[Item]], *patterns: str, without: Iterable[str] = ()
    ) -> Iterator[Item]:
        """Yield what *parse* makes of each row; a row it finds unusable becomes a BadRow."""
        for row in self.rows(*patterns, without=without):
            if isinstance(row, BadRow):
                yield row
            else:
                yield from row.guarded(parse)

    def table(self, pattern: str, key: str) -> dict[str, Mapping[str, Any]]:
        """Return the rows of the files like *pattern* by their field *key*, to join; also from beside a single file.

        Rows of those files that are bad, or without that field, are added to ``joined``.
        """
        if (pattern, key) not in self._tables:
            files = self.files
            if self.path.is_file() and not any(file.matches(pattern) for file in files):
                files = data_files(self.path.parent)
            table: dict[str, Mapping[str, Any]] = {}
            for row in (row for file in files if file.matches(pattern) for row in self.rows_of(file)):
                if isinstance(row, BadRow):
                    self.joined.append(row)
                elif name := row.text(key):
                    table[name] = row.data
                else:
                    self.joined.append(row.bad(f"no `{key}`"))
            self._tables[pattern, key] = table
        return self._tables[pattern, key]


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``file`` is its name below the data set, ``number`` counts from 1, ``key`` names it in an object."""

    source: Source
    file: str
    number: int
    data: Mapping[str, Any]
    key: str = ""

    @property
    def stem(self) -> str:
        """The name of the file without folders and the suffix of its kind."""
        return PurePosixPath(self.place).name

    @property
    def place(self) -> str:
        """The name of the file with folders and without the suffix of its kind."""
        return str(PurePosixPath(self.file.removesuffix(".gz")).with_suffix(""))

    @property
    def folder(self) -> str:
        """The name of the folder of the file, below the data set; empty at its top."""
        return PurePosixPath(self.file).parent.name

    def has(self, *names: str) -> bool:
        """Whether any of the fields is present."""
        return self.get(*names) is not None

    def get(self, *names: str) -> Any:
        """Return the first of the fields that is present, None when none is. Case does not matter."""
        for name in names:
            if present(value := self.data.get(name)):
                return value
        folded = {key.casefold(): value for key, value in self.data.items() if isinstance(key, str)}
        return next((folded[name.casefold()] for name in names if present(folded.get(name.casefold()))), None)

    def text(self, *names: str) -> str:
        """Return the first of the fields that is a text or number; empty when none is."""
        return next((text for name in names if (text := text_of(self.get(name)))), "")

    def need(self, *names: str) -> str:
        """Return :meth:`text`. Raises Unusable when there is none."""
        if text := self.text(*names):
            return text
        raise Unusable(f"no `{names[0]}`")

    def strings(self, *names: str) -> tuple[str, ...]:
        """Return the texts of the first field that is present, however they are nested."""
        return strings(self.get(*names))

    def pictures(self, *names: str) -> Found:
        """Return the pictures of all the fields. Raises Unusable for a picture that is none."""
        return self.source.pictures.resolve(*(self.get(name) for name in names))

    def note(self, what: str) -> None:
        """Count something odd about the data set."""
        self.source.notes[what] += 1

    def part(self, data: Mapping[str, Any], key: str) -> Row:
        """Return a row inside this one, like a question of a paper."""
        return Row(self.source, self.file, self.number, data, key)

    def guarded(self, parse: Callable[[Row], Iterable[Item]]) -> Iterator[Item]:
        """Yield what *parse* makes of this row; when it is unusable, a BadRow."""
        try:
            yield from parse(self)
        except Unusable as error:
            yield self.bad(str(error))
        except ValidationError as error:
            yield self.bad(first_problem(error))

    def bad(self, reason: str) -> BadRow:
        """Return this row as a bad one."""
        return BadRow(self.number, f"{self.key}: {reason}" if self.key else reason, self.file)

    def question(self, id: str, text: str, found: Found | None = None, **values: Any) -> Question:
        """Return a question; without *id* it is named by its place. Counts pictures that are not here.

        Candidates are put in the order of their names: data sets list the gold ones first.
        Raises Unusable without *text* and for an *id* that was used before, ValidationError.
        """
        if not text:
            raise Unusable("no `question`")
        found = found or Found()
        name = id or f"{self.place}-{self.key or self.number}"
        if name in self.source.asked:
            raise Unusable(f"the id {name} is already at {self.source.asked[name]}")
        values["candidates"] = tuple(sorted(values.get("candidates", ())))
        question = Question(id=name, question=text, images=found.paths, references=found.references, **values)
        self.source.asked[name] = f"{self.file} line {self.number}"
        if found.references:
            self.note("questions with a picture that is not here")
        return question

    def document(self, id: str, **values: Any) -> Document:
        """Return a document. Raises Unusable when it has neither words nor a picture."""
        document = Document(id, **values)
        if not (document.text or document.title or document.image):
            raise Unusable(f"the document {id} has no text, title or picture")
        return document


@dataclass(frozen=True, slots=True)
class Format:
    """A data set that can be read. ``metrics`` are its own measures; ``marks`` are fields by which to know its rows."""

    name: str
    title: str
    metrics: tuple[str, ...]
    marks: tuple[frozenset[str], ...]
    read: Callable[[Source], Iterator[Item]]


def marks(*fields: str) -> tuple[frozenset[str], ...]:
    """Return sets of field names, one for each text of names with spaces between."""
    return tuple(frozenset(names.casefold().split()) for names in fields)
