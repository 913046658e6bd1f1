"""MultiModalQA (Talmor et al. 2021): questions over text, a table and pictures together.

Source: github.com/allenai/multimodalqa (format on its page); MIT. ``MMQA_{train,dev,test}.jsonl.gz``: ``qid, question,
answers [{answer, type, modality, ..}], supporting_context [{doc_id, doc_part}], metadata {type, modalities,
image_doc_ids, text_doc_ids, table_id, ..}``; the test split has neither answers nor contexts. The corpus is
``MMQA_texts`` (``id, title, url, text``), ``MMQA_tables`` (``table {table_name, header, table_rows}``) and
``MMQA_images`` (``path`` into the zip of pictures). Tables are written out, a line a row.
Several ``answers`` are the members of one list, not ways to say one thing: they are joined, and kept in ``meta``.
Own metrics: EM and F1 over lists.
"""

from __future__ import annotations

from collections.abc import Iterator

from foveal.evaluation.loaders.fields import kept, listed, mapping, objects, same_once, strings, text_of
from foveal.evaluation.loaders.items import Document, Item
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import Question

METRICS = ("list_exact_match", "list_f1")
CORPUS = ("*texts*", "*tables*", "*images*")


def read(source: Source) -> Iterator[Item]:
    """Yield questions, then texts, tables and pictures."""
    yield from source.each(_question, without=CORPUS)
    yield from source.each(_document, *CORPUS)


def _question(row: Row) -> Iterator[Question]:
    about = mapping(row.get("metadata"))
    items = listed(row.get("answers"))
    answers = same_once(text_of(item.get("answer") if isinstance(item, dict) else item) for item in items)
    kinds = {text_of(item.get("type")) for item in items if isinstance(item, dict)}
    gold = same_once(text_of(context.get("doc_id")) for context in objects(row.get("supporting_context")))
    yield row.question(
        row.need("qid", "id"),
        row.need("question"),
        category=text_of(about.get("type")) or "all",
        answers=(", ".join(answers),) if answers else (),
        answer_type="yesno" if kinds == {"yesno"} else "string",
        evidence=gold,
        candidates=strings([about.get("text_doc_ids"), about.get("image_doc_ids"), about.get("table_id")]),
        metrics=METRICS,
        meta=kept({"items": answers if len(answers) > 1 else (), "modalities": about.get("modalities")}),
    )


def _document(row: Row) -> Iterator[Document]:
    table = mapping(row.get("table"))
    image = row.source.pictures.first(row.get("path"))
    if row.has("path") and not image:
        row.note("pictures of the corpus that are not here")
    yield row.document(
        row.need("id"),
        title=" - ".join(same_once((row.text("title"), text_of(table.get("table_name"))))),
        text=_written_out(table) if table else row.text("text"),
        image=image,
        url=row.text("url"),
        source="Wikipedia",
    )


def _written_out(table: dict[str, object] | object) -> str:
    values = mapping(table)
    head = [text_of(column.get("column_name")) for column in objects(values.get("header"))]
    rows = [[text_of(cell.get("text")) for cell in objects(cells)] for cells in listed(values.get("table_rows"))]
    return "\n".join(" | ".join(line) for line in (head, *rows) if any(line))


FORMAT = Format(
    "multimodalqa", "MultiModalQA", METRICS, marks("qid question supporting_context", "qid question metadata"), read
)
