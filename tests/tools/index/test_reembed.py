"""Another embedder for a collection: as if it had been made with it, and never half."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.embedders import ColourEye, HashText, SizeReader
from PIL import Image

from foveal.errors import BadInput, Cancelled, IndexCorrupt, IndexMismatch, ModelError
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders
from foveal.tools.index.schema import DATABASE
from foveal.tools.index.stage import STAGE

from .conftest import corpus, picture, sample_corpus

TESTS = Path(__file__).resolve().parents[2]


class WideEye(ColourEye):
    """Another eye: 27 numbers."""

    id = "wide-eye"
    dim = 27
    spec = "clip:wide"

    def embed_images(self, images: Sequence[Image.Image]) -> np.ndarray:
        self.seen += len(images)
        rows = [np.asarray(i.resize((3, 3)).convert("RGB"), dtype=np.float32).ravel() + 1 for i in images]
        out = np.stack(rows)
        return (out / np.linalg.norm(out, axis=1, keepdims=True)).astype(np.float32)


def other() -> Embedders:
    eye = ColourEye()
    return Embedders(HashText("other-text", 32), WideEye(), eye, SizeReader())


def rows_of(collection: LocalCollection) -> list[Any]:
    """All that depends on embedders: keys, vectors, centres, meta without the number of the projection."""
    all_of = collection._rows.all
    meta = {key: value for key, value in collection._rows.meta().items() if key != "projection"}
    return [
        all_of("SELECT key, doc_id, vector FROM chunks ORDER BY key"),
        all_of("SELECT key, doc_id, vector FROM images ORDER BY key"),
        all_of("SELECT role, n FROM centres ORDER BY role"),
        all_of("SELECT uri, fingerprint FROM sources ORDER BY uri"),
        meta,
    ]


def many(folder: Path, n: int) -> Path:
    for i in range(n):
        picture(folder / f"{i}.png", (7 * i % 256, 200 - 3 * i % 200, 90), (60, 40))
    rows = [{"id": f"p{i}", "title": f"Thing {i}", "text": f"number {i}", "image": f"{i}.png"} for i in range(n)]
    return corpus(folder / "c.jsonl", rows)


async def test_it_is_as_if_made_with_the_other_embedders(
    collection: LocalCollection, folder: Path, tmp_path: Path
) -> None:
    source = sample_corpus(tmp_path / "src")
    collection.add([source])
    new, seen = other(), []
    report = collection.reembed(new.text, new.eye, progress=lambda *at: seen.append(at))
    fresh = LocalCollection.create(tmp_path / "fresh", other())
    fresh.add([source])
    try:
        assert rows_of(collection) == rows_of(fresh)
        for query in ("SELECT total FROM centres ORDER BY role", "SELECT label_vector FROM images ORDER BY doc_id"):
            dtype = np.float64 if "total" in query else np.float32
            for (mine,), (theirs,) in zip(collection._rows.all(query), fresh._rows.all(query), strict=True):
                assert np.allclose(np.frombuffer(mine, dtype), np.frombuffer(theirs, dtype), atol=1e-4)
        assert collection.verify().ok
        assert await collection.search_text("capital of Redland") == await fresh.search_text("capital of Redland")
        assert (report.pictures, report.embedders["image_embedder"]) == (2, "wide-eye")
        assert report.vectors == len(rows_of(fresh)[0]) + 2
        assert {stage for _, _, stage in seen} == {
            "looking at pictures", "embedding passages", "embedding labels", "writing",
        }  # fmt: skip
        assert [p.name for p in folder.glob("chroma-*")] == ["chroma-2"] and not (folder / STAGE).exists()
        again = collection.add([source])
        assert (again.unchanged, again.replaced, again.added) == (3, 0, 0)
    finally:
        fresh.close()


async def test_one_side_leaves_the_other_as_it_is(collection: LocalCollection, tmp_path: Path) -> None:
    collection.add([sample_corpus(tmp_path / "src")])
    chunks, images, *_ = rows_of(collection)
    eye = WideEye()
    report = collection.reembed(eye=eye)
    assert (report.texts, report.pictures, eye.seen) == (0, 2, 2)
    assert rows_of(collection)[0] == chunks and rows_of(collection)[1] != images
    assert collection.reembed(eye=eye).pictures == 0, "it is the one in use"
    ref = collection.blobs.put_path(picture(tmp_path / "q.png", (200, 40, 30), (64, 40)))
    assert (await collection.search_image(ref))[0].doc_id == "country:RD"


def test_row_65_another_embedder_is_refused_with_the_command(
    collection: LocalCollection, embedders: Embedders, folder: Path, tmp_path: Path
) -> None:
    collection.add([sample_corpus(tmp_path / "src")])
    with pytest.raises(IndexMismatch, match="colour-eye") as caught:
        LocalCollection.open(folder, Embedders(embedders.text, WideEye(), embedders.labeller))
    assert f"foveal index rebuild --index {folder} --image-embedder clip:wide" in caught.value.remedy
    assert "image_embedder = embedded" in caught.value.remedy


async def test_a_reader_does_not_go_on_with_the_old_model(
    collection: LocalCollection, embedders: Embedders, folder: Path, tmp_path: Path
) -> None:
    collection.add([sample_corpus(tmp_path / "src")])
    reader = LocalCollection.open(folder, embedders)
    writer = LocalCollection.open(folder)
    try:
        assert await reader.search_text("Redland")
        writer.reembed(other().text)
        with pytest.raises(IndexMismatch, match="other-text"):
            await reader.search_text("Redland")
    finally:
        reader.close()
        writer.close()


async def test_a_run_that_was_stopped_goes_on(collection: LocalCollection, tmp_path: Path) -> None:
    collection.add([many(tmp_path / "src", 40)])
    before, stop, eye = rows_of(collection), threading.Event(), WideEye()
    with pytest.raises(Cancelled) as caught:
        collection.reembed(eye=eye, cancel=stop, progress=lambda done, *_: stop.set() if done else None)
    assert "goes on" in caught.value.remedy
    looked = eye.seen
    assert 0 < looked < 40 and rows_of(collection) == before
    assert await collection.search_text("Thing 7") and collection.verify().ok
    assert collection.reembed(eye=eye).pictures == 40 - looked, "nothing was looked at twice"


def test_what_another_embedder_left_is_not_taken(collection: LocalCollection, tmp_path: Path) -> None:
    collection.add([many(tmp_path / "src", 20)])
    stop = threading.Event()
    with pytest.raises(Cancelled):
        collection.reembed(eye=WideEye(), cancel=stop, progress=lambda done, *_: stop.set() if done else None)
    third = WideEye()
    third.id = "third-eye"
    assert collection.reembed(eye=third).pictures == 20


def test_nothing_is_lost_when_the_new_embedder_or_a_picture_fails(
    collection: LocalCollection, folder: Path, tmp_path: Path
) -> None:
    collection.add([sample_corpus(tmp_path / "src")])
    before = rows_of(collection)

    class Zero(WideEye):
        def embed_images(self, images: Sequence[Image.Image]) -> np.ndarray:
            return np.zeros((len(images), self.dim), dtype=np.float32)

    with pytest.raises(ModelError, match="zero or non-finite"):
        collection.reembed(eye=Zero())
    blobs = folder / "blobs"
    shutil.move(blobs, tmp_path / "hidden")
    with pytest.raises(IndexCorrupt, match="2 of 2 pictures are missing"):
        collection.reembed(eye=WideEye())
    shutil.move(tmp_path / "hidden", blobs)
    (folder / STAGE).write_bytes(b"no database at all, but long enough to look like one" * 40)
    assert rows_of(collection) == before
    assert collection.reembed(eye=WideEye()).pictures == 2


def test_an_empty_collection_has_nothing_to_change(collection: LocalCollection) -> None:
    with pytest.raises(BadInput, match="empty"):
        collection.reembed(eye=WideEye())


KILLED = """
import sys, time
sys.path.insert(0, {tests!r})
from pathlib import Path
from foveal.tools.index.collection import LocalCollection
from fakes.embedders import ColourEye
class Slow(ColourEye):
    id, dim, spec = "slow-eye", 48, "clip:slow"
    def embed_images(self, images):
        time.sleep({pause})
        return super().embed_images(images)
