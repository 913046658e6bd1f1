"""M-LongDoc (Chia et al. 2024): open questions about a text, figure or table in PDF files of hundreds of pages.

Source: multimodal-documents.github.io. Neither licence nor field names could be read anywhere, so several are tried:
``question``, the file (``doc, doc_path, pdf, source, document``), the gold page (``page, page_number,
evidence_pages``, from 1), ``category`` (text, figure, table) and ``answer`` or ``reference``, which may be missing:
answers are judged by models.
Own metric: correctness from 1 to 5, the mean of several judging models.
"""

from __future__ import annotations

from collections.abc import Iterator

from foveal.evaluation.loaders.fields import integers, kept
from foveal.evaluation.loaders.items import Item
from foveal.evaluation.loaders.papers import page_id, pages
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import Question

METRICS = ("judged_scale",)


def read(source: Source) -> Iterator[Item]:
    """Yield questions, then the pages of the PDF files that are there."""
    yield from source.each(_question)
    yield from pages(source)


def _question(row: Row) -> Iterator[Question]:
    text = row.need("question")
    document = row.need("doc", "doc_path", "pdf", "source", "document", "doc_id")
    shown = integers(row.get("page", "page_number", "evidence_page", "evidence_pages", "pages"))
    yield row.question(
        row.text("id", "question_id"),
        text,
        category=row.text("category", "question_category", "type") or "all",
        answers=row.strings("answer", "reference", "reference_answer"),
        evidence=tuple(page_id(document, page) for page in shown if page > 0),
        metrics=METRICS,
        meta=kept({"document": document}),
    )


FORMAT = Format(
    "m_longdoc", "M-LongDoc", METRICS, marks("doc question category page", "doc_path question category"), read
)
