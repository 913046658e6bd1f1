"""What was found and read before, in one SQLite file that several processes share.

A cache is never in the way: a file that is damaged is begun anew, one that cannot be written keeps nothing. Errors
are not kept. The file holds the user's queries and is readable by the user alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from foveal.tools.limits.clock import Clock, SystemClock
from foveal.tools.runs.codec import dump, dump_items, load, load_items
from foveal.types import ToolOutcome, WebPage, WebQuery

T = TypeVar("T")
NAME, VERSION = "web.db", 1
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
BYTES = 256 * 1024 * 1024
"""What the file's entries may weigh; the oldest go first."""
KEPT_OVER = 30 * DAY
"""How long an entry stays after its time, to be given with a warning when nobody answers."""
_PRUNE_EVERY = 200
_BUSY_SECONDS = 2.0
_CHANGING = re.compile(
    r"\b(today|tonight|now|currently?|latest|newest|recent(ly)?|live|breaking|this (week|month|year)|price|weather"
    r"|score|20[2-9]\d)\b",
    re.IGNORECASE,
)
_TABLES = """
CREATE TABLE IF NOT EXISTS entries (
    kind TEXT NOT NULL, key TEXT NOT NULL, status TEXT NOT NULL, value TEXT NOT NULL,
    stored REAL NOT NULL, expires REAL NOT NULL, PRIMARY KEY (kind, key)
);
CREATE INDEX IF NOT EXISTS entries_by_age ON entries (stored);
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """An entry: what it is, and how many seconds it has been there and is past its time (negative: fresh)."""

    status: str
    value: str
    age: float
    over: float


def lifetime(query: WebQuery, *, found: bool) -> float:
    """Return for how many seconds an answer to *query* holds: an hour for what changes by the day, else a week.

    What was not found may be there soon: ten minutes.
    """
    if not found:
        return 10 * MINUTE
    changing = query.kind == "news" or query.since is not None or _CHANGING.search(query.text)
    return HOUR if changing else 7 * DAY


class WebCache:
    """The file. Its methods block for moments; :class:`SearchCache` and :class:`PageCache` call them in threads."""

    def __init__(self, folder: Path, *, most: int = BYTES, clock: Clock | None = None) -> None:
        self._path, self._most = folder / NAME, most
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._usable = True
        self._puts = 0

    def get(self, kind: str, key: str) -> Kept | None:
        """Return an entry, also one past its time."""

        def read(db: sqlite3.Connection) -> Kept | None:
            row = db.execute(
                "SELECT status, value, stored, expires FROM entries WHERE kind = ? AND key = ?", (kind, key)
            ).fetchone()
            now = self._clock.wall()
            return Kept(row[0], row[1], now - row[2], now - row[3]) if row else None

        return self._with(read)

    def put(self, kind: str, key: str, status: str, value: str, lifetime: float) -> None:
        """Keep an entry for *lifetime* seconds, in the place of an older one."""
        now = self._clock.wall()

        def write(db: sqlite3.Connection) -> None:
            row = (kind, key, status, value, now, now + lifetime)
            db.execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?, ?)", row)
            self._puts += 1
            if self._puts % _PRUNE_EVERY == 1:
                self._prune(db, now)

        self._with(write)

    def prune(self) -> None:
        """Drop what is long past its time, and the oldest over the size."""
        self._with(lambda db: self._prune(db, self._clock.wall()))

    async def aclose(self) -> None:
        """Close the file."""
        await asyncio.to_thread(self.close)

    def close(self) -> None:
        """Close the file; nothing is kept from then on."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection, self._usable = None, False

    def _prune(self, db: sqlite3.Connection, now: float) -> None:
        db.execute("DELETE FROM entries WHERE expires < ?", (now - KEPT_OVER,))
        db.execute(
            "DELETE FROM entries WHERE rowid IN (SELECT rowid FROM (SELECT rowid, SUM(LENGTH(value) + LENGTH(key)) "
            "OVER (ORDER BY stored DESC, rowid DESC) AS heap FROM entries) WHERE heap > ?)",
            (self._most,),
        )

    def _with(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """Return what *work* does with the file; a damaged file is begun anew once, then nothing is kept."""
        with self._lock:
            for anew in (False, True):
                if not self._usable:
                    return None
                try:
                    self._connection = self._connection or self._open(anew)
                    return work(self._connection)
                except sqlite3.OperationalError:  # held by another process, read-only, disk full
                    return None
                except (sqlite3.Error, OSError):
                    if self._connection is not None:
                        self._connection.close()
                    self._connection, self._usable = None, not anew
            return None

    def _open(self, anew: bool) -> sqlite3.Connection:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if anew:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(NAME + suffix).unlink(missing_ok=True)
        self._path.touch(mode=0o600)
        db = sqlite3.connect(self._path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            if db.execute("PRAGMA user_version").fetchone()[0] not in (0, VERSION):
                db.execute("DROP TABLE IF EXISTS entries")
            db.executescript(_TABLES)
            db.execute(f"PRAGMA user_version = {VERSION}")
        except BaseException:
            db.close()
            raise
        return db


class SearchCache:
    """Answers of search backends by (backend, words, kind, picture, region, since, k)."""

    def __init__(self, file: WebCache) -> None:
        self._file = file

    async def get(self, backend: str, query: WebQuery, *, stale: bool = False) -> ToolOutcome | None:
        """Return the answer kept, status ``cached`` or ``empty``; *stale*: also one past its time, with a note."""
        kept = await asyncio.to_thread(self._file.get, "search", _key(backend, query))
        if kept is None or (kept.over > 0 and not stale):
            return None
        with contextlib.suppress(ValueError, AttributeError, KeyError, ValidationError):  # of another version
            hits = load_items(kept.value)
            notes = (f"{backend}: an answer of {_ago(kept.age)} ago",) if kept.over > 0 else ()
            return ToolOutcome("cached" if hits else "empty", hits, backend=backend, notes=notes)
        return None

    async def put(self, backend: str, query: WebQuery, outcome: ToolOutcome) -> None:
        """Keep an answer; what went wrong is not one."""
        if outcome.status not in ("ok", "empty"):
            return
        seconds = lifetime(query, found=outcome.status == "ok")
        value = dump_items(outcome.items)
        await asyncio.to_thread(self._file.put, "search", _key(backend, query), outcome.status, value, seconds)


class PageCache:
    """Pages by the address they were asked for."""

    def __init__(self, file: WebCache, *, html: float = DAY, fixed: float = 30 * DAY) -> None:
        self._file, self._html, self._fixed = file, html, fixed

    async def get(self, url: str) -> WebPage | None:
        """Return the page that *url* gave, with the time at which it was read in ``retrieved_at``."""
        kept = await asyncio.to_thread(self._file.get, "page", url)
        if kept is None or kept.over > 0:
            return None
        with contextlib.suppress(ValueError, ValidationError):
            return load(WebPage, orjson.loads(kept.value))
        return None

    async def put(self, url: str, page: WebPage) -> None:
        """Keep a page: a day for HTML and text, a month for PDFs and pictures, which rarely change."""
        seconds = self._fixed if page.kind in ("pdf", "image") else self._html
        await asyncio.to_thread(self._file.put, "page", url, "ok", dump(page), seconds)


def _key(backend: str, query: WebQuery) -> str:
    asked: tuple[Any, ...] = (
        backend, " ".join(query.text.split()), query.kind, query.image, query.region, query.since, query.k,
    )  # fmt: skip
    return hashlib.sha256(orjson.dumps(asked)).hexdigest()


def _ago(seconds: float) -> str:
    """Return a span of time in words."""
    for unit, size in (("day", DAY), ("hour", HOUR), ("minute", MINUTE)):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "a moment"
