"""Visual Haystacks (Wu et al. 2024): find the one picture, or the few, that a question is about, among up to 10,000.

Source: the data set tsunghanwu/visual_haystacks; MIT, pictures of COCO 2017 apart from it. ``single_needle/VHs_large/
visual_haystack_100.json`` and ``multi_needle/..``: a list of ``id, conversations [{from, value}, {from, value}],
pos_image [..], neg_image [..]`` with paths like ``val2017/000000000139.jpg``. The pictures are the haystack, not part
of the question: each becomes a document, the needles are the evidence, all of them the candidates.
Own metric: accuracy of yes and no.
"""

from __future__ import annotations

from collections.abc import Iterator

from foveal.evaluation.loaders.fields import kept, objects, same_once, text_of
from foveal.evaluation.loaders.items import Document, Item, Unusable
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import Question

METRICS = ("accuracy",)


def read(source: Source) -> Iterator[Item]:
    """Yield each question, then the pictures of its haystack that are here."""
    yield from source.each(_items)


def _items(row: Row) -> Iterator[Question | Document]:
    turns = [text_of(turn.get("value")) for turn in objects(row.get("conversations"))]
    if len(turns) < 2 or not all(turns[:2]):
        raise Unusable("no question and answer in `conversations`")
    needles, hay = row.strings("pos_image"), row.strings("neg_image")
    if not needles:
        raise Unusable("no `pos_image`")
    name = row.text("id", "question_id")
    size = row.stem.rsplit("_", 1)[-1]
    part = "multi_needle" if "multi" in row.file else "single_needle"
    yield row.question(
        f"{part}/{size}/{name or row.number}",
        turns[0].replace("<image>", "").strip(),
        category=part,
        answers=(turns[1].strip(". ").lower(),),
        answer_type="yesno",
        evidence=needles,
        candidates=same_once((*needles, *hay)),
        metrics=METRICS,
        meta=kept({"haystack": size}),
    )
    for path in (*needles, *hay):
        if image := row.source.pictures.first(path):
            yield row.document(path, image=image, source="COCO 2017")
        else:
            row.note("pictures of the corpus that are not here")


FORMAT = Format(
    "visual_haystacks",
    "Visual Haystacks",
    METRICS,
    marks("conversations pos_image neg_image", "conversations pos_image"),
    read,
)
