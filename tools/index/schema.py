"""The SQLite side: tables, connections, and SQLite's errors in our words."""

from __future__ import annotations

import contextlib
import errno
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from foveal.errors import FovealError, IndexCorrupt, IndexLocked, IndexMissing, StorageFull

SCHEMA_VERSION = 1
DATABASE = "collection.db"

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE sources (
    uri TEXT PRIMARY KEY, root TEXT NOT NULL, digest TEXT NOT NULL, fingerprint TEXT NOT NULL,
    kind TEXT NOT NULL, path TEXT NOT NULL, added_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX sources_root ON sources (root);
CREATE INDEX sources_digest ON sources (digest);
CREATE TABLE documents (
    id TEXT PRIMARY KEY, source_uri TEXT NOT NULL REFERENCES sources (uri) ON UPDATE CASCADE,
    title TEXT NOT NULL, folded TEXT NOT NULL, head TEXT NOT NULL, text TEXT NOT NULL, ocr TEXT NOT NULL,
    labels TEXT NOT NULL, image TEXT, url TEXT, source TEXT NOT NULL, licence TEXT NOT NULL,
    page INTEGER, doc_name TEXT, doc_folded TEXT, meta TEXT NOT NULL
);
CREATE INDEX documents_source ON documents (source_uri);
CREATE INDEX documents_folded ON documents (folded);
CREATE INDEX documents_head ON documents (head);
CREATE INDEX documents_name ON documents (doc_name, page);
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, doc_id TEXT NOT NULL REFERENCES documents (id),
    part TEXT NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL, pictured INTEGER NOT NULL,
    vector BLOB NOT NULL, projected INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX chunks_doc ON chunks (doc_id);
CREATE INDEX chunks_pending ON chunks (id) WHERE projected = 0;
CREATE INDEX chunks_pictured ON chunks (id) WHERE pictured = 1;
CREATE VIRTUAL TABLE chunks_fts USING fts5 (
    title, body, tokenize = "porter unicode61 remove_diacritics 2"
);
INSERT INTO chunks_fts (chunks_fts, rank) VALUES ('rank', 'bm25(4.0, 1.0)');
CREATE TABLE images (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, doc_id TEXT NOT NULL REFERENCES documents (id),
    sha256 TEXT NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, role TEXT NOT NULL,
    labels TEXT NOT NULL, vector BLOB NOT NULL, label_vector BLOB, projected INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX images_doc ON images (doc_id);
CREATE INDEX images_role ON images (role);
CREATE INDEX images_sha ON images (sha256);
CREATE INDEX images_pending ON images (id) WHERE projected = 0;
CREATE TABLE centres (role TEXT PRIMARY KEY, n INTEGER NOT NULL, total BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE tombstones (
    collection TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (collection, key)
) WITHOUT ROWID;
"""


def connect(folder: Path, *, create: bool = False) -> sqlite3.Connection:
    """Open the collection's database, checked; with *create* also make it.

    Raises IndexMissing (no such folder or file), IndexCorrupt (not a database, or of a newer schema),
    StorageFull.
    """
    path = folder / DATABASE
    if not create and not path.is_file():
        raise IndexMissing(
            f"There is no collection in {folder}.",
            remedy=f"Make one: foveal index add YOUR_FILES --index {folder}",
        )
    if create:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _from_os(error, folder) from error
    with translated(folder):
        connection = sqlite3.connect(path, check_same_thread=False, timeout=30, isolation_level=None)
        try:
            _prepare(connection, folder, create)
        except BaseException:
            connection.close()
            raise
        return connection


def _prepare(connection: sqlite3.Connection, folder: Path, create: bool) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA mmap_size = 268435456")
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not names and create:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(
            "BEGIN;" + TABLES + f"INSERT INTO meta VALUES ('schema', '{SCHEMA_VERSION}');"
            "INSERT INTO meta VALUES ('projection', '1'); COMMIT;"
        )
    elif not names:
        raise IndexMissing(
            f"The collection in {folder} was never finished.",
            remedy=f"Add to it: foveal index add YOUR_FILES --index {folder}",
        )
    elif "meta" not in names:
        raise IndexCorrupt(f"{folder / DATABASE} is not a Foveal collection.", remedy="Name another folder.")
    row = connection.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone()
    if row is None or row[0] != str(SCHEMA_VERSION):
        found = row[0] if row else "none"
        raise IndexCorrupt(
            f"The collection in {folder} has schema {found}; this version reads {SCHEMA_VERSION}.",
            remedy="Use the version that wrote it, or index the sources again into a new folder.",
        )
    connection.execute("PRAGMA synchronous = NORMAL")


@contextlib.contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into StorageFull, IndexLocked or IndexCorrupt."""
    try:
        yield
    except FovealError:
        raise
    except sqlite3.Error as error:
        raise _from_sqlite(error, folder) from error
    except OSError as error:
        raise _from_os(error, folder) from error


def _from_sqlite(error: sqlite3.Error, folder: Path) -> FovealError:
    text = str(error).lower()
    name = getattr(error, "sqlite_errorname", "") or ""
    if "full" in text or name == "SQLITE_FULL" or name.startswith("SQLITE_IOERR_WRITE"):
        return StorageFull(f"The disk is full: the collection in {folder} cannot grow.")
    if "locked" in text or "busy" in text:
        return IndexLocked(f"The collection in {folder} is busy.", remedy="Run the command again in a moment.")
    if "readonly" in text or "unable to open" in text:
        return IndexLocked(f"The collection in {folder} cannot be opened for this.", remedy="Check its permissions.")
    return IndexCorrupt(
        f"The collection's database in {folder} is damaged ({error}).",
        remedy=f"Restore {DATABASE} from a backup, or index the sources again into a new folder.",
    )


def _from_os(error: OSError, folder: Path) -> FovealError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return StorageFull(f"The disk is full: the collection in {folder} cannot grow.")
    return IndexCorrupt(
        f"The collection in {folder} cannot be used: {error}.", remedy="Check the folder's permissions."
    )
