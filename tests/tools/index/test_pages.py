"""Pages found by their looks, through a tiny real model of the late-interaction kind."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from fakes.checkpoints import make
from fakes.embedders import ColourEye, HashText
from PIL import Image

from foveal.errors import Cancelled, IndexMissing
from foveal.tools.embed.pages import PageEmbedder
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders
from foveal.tools.rerank.maxsim import maxsim

from .conftest import corpus

pytest.importorskip("sentence_transformers")


@pytest.fixture(scope="module")
def embedder(tmp_path_factory: pytest.TempPathFactory) -> PageEmbedder:
    from sentence_transformers import MultiVectorEncoder

    folder = tmp_path_factory.mktemp("colpali")
    MultiVectorEncoder(str(make("idefics3", folder / "bare"))).save_pretrained(str(folder / "whole"))
    return PageEmbedder(folder / "whole", device="cpu")


async def test_a_page_without_a_word_is_found(embedder: PageEmbedder, folder: Path, tmp_path: Path) -> None:
    embedders = Embedders(HashText(), ColourEye(), pages=embedder)
    rows = []
    for n, colour in enumerate(("red", "navy", "white", "grey", "olive")):
        page = Image.new("RGB", (60, 80), colour)
        page.paste("black", (10 * n, 5, 10 * n + 9, 70))
        page.save(tmp_path / f"{n}.png")
        meta = {"doc": "report.pdf", "page": n + 1}
        rows.append({"id": f"p{n}", "title": f"report.pdf page {n + 1}", "image": f"{n}.png", "meta": meta})
    made = LocalCollection.create(folder, embedders)
    try:
        made.add([corpus(tmp_path / "c.jsonl", rows)])
        assert {r[0] for r in made._rows.all("SELECT role FROM images")} == {"page"}
        with pytest.raises(IndexMissing) as caught:
            await made.search_text("where is the sea?")
        assert f"--page-embedder {embedder.spec}" in caught.value.remedy
        seen: list[int] = []
        assert made.embed_pages(embedder, progress=lambda done, *_: seen.append(done)) == 5
        assert seen == [0, 4]
        asked = embedder.embed_query("where is the sea?")
        tokens = embedder.embed_images(
            [made.blobs.open(d.image) for d in [await made.document(f"p{n}") for n in range(5)]]
        )
        best = max(range(5), key=lambda n: maxsim(asked, tokens[n]))
        assert made._text is not None and made._text._pages is not None
        assert made._text._pages.nearest("where is the sea?", 1) == [f"p{best}"]
        assert f"p{best}" in {hit.doc_id for hit in await made.search_text("where is the sea?")}
        stop = threading.Event()
        stop.set()
        with pytest.raises(Cancelled):
            made.embed_pages(embedder, cancel=stop)
        assert made._text._pages.nearest("where is the sea?", 1) == [f"p{best}"], "the old pages stay"
        made.remove([f"p{best}"])
        assert f"p{best}" not in made._text._pages.nearest("where is the sea?", 5)
    finally:
        made.close()
