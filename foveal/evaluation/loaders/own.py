"""Our own question files, and anything near them: ``id``, ``question``, and what :class:`Question` knows.

Source: :mod:`foveal.evaluation.questions`. Files named ``*corpus*`` hold documents in the form that
``foveal index add`` reads. ``answer`` stands for ``answers`` and ``image`` for ``images``; ids may be numbers.
"""

from __future__ import annotations

from collections.abc import Iterator

from foveal.evaluation.loaders.fields import kept, leaves, listed, mapping, strings
from foveal.evaluation.loaders.items import Document, Item, Unusable
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import Question

TEXTS = ("references", "choices", "candidates", "pictures", "metrics", "evidence")


def read(source: Source) -> Iterator[Item]:
    """Yield questions, then documents."""
    yield from source.each(_question, without=("*corpus*",))
    yield from source.each(_document, "*corpus*")


def _question(row: Row) -> Iterator[Question]:
    values = {name: row.strings(name) for name in TEXTS}
    found = row.pictures("images", "image")
    references = values.pop("references")
    question = row.question(
        row.need("id"),
        row.need("question"),
        found,
        category=row.text("category") or "all",
        answers=row.strings("answers", "answer"),
        answer_type=row.text("answer_type") or "string",
        evidence_steps=tuple(steps for hop in listed(row.get("evidence_steps")) if (steps := strings(hop))),
        expected_searches=row.get("expected_searches"),
        boxes=tuple(tuple(leaves(box)) for box in listed(row.get("boxes"))),
        gold_query=row.text("gold_query"),
        meta=kept(mapping(row.get("meta"))),
        **values,
    )
    yield question.model_copy(update={"references": (*question.references, *references)}) if references else question


def _document(row: Row) -> Iterator[Document]:
    found = row.pictures("image")
    if found.references:
        raise Unusable(f"the picture {found.references[0]} is not here")
    yield row.document(
        row.need("id"),
        title=row.text("title"),
        text=row.text("text"),
        image=found.paths[0] if found.paths else None,
        url=row.text("url"),
        source=row.text("source"),
        licence=row.text("licence"),
        meta=kept(mapping(row.get("meta"))),
    )


FORMAT = Format("own", "Foveal question file", ("accuracy", "recall"), marks("id question"), read)
