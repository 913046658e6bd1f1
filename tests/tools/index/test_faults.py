from __future__ import annotations

import dataclasses
import shutil
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.embedders import ColourEye, HashText

from foveal.errors import IndexCorrupt, IndexLocked, IndexMismatch, ModelError, StorageFull
from foveal.tools.index import ingest, schema, store
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders
from foveal.tools.index.projection import Projection

from .conftest import corpus, sample_corpus


def many(path: Path, n: int) -> Path:
    return corpus(path, [{"id": f"d{i}", "title": f"Title {i}", "text": f"words number {i}"} for i in range(n)])


def chroma(folder: Path) -> Path:
    return next(folder.glob("chroma-*"))


def test_row_63_two_writers(collection: LocalCollection, folder: Path, tmp_path: Path) -> None:
    code = f"""
        from pathlib import Path
        from foveal.tools.index.lock import WriterLock
        with WriterLock(Path({str(folder)!r})):
            print("held", flush=True)
            input()
    """
    other = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    source = sample_corpus(tmp_path / "src")
    try:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        with pytest.raises(IndexLocked, match=str(other.pid)):
            collection.add([source])
    finally:
        other.kill()
        other.wait()
    assert collection.add([source]).added == 3


class Crash(BaseException):
    """Stands for a killed process: nothing catches it."""


async def test_row_64_a_crash_between_the_stores_is_repaired_at_open(
    folder: Path, embedders: Embedders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = LocalCollection.create(folder, embedders)
    first.add([sample_corpus(tmp_path / "src")])

    def crash(*_: object) -> int:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "sync", crash)
        with pytest.raises(Crash):
            first.add([many(tmp_path / "c.jsonl", 10)])
    assert not first.verify().ok
    first.close()
    again = LocalCollection.open(folder, embedders)
    assert again.verify().problems == ()
    assert again.stats().documents == 13
    assert (await again.search_text("words number 7", k=1))[0].doc_id == "d7"
    again.close()


def test_row_64_vectors_of_nothing_are_dropped_at_open(folder: Path, embedders: Embedders, tmp_path: Path) -> None:
    first = LocalCollection.create(folder, embedders)
    source = many(tmp_path / "c.jsonl", 10)
    first.add([source])
    projection = first._projection
    assert projection is not None
    projection.upsert("text_chunks", ["stray"], np.ones((1, 64), np.float32), ["gone"])
    keys = sorted(projection.keys("text_chunks") - {"stray"})
    projection.delete("text_chunks", keys[:3])
    assert not first.verify().ok
    first.close()
    again = LocalCollection.open(folder, embedders)
    assert again.verify().problems == ()
    again.close()


def test_row_64_a_crash_after_a_replacement_leaves_no_old_vectors(
    folder: Path, embedders: Embedders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = LocalCollection.create(folder, embedders)
    source = corpus(tmp_path / "c.jsonl", [{"id": "a", "title": "A", "text": "old words"}])
    first.add([source])
    corpus(source, [{"id": "a", "title": "A", "text": "new words"}])

    def crash(*_: object) -> int:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(ingest, "sync", crash)
        with pytest.raises(Crash):
            first.add([source])
    first.close()
    again = LocalCollection.open(folder, embedders)
    assert again.verify().problems == ()
    again.close()


def test_row_64_a_killed_writer_leaves_whole_batches(folder: Path, embedders: Embedders, tmp_path: Path) -> None:
    """kill -9 in the middle of a batch, from outside of Python."""
    source = many(tmp_path / "c.jsonl", 200)
    code = f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parents[2])!r})
        from fakes.embedders import ColourEye, HashText
        from foveal.tools.index import store
        from foveal.tools.index.collection import LocalCollection
        from foveal.tools.index.enrich import Embedders
        made = LocalCollection.create({str(folder)!r}, Embedders(HashText(), ColourEye()))
        insert = store.Store._insert_document
        count = 0
        def dying(self, *args):
            global count
            count += 1
            if count == 100:
                os.kill(os.getpid(), signal.SIGKILL)
            insert(self, *args)
        store.Store._insert_document = dying
        made.add([{str(source)!r}])
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, check=False)
    assert done.returncode == -9, done.stderr.decode()
    again = LocalCollection.open(folder, Embedders(HashText(), ColourEye()))
    assert again.stats().documents == 64
    assert again.verify().problems == ()
    report = again.add([source])
    assert (report.unchanged, report.added) == (64, 136)
    again.close()


