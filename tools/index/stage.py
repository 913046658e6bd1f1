"""What a change of embedders has embedded so far, kept beside the collection for the run that goes on."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from foveal.tools.index.schema import translated

STAGE = "reembedding.db"


class Stage:
    """Vectors by what they are of, in a file beside the collection: made by the embedders that *meta* names."""

    def __init__(self, folder: Path, meta: dict[str, str]) -> None:
        self._folder = folder
        with translated(folder):
            self._db = sqlite3.connect(folder / STAGE, isolation_level=None, check_same_thread=False)
            try:
                self._prepare(meta)
            except sqlite3.DatabaseError:  # a damaged file only costs its contents
                self.remove()
                self._db = sqlite3.connect(folder / STAGE, isolation_level=None, check_same_thread=False)
                self._prepare(meta)

    def _prepare(self, meta: dict[str, str]) -> None:
        self._db.execute("CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB) WITHOUT ROWID")
        self._db.execute("CREATE TABLE IF NOT EXISTS made_by (what TEXT PRIMARY KEY, id TEXT) WITHOUT ROWID")
        for what, condition in (("text", "key LIKE 't:%'"), ("image", "key NOT LIKE 't:%'")):
            wanted = meta.get(f"{what}_embedder", "")
            found = self._db.execute("SELECT id FROM made_by WHERE what = ?", (what,)).fetchone()
            if found is not None and found[0] != wanted:
                self._db.execute(f"DELETE FROM vectors WHERE {condition}")
            self._db.execute("INSERT OR REPLACE INTO made_by VALUES (?, ?)", (what, wanted))

    def vectors(self, keys: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the vectors that are there."""
        with translated(self._folder):
            rows = self._db.execute(
                "SELECT key, vector FROM vectors WHERE key IN (SELECT value FROM json_each(?))", (json.dumps(keys),)
            ).fetchall()
        return {key: np.frombuffer(vector, dtype=np.float32) for key, vector in rows}

    def keep(self, vectors: dict[str, np.ndarray]) -> None:
        """Keep *vectors*, all or none."""
        with translated(self._folder):
            self._db.execute("BEGIN")
            self._db.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?)", [(key, v.tobytes()) for key, v in vectors.items()]
            )
            self._db.execute("COMMIT")

    def close(self) -> None:
        self._db.close()

    def remove(self) -> None:
        """Close and delete the file."""
        self._db.close()
        for end in ("", "-journal"):
            self._folder.joinpath(STAGE + end).unlink(missing_ok=True)


def key_of_text(text: str) -> str:
    """Return what the vector of *text* is kept by; that of a picture is kept by its digest."""
    return "t:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
