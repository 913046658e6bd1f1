"""All data sets that can be read, by name."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from foveal.errors import BadInput
from foveal.evaluation.loaders import (
    chartqa,
    dyn_vqa,
    hotpotqa,
    infoseek,
    inquire,
    m_longdoc,
    mmdocir,
    mmlongbench_doc,
    mmsearch,
    mmsearch_plus,
    mrag_bench,
    mramg,
    multimodalqa,
    musique,
    own,
    simpleqa,
    spiqa,
    visdom,
    visual_haystacks,
    webqa,
)
from foveal.evaluation.loaders.items import Document, Item
from foveal.evaluation.loaders.source import Format, Row, Source
from foveal.evaluation.questions import BadRow, Question

FORMATS: dict[str, Format] = {
    module.FORMAT.name: module.FORMAT
    for module in (
        chartqa, dyn_vqa, hotpotqa, infoseek, inquire, m_longdoc, mmdocir, mmlongbench_doc, mmsearch, mmsearch_plus,
        mrag_bench, mramg, multimodalqa, musique, own, simpleqa, spiqa, visdom, visual_haystacks, webqa,
    )
}  # fmt: skip
AUTO = "auto"
LOOKED_AT = 5
"""Rows of each file that a guess looks at."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A data set in memory. ``notes`` counts what is odd without making a row bad."""

    format: str
    questions: tuple[Question, ...]
    corpus: tuple[Document, ...]
    bad_rows: tuple[BadRow, ...]
    notes: dict[str, int] = field(default_factory=dict)


def load(format: str, path: Path, *, images: Path | None = None, keep: Path | None = None) -> Loaded:
    """Read the data set *format* (``auto``: guessed) at *path*: a file, a zip or a folder.

    *images* is a further folder of pictures. Pictures that are no files are kept in *keep*; without it their rows are
    bad. Raises BadInput: nothing to read, an unknown format, or no question in it.
    """
    source = Source(path, images=images, keep=keep)
    form = named(format, source)
    items = list(items_of(form, source))
    loaded = Loaded(
        form.name,
        tuple(item for item in items if isinstance(item, Question)),
        tuple(item for item in items if isinstance(item, Document)),
        tuple(item for item in items if isinstance(item, BadRow)),
        dict(source.notes),
    )
    if not loaded.questions:
        raise no_question(form, path, loaded.bad_rows)
    return loaded


def items_of(form: Format, source: Source) -> Iterator[Item]:
    """Yield questions, documents and bad rows in one pass. A document that was there already is left out."""
    seen: dict[str, bytes] = {}
    for item in form.read(source):
        if isinstance(item, Document):
            row = json.dumps(item.as_row(), sort_keys=True, default=str).encode("utf-8", "replace")
            digest = hashlib.sha256(row).digest()[:8]
            if (before := seen.get(item.id)) is not None:
                if before != digest:
                    yield BadRow(0, f"two documents have the id {item.id}; the first is kept")
                continue
            seen[item.id] = digest
        yield item
    yield from source.joined


def named(name: str, source: Source) -> Format:
    """Return the format *name*, or the one that fits *source* best. Raises BadInput."""
    if name == AUTO:
        return guess(source)
    if name not in FORMATS:
        raise BadInput(
            f"There is no data set format {name}.", remedy=f"There are: {AUTO}, {', '.join(sorted(FORMATS))}."
        )
    return FORMATS[name]


def guess(source: Source) -> Format:
    """Return the format whose marks are in the first rows of any file; the most marks win. Raises BadInput."""
    best: tuple[int, Format] | None = None
    for file in source.files:
        for row in islice(source.rows_of(file), LOOKED_AT):
            if not isinstance(row, Row):
                continue
            fields = {name.casefold() for name in row.data if isinstance(name, str)}
            for form in FORMATS.values():
                fits = max((len(mark) for mark in form.marks if mark <= fields), default=0)
                if fits and (best is None or fits > best[0]):
                    best = (fits, form)
    if best is None:
        raise BadInput(
            f"It cannot be told what data set {source.path} is.",
            remedy=f"Name its format: {', '.join(sorted(FORMATS))}.",
        )
    return best[1]


def no_question(form: Format, path: Path, bad_rows: tuple[BadRow, ...]) -> BadInput:
    """Return the error of a data set without a question."""
    detail = f" ({bad_rows[0]})" if bad_rows else ""
    return BadInput(f"{path} holds no question of {form.title}{detail}.", remedy="Is it another format?")