@pytest.mark.parametrize("damage", ["garbage", "truncated", "no vector files"])
async def test_row_65_a_damaged_projection_is_told_and_rebuilt(
    folder: Path, embedders: Embedders, tmp_path: Path, damage: str
) -> None:
    first = LocalCollection.create(folder, embedders)
    first.add([many(tmp_path / "c.jsonl", 2500 if damage == "no vector files" else 20)])
    first.close()
    database = chroma(folder) / "chroma.sqlite3"
    if damage == "garbage":
        database.write_bytes(b"this is no database" * 1000)
    elif damage == "truncated":
        database.write_bytes(database.read_bytes()[: database.stat().st_size // 3])
    else:
        for inner in chroma(folder).iterdir():
            if inner.is_dir():
                shutil.rmtree(inner)
    with pytest.raises(IndexCorrupt) as caught:
        LocalCollection.open(folder, embedders)
    assert "foveal index rebuild" in caught.value.remedy
    bare = LocalCollection.open(folder)
    assert not bare.verify().ok
    assert bare.rebuild() == bare.stats().chunks
    bare.close()
    again = LocalCollection.open(folder, embedders)
    assert again.verify().problems == ()
    assert (await again.search_text("words number 7", k=1))[0].doc_id == "d7"
    assert len(list(folder.glob("chroma-*"))) == 1
    again.close()


async def test_row_65_a_lost_projection_folder_is_made_again_at_open(
    folder: Path, embedders: Embedders, tmp_path: Path
) -> None:
    first = LocalCollection.create(folder, embedders)
    first.add([many(tmp_path / "c.jsonl", 20)])
    first.close()
    shutil.rmtree(chroma(folder))
    again = LocalCollection.open(folder, embedders)
    assert again.verify().problems == ()
    assert (await again.search_text("words number 7", k=1))[0].doc_id == "d7"
    again.close()


def test_row_65_another_model_or_dimension_is_refused(folder: Path, embedders: Embedders, tmp_path: Path) -> None:
    first = LocalCollection.create(folder, embedders)
    first.add([sample_corpus(tmp_path / "src")])
    first.close()
    for other in (HashText("another"), HashText(dim=32)):
        with pytest.raises(IndexMismatch) as caught:
            LocalCollection.open(folder, dataclasses.replace(embedders, text=other))
        assert caught.value.remedy


def test_row_65_a_database_of_garbage_is_told(folder: Path, embedders: Embedders) -> None:
    folder.mkdir()
    (folder / schema.DATABASE).write_bytes(b"garbage" * 5000)
    with pytest.raises(IndexCorrupt):
        LocalCollection.open(folder, embedders)
    (folder / schema.DATABASE).unlink()
    with sqlite3.connect(folder / schema.DATABASE) as db:
        db.execute("CREATE TABLE other (x)")
    with pytest.raises(IndexCorrupt, match="not a Foveal collection"):
        LocalCollection.open(folder, embedders)


def test_row_65_a_newer_schema_is_refused(folder: Path, embedders: Embedders) -> None:
    LocalCollection.create(folder, embedders).close()
    with sqlite3.connect(folder / schema.DATABASE) as db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'schema'")
    with pytest.raises(IndexCorrupt, match="schema 99"):
        LocalCollection.open(folder, embedders)


class Faulty(HashText):
    """Gives no usable vector for texts that hold "bad"."""

    value = 0.0

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        out = super().embed_texts(texts)
        out[["bad" in text for text in texts]] = self.value
        return out


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_row_66_zero_and_nan_vectors_are_rejected(folder: Path, tmp_path: Path, value: float) -> None:
    text = Faulty()
    text.value = value
    made = LocalCollection.create(folder, Embedders(text, ColourEye()))
    rows = [{"id": "good", "text": "fine words"}, {"id": "odd", "text": "bad words"}]
    report = made.add([corpus(tmp_path / "c.jsonl", rows)])
    assert report.added == 1
    assert [source.rsplit("#")[-1] for source, _ in report.failed] == ["odd"]
    assert made.verify().ok
    projection = made._projection
    assert projection is not None
    with pytest.raises(ModelError):
        projection.upsert("text_chunks", ["x"], np.full((1, 64), value, np.float32), ["x"])
    made.close()


def test_row_66_six_thousand_records_are_split(tmp_path: Path) -> None:
    projection = Projection(tmp_path / "chroma", {"text_chunks": ("e", 8)}, index=tmp_path)
    vectors = np.random.default_rng(0).standard_normal((6000, 8)).astype(np.float32)
    keys = [f"k{i}" for i in range(6000)]
    projection.upsert("text_chunks", keys, vectors, keys)
    assert projection.count("text_chunks") == 6000
    assert projection.keys("text_chunks") == set(keys)
    assert projection.nearest("text_chunks", vectors[4321], 1)[0][0] == "k4321"
    projection.delete("text_chunks", keys)
    assert projection.count("text_chunks") == 0
    projection.close()


async def test_row_66_odd_metadata_and_a_ten_megabyte_text(folder: Path, embedders: Embedders, tmp_path: Path) -> None:
    made = LocalCollection.create(folder, dataclasses.replace(embedders, text=HashText(dim=4)))
    meta = {"$and": [{"x": 1}], "": None, "nested": {"a": [1, "b", None]}, "page": True}
    rows: list[dict[str, Any] | str] = [
        {"id": "odd", "text": "garnet", "meta": meta},
        {"id": "empty", "text": "cobalt", "meta": {}},
        {"id": "none", "text": "ruby", "meta": None},
        {"id": "long", "text": "needle " + "y" * 10_000_000},
    ]
    report = made.add([corpus(tmp_path / "c.jsonl", rows)])
    assert report.failed == []
    document = await made.document("odd")
    assert document is not None and document.meta == meta and document.page is None
    hits = await made.search_text("needle", k=3)
    assert hits[0].doc_id == "long" and len(hits[0].text) < 3000
    made.close()


def test_a_full_disk_stops_the_work_and_keeps_what_was_finished(
    folder: Path, embedders: Embedders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = LocalCollection.create(folder, embedders)
    source = many(tmp_path / "c.jsonl", 2000)
    with monkeypatch.context() as patch:

        def small(folder: Path, *, create: bool = False) -> sqlite3.Connection:
            db = schema.connect(folder, create=create)
            db.execute("PRAGMA max_page_count = 220")
            return db

        patch.setattr(store, "connect", small)
        with pytest.raises(StorageFull) as caught:
            made.add([source])
    assert "disk" in caught.value.message and caught.value.remedy
    finished = made.stats().documents
    assert 0 < finished < 2000 and finished % 64 == 0
    made.close()
    again = LocalCollection.open(folder, embedders)
    assert again.verify().problems == ()
    report = again.add([source])
    assert (report.unchanged, report.added) == (finished, 2000 - finished)
    again.close()


def test_a_full_disk_in_the_vector_index_is_repaired_later(
    folder: Path, embedders: Embedders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = LocalCollection.create(folder, embedders)
    made.add([many(tmp_path / "a.jsonl", 3)])
    projection = made._projection
    assert projection is not None
    with monkeypatch.context() as patch:

        def full(**_: object) -> None:
            raise RuntimeError("database or disk is full")

        patch.setattr(projection._collections["text_chunks"], "upsert", full)
        with pytest.raises(StorageFull):
            made.add([sample_corpus(tmp_path / "src")])
    made.close()
    again = LocalCollection.open(folder, embedders)
    assert again.verify().problems == ()
    assert again.stats().documents == 6
    again.close()


def test_a_full_disk_for_pictures(
    folder: Path, embedders: Embedders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = LocalCollection.create(folder, embedders)
    source = sample_corpus(tmp_path / "src")

    def full(path: Path, **_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(made.blobs, "put_path", full, raising=False)
        with pytest.raises(StorageFull):
            made.add([source])
    assert made.add([source]).added == 3
    made.close()
