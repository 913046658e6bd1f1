"""ChartQA (Masry et al. 2022): questions about charts that need reading off and reckoning.

Source: github.com/vis-nlp/ChartQA; GPL-3.0 as far as known (charts from Statista, Pew, OECD, Our World in Data).
Fields: ``imgname, query, label`` in ``test_human.json`` and ``test_augmented.json``, charts in ``png/``; the Parquet
versions have ``image, query, label, human_or_machine`` (0 human) or ``image, question, answer, type``. ``label`` is a
text, in one version a list of one.
Own metric: relaxed accuracy, 5 % off allowed for every number (years too, a weakness of the measure that is kept).
"""

from __future__ import annotations

from collections.abc import Iterator

from foveal.evaluation.loaders.fields import number
from foveal.evaluation.loaders.items import Item, Unusable
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import AnswerType, Question

METRICS = ("relaxed_accuracy",)


def read(source: Source) -> Iterator[Item]:
    """Yield questions; the chart comes with each."""
    yield from source.each(_question)


def _question(row: Row) -> Iterator[Question]:
    text = row.need("query", "question")
    answers = row.strings("label", "answer", "answers")
    if not answers:
        raise Unusable("no `label`")
    found = row.pictures("image", "imgname", "image_path")
    if not found.paths and not found.references:
        raise Unusable("no `imgname`")
    yield row.question(
        row.text("id", "question_id"),
        text,
        found,
        category=_category(row),
        answers=answers,
        answer_type=_answer_type(answers),
        metrics=METRICS,
    )


def _answer_type(answers: tuple[str, ...]) -> AnswerType:
    if all(number(answer) is not None for answer in answers):
        return "number_relaxed5"
    return "yesno" if all(answer.casefold() in ("yes", "no") for answer in answers) else "string"


def _category(row: Row) -> str:
    said = (row.text("human_or_machine", "type") or row.stem).casefold()
    if said in ("0", "false") or "human" in said:
        return "human"
    return "augmented" if said in ("1", "true") or "augment" in said or "machine" in said else "all"


FORMAT = Format(
    "chartqa", "ChartQA", METRICS, marks("imgname query label", "image query label", "human_or_machine query"), read
)
