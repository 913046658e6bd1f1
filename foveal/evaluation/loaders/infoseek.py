"""InfoSeek (Chen et al. 2023): questions about a pictured thing that need an encyclopaedia.

Source: github.com/open-vision-language/infoseek (format on its page); licence not stated where it could be read; the
pictures are those of OVEN and come apart from it, found here by ``image_id``. Fields of the JSON lines: ``data_id,
image_id, question, answer [..], answer_eval [..], data_split``; the test split has no answers. Joined by ``data_id``
when they are there: ``*withkb*`` (``entity_id, entity_text``) and ``*qtype*`` (``question_type`` String, Numerical or
Time). A numerical ``answer_eval`` is an object ``{wikidata, range [low, high]}`` (not on the page: seen in use).
``Wiki6M*`` is the corpus: ``wikidata_id, wikipedia_title, wikipedia_content, wikipedia_summary`` (names from use).
Own metrics: accuracy over ``answer_eval``, numbers by range or 10 % off; the final one is the harmonic mean of unseen
questions and unseen entities.
"""

from __future__ import annotations

from collections.abc import Iterator

from foveal.evaluation.loaders.fields import kept, leaves, number, same_once, strings, text_of
from foveal.evaluation.loaders.items import Document, Item
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import Question

METRICS = ("vqa_accuracy", "relaxed_range_accuracy")
JOINED = ("*withkb*", "*qtype*")
CORPUS = "*wiki6m*"
LICENCE = "CC BY-SA (Wikipedia)"


def read(source: Source) -> Iterator[Item]:
    """Yield questions, then the articles of the knowledge base."""
    yield from source.each(_question, without=(CORPUS, *(JOINED if _apart(source) else ())))
    yield from source.each(_document, CORPUS)


def _apart(source: Source) -> bool:
    """Whether there is a file of questions beside the joined ones, which hold the questions again."""
    return any(not file.matches(*JOINED, CORPUS) for file in source.files)


def _question(row: Row) -> Iterator[Question]:
    name = row.need("data_id", "question_id", "id")
    known = row.source.table("*withkb*", "data_id").get(name, {})
    kind = row.text("question_type") or text_of(
        row.source.table("*qtype*", "data_id").get(name, {}).get("question_type")
    )
    entity = row.text("entity_id") or text_of(known.get("entity_id"))
    accepted = list(leaves(row.get("answer_eval")))
    numbers = [value for value in accepted if isinstance(value, dict)]
    answers = same_once((*row.strings("answer", "answers"), *strings([v for v in accepted if not isinstance(v, dict)])))
    yield row.question(
        name,
        row.need("question"),
        row.pictures("image", "image_id", "image_path"),
        category=row.text("data_split", "split") or "all",
        answers=answers or same_once(text_of(value.get("wikidata")) for value in numbers),
        answer_type="number" if numbers or (kind.casefold() == "numerical" and _numeric(answers)) else "string",
        evidence=(entity,) if entity else (),
        metrics=METRICS,
        meta=kept({
            "question_type": kind, "entity_text": row.text("entity_text") or known.get("entity_text"),
            "ranges": [value.get("range") for value in numbers],
        }),
    )  # fmt: skip


def _numeric(answers: tuple[str, ...]) -> bool:
    return bool(answers) and all(number(answer) is not None for answer in answers)


def _document(row: Row) -> Iterator[Document]:
    yield row.document(
        row.need("wikidata_id", "id"),
        title=row.text("wikipedia_title", "title"),
        text=row.text("wikipedia_content", "wikipedia_summary", "text"),
        url=row.text("wikipedia_url", "url"),
        source="Wikipedia",
        licence=LICENCE,
        meta=kept({"image_url": row.text("wikipedia_image_url")}),
    )


FORMAT = Format("infoseek", "InfoSeek", METRICS, marks("data_id image_id question", "data_id entity_id"), read)
