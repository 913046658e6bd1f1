"""Turns a data set into a folder that every command takes: ``questions.jsonl``, ``corpus.jsonl`` and ``images/``.

Beside them: ``bad_rows.jsonl``, a line for each row that was not used and why, and ``conversion.json``, the counts.
The same data set gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TextIO

from foveal.errors import BadInput, StorageFull
from foveal.evaluation.loaders.items import Document
from foveal.evaluation.loaders.registry import items_of, named, no_question
from foveal.evaluation.loaders.source import Source
from foveal.evaluation.questions import BadRow, Question

SCHEMA = "foveal.conversion/1"
RECORD, QUESTIONS, CORPUS, BAD = "conversion.json", "questions.jsonl", "corpus.jsonl", "bad_rows.jsonl"


@dataclass(slots=True)
class Conversion:
    """What a conversion came to. ``metrics`` are the data set's own measures."""

    format: str
    title: str
    metrics: tuple[str, ...]
    questions: int = 0
    documents: int = 0
    pictures: int = 0
    bad_rows: int = 0
    notes: dict[str, int] = field(default_factory=dict)


def convert(format: str, path: Path, out: Path, *, images: Path | None = None) -> Conversion:
    """Convert the data set *format* (``auto``: guessed) at *path* into the folder *out*. Blocking.

    What an earlier conversion left there is replaced, file by file, once all is read. Raises BadInput: nothing to
    read, no question in it, or *out* holds files of another kind; StorageFull.
    """
    out = out.absolute()
    _check(path, out)
    source = Source(path, images=images, keep=out / "images")
    form = named(format, source)
    done = Conversion(form.name, form.title, form.metrics)
    first_bad: tuple[BadRow, ...] = ()
    pictures: set[str] = set()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            files = {
                name: stack.enter_context(
                    (out / f".{name}.part").open("w", encoding="utf-8", errors="backslashreplace", newline="\n")
                )
                for name in (QUESTIONS, CORPUS, BAD)
            }
            for item in items_of(form, source):
                if isinstance(item, Question):
                    done.questions += 1
                    pictures.update(item.images)
                    _line(files[QUESTIONS], _question_row(item, out))
                elif isinstance(item, Document):
                    done.documents += 1
                    pictures.update((item.image,) if item.image else ())
                    _line(files[CORPUS], {**item.as_row(), **_image(item, out)})
                else:
                    done.bad_rows += 1
                    first_bad = first_bad or (item,)
                    _line(files[BAD], asdict(item))
        if not done.questions:
            raise no_question(form, path, first_bad)
        done.pictures, done.notes = len(pictures), dict(sorted(source.notes.items()))
        for name in (QUESTIONS, CORPUS, BAD):
            (out / f".{name}.part").replace(out / name)
        part = out / f".{RECORD}.part"
        part.write_text(json.dumps({"schema": SCHEMA, **asdict(done)}, ensure_ascii=False, indent=1) + "\n", "utf-8")
        part.replace(out / RECORD)
    except OSError as error:
        raise StorageFull(f"{out} cannot be written: {error.strerror or error}.") from error
    finally:
        for name in (QUESTIONS, CORPUS, BAD, RECORD):
            with suppress(OSError):
                (out / f".{name}.part").unlink()
    return done


def _check(path: Path, out: Path) -> None:
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out} is no folder.", remedy="Give --out a folder.")
    if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
        raise BadInput(f"{out} lies in the data set that is read.", remedy="Give --out a folder elsewhere.")
    if (out / QUESTIONS).exists() and not (out / RECORD).exists():
        raise BadInput(
            f"{out} holds a {QUESTIONS} that no conversion wrote.", remedy="Give --out another folder: nothing is lost."
        )


def _question_row(question: Question, out: Path) -> dict[str, Any]:
    row = question.model_dump(mode="json", exclude_defaults=True)
    if question.images:
        row["images"] = [Path(image).relative_to(out).as_posix() for image in question.images]
    return row


def _image(document: Document, out: Path) -> dict[str, Any]:
    return {"image": Path(document.image).relative_to(out).as_posix()} if document.image else {}


def _line(file: TextIO, row: Mapping[str, Any]) -> None:
    file.write(json.dumps(row, ensure_ascii=False) + "\n")
