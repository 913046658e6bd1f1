"""INQUIRE (Vendrow et al. 2024): pictures of nature for what experts ask for.

Source: github.com/inquire-benchmark/INQUIRE; MIT as far as known (pictures of iNaturalist have each their own).
Full ranking: ``inquire_queries_{val,test}.csv`` (``query_id, query_text, supercategory, category, iconic_group``) and
``inquire_annotations.csv`` (``query_id, image_id, image_path``), a line for each right picture. Reranking: the data
set evendrow/INQUIRE-Rerank (Parquet), a row for each of 100 pictures of a query: ``query, image, relevant,
inat24_image_id, inat24_file_name, supercategory, category, iconic_group``.
Own metrics: AP@50 over min(50, right ones), nDCG@50, MRR.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from foveal.evaluation.loaders.fields import integer, kept, same_once, text_of
from foveal.evaluation.loaders.items import Document, Item, Unusable
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import Question

METRICS = ("average_precision_50", "ndcg_50", "mrr")
ANNOTATIONS = "*annotations*"


@dataclass(slots=True)
class _Query:
    """A query of the reranking set, gathered from its rows."""

    row: Row
    candidates: list[str] = field(default_factory=list)
    right: list[str] = field(default_factory=list)


def read(source: Source) -> Iterator[Item]:
    """Yield pictures, then the queries, whose right pictures are known only then."""
    right: dict[str, list[str]] = {}
    ranked: dict[str, _Query] = {}
    asked: list[Row] = []

    def annotation(row: Row) -> Iterator[Document]:
        picture = _id(row.need("image_id"))
        right.setdefault(row.need("query_id"), []).append(picture)
        yield from _document(row, picture, "image_path")

    def row_of_queries(row: Row) -> Iterator[Document]:
        if not row.has("inat24_image_id", "inat24_file_name"):
            row.need("query_text")
            asked.append(row)
            return
        picture = _id(row.need("inat24_image_id", "inat24_file_name"))
        query = ranked.setdefault(row.need("query", "query_text"), _Query(row))
        query.candidates.append(picture)
        if row.get("relevant") is True or integer(row.get("relevant")) == 1:
            query.right.append(picture)
        yield from _document(row, picture, "image", "inat24_file_name")

    yield from source.each(annotation, ANNOTATIONS)
    yield from source.each(row_of_queries, without=(ANNOTATIONS,))
    for row in asked:
        yield from row.guarded(partial(_question, right=right.get(row.text("query_id"), []), candidates=[]))
    for query in ranked.values():
        yield from query.row.guarded(partial(_question, right=query.right, candidates=query.candidates))


def _id(name: str) -> str:
    return f"inat24:{name}"


def _document(row: Row, picture: str, *fields: str) -> Iterator[Document]:
    if image := row.source.pictures.first(*(row.get(name) for name in fields)):
        yield row.document(picture, image=image, source="iNaturalist 2024")
    else:
        row.note("pictures of the corpus that are not here")


def _question(row: Row, right: list[str], candidates: list[str]) -> Iterator[Question]:
    if not right:
        raise Unusable("no right picture is given for this query")
    text = row.need("query_text", "query")
    yield row.question(
        text_of(row.get("query_id")) or text,
        text,
        category=row.text("supercategory") or "all",
        answers=same_once(right),
        answer_type="doc_id",
        evidence=same_once(right),
        candidates=same_once(candidates),
        metrics=METRICS,
        meta=kept({name: row.text(name) for name in ("category", "iconic_group")}),
    )


FORMAT = Format("inquire", "INQUIRE", METRICS, marks("query_id query_text", "query inat24_image_id relevant"), read)
