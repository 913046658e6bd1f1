"""The file of a frozen web, written by libzim in a process of its own: it prints to standard output, and may be ended.

Run as a program, this module reads ``content.jsonl`` and the pictures of a folder and writes the archive.
"""

from __future__ import annotations

import asyncio
import html
import json
import os
import posixpath
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from foveal.errors import BackendError, StorageFull
from foveal.tools.freeze.layout import (
    MANIFEST,
    PAGES,
    SCHEMA,
    SEARCHES,
    RecordedSearch,
    page_from_json,
    page_to_json,
    path_of,
    search_to_json,
)
from foveal.types import WebPage

if TYPE_CHECKING:
    from foveal.tools.freeze.freezer import FreezeReport
    from foveal.tools.freeze.partial import Partial

CONTENT, NEW = "content.jsonl", "new.zim"
LANGUAGES = dict(
    pair.split(":")
    for pair in (
        "ar:ara cs:ces da:dan de:deu el:ell en:eng es:spa fi:fin fr:fra hu:hun it:ita ja:jpn ko:kor nl:nld no:nor "
        "pl:pol pt:por ro:ron ru:rus sv:swe tr:tur uk:ukr zh:zho"
    ).split()
)
"""ISO 639-1 to the ISO 639-3 that ZIM files use; words are stemmed by it."""
_STYLE = "body{max-width:46rem;margin:2rem auto;font-family:sans-serif;line-height:1.5}img{max-width:100%}"


async def write_zim(
    partial: Partial,
    pages: Iterable[WebPage],
    aliases: Mapping[str, str],
    searches: Iterable[RecordedSearch],
    pictures: Mapping[str, str],
    report: FreezeReport,
) -> int:
    """Write the archive *partial* is for and return its size in bytes. *pictures* are digests by address.

    Raises StorageFull, BackendError; an archive that was there before is replaced only by a whole one.
    """
    made = {"foveal": version("foveal"), "made_at": datetime.now(UTC).isoformat(timespec="seconds")}
    manifest = {"schema": SCHEMA, **made, **{key: value for key, value in asdict(report).items() if key != "file"}}
    rows: list[dict[str, Any]] = [{"manifest": manifest, "name": partial.out.stem}]
    rows += [{"search": search_to_json(search)} for search in sorted(searches, key=lambda search: search.key)]
    rows += [{"picture": url, "file": str(partial.blobs.path(pictures[url]))} for url in sorted(pictures)]
    rows += [{"page": page_to_json(page)} for page in sorted(pages, key=lambda page: page.url)]
    rows += [{"alias": url, "of": aliases[url]} for url in sorted(aliases)]
    content = "".join(json.dumps(row) + "\n" for row in rows)
    new = partial.folder / NEW
    try:
        (partial.folder / CONTENT).write_text(content, "ascii")
        await _run(partial.folder, new)
        size = new.stat().st_size
        new.replace(partial.out)
    except OSError as error:
        raise BackendError(
            f"{partial.out} cannot be written: {error.strerror}.", remedy="Choose another place with --out."
        ) from error
    return size


async def _run(folder: Path, new: Path) -> None:
    """Run this module as a program. Cancelled, it is ended."""
    new.unlink(missing_ok=True)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", __name__, str(folder), str(new)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "TMPDIR": str(folder)},
    )
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        words = said.decode("utf-8", "replace").strip().rpartition("\n")[2]
        if "No space left" in words:
            raise StorageFull(f"The disk is full: {new} cannot be written.")
        raise BackendError(f"The archive cannot be written: {words[:300] or process.returncode}.", remedy="")


