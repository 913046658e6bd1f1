"""MRAMG-Bench (Yu et al. 2025): answers with pictures placed in them.

Source: the data set MRAMG/MRAMG-Bench; CC BY 4.0. Fields (from use): ``{part}_mqa.jsonl`` with ``id, question,
provenance [document numbers], ground_truth`` (``<PIC>`` where a picture stands) and ``images_list`` in order;
``doc_{part}.jsonl`` with lines ``[number, text with <PIC>, [picture names]]`` (as objects: ``"0", "1", "2"``);
``{part}_imgs_collection.json``, an object by picture name with ``image_path, image_url, image_caption``.
A document keeps its text with ``[picture name]`` for each ``<PIC>``; each picture is a document too, with its caption.
Own metrics: picture precision, recall and F1, ordering, ROUGE-L, BERTScore, four grades by a judging model. Where all
pictures of the gold document are wanted (wit, wiki, web) precision says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from foveal.evaluation.loaders.fields import kept, strings
from foveal.evaluation.loaders.items import Document, Item
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import Question

METRICS = ("picture_f1", "picture_order", "rouge_l", "judged_scale")
PICTURES = "*imgs_collection*"
DOCUMENTS = "doc_*"
LICENCE = "CC BY 4.0"
PLACE = "<PIC>"


def read(source: Source) -> Iterator[Item]:
    """Yield questions, documents, and the pictures."""
    yield from source.each(_question, without=(DOCUMENTS, PICTURES))
    yield from source.each(_document, DOCUMENTS)
    yield from source.each(_picture, PICTURES)


def _part(row: Row) -> str:
    return row.stem.removeprefix("doc_").removesuffix("_mqa").removesuffix("_imgs_collection").lower()


def _question(row: Row) -> Iterator[Question]:
    part = _part(row)
    answer = row.text("ground_truth", "answer")
    names = tuple(f"{part}/{name}" for name in row.strings("images_list"))
    identity = row.text("id")
    yield row.question(
        f"{part}/{identity}" if identity else "",
        row.need("question"),
        category=part,
        answers=(_named(answer, row.strings("images_list")),) if answer else (),
        evidence=tuple(f"{part}:{number}" for number in row.strings("provenance")),
        pictures=names,
        metrics=METRICS,
        meta=kept({"ground_truth": answer}),
    )


def _document(row: Row) -> Iterator[Document]:
    part = _part(row)
    names = strings(row.get("2", "images", "images_list"))
    yield row.document(
        f"{part}:{row.need('0', 'id', 'doc_id')}",
        text=_named(row.need("1", "text", "content"), names),
        source="MRAMG-Bench",
        licence=LICENCE,
        meta=kept({"pictures": [f"{part}/{name}" for name in names]}),
    )


def _picture(row: Row) -> Iterator[Document]:
    name = row.key or row.need("name", "image_name")
    image = row.source.pictures.first(row.text("image_path") or name)
    if not image:
        row.note("pictures of the corpus that are not here")
    yield row.document(
        f"{_part(row)}/{name}",
        text=row.text("image_caption"),
        image=image,
        url=row.text("image_url"),
        source="MRAMG-Bench",
        licence=LICENCE,
    )


def _named(text: str, names: tuple[str, ...]) -> str:
    """Put the names of pictures where they stand."""
    for name in names:
        text = text.replace(PLACE, f"[{name}]", 1)
    return text


FORMAT = Format(
    "mramg", "MRAMG-Bench", METRICS, marks("question provenance images_list", "question ground_truth images_list"), read
)
