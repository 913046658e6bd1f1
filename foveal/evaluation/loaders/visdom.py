"""VisDoMBench (Suri et al. 2025): questions whose document must first be found among several PDF files.

Source: github.com/MananSuri27/VisDoM, a CSV for each of five parts and the PDFs in ``docs/``; no licence file. Fields
of the part spiqa, which could be read: ``q_id, doc_id, question, old_question, answer, doc_path, documents`` (a list
written as text), ``rationale, reference_figure, paper_title, paper_abstract, caption``. Those of the other parts
(feta_tab, paper_tab, scigraphqa, slidevqa) are known from use only; slidevqa alone has ``evidence_pages`` (taken to
count from 1), which are the evidence. The gold file is in ``meta.document`` always, the files to choose from are
``candidates``.
Own metric: word-level F1 (ANLS for short answers).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from foveal.evaluation.loaders.fields import integers, kept, same_once
from foveal.evaluation.loaders.items import Item, Unusable
from foveal.evaluation.loaders.papers import page_id, pages
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import Question

METRICS = ("token_f1", "anls")


def read(source: Source) -> Iterator[Item]:
    """Yield questions, then the pages of the PDF files that are there."""
    yield from source.each(_question)
    yield from pages(source)


def _question(row: Row) -> Iterator[Question]:
    text = row.need("question", "old_question")
    answers = row.strings("answer", "answers")
    if not answers:
        raise Unusable("no `answer`")
    gold = _name(row.text("doc_path", "doc_id", "document"))
    shown = integers(row.get("evidence_pages", "page", "pages"))
    yield row.question(
        row.text("q_id", "id", "qa_id"),
        text,
        category=row.folder or row.stem,
        answers=answers,
        evidence=tuple(page_id(gold, page) for page in shown) if gold else (),
        candidates=same_once(_name(document) for document in row.strings("documents")),
        metrics=METRICS,
        meta=kept({"document": gold, "figure": row.text("reference_figure"), "rationale": row.text("rationale")}),
    )


def _name(path: str) -> str:
    name = PurePosixPath(path).name
    return f"{name.removesuffix('.pdf')}.pdf" if name else ""


FORMAT = Format(
    "visdom", "VisDoMBench", METRICS, marks("q_id documents question answer", "doc_path documents question"), read
)
