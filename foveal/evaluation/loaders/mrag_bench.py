"""MRAG-Bench (Hu et al. 2024): choices of four where pictures help more than text would.

Source: the data set uclanlp/MRAG-Bench (Parquet; fields from the authors' loader); no licence file. Fields: ``id,
question, image, A, B, C, D, answer_choice, answer, scenario, aspect, image_type, source, gt_images [..],
retrieved_images [..]``. The pictures of both lists become documents named by their bytes, so that a picture that was
retrieved rightly is the gold one; in the scenario Incomplete only the first of each list counts, as published.
Own metric: accuracy of the choice, without pictures, with the retrieved and with the gold ones: the gain is reported.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from foveal.evaluation.loaders.fields import kept, leaves, same_once
from foveal.evaluation.loaders.items import Document, Item, Unusable
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import Question

METRICS = ("choice_accuracy",)
LETTERS = "ABCD"


def read(source: Source) -> Iterator[Item]:
    """Yield each question, then the pictures that came with it."""
    yield from source.each(_items)


def _items(row: Row) -> Iterator[Question | Document]:
    text = row.need("question")
    options = tuple(row.text(letter) for letter in LETTERS)
    if not all(options):
        raise Unusable(f"no option `{LETTERS[options.index('')]}`")
    letter = row.text("answer_choice").strip("(). ").upper()
    answer = options[LETTERS.index(letter)] if letter in tuple(LETTERS) else row.text("answer")
    if answer not in options:
        raise Unusable("`answer_choice` is no option")
    scenario = row.text("scenario")
    first = slice(1) if scenario == "Incomplete" else slice(None)
    gold, retrieved = (_pictures(row, name, first) for name in ("gt_images", "retrieved_images"))
    names = {picture: f"picture:{Path(picture).stem}" for picture in (*gold, *retrieved)}
    asked = "\n".join((text, *(f"{name}: {option}" for name, option in zip(LETTERS, options, strict=True))))
    yield row.question(
        row.text("id"),
        asked,
        row.pictures("image"),
        category=scenario or "all",
        answers=(answer,),
        choices=options,
        evidence=tuple(names[picture] for picture in gold),
        candidates=same_once(names.values()),
        metrics=METRICS,
        meta=kept({
            "choice": LETTERS[options.index(answer)], "aspect": row.text("aspect"),
            "retrieved": [names[picture] for picture in retrieved],
        }),
    )  # fmt: skip
    for picture, name in names.items():
        yield row.document(name, image=picture, source="MRAG-Bench")


def _pictures(row: Row, name: str, first: slice) -> tuple[str, ...]:
    found = row.source.pictures.resolve(list(leaves(row.get(name)))[first])
    if found.references:
        row.note("pictures of the corpus that are not here")
    return found.paths


FORMAT = Format(
    "mrag_bench", "MRAG-Bench", METRICS, marks("question a b c d answer_choice", "question a b c d gt_images"), read
)
