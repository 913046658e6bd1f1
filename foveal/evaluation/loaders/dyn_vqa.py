"""Dyn-VQA (Li et al. 2024, OmniSearch): questions about pictures whose answers change, in English and Chinese.

Source: github.com/Alibaba-NLP/OmniSearch, ``dataset/DynVQA_{en,zh}/*.{202406..202502}.jsonl``; no licence is stated.
Fields: ``image_url, question, question_id, answer [..], gloden_query`` (``golden_query`` from 202502 on). The versions
are dirty: ``answer`` is null in nearly all rows of 202408, lists in lists in 202410, holds whole and decimal numbers,
and some English rows have answers in Chinese only. A row without any answer is bad; the others are read and noted.
The host of all pictures denies access since about 2025-11: one is found by the last part of its address when it is
beside the file, else the question keeps the address.
The same ``question_id`` stands in several versions with other answers; so an id is ``question_id@language.version``.
Own metric: token F1-recall, which naming many candidates games (see :mod:`foveal.evaluation.metrics.f1_recall`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from foveal.evaluation.loaders.fields import kept
from foveal.evaluation.loaders.items import Item, Unusable
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import Question

METRICS = ("f1_recall",)
_VERSION = re.compile(r"20\d{4}")
_CHINESE = re.compile(r"[\u3400-\u9fff]")


def read(source: Source) -> Iterator[Item]:
    """Yield questions; what they are answered from is the web."""
    yield from source.each(_question)


def _question(row: Row) -> Iterator[Question]:
    text = row.need("question")
    answers = row.strings("answer", "answers", "gt_answer")
    if not answers:
        raise Unusable("no `answer`")
    language = _language(row, text)
    version = _VERSION.search(row.file.rsplit("/", 1)[-1])
    foreign = language == "en" and all(_CHINESE.search(answer) for answer in answers)
    if foreign:
        row.note("English questions with answers in Chinese only")
    name = row.text("question_id", "id")
    edition = f"{language}.{version[0]}" if version else language
    yield row.question(
        f"{name}@{edition}" if name else "",
        text,
        row.pictures("image_url", "image", "image_path"),
        category=language,
        answers=answers,
        gold_query=row.text("golden_query", "gloden_query", "gold_query"),
        metrics=METRICS,
        meta=kept({"version": version[0] if version else "", "answers_in_chinese": foreign or None}),
    )


def _language(row: Row, text: str) -> str:
    said = re.search(r"(?:^|[_./-])(en|zh)(?:[_./-]|$)", row.file.casefold())
    return said[1] if said else "zh" if _CHINESE.search(text) else "en"


FORMAT = Format(
    "dyn_vqa", "Dyn-VQA", METRICS,
    marks("image_url question question_id answer", "question gloden_query", "question golden_query image_url"), read,
)  # fmt: skip
