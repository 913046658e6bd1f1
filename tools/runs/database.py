"""The SQLite file of runs: its tables, and what goes wrong with a file in words a user understands."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from foveal.errors import FovealError, StorageFull, StoreUnavailable

NAME = "runs.db"
VERSION = 2
"""``user_version`` of the file; 1, which did not tell the roles of calls, is brought up, another number is refused."""
BUSY_SECONDS = 5.0
WITHOUT = "or run with --no-persist, which keeps nothing"

TABLES = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, thread_id TEXT NOT NULL, question TEXT NOT NULL, images TEXT NOT NULL,
    status TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT, config TEXT NOT NULL, budget TEXT NOT NULL,
    schema_version INTEGER NOT NULL, settings TEXT NOT NULL, answer TEXT
);
CREATE INDEX runs_by_time ON runs (started_at);
CREATE TABLE calls (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, seq INTEGER NOT NULL, key TEXT NOT NULL,
    kind TEXT NOT NULL, name TEXT NOT NULL, step TEXT NOT NULL, status TEXT NOT NULL, started REAL NOT NULL,
    elapsed REAL NOT NULL, prompt_tokens INTEGER NOT NULL, cached_prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL, usd REAL NOT NULL, cached INTEGER NOT NULL, reply TEXT,
    role TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;
CREATE TABLE events (
    run_id TEXT NOT NULL REFERENCES runs ON DELETE CASCADE, seq INTEGER NOT NULL, at REAL NOT NULL,
    type TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (run_id, seq)
) WITHOUT ROWID;
"""


def connect(folder: Path) -> sqlite3.Connection:
    """Open ``runs.db`` in *folder*, made first if there is none. Raises StoreUnavailable, StorageFull."""
    path = folder / NAME
    with translated(path):
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA journal_mode = WAL")
            # a commit outlives the process at once and the machine within moments, at a hundredth of the cost
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute("PRAGMA journal_size_limit = 1048576")
            connection.execute("BEGIN IMMEDIATE")
            version = connection.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in TABLES.split(";\n"):
                    connection.execute(statement)
            elif version == 1:
                connection.execute("ALTER TABLE calls ADD COLUMN role TEXT NOT NULL DEFAULT ''")
            if version in (0, 1):
                connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
            if version not in (0, 1, VERSION):
                raise StoreUnavailable(
                    f"{path} was written by another version of Foveal (its schema is {version}, ours {VERSION}).",
                    remedy=f"Use that version, move the file away, {WITHOUT}.",
                )
        except BaseException:
            connection.close()
            raise
        return connection


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise about *path* into StorageFull or StoreUnavailable."""
    try:
        yield
    except sqlite3.Error as error:
        raise _from_sqlite(error, path) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(path) from error
        reason = error.strerror or str(error)
        raise StoreUnavailable(f"{path} cannot be used: {reason}.", remedy=f"Give another home, {WITHOUT}.") from error


def _from_sqlite(error: sqlite3.Error, path: Path) -> FovealError:
    text, name = str(error).lower(), getattr(error, "sqlite_errorname", "") or ""
    if "full" in text or name.startswith("SQLITE_IOERR_WRITE"):
        return _full(path)
    if "locked" in text or "busy" in text:
        return StoreUnavailable(
            f"{path} is held by another program.", remedy=f"Run the command again in a moment, {WITHOUT}."
        )
    if "readonly" in text or "unable to open" in text:
        return StoreUnavailable(f"{path} cannot be written.", remedy=f"Check its permissions, {WITHOUT}.")
    return StoreUnavailable(f"{path} is damaged ({error}).", remedy=f"Move the file away, {WITHOUT}.")


def _full(path: Path) -> StorageFull:
    return StorageFull(
        f"The disk is full: {path} cannot grow.",
        remedy=f"Free some space, `foveal runs prune` old runs, {WITHOUT}.",
    )