print("ready", flush=True)
LocalCollection.open(Path({folder!r})).reembed(eye=Slow(), progress=lambda d, t, s: print(s, d, flush=True))
"""


def test_kill_9_in_the_middle_leaves_the_old(
    collection: LocalCollection, embedders: Embedders, folder: Path, tmp_path: Path
) -> None:
    collection.add([many(tmp_path / "src", 48)])
    before = rows_of(collection)
    collection.close()
    code = KILLED.format(tests=str(TESTS), folder=str(folder), pause=0.2)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("looking at pictures 16"):
                break
        os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    opened = LocalCollection.open(folder, embedders)
    try:
        assert rows_of(opened) == before and opened.verify().ok and (folder / STAGE).exists()

        class Slow(ColourEye):
            id, spec = "slow-eye", "clip:slow"

        eye = Slow()
        opened.reembed(eye=eye)
        assert 0 < eye.seen <= 32, "what the killed run had finished was not done again"
        assert opened.verify().ok
    finally:
        opened.close()


@pytest.mark.parametrize("during", ["writing", "swap"])
def test_kill_9_while_the_new_is_written_or_taken(
    during: str, collection: LocalCollection, embedders: Embedders, folder: Path, tmp_path: Path
) -> None:
    """A fork dies without a word in the projection's folder, or inside the commit."""
    collection.add([many(tmp_path / "src", 8)])
    before = rows_of(collection)
    collection.close()
    code = f"""
import os, sys
sys.path.insert(0, {str(TESTS)!r})
from pathlib import Path
from fakes.embedders import ColourEye
from foveal.tools.index import reembed
from foveal.tools.index.collection import LocalCollection
class Other(ColourEye):
    id, spec = "slow-eye", "clip:slow"
if {during!r} == "swap":
    reembed.Reembedding._recentre = lambda self, db: os.kill(os.getpid(), 9)
def at(done, total, stage):
    if stage == {during!r} and done:
        os.kill(os.getpid(), 9)
LocalCollection.open(Path({str(folder)!r})).reembed(eye=Other(), progress=at)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == -signal.SIGKILL
    assert (folder / "chroma-2").exists()
    opened = LocalCollection.open(folder, embedders)
    try:
        assert rows_of(opened) == before and opened.verify().ok
        opened.reembed(eye=WideEye())
        assert opened.verify().ok and [p.name for p in folder.glob("chroma-*")] == ["chroma-2"]
        assert (folder / DATABASE).exists()
    finally:
        opened.close()