def write(folder: Path, new: Path) -> None:
    """Write the archive *new* from ``content.jsonl`` of *folder*. Blocking."""
    from libzim.writer import Creator, Hint

    rows = [json.loads(line) for line in (folder / CONTENT).read_text("ascii").splitlines()]
    manifest, name = rows[0]["manifest"], rows[0]["name"]
    pages = [page_from_json(row["page"]) for row in rows if "page" in row]
    pictures = {row["picture"]: Path(row["file"]) for row in rows if "picture" in row}
    spoken = Counter(page.language[:2].lower() for page in pages if page.language)
    language = LANGUAGES.get(spoken.most_common(1)[0][0] if spoken else "en", "eng")
    item = _item_class()
    taken: set[str] = set()
    with Creator(new).config_indexing(True, language) as creator:
        for url, file in pictures.items():
            creator.add_item(item(path_of(url), "", "image/png" if file.suffix == ".png" else "image/jpeg", file))
            taken.add(path_of(url))
        for page in pages:
            path = path_of(page.url)
            creator.add_item(item(PAGES + path, "", "application/json", _json(page_to_json(page))))
            if path not in taken:  # a page that is a picture
                shown = rendered(page, [one for one in page.pictures if one.url in pictures])
                creator.add_item(item(path, page.title, "text/html", shown, words=f"{page.title}\n{page.text}"))
                taken.add(path)
        for row in rows:
            if "alias" in row and path_of(row["alias"]) not in taken:
                creator.add_redirection(path_of(row["alias"]), "", path_of(row["of"]), {Hint.FRONT_ARTICLE: False})
                taken.add(path_of(row["alias"]))
        searches = "".join(json.dumps(row["search"], ensure_ascii=False) + "\n" for row in rows if "search" in row)
        creator.add_item(item(SEARCHES, "", "application/x-ndjson", searches.encode("utf-8", "backslashreplace")))
        creator.add_item(item(MANIFEST, "", "application/json", _json(manifest)))
        creator.add_item(item("index", f"Frozen web {name}", "text/html", _contents(name, pages, manifest)))
        creator.set_mainpath("index")
        described = {
            "Name": name,
            "Title": f"Frozen web {name}"[:30],
            "Description": f"{manifest['pages']} pages, {manifest['searches']} searches",
            "Language": language,
            "Creator": "the sites whose pages these are",
            "Publisher": "foveal web freeze",
            "License": "each page is its owner's",
            "Date": manifest["made_at"][:10],
            "Scraper": f"foveal {manifest['foveal']}",
        }
        for key, value in described.items():
            creator.add_metadata(key, value)


def rendered(page: WebPage, pictures: Iterable[Any]) -> bytes:
    """Return *page* as HTML for people and the index: no script, no markup of the page's own, the *pictures* below."""
    from markdown_it import MarkdownIt

    here = posixpath.dirname(path_of(page.url))
    figures = ""
    for one in pictures:
        place = html.escape(quote(posixpath.relpath(path_of(one.url), here)))
        figures += f'<figure><img src="{place}" alt="{html.escape(one.alt)}">'
        figures += f"<figcaption>{html.escape(one.caption or one.alt)}</figcaption></figure>"
    told = ", ".join(
        filter(None, [page.published_at and f"published {page.published_at}", f"read {page.retrieved_at}"])
    )
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(page.text)
    source = f'<p>Frozen from <a href="{html.escape(page.url)}">{html.escape(page.url)}</a>, {html.escape(told)}.</p>'
    return _document(page.title, f"<h1>{html.escape(page.title)}</h1>{source}{body}{figures}")


def _contents(name: str, pages: Iterable[WebPage], manifest: Mapping[str, Any]) -> bytes:
    items = "".join(
        f'<li><a href="{html.escape(quote(path_of(page.url)))}">{html.escape(page.title)}</a></li>' for page in pages
    )
    words = f"{manifest['pages']} pages and {manifest['searches']} searches, frozen {manifest['made_at']}."
    return _document(name, f"<h1>Frozen web {html.escape(name)}</h1><p>{words}</p><ul>{items}</ul>")


def _document(title: str, body: str) -> bytes:
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{_STYLE}</style>'
    return f"<!DOCTYPE html><html><head>{head}</head><body>{body}</body></html>".encode("utf-8", "backslashreplace")


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _item_class() -> Any:
    """Return the class of entries; its base comes with libzim."""
    from libzim.writer import FileProvider, Hint, IndexData, Item, StringProvider

    class Words(IndexData):
        """What the full-text index is given of a page: its text, not its navigation."""

        def __init__(self, title: str, words: str) -> None:
            super().__init__()
            self.title, self.words = title, words

        def has_indexdata(self) -> bool:
            return True

        def get_title(self) -> str:
            return self.title

        def get_content(self) -> str:
            return self.words

        def get_keywords(self) -> str:
            return ""

        def get_wordcount(self) -> int:
            return len(self.words.split())

        def get_geoposition(self) -> None:
            return None

    class Entry(Item):
        """An entry; only those with *words* are articles, which are found."""

        def __init__(self, path: str, title: str, media_type: str, content: bytes | Path, *, words: str = "") -> None:
            super().__init__()
            self.path, self.title, self.media_type, self.content = path, title, media_type, content
            self.words = words

        def get_path(self) -> str:
            return self.path

        def get_title(self) -> str:
            return self.title

        def get_mimetype(self) -> str:
            return self.media_type

        def get_contentprovider(self) -> Any:
            return FileProvider(self.content) if isinstance(self.content, Path) else StringProvider(self.content)

        def get_hints(self) -> dict[Any, bool]:
            return {Hint.FRONT_ARTICLE: bool(self.words), Hint.COMPRESS: not self.media_type.startswith("image/")}

        def get_indexdata(self) -> Any:
            return Words(self.title, self.words) if self.words else None

    return Entry


if __name__ == "__main__":
    write(Path(sys.argv[1]), Path(sys.argv[2]))
