"""Keeps the projection equal to the rows: after every batch, and when a collection is opened after a
crash."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from foveal.tools.index.projection import BATCH, Projection
from foveal.tools.index.schema import translated
from foveal.tools.index.store import COLLECTION_OF_ROLE, TEXT_CHUNKS, Store


def spaces_of(meta: dict[str, str]) -> dict[str, tuple[str, int]]:
    """Collection name to (embedder id, dimension), as the meta table says; empty before the first write."""
    spaces: dict[str, tuple[str, int]] = {}
    if "text_dim" in meta:
        spaces[TEXT_CHUNKS] = (meta["text_embedder"], int(meta["text_dim"]))
    if "image_dim" in meta:
        for name in COLLECTION_OF_ROLE.values():
            spaces[name] = (meta["image_embedder"], int(meta["image_dim"]))
    return spaces


def projection_folder(folder: Path, meta: dict[str, str]) -> Path:
    """Where the projection in use lives; its number changes with every rebuild."""
    return folder / f"chroma-{meta['projection']}"


def sync(store: Store, projection: Projection, names: list[str]) -> int:
    """Bring what is pending into the projection; return how many records were written."""
    written = 0
    for name in names:
        dead = store.tombstones(name)
        projection.delete(name, dead)
        store.clear_tombstones(name)
        while rows := store.pending(name, BATCH):
            vectors = np.stack([row[3] for row in rows])
            projection.upsert(name, [row[1] for row in rows], vectors, [row[2] for row in rows])
            store.mark_projected(name, [row[0] for row in rows])
            written += len(rows)
    return written


def needs_repair(store: Store, projection: Projection, names: list[str]) -> bool:
    """Whether a crash left the two stores different."""
    return any(
        store.pending(name, 1) or store.tombstones(name) or projection.count(name) != store.count_projected(name)
        for name in names
    )


def repair(store: Store, projection: Projection, names: list[str]) -> int:
    """Make the projection equal to the rows; return how many records were written or dropped."""
    changed = sync(store, projection, names)
    for name in names:
        if projection.count(name) != store.count_projected(name):
            stray = store.mark_missing(name, projection.keys(name))
            projection.delete(name, stray)
            changed += len(stray)
    return changed + sync(store, projection, names)


def rebuild(store: Store) -> int:
    """Make the projection again in a new folder and switch to it in one SQLite commit; return the records
    written.

    The caller holds the writer lock. Until the switch, readers keep the old folder.
    """
    meta = store.meta()
    number = int(meta["projection"]) + 1
    new = store.folder / f"chroma-{number}"
    with translated(store.folder):
        shutil.rmtree(new, ignore_errors=True)
    projection = Projection(new, spaces_of(meta), index=store.folder)
    written = 0
    try:
        for name in spaces_of(meta):
            written += _copy_all(store, projection, name)
    except BaseException:
        projection.close()
        shutil.rmtree(new, ignore_errors=True)
        raise
    projection.close()
    with store.transaction() as db:
        db.execute("UPDATE meta SET value = ? WHERE key = 'projection'", (str(number),))
        db.execute("UPDATE chunks SET projected = 1 WHERE projected = 0")
        db.execute("UPDATE images SET projected = 1 WHERE projected = 0")
        db.execute("DELETE FROM tombstones")
    sweep(store.folder, store.meta())
    return written


def sweep(folder: Path, meta: dict[str, str]) -> None:
    """Remove every projection but the one in use: the one before, and what a killed rebuild left."""
    for left in folder.glob("chroma-*"):
        if left != projection_folder(folder, meta):
            shutil.rmtree(left, ignore_errors=True)


def _copy_all(store: Store, projection: Projection, name: str) -> int:
    """Copy every row of a collection by primary key, so that it does not matter what is marked as
    projected."""
    written, last = 0, -1
    while rows := store.rows_after(name, last, BATCH):
        vectors = np.stack([row[3] for row in rows])
        projection.upsert(name, [row[1] for row in rows], vectors, [row[2] for row in rows])
        written, last = written + len(rows), rows[-1][0]
    return written
