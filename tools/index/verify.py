"""Checks that a collection is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from foveal.errors import FovealError
from foveal.tools.index import project
from foveal.tools.index.projection import Projection, bad_rows
from foveal.tools.index.report import VerifyReport
from foveal.tools.index.rows import Rows
from foveal.tools.index.store import COLLECTION_OF_ROLE, TEXT_CHUNKS

SAMPLE = 256


def verify(folder: Path, rows: Rows, blobs: Any) -> VerifyReport:
    """Compare rows with their full-text index, projection (counts, a sample of vectors) and pictures."""
    problems: list[str] = []
    check = rows.all("PRAGMA quick_check(1)")[0][0]
    if check != "ok":
        problems.append(f"the database is damaged: {check}")
    chunks = rows.all("SELECT count(*) FROM chunks")[0][0]
    indexed = rows.all("SELECT count(*) FROM chunks_fts")[0][0]
    if chunks != indexed:
        problems.append(f"{chunks} chunks, but {indexed} in the full-text index")
    compared = _compare_projection(folder, rows, problems)
    missing = 0
    shas = rows.all("SELECT DISTINCT sha256 FROM images")
    for (sha,) in shas:
        try:
            blobs.read(sha)
        except (FovealError, OSError):
            missing += 1
    if missing:
        problems.append(f"{missing} of {len(shas)} pictures are missing from the picture store")
    documents = rows.all("SELECT count(*) FROM documents")[0][0]
    pictures = rows.all("SELECT count(*) FROM images")[0][0]
    return VerifyReport(documents, chunks, pictures, compared, tuple(problems))


def _compare_projection(folder: Path, rows: Rows, problems: list[str]) -> int:
    meta = rows.meta()
    spaces = project.spaces_of(meta)
    if not spaces:
        return 0
    compared = 0
    try:
        projection = Projection(project.projection_folder(folder, meta), spaces, index=folder)
    except FovealError as error:
        problems.append(error.message)
        return 0
    try:
        for name, (_, dim) in spaces.items():
            compared += _compare_one(rows, projection, name, dim, problems)
    except FovealError as error:
        problems.append(error.message)
    finally:
        projection.close()
    return compared


def _compare_one(rows: Rows, projection: Projection, name: str, dim: int, problems: list[str]) -> int:
    role = {collection: role for role, collection in COLLECTION_OF_ROLE.items()}.get(name)
    table = "chunks" if name == TEXT_CHUNKS else "images"
    where, values = ("1 = 1", ()) if role is None else ("role = ?", (role,))
    count = rows.all(f"SELECT count(*) FROM {table} WHERE {where}", values)[0][0]
    projected = projection.count(name)
    if count != projected:
        problems.append(f"{name}: {count} rows, but {projected} in the vector index")
    step = max(1, count // SAMPLE)
    sample = rows.all(f"SELECT key, vector FROM {table} WHERE {where} AND id % ? = 0 LIMIT ?", (*values, step, SAMPLE))
    if not sample:
        return 0
    if any(len(blob) != 4 * dim for _, blob in sample):
        problems.append(f"{name}: vectors are not of {dim} numbers")
        return 0
    mine = np.stack([np.frombuffer(blob, dtype=np.float32) for _, blob in sample])
    if bad_rows(mine).any():
        problems.append(f"{name}: zero or non-finite vectors")
    theirs = projection.vectors(name, [key for key, _ in sample])
    lost = sum(key not in theirs for key, _ in sample)
    different = sum(
        float(np.abs(theirs[key] - vector).max()) > 1e-4
        for (key, _), vector in zip(sample, mine, strict=True)
        if key in theirs
    )
    if lost or different:
        problems.append(f"{name}: of {len(sample)} vectors compared {lost} are missing and {different} are different")
    return len(sample)
