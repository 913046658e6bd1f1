"""HotpotQA (Yang et al. 2018): questions over two Wikipedia paragraphs, given among ten (distractor setting).

Source: hotpotqa.github.io; CC BY-SA 4.0. Fields of the JSON: ``_id, question, answer, type, level,
supporting_facts [[title, sentence]], context [[title, [sentences]]]``; the Parquet version has ``id`` and columns,
``supporting_facts {title, sent_id}`` and ``context {title, sentences}``. The fullwiki setting has no gold context.
Own metrics: EM and token F1 of the answer and of the supporting facts, and both together.
"""

from __future__ import annotations

from collections.abc import Iterator

from foveal.evaluation.loaders.fields import kept, pairs, same_once, strings, text_of
from foveal.evaluation.loaders.items import Document, Item
from foveal.evaluation.loaders.paragraphs import paragraph, paragraph_id
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import Question

METRICS = ("exact_match", "token_f1", "supporting_facts_f1")
LICENCE = "CC BY-SA 4.0"


def read(source: Source) -> Iterator[Item]:
    """Yield each question, then the paragraphs that came with it."""
    yield from source.each(_items)


def _items(row: Row) -> Iterator[Question | Document]:
    context = [
        (text_of(title), " ".join(strings(sentences)))
        for title, sentences in pairs(row.get("context"), "title", "sentences")
    ]
    facts = pairs(row.get("supporting_facts"), "title", "sent_id")
    gold = same_once(text_of(title) for title, _ in facts)
    ids = {title: paragraph_id(title, text) for title, text in context}
    answer = row.text("answer")
    evidence = tuple(ids[title] for title in gold if title in ids)
    yield row.question(
        row.text("_id", "id"),
        row.need("question"),
        category=row.text("type") or "all",
        answers=(answer,) if answer else (),
        answer_type="yesno" if answer.casefold() in ("yes", "no") else "string",
        evidence=evidence,
        evidence_steps=tuple((doc_id,) for doc_id in evidence),
        candidates=same_once(ids.values()),
        metrics=METRICS,
        meta=kept({"level": row.text("level"), "supporting_facts": facts}),
    )
    for title, text in context:
        if title and text:
            yield paragraph(row, title, text, LICENCE)


FORMAT = Format(
    "hotpotqa", "HotpotQA", METRICS, marks("question answer supporting_facts context", "_id question context"), read
)
