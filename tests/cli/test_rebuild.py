"""``foveal index rebuild`` with another embedder: a real collection, a tiny real checkpoint."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.clip_checkpoints import make_clip
from fakes.embedders import ColourEye, HashText
from PIL import Image

from foveal.errors import IndexMismatch
from foveal.settings import Settings
from foveal.tools.embed.clip import ClipEmbedder
from foveal.tools.embed.registry import make_image_embedder
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Path]:
    rows = []
    for name in ("red", "blue", "green"):
        Image.new("RGB", (60, 40), name).save(tmp_path / f"{name}.png")
        rows.append({"id": name, "title": name, "text": f"A {name} field.", "image": f"{name}.png"})
    (tmp_path / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    eye = ColourEye()
    made = LocalCollection.create(tmp_path / "index", Embedders(HashText(), eye, eye))
    made.add([tmp_path / "corpus.jsonl"])
    made.close()
    yield tmp_path / "index"


def test_the_command_that_the_mismatch_names(foveal: Any, index: Path, tmp_path: Path) -> None:
    spec = f"clip:{make_clip('siglip', tmp_path / 'siglip')}"
    embedders = Embedders(HashText(), make_image_embedder(spec, Settings()))
    with pytest.raises(IndexMismatch) as caught:
        LocalCollection.open(index, embedders)
    command = caught.value.remedy.partition("foveal ")[2].split()
    assert command == ["index", "rebuild", "--index", str(index), "--image-embedder", spec]
    done = foveal(*command, "--json")
    assert done.code == 0, done.err
    shown = json.loads(done.out)
    assert (shown["action"], shown["pictures"], shown["texts"], shown["vectors"]) == ("rebuild", 3, 0, 9)
    assert shown["embedders"] == {"text_embedder": "hash-text", "image_embedder": embedders.eye.id}
    assert "looking at pictures" in done.err
    opened = LocalCollection.open(index, embedders)
    try:
        assert opened.composes and opened.verify().ok
        ref = opened.blobs.put_path(tmp_path / "blue.png")
        assert asyncio.run(opened.search_image(ref))[0].doc_id == "blue"
        assert {hit.doc_id for hit in asyncio.run(opened.search_pictures("a red field"))} == {"red", "blue", "green"}
    finally:
        opened.close()
    assert isinstance(embedders.eye, ClipEmbedder)
    again = foveal(*command)
    assert "0 pictures embedded now" in again.out and f"image_embedder = {spec}" in again.err


def test_a_model_that_is_not_there_changes_nothing(foveal: Any, index: Path, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    done = foveal("index", "rebuild", "--index", index, "--image-embedder", f"clip:{tmp_path / 'none'}")
    assert done.code == 4 and "cannot be loaded" in done.err
    done = foveal("index", "rebuild", "--index", index, "--text-embedder", "word2vec")
    assert done.code == 2 and "st:DIR_OR_ID" in done.err
    eye = ColourEye()
    LocalCollection.open(index, Embedders(HashText(), eye, eye)).close()
