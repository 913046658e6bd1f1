"""MMSearch (Jiang et al. 2024): a search engine's steps, each by itself and end to end.

Source: the data set CaraJ/MMSearch (Parquet; field names from the released scorers and lmms-eval); no licence stated.
``end2end``: ``sample_id, query, query_image, image_search_result, gt_requery, gt_answer, alternative_gt_answers, area,
subfield, timestamp``. ``rerank`` adds ``website0_info .. website7_info`` (``title, snippet, url``),
``website0_head_screenshot ..`` and ``valid, not_sure, invalid``. ``summarization`` adds ``website_title,
website_snippet, website_retrieved_content, website_fullpage_screenshot``. Requery is scored on the end-to-end rows by
``gt_requery``. What ``valid`` lists is not documented: numbers of websites (from 0) and addresses are both read.
The eight websites, the page and the screenshot of the image search become documents; ids of the step-wise rows end in
``/rerank`` and ``/summarization``.
Own metrics: token F1, (BLEU + ROUGE-L) / 2, rerank 1 / 0.5 / 0, and their weighted sum.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from foveal.evaluation.loaders.fields import kept, leaves, mapping, same_once, strings, text_of
from foveal.evaluation.loaders.items import Document, Item, Unusable
from foveal.evaluation.loaders.source import Format, Row, Source, marks
from foveal.evaluation.questions import Question

METRICS = ("mmsearch_end2end", "mmsearch_requery", "mmsearch_rerank", "mmsearch_summarization")
SITES = 8


def read(source: Source) -> Iterator[Item]:
    """Yield each question, then the pages that came with it."""
    yield from source.each(_items)


def _items(row: Row) -> Iterator[Question | Document]:
    name = row.need("sample_id", "id")
    sites = {number: info for number in range(SITES) if (info := _site(row, number))}
    task = (
        "rerank" if sites else "summarization" if row.has("website_retrieved_content", "website_title") else "end2end"
    )
    answers = same_once((*row.strings("gt_answer", "answer"), *row.strings("alternative_gt_answers")))
    if task != "rerank" and not answers:
        raise Unusable("no `gt_answer`")
    ids = {number: f"{name}/website{number}" for number in sites}
    valid = _sites(row.get("valid"), sites)
    if task == "rerank" and not valid:
        row.note("rerank rows without a valid website")
    page = f"{name}/page"
    requery = row.text("gt_requery")
    metrics = (f"mmsearch_{task}", *(("mmsearch_requery",) if task == "end2end" and requery else ()))
    yield row.question(
        name if task == "end2end" else f"{name}/{task}",
        row.need("query", "question"),
        row.pictures("query_image"),
        category=row.text("area") or "all",
        answers=answers,
        evidence=tuple(ids[number] for number in valid) if task == "rerank" else (page,) * (task == "summarization"),
        candidates=tuple(ids.values()),
        gold_query=requery,
        metrics=metrics,
        meta=kept({
            "task": task, "subfield": row.text("subfield"), "timestamp": row.get("timestamp"),
            "not_sure": [ids[number] for number in _sites(row.get("not_sure"), sites)],
        }),
    )  # fmt: skip
    for number, info in sites.items():
        yield _page(row, ids[number], info, f"website{number}_head_screenshot")
    if task == "summarization":
        info = {field: row.get(f"website_{field}") for field in ("title", "snippet", "url")}
        yield _page(row, page, {**info, "text": row.get("website_retrieved_content")}, "website_fullpage_screenshot")
    if seen := row.source.pictures.first(row.get("image_search_result")):
        yield row.document(f"{name}/image_search", title="Image search result", image=seen, source="MMSearch")


def _site(row: Row, number: int) -> Mapping[str, Any]:
    return mapping(row.get(f"website{number}_info"))


def _sites(value: Any, sites: Mapping[int, Mapping[str, Any]]) -> tuple[int, ...]:
    """The websites that *value* lists: numbers, ``website3``, or addresses."""
    found: list[int] = []
    for leaf in leaves(value):
        said = leaf if not isinstance(leaf, dict) else leaf.get("url")
        text = text_of(said)
        named = re.fullmatch(r"(?:website[ _]?)?(\d)(?:_info)?", text, re.IGNORECASE)
        if named and int(named[1]) in sites:
            found.append(int(named[1]))
        else:
            found.extend(number for number, info in sites.items() if text and text == text_of(info.get("url")))
    return tuple(dict.fromkeys(found))


def _page(row: Row, doc_id: str, info: Mapping[str, Any], screenshot: str) -> Document:
    words = (info.get("snippet"), info.get("text"), info.get("content"))
    return row.document(
        doc_id,
        title=text_of(info.get("title")),
        text="\n\n".join(strings(list(words))),
        image=row.source.pictures.first(row.get(screenshot)),
        url=text_of(info.get("url")),
        source="MMSearch",
    )


FORMAT = Format(
    "mmsearch", "MMSearch", METRICS,
    marks("sample_id query gt_answer", "sample_id query website0_info valid", "sample_id query website_title"), read,
)  # fmt: skip
