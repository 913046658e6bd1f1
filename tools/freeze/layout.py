"""What stands where in a frozen web, and how searches and pages are written in it.

A frozen web is a ZIM archive. A page is the entry ``https/HOST/PATH`` (its address with ``://`` as ``/``): HTML that
any ZIM reader shows and the full-text index is made of. Beside it stand, as JSON: ``foveal/page/https/HOST/PATH``, the
:class:`~foveal.types.WebPage` letter by letter, so that offsets into it hold for ever; ``foveal/searches.jsonl``, the
searches; ``foveal/web.json``, what was frozen and what was not. Pictures stand at their own addresses. Other addresses
of a page (redirects, mobile versions) are redirects.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import ValidationError

from foveal.errors import BadInput
from foveal.tools.runs.codec import load
from foveal.types import ToolOutcome, WebHit, WebPage, WebQuery, plain

SCHEMA = "foveal.frozen/1"
MANIFEST = "foveal/web.json"
SEARCHES = "foveal/searches.jsonl"
PAGES = "foveal/page/"
_ADDRESS = re.compile(r"(https?)(?:://|/)(.+)", re.DOTALL)
T = TypeVar("T")
SearchKey = tuple[str, str, str, str, str]


def path_of(url: str) -> str:
    """Return the path of an http or https address in a frozen web. Raises BadInput for another."""
    found = _ADDRESS.fullmatch(url)
    if found is None or "://" not in url:
        raise BadInput(f"{url[:200]!r} is no http or https address.")
    return f"{found[1]}/{found[2]}"


def url_of(path: str) -> str | None:
    """Return the address that stands at *path* of a frozen web, if one does."""
    found = _ADDRESS.fullmatch(path)
    return None if found is None else f"{found[1]}://{found[2]}"


@dataclass(frozen=True, slots=True)
class RecordedSearch:
    """One search and what it came to."""

    query: WebQuery
    outcome: ToolOutcome

    @property
    def key(self) -> SearchKey:
        """By what it is found again: everything that was asked but how many hits."""
        return key_of(self.query)


def key_of(query: WebQuery) -> SearchKey:
    """Return what makes two searches one; case and spaces of the words do not matter, nor does ``k``."""
    return (" ".join(query.text.casefold().split()), query.kind, query.image or "", query.since or "", query.region)


def search_to_json(search: RecordedSearch) -> dict[str, Any]:
    """Return the JSON form of a search, its hits without what is empty."""
    outcome = search.outcome
    return {
        "query": search.query.text,
        **{name: value for name, value in plain(search.query).items() if name != "text" and value},
        "status": outcome.status,
        "backend": outcome.backend,
        "notes": list(outcome.notes),
        "hits": [_dense(hit) for hit in outcome.items],
    }


def search_from_json(row: Mapping[str, Any]) -> RecordedSearch:
    """Return the search of a row. Raises BadInput with words for the user."""
    from foveal.tools.search.results import make_hits

    words = row.get("query")
    if not isinstance(words, str):
        raise BadInput("a search needs `query`, its words")
    hits = row.get("hits", [])
    if not isinstance(hits, list):
        raise BadInput("`hits` must be a list")
    asked = {name: row[name] for name in ("kind", "k", "image", "since", "region") if name in row}
    query = _loaded(WebQuery, {"text": words, "k": max(10, len(hits)), **asked}, "search")
    found = make_hits((hit for hit in hits if isinstance(hit, dict)), kind=query.kind, k=len(hits))
    notes = tuple(str(note) for note in row.get("notes", ()))
    outcome = ToolOutcome("ok" if found else "empty", found, backend=str(row.get("backend", "")), notes=notes)
    return RecordedSearch(query, outcome)


def page_to_json(page: WebPage) -> dict[str, Any]:
    """Return the JSON form of a page."""
    return plain(page)


def page_from_json(row: Any) -> WebPage:
    """Return the page of a JSON object. Raises BadInput with words for the user."""
    if not isinstance(row, Mapping) or not all(isinstance(row.get(key), str) for key in ("url", "text")):
        raise BadInput("a page needs `url` and `text`")
    return _loaded(WebPage, {"title": row["url"], **row}, "page")


def content_hash(pages: Iterable[WebPage], searches: Iterable[RecordedSearch], pictures: Mapping[str, str]) -> str:
    """Return the sha256 of what is frozen, whatever the order, the time it was fetched at and what was passed over.

    *pictures* are digests by address.
    """
    rows = [_line(page_to_json(replace(page, retrieved_at=""))) for page in pages]
    for search in searches:
        found = replace(search.outcome, notes=(), backend="")
        rows.append(_line(search_to_json(replace(search, outcome=found))))
    rows += [f"{url} {sha256}" for url, sha256 in pictures.items()]
    return hashlib.sha256("\n".join(sorted(rows)).encode("utf-8", "backslashreplace")).hexdigest()


def _loaded(kind: type[T], row: Mapping[str, Any], what: str) -> T:
    try:
        return load(kind, row)
    except ValidationError as error:
        place = ".".join(map(str, error.errors()[0]["loc"]))
        raise BadInput(f"`{place}` of the {what} is of no kind that fits") from error


def _dense(hit: WebHit) -> dict[str, Any]:
    return {name: value for name, value in plain(hit).items() if value not in (None, "")}


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
