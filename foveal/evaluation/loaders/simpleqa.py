"""SimpleQA (Wei et al. 2024): short questions of fact with one answer, hard for a model that looks nothing up.

Source: github.com/openai/simple-evals; MIT. Fields of the CSV: ``metadata, problem, answer``, where ``metadata`` is an
object written as text: ``{'topic', 'answer_type', 'urls'}``. SimpleQA Verified has those as columns and
``original_index``. Text only.
Own metric: graded by a model as correct, incorrect or not attempted; F1 of accuracy and accuracy given attempted.
"""

from __future__ import annotations

from collections.abc import Iterator

from foveal.evaluation.loaders.fields import kept, mapping, number, strings, text_of
from foveal.evaluation.loaders.items import Item, Unusable
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import AnswerType, Question

METRICS = ("judged_grade", "accuracy_given_attempted")


def read(source: Source) -> Iterator[Item]:
    """Yield questions; there is no corpus."""
    yield from source.each(_question)


def _question(row: Row) -> Iterator[Question]:
    said = mapping(row.get("metadata"))
    text = row.need("problem", "question")
    answer = row.text("answer")
    if not answer:
        raise Unusable("no `answer`")
    kind = row.text("answer_type") or text_of(said.get("answer_type"))
    urls = row.get("urls") or said.get("urls")
    split = urls.split(",") if isinstance(urls, str) and urls[:1] != "[" else urls
    yield row.question(
        row.text("original_index", "id"),
        text,
        category=row.text("topic") or text_of(said.get("topic")) or "all",
        answers=(answer,),
        answer_type=_answer_type(kind, answer),
        metrics=METRICS,
        meta=kept({"answer_type": kind, "urls": strings(split)}),
    )


def _answer_type(kind: str, answer: str) -> AnswerType:
    if kind.casefold() == "date":
        return "date"
    return "number" if kind.casefold() == "number" and number(answer) is not None else "string"


FORMAT = Format("simpleqa", "SimpleQA", METRICS, marks("metadata problem answer", "problem answer"), read)
