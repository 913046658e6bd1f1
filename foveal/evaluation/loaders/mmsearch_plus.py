"""MMSearch-Plus (Tao et al. 2025): questions about pictures that take many searches and looks at details.

Source: the data set Cie1/MMSearch-Plus (Parquet; fields from lmms-eval ``tasks/mmsearch_plus``); page CC BY-SA.
Fields: ``question, answer [..], num_images, img_1 .. img_n, category, difficulty, subtask, video_url, arxiv_id``.
The texts are veiled so that no crawler takes them up: base64 of the bytes XOR the repeated SHA-256 of the data set's
name. They are unveiled here to be asked; do not publish what a conversion writes. Texts in the clear are read too.
Own metrics: token F1 and EM; a model as judge.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from itertools import cycle

from foveal.evaluation.loaders.fields import integer, kept
from foveal.evaluation.loaders.items import Item, Unusable
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import Question

METRICS = ("token_f1", "exact_match", "judged_grade")
KEY = hashlib.sha256(b"MMSearch-Plus").digest()
MOST_IMAGES = 20


def read(source: Source) -> Iterator[Item]:
    """Yield questions; what they are answered from is the web."""
    yield from source.each(_question)


def unveiled(text: str) -> str:
    """Return the text that *text* veils, or *text* itself when it veils none."""
    try:
        data = base64.b64decode(text, validate=True)
        clear = bytes(byte ^ key for byte, key in zip(data, cycle(KEY), strict=False)).decode("utf-8")
    except (binascii.Error, ValueError):
        return text
    return clear if clear and all(char.isprintable() or char in "\n\t\r" for char in clear) else text


def _question(row: Row) -> Iterator[Question]:
    text = unveiled(row.need("question"))
    answers = tuple(unveiled(answer) for answer in row.strings("answer", "answers"))
    if not answers:
        raise Unusable("no `answer`")
    wanted = integer(row.get("num_images"))
    count = MOST_IMAGES if wanted is None else max(0, min(wanted, MOST_IMAGES))
    found = row.pictures(*(f"img_{number}" for number in range(1, count + 1)), "images", "image")
    if wanted is not None and len(found.paths) + len(found.references) < count:
        row.note("questions with fewer pictures than they say")
    yield row.question(
        row.text("id", "sample_id"),
        text,
        found,
        category=row.text("category") or "all",
        answers=answers,
        metrics=METRICS,
        meta=kept({name: row.text(name) for name in ("difficulty", "subtask")}),
    )


FORMAT = Format(
    "mmsearch_plus", "MMSearch-Plus", METRICS,
    marks("question answer num_images img_1", "question answer difficulty subtask", "question answer img_1"), read,
)  # fmt: skip
