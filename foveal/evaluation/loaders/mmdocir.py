"""MMDocIR (Dong et al. 2025): which page, and which part of a page, of a long document answers a question.

Source: github.com/MMDocRAG/MMDocIR (format on its page ``dataset/README.md``); Apache-2.0 as far as known.
``MMDocIR_annotations.jsonl``: a document a line with ``doc_name, domain, questions [{Q, A, page_id [..], type,
layout_mapping [{page, page_size, bbox}]}]``. ``MMDocIR_pages.parquet``: ``doc_name, domain, passage_id, image_path,
image_binary, ocr_text, vlm_text``. ``MMDocIR_layouts.parquet`` repeats the pages in parts and is left out of the
corpus, which is counted. ``doc_name`` has ``.pdf`` at its end in the annotations only. That ``passage_id`` and
``page_id`` are the same numbers is not written anywhere; they are taken to be.
Own metrics: recall, nDCG, MAP and MRR of pages at 1, 3, 5; share of the gold area of layouts.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from foveal.evaluation.loaders.fields import kept, leaves, number, objects, strings, text_of
from foveal.evaluation.loaders.items import Document, Item, Unusable
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import Question

METRICS = ("page_recall", "ndcg", "layout_recall")
Box = tuple[str, float, float, float, float]


def read(source: Source) -> Iterator[Item]:
    """Yield the questions of each document, and the pages."""
    yield from source.each(_items)


def _items(row: Row) -> Iterator[Item]:
    if row.has("questions"):
        name = _name(row)
        for count, raw in enumerate(objects(row.get("questions")), 1):
            part = row.part({**raw, "domain": row.get("domain"), "doc_name": name}, f"question {count}")
            yield from part.guarded(partial(_question, count=count))
    elif row.has("layout_id"):
        row.note("layouts, which repeat their pages")
    elif row.has("passage_id"):
        yield _page(row)
    else:
        raise Unusable("neither `questions` nor `passage_id`")


def _question(row: Row, count: int) -> Iterator[Question]:
    name = row.text("doc_name")
    answer = ", ".join(row.strings("A", "answer"))
    unanswerable = answer.casefold().strip(". ") == "not answerable"
    yield row.question(
        f"{name}/q{count}",
        row.need("Q", "question"),
        category=row.text("domain") or "all",
        answers=() if unanswerable or not answer else (answer,),
        answer_type="abstain" if unanswerable else "string",
        evidence=tuple(_page_id(name, page) for page in row.strings("page_id")),
        boxes=_boxes(row, name),
        metrics=METRICS,
        meta=kept({"type": row.strings("type"), "document": name}),
    )


def _boxes(row: Row, name: str) -> tuple[Box, ...]:
    boxes: list[Box] = []
    for layout in objects(row.get("layout_mapping")):
        edges = [value for leaf in leaves(layout.get("bbox")) if (value := number(leaf)) is not None]
        page = text_of(layout.get("page"))
        if page and len(edges) == 4 and edges[0] <= edges[2] and edges[1] <= edges[3]:
            boxes.append((_page_id(name, page), edges[0], edges[1], edges[2], edges[3]))
        else:
            row.note("layouts without a page or a box")
    return tuple(boxes)


def _page(row: Row) -> Document:
    name, page = _name(row), row.need("passage_id")
    image = row.source.pictures.first(row.get("image_binary"), row.get("image_path"))
    return row.document(
        _page_id(name, page),
        title=f"{name} page {page}",
        text="\n\n".join(strings([row.text("vlm_text") or row.text("ocr_text")])),
        image=image,
        source=name,
        meta=kept({"domain": row.text("domain"), "page": page}),
    )


def _name(row: Row) -> str:
    return row.need("doc_name").removesuffix(".pdf")


def _page_id(name: str, page: str) -> str:
    return f"{name}:p{page}"


FORMAT = Format(
    "mmdocir", "MMDocIR", METRICS, marks("doc_name domain questions", "doc_name passage_id image_path"), read
)
