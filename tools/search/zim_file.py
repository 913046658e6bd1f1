"""One ZIM archive: opened, its entries, and the addresses that they stand for. Blocking; calls come from any thread.

Reading an archive is safe in several threads, searching it is not (openZIM's word), so one lock is held for both.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from foveal.errors import BadConfig, PageUnreadable
from foveal.hidden import visible
from foveal.tools.freeze.layout import MANIFEST, path_of, url_of

_KEPT = "/:@!$&'()*+,;=~-._[]|"
_WIKIS = "wikipedia wiktionary wikibooks wikinews wikiquote wikisource wikiversity wikivoyage".split()
_WIKI_NAME = re.compile(rf"({'|'.join(_WIKIS)})_([a-z][a-z-]{{1,11}})(_|$)")
_WIKI_HOST = re.compile(rf"[a-z-]+\.({'|'.join(_WIKIS)})\.org")
_MAGIC = b"ZIM\x04"


@dataclass(frozen=True, slots=True)
class Entry:
    """What stands at a path, redirects followed."""

    path: str
    title: str
    media_type: str
    content: bytes


class Addresses:
    """The http addresses of an archive's entries, and back.

    A frozen web and a crawl keep addresses in their paths; an article of a Wikimedia project has the address of the
    project (``https://en.wikipedia.org/wiki/TITLE``), known from the metadata Source or Name. Anything else gets
    ``https://NAME.zim.invalid/PATH``, which nothing can ever serve (RFC 6761).
    """

    def __init__(self, name: str, metadata: Mapping[str, str], *, frozen: bool, namespaces: bool) -> None:
        self._frozen = frozen
        self._crawled = (
            "warc2zim" in metadata.get("Scraper", "").lower() or "zimit" in metadata.get("Scraper", "").lower()
        )
        self._namespaces = namespaces
        wiki = _wiki_host(metadata)
        label = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:60] or "archive"
        self._base = f"https://{wiki}/wiki/" if wiki else f"https://{label}.zim.invalid/"

    def url(self, path: str) -> str:
        """Return the address of the entry at *path*."""
        if self._frozen and (url := url_of(path)):
            return url
        bare = path.removeprefix("A/") if self._namespaces else path
        if self._crawled:
            return "https://" + quote(bare, safe=_KEPT + "?%")
        return self._base + quote(bare, safe=_KEPT)

    def paths(self, url: str) -> list[str]:
        """Return the paths at which *url* may stand, the likeliest first; none if it is of elsewhere."""
        whole, url = url, url.partition("#")[0]
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            return []
        if self._frozen:
            other = {"http": "https", "https": "http"}[parts.scheme]
            own = [path_of(whole)] if "#page=" in whole else []  # a drawn page of a PDF
            slashed = url.removesuffix("/") if url.endswith("/") else f"{url}/"
            return own or [path_of(one) for one in (url, other + url[len(parts.scheme) :], slashed)]
        found: list[str] = []
        if self._crawled:
            bare = url.partition("://")[2]
            found += [bare, unquote(bare), unquote(bare.partition("?")[0])]
        elif url.startswith(self._base):
            bare = url[len(self._base) :]
            found += [unquote(bare), unquote(bare.partition("?")[0])]
        elif url.startswith(self._base.removesuffix("wiki/")):  # what `../` in an article leads to
            found.append(unquote(parts.path.lstrip("/")))
        if self._namespaces:
            found += [f"{space}/{path}" for path in tuple(found) for space in "AIC-"]
        return [path for path in dict.fromkeys(found) if path]


class ZimFile:
    """An archive and its lock. Raises BadConfig when *path* is no archive that can be opened."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        self.archive = _open(self.path)
        self.lock = threading.Lock()
        kept = (
            key
            for key in ("Name", "Title", "Language", "Source", "Scraper", "Date")
            if key in self.archive.metadata_keys
        )
        self.metadata = {key: bytes(self.archive.get_metadata(key)).decode("utf-8", "replace") for key in kept}
        self.name = self.metadata.get("Name") or self.path.stem
        self.frozen = self.archive.has_entry_by_path(MANIFEST)
        old = not self.archive.has_new_namespace_scheme
        self.addresses = Addresses(self.name, self.metadata, frozen=self.frozen, namespaces=old)

    @property
    def date(self) -> str | None:
        """ISO date of when the archive was made, if it says."""
        found = re.match(r"\d{4}-\d\d-\d\d", self.metadata.get("Date", ""))
        return found[0] if found else None

    def find(self, url: str) -> str | None:
        """Return the path at which *url* stands, redirects followed."""
        with self.lock:
            for path in self.addresses.paths(url):
                if self.archive.has_entry_by_path(path):
                    return str(self._item(path).path)
        return None

    def entry(self, path: str) -> Entry | None:
        """Return what stands at *path*. Raises PageUnreadable when the archive is damaged there."""
        with self.lock:
            if not self.archive.has_entry_by_path(path):
                return None
            item = self._item(path)
            try:
                return Entry(item.path, visible(item.title), item.mimetype, bytes(item.content))
            except RuntimeError as error:
                raise self._damaged(path) from error

    def target(self, path: str) -> str:
        """Return the path of the entry at *path*, which is there, redirects followed."""
        with self.lock:
            return str(self._item(path).path)

    def json(self, path: str) -> Any:
        """Return the JSON at *path*, None if nothing is there. Raises PageUnreadable when it is damaged."""
        entry = self.entry(path)
        if entry is None:
            return None
        try:
            return json.loads(entry.content)
        except ValueError as error:
            raise self._damaged(path) from error

    def _item(self, path: str) -> Any:
        try:
            return self.archive.get_entry_by_path(path).get_item()
        except RuntimeError as error:
            raise self._damaged(path) from error

    def _damaged(self, path: str) -> PageUnreadable:
        return PageUnreadable(
            f"The archive {self.path.name} is damaged at {path!r}.",
            remedy="Download it again, or freeze it again; `zimcheck` tells what is wrong with it.",
        )


def _open(path: Path) -> Any:
    try:
        from libzim.reader import Archive
    except ImportError as error:
        raise BadConfig("ZIM archives need libzim.", remedy="Run: pip install 'foveal[zim]'") from error
    whole = "Give the path of a ZIM archive, such as one of https://library.kiwix.org or of `foveal web freeze`."
    first = path if path.exists() or path.suffix != ".zim" else path.with_suffix(".zimaa")  # one cut into parts
    try:
        with first.open("rb") as file:
            magic = file.read(4)
    except FileNotFoundError:
        raise BadConfig(f"There is no file {path}.", remedy=whole) from None
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}.", remedy=whole) from None
    if magic != _MAGIC:
        raise BadConfig(f"{path} is no ZIM archive.", remedy=whole)
    try:
        return Archive(path)
    except RuntimeError as error:
        raise BadConfig(
            f"{path} is damaged or not whole: {str(error).rstrip('.')}.", remedy="Download it again, to the end."
        ) from error


def _wiki_host(metadata: Mapping[str, str]) -> str | None:
    source = metadata.get("Source", "").strip()
    host = (urlsplit(source if "://" in source else f"//{source}").hostname or "").lower()
    host = re.sub(r"\.m\.", ".", host)
    if _WIKI_HOST.fullmatch(host):
        return host
    named = _WIKI_NAME.match(metadata.get("Name", "").lower())
    return f"{named[2]}.{named[1]}.org" if named else None
