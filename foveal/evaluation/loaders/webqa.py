"""WebQA (Chang et al. 2022): questions answered from snippets or from pictures, found among distractors.

Source: github.com/WebQnA/WebQA; licence not stated where it could be read. ``WebQA_train_val.json`` is an object by
guid (field names from its demo and from use): ``Guid, Q, A [..], Keywords_A, Topic, Qcate, split, txt_posFacts
[{snippet_id, title, fact, url}], img_posFacts [{image_id, title, caption, url, imgUrl}]`` and the same as
``txt_negFacts, img_negFacts``; the test split has ``txt_Facts, img_Facts`` without gold. Pictures are files named by
``image_id``, or lines of ``imgs.tsv`` (id, base64) whose places ``imgs.lineidx`` lists.
Own metrics: fluency (BARTScore) times keyword accuracy of the answer, F1 of the sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from foveal.evaluation.loaders.fields import integer, kept, objects, same_once, text_of
from foveal.evaluation.loaders.items import Document, Item
from foveal.evaluation.loaders.source import Format, Row, Source, marks

METRICS = ("webqa_keywords", "source_f1")
GOLD = ("txt_posFacts", "img_posFacts")
OTHERS = ("txt_negFacts", "img_negFacts", "txt_Facts", "img_Facts")
FIRST_ID = 10_000_000
"""Ids of validation and test pictures count on from here, above the line numbers of the file."""


def read(source: Source) -> Iterator[Item]:
    """Yield each question, then the snippets and pictures that came with it."""
    lines = _Lines(source.path)
    yield from source.each(lambda row: _items(row, lines))


def _items(row: Row, lines: _Lines) -> Iterator[Item]:
    gold = [fact for name in GOLD for fact in objects(row.get(name))]
    facts = gold + [fact for name in OTHERS for fact in objects(row.get(name))]
    answers = same_once(answer.strip('" ') for answer in row.strings("A") if answer != "TBD")
    kind = row.text("Qcate")
    yield row.question(
        row.text("Guid") or row.key,
        row.need("Q", "question").strip('" '),
        category=kind or "all",
        answers=answers,
        evidence=same_once(_id(fact) for fact in gold),
        candidates=same_once(_id(fact) for fact in facts),
        metrics=METRICS,
        meta=kept({
            "topic": row.text("Topic"), "split": row.text("split"), "keywords": row.text("Keywords_A").strip('" '),
        }),
    )  # fmt: skip
    for fact in facts:
        if name := _id(fact):
            yield from row.part(fact, name).guarded(lambda part: [_document(part, lines)])


def _id(fact: Mapping[str, Any]) -> str:
    return text_of(fact.get("snippet_id")) or text_of(fact.get("image_id"))


def _document(row: Row, lines: _Lines) -> Document:
    pictured = row.text("image_id")
    image = row.source.pictures.first(row.get("image", "image_path"), pictured) if pictured else None
    if pictured and not image:
        image = row.source.pictures.first(lines.find(pictured))
    if pictured and not image:
        row.note("pictures of the corpus that are not here")
    return row.document(
        _id(row.data),
        title=row.text("title"),
        text=row.text("fact", "caption"),
        image=image,
        url=row.text("url"),
        source="WebQA",
    )


class _Lines:
    """Pictures as lines of ``imgs.tsv``, found by the byte places in ``imgs.lineidx``; finds none without them."""

    def __init__(self, path: Path) -> None:
        folder = path if path.is_dir() else path.parent
        self._file = folder / "imgs.tsv"
        index = folder / "imgs.lineidx"
        there = self._file.is_file() and index.is_file()
        self._starts = [integer(line) for line in index.read_text("ascii", "replace").split()] if there else []

    def find(self, image_id: str) -> str:
        """Return the base64 of a picture, or nothing."""
        number = integer(image_id)
        start = (
            self._starts[number % FIRST_ID] if number is not None and number % FIRST_ID < len(self._starts) else None
        )
        if start is None:
            return ""
        with self._file.open("rb") as opened:
            opened.seek(start)
            name, _, data = opened.readline().partition(b"\t")
        return "data:image/x;base64," + data.decode("ascii", "replace").strip() if name.decode() == image_id else ""


FORMAT = Format("webqa", "WebQA", METRICS, marks("q a guid", "q a img_posfacts", "guid q", "q img_facts"), read)
