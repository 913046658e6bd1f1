"""MMLongBench-Doc (Ma et al. 2024): questions over long PDF files, a fifth of which cannot be answered.

Source: the data set yubo2333/MMLongBench-Doc (fields from lmms-eval ``tasks/mmlongbench_doc``); licence not stated
where it could be read. Fields: ``doc_id`` (a file of ``documents/``), ``doc_type, question, answer, evidence_pages``
(``"[5, 6]"``, from 1), ``evidence_sources`` (``"['Chart']"``), ``answer_format`` (Str, Int, Float, List, None).
The answer ``Not answerable`` becomes the answer type ``abstain``.
Own metrics: accuracy by answer format with ANLS for texts, and F1 of answerable questions.
"""

from __future__ import annotations

from collections.abc import Iterator

from foveal.evaluation.loaders.fields import integers, kept, number
from foveal.evaluation.loaders.items import Item, Unusable
from foveal.evaluation.loaders.papers import page_id, pages
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import AnswerType, Question

METRICS = ("anls", "answerable_f1")


def read(source: Source) -> Iterator[Item]:
    """Yield questions, then the pages of the PDF files that are there."""
    yield from source.each(_question)
    yield from pages(source)


def _question(row: Row) -> Iterator[Question]:
    text, document = row.need("question"), row.need("doc_id")
    answer = row.text("answer")
    items = row.strings("answer") if answer.startswith("[") else ()
    if not answer and not row.strings("answer"):
        raise Unusable("no `answer`")
    answer = ", ".join(items or row.strings("answer"))
    kind = _answer_type(answer, row.text("answer_format"))
    yield row.question(
        row.text("id", "question_id"),
        text,
        category=row.text("doc_type") or "all",
        answers=() if kind == "abstain" else (answer,),
        answer_type=kind,
        evidence=tuple(page_id(document, page) for page in integers(row.get("evidence_pages")) if page > 0),
        metrics=METRICS,
        meta=kept({
            "document": document, "items": items, "answer_format": row.text("answer_format"),
            "evidence_sources": row.strings("evidence_sources"),
        }),
    )  # fmt: skip


def _answer_type(answer: str, form: str) -> AnswerType:
    if answer.casefold().strip(". ") in ("not answerable", "unanswerable"):
        return "abstain"
    return "number" if form.casefold() in ("int", "float") and number(answer) is not None else "string"


FORMAT = Format(
    "mmlongbench_doc", "MMLongBench-Doc", METRICS,
    marks("doc_id question evidence_pages answer_format", "doc_id question answer evidence_pages"), read,
)  # fmt: skip
