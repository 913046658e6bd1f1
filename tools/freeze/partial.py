"""What of a web was fetched so far: a folder beside the file to be, from which a freeze that was stopped goes on."""

from __future__ import annotations

import errno
import json
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

from foveal.errors import BackendError, BadInput, IndexLocked, StorageFull, ThreadBusy
from foveal.tools.freeze.layout import (
    RecordedSearch,
    SearchKey,
    key_of,
    page_from_json,
    page_to_json,
    search_from_json,
    search_to_json,
)
from foveal.tools.images.store import FileBlobStore
from foveal.tools.index.lock import WriterLock
from foveal.types import WebPage, WebQuery

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class Partial:
    """The folder ``FILE.part``: a journal of searches, pages and pictures, and the pictures. One process has it.

    A line of the journal is written whole or, by a kill, cut; a cut last line is dropped and fetched again.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out.with_name(out.name + ".part")
        self.searches: dict[SearchKey, RecordedSearch] = {}
        self.pages: dict[str, WebPage] = {}
        """By the address that was asked for."""
        self.pictures: dict[str, str] = {}
        """Digests by address."""
        self.blobs = FileBlobStore(self.folder / "pictures")
        self._lock = WriterLock(self.folder)
        self._file: Any = None

    def __enter__(self) -> Partial:
        """Open the folder and read what is in it. Raises ThreadBusy, StorageFull, BackendError."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.__enter__()
        except IndexLocked as error:
            raise ThreadBusy(
                f"Another process is freezing {self.out}.", remedy="Wait until it has finished."
            ) from error
        except OSError as error:
            raise self._cannot(error) from error
        try:
            path = self.folder / "journal.jsonl"
            whole = self._load(path)
            self._file = path.open("r+b" if path.exists() else "w+b")
            self._file.seek(whole)
            self._file.truncate()
        except OSError as error:
            self._lock.__exit__(None, None, None)
            raise self._cannot(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not (self.searches or self.pages or self.pictures):
            self.remove()
        elif self.folder.exists():
            self._file.close()
            self._lock.__exit__(None, None, None)

    def keep_search(self, search: RecordedSearch) -> None:
        """Note a search. Raises StorageFull, BackendError, as the other two."""
        self.searches[search.key] = search
        self._note({"search": search_to_json(search)})

    def keep_page(self, url: str, page: WebPage) -> None:
        """Note the page that was read at *url*."""
        self.pages[url] = page
        self._note({"asked": url, "page": page_to_json(page)})

    def keep_picture(self, url: str, sha256: str) -> None:
        """Note the picture that was fetched at *url* and is among the pictures."""
        self.pictures[url] = sha256
        self._note({"picture": url, "sha256": sha256})

    def search(self, query: WebQuery) -> RecordedSearch | None:
        """Return what *query* came to, if it was made with as many results or more."""
        found = self.searches.get(key_of(query))
        return found if found is not None and found.query.k >= query.k else None

    def remove(self) -> None:
        """Delete the folder: the file is made."""
        self._file.close()
        self._lock.__exit__(None, None, None)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _note(self, row: dict[str, Any]) -> None:
        try:
            self._file.write(json.dumps(row).encode("ascii") + b"\n")
            self._file.flush()
        except OSError as error:
            raise self._cannot(error) from error

    def _load(self, path: Path) -> int:
        """Read the journal; return how many of its bytes are whole lines."""
        if not path.exists():
            return 0
        whole = 0
        for line in path.read_bytes().splitlines(keepends=True):
            try:
                row = json.loads(line) if line.endswith(b"\n") else None
                if row is None:
                    break
                if "search" in row:
                    search = search_from_json(row["search"])
                    self.searches[search.key] = search
                elif "page" in row:
                    self.pages[row["asked"]] = page_from_json(row["page"])
                elif row["sha256"] in self.blobs:
                    self.pictures[row["picture"]] = row["sha256"]
            except (ValueError, KeyError, TypeError, BadInput):
                break
            whole += len(line)
        return whole

    def _cannot(self, error: OSError) -> BackendError:
        if error.errno in _FULL:
            return StorageFull(f"The disk is full: {self.folder} cannot be written.")
        return BackendError(
            f"{self.folder} cannot be written: {error.strerror}.", remedy="Choose another place with --out."
        )
