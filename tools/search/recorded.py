"""The backend ``replay:FILE``: searches that were recorded, given back as they were, and nothing else.

FILE is a frozen web (:mod:`foveal.tools.freeze`) or JSONL, an object a line: a search ``{"query", "kind", "hits",
"pages", "pictures"}`` with hits as in :class:`~foveal.types.WebHit` and pages as in :class:`~foveal.types.WebPage`, or
one page ``{"page"}``. ``pictures`` are files by address, relative to FILE.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from foveal.errors import BadConfig, BadInput, PageUnreadable, ReplayMiss
from foveal.tools.freeze.layout import SEARCHES, RecordedSearch, SearchKey, key_of, page_from_json, search_from_json
from foveal.tools.search.results import same_page
from foveal.tools.search.zim import ZimSite, open_zim
from foveal.types import SearchKind, ToolOutcome, WebPage, WebQuery

REMEDY = "Ask as it was recorded, or use zim: with a frozen web, which answers any query."


class RecordedBackend:
    """Gives recorded searches back. A search that is not recorded is ``blocked``, in words that say which."""

    def __init__(self, searches: Iterable[RecordedSearch], name: str) -> None:
        self.name = "replay"
        self._searches: dict[SearchKey, RecordedSearch] = {search.key: search for search in searches}
        self._file = name
        self.kinds: frozenset[SearchKind] = frozenset(search.query.kind for search in self._searches.values())

    async def search(self, query: WebQuery) -> ToolOutcome:
        """See :meth:`foveal.protocols.SearchBackend.search`."""
        search = self._searches.get(key_of(query))
        if search is None:
            words = f"{self._file} has no search for {query.text!r} ({query.kind}). {REMEDY}"
            return ToolOutcome("blocked", error=words, backend=self.name)
        outcome, asked = search.outcome, search.query.k
        notes = outcome.notes
        if query.k > asked and len(outcome.items) >= asked:
            notes += (f"{query.k} results were asked for; {asked} were recorded.",)
        return replace(outcome, items=outcome.items[: query.k], backend=self.name, notes=notes)

    async def aclose(self) -> None:
        """It holds nothing."""


class Kept(Protocol):
    """The pages and pictures that were kept with recorded searches."""

    async def read(self, url: str) -> WebPage | None:
        """Return the page, None if it was not kept."""
        ...

    async def picture(self, url: str) -> bytes | None:
        """Return the file of the picture, None if it was not kept."""
        ...

    async def aclose(self) -> None:
        """Free what it holds."""
        ...


class RecordedSite:
    """A recording: its searches, and the pages and pictures that were kept with them."""

    def __init__(self, name: str, searches: Iterable[RecordedSearch], kept: Kept) -> None:
        self.name = f"replay:{name}"
        self.backend = RecordedBackend(searches, name)
        self._kept = kept

    async def read(self, url: str) -> WebPage:
        """Return the recorded page. Raises ReplayMiss."""
        page = await self._kept.read(url)
        if page is None:
            raise self._miss("page", url)
        return page

    async def picture(self, url: str) -> bytes:
        """Return the file of the recorded picture. Raises ReplayMiss."""
        data = await self._kept.picture(url)
        if data is None:
            raise self._miss("picture", url)
        return data

    async def aclose(self) -> None:
        """Free what the recording holds."""
        await self._kept.aclose()

    def _miss(self, what: str, url: str) -> ReplayMiss:
        return ReplayMiss(f"{self.name}: the {what} {url} is not in the recording.", remedy=REMEDY)


class JsonlPages:
    """Pages and pictures that a JSONL recording names."""

    def __init__(self, file: Path, pages: Iterable[WebPage], pictures: Mapping[str, Path]) -> None:
        self._name = file.name
        self._pages: dict[str, WebPage] = {}
        for page in pages:
            for url in filter(None, (page.url, page.fetched_from)):
                self._pages.setdefault(same_page(url), page)
        self._pictures = {same_page(url): path for url, path in pictures.items()}

    async def read(self, url: str) -> WebPage | None:
        """See :meth:`Kept.read`."""
        return self._pages.get(same_page(url))

    async def picture(self, url: str) -> bytes | None:
        """See :meth:`Kept.picture`. Raises PageUnreadable when its file is gone."""
        path = self._pictures.get(same_page(url))
        if path is None:
            return None
        try:
            return await asyncio.to_thread(path.read_bytes)
        except OSError as error:
            raise PageUnreadable(
                f"The recorded picture {path.name} cannot be read: {error.strerror}.",
                remedy=f"Keep the pictures of {self._name} beside it.",
            ) from error

    async def aclose(self) -> None:
        """It holds nothing."""


def open_recorded(path: str | Path) -> RecordedSite:
    """Return the opened recording *path*, a frozen web or JSONL. Blocking. Raises BadConfig."""
    path = Path(path).expanduser()
    try:
        with path.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise BadConfig(
            f"The recording {path} cannot be read: {error.strerror}.", remedy="Check the path after replay:."
        ) from None
    return _from_zim(open_zim(path)) if magic == b"ZIM\x04" else _from_jsonl(path)


def _from_zim(site: ZimSite) -> RecordedSite:
    entry = site.file.entry(SEARCHES) if site.file.frozen else None
    if entry is None:
        raise BadConfig(
            f"{site.file.path} is an archive without recorded searches.",
            remedy=f"Use --web zim:{site.file.path}, or freeze a web with `foveal web freeze`.",
        )
    try:
        searches = [search_from_json(json.loads(line)) for line in entry.content.decode("utf-8").split("\n") if line]
    except (ValueError, BadInput, AttributeError) as error:
        raise BadConfig(f"The searches in {site.file.path} are damaged.", remedy="Freeze it again.") from error
    return RecordedSite(site.file.path.name, searches, site)


def _from_jsonl(path: Path) -> RecordedSite:
    searches: list[RecordedSearch] = []
    pages: list[WebPage] = []
    pictures: dict[str, Path] = {}
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except UnicodeDecodeError:
        raise BadConfig(f"{path} is neither a frozen web nor JSONL.", remedy="Check the path after replay:.") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = _object(line)
            if "query" in row:
                searches.append(search_from_json(row))
            kept = [*row.get("pages", ()), *((row["page"],) if "page" in row else ())]
            pages += [page_from_json(page) for page in kept]
            pictures |= {str(url): path.parent / file for url, file in row.get("pictures", {}).items()}
        except (BadInput, AttributeError, TypeError) as error:
            reason = str(error) if isinstance(error, BadInput) else "its fields are not of their kinds"
            raise BadConfig(
                f"{path}:{number}: no recorded search: {reason}.", remedy="Correct or remove that line."
            ) from error
    if not searches and not pages:
        raise BadConfig(f"{path} holds no recorded search.", remedy="Check the path after replay:.")
    return RecordedSite(path.name, searches, JsonlPages(path, pages, pictures))


def _object(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise BadInput(f"not JSON ({error})") from error
    if not isinstance(row, dict) or not {"query", "page"} & row.keys():
        raise BadInput("a line needs `query` or `page`")
    return row
