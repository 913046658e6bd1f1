"""MuSiQue (Trivedi et al. 2022): questions of two to four hops, with twenty paragraphs each.

Source: github.com/StonyBrookNLP/musique; CC BY 4.0. Fields of the JSON lines: ``id`` (``2hop__..``), ``question,
answer, answer_aliases, answerable, paragraphs [{idx, title, paragraph_text, is_supporting}],
question_decomposition [{id, question, answer, paragraph_support_idx}]``. In the full version half of the questions
cannot be answered. The test split has no answers.
Own metrics: EM and token F1 of the answer, F1 of the supporting paragraphs, and answerable or not.
"""

from __future__ import annotations

from collections.abc import Iterator

from foveal.evaluation.loaders.fields import integer, kept, objects, same_once, strings, text_of
from foveal.evaluation.loaders.items import Document, Item
from foveal.evaluation.loaders.paragraphs import paragraph, paragraph_id
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import Question

METRICS = ("exact_match", "token_f1", "support_f1")
LICENCE = "CC BY 4.0"


def read(source: Source) -> Iterator[Item]:
    """Yield each question, then the paragraphs that came with it."""
    yield from source.each(_items)


def _items(row: Row) -> Iterator[Question | Document]:
    ids: dict[int, str] = {}
    supporting: list[str] = []
    documents: list[tuple[str, str]] = []
    for place, raw in enumerate(objects(row.get("paragraphs"))):
        title, text = text_of(raw.get("title")), text_of(raw.get("paragraph_text") or raw.get("text"))
        if not (title and text):
            continue
        number = integer(raw.get("idx"))
        ids[place if number is None else number] = doc_id = paragraph_id(title, text)
        documents.append((title, text))
        if raw.get("is_supporting") is True:
            supporting.append(doc_id)
    hops = objects(row.get("question_decomposition"))
    chain = [ids[number] for hop in hops if (number := integer(hop.get("paragraph_support_idx"))) in ids]
    answerable = row.get("answerable") is not False
    aliases = strings(row.get("answer_aliases"))
    name = row.text("id")
    yield row.question(
        name,
        row.need("question"),
        category=name.split("__")[0] if "__" in name else "all",
        answers=same_once((row.text("answer"), *aliases)) if answerable else (),
        answer_type="string" if answerable else "abstain",
        evidence=same_once(chain or supporting) if answerable else (),
        evidence_steps=tuple((doc_id,) for doc_id in chain) if answerable and len(chain) == len(hops) else (),
        candidates=same_once(ids.values()),
        metrics=METRICS,
        meta=kept({"decomposition": [text_of(hop.get("question")) for hop in hops]}),
    )
    for title, text in documents:
        yield paragraph(row, title, text, LICENCE)


FORMAT = Format(
    "musique", "MuSiQue", METRICS, marks("id paragraphs question", "paragraphs question question_decomposition"), read
)
