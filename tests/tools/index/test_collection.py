from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.embedders import ColourEye

from foveal.errors import BadInput, IndexMissing
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders
from foveal.tools.index.pictures import described
from foveal.types import Scope

from .conftest import corpus, picture, sample_corpus


async def test_an_empty_collection_finds_nothing(collection: LocalCollection, tmp_path: Path) -> None:
    ref = collection.blobs.put_path(picture(tmp_path / "q.png", (1, 2, 3)))
    assert await collection.search_text("anything") == []
    assert await collection.search_image(ref) == []
    assert await collection.search_pictures("anything") == []
    assert await collection.find_title("anything") == []
    assert await collection.document("x") is None
    assert await collection.scope_of("In the document a.pdf: what?") is None
    assert collection.verify().ok


async def test_a_hit_carries_ranks_and_a_span_of_its_document(collection: LocalCollection, tmp_path: Path) -> None:
    collection.add([sample_corpus(tmp_path / "src")])
    hits = await collection.search_text("What is the capital of Redland?", k=5)
    best = hits[0]
    assert best.doc_id == "country:RD"
    assert (best.dense_rank, best.lexical_rank) == (1, 1)
    assert best.cosine is not None and 0 < best.cosine <= 1
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        document = await collection.document(hit.doc_id)
        assert document is not None
        words = {"text": document.text, "ocr": document.ocr, "labels": document.labels}[hit.part]
        assert words[hit.start : hit.end] == hit.text


async def test_a_document_comes_back_whole(collection: LocalCollection, tmp_path: Path) -> None:
    collection.add([sample_corpus(tmp_path / "src")])
    document = await collection.document("country:RD")
    assert document is not None
    assert (document.title, document.source, document.licence) == ("Redland", "made up", "CC0")
    assert document.meta == {"kind": "country"}
    assert document.ocr == "width 200 height 120"
    assert document.labels.splitlines()[0] == "crimson: a deep red colour"
    assert document.image is not None and document.image in collection.blobs


async def test_picture_search_goes_through_to_the_document(collection: LocalCollection, tmp_path: Path) -> None:
    collection.add([sample_corpus(tmp_path / "src")])
    ref = collection.blobs.put_path(picture(tmp_path / "q.png", (200, 40, 30), (640, 400)))
    hits = await collection.search_image(ref)
    assert [hit.doc_id for hit in hits] == ["country:RD", "country:BL"]
    assert hits[0].margin == pytest.approx(hits[0].score - hits[1].score)
    assert hits[1].margin == 0
    assert hits[0].title == "Redland" and hits[0].meta == {"kind": "country"}
    assert len(await collection.search_image(ref, k=1)) == 1
    only = await collection.search_image(ref, k=1)
    assert only[0].margin == pytest.approx(hits[0].margin)


async def test_features_are_centred_by_the_mean_of_all_pictures(collection: LocalCollection, tmp_path: Path) -> None:
    rows = []
    for i in range(40):
        picture(tmp_path / f"{i}.png", (5 * i, 200 - 5 * i, 90))
        rows.append({"id": f"p{i}", "title": f"Picture {i}", "image": f"{i}.png"})
    collection.add([corpus(tmp_path / "c.jsonl", rows)])
    ref = collection.blobs.put_path(tmp_path / "3.png")
    hits = await collection.search_image(ref, k=40)
    assert hits[0].doc_id == "p3" and hits[0].score == pytest.approx(1, abs=1e-4)
    # uncentred, every cosine of these pictures is above 0.8
    assert hits[-1].score < -0.5
    n, total = collection._rows.all("SELECT n, total FROM centres WHERE role = 'picture'")[0]
    features = np.stack([np.frombuffer(v, np.float32) for (v,) in collection._rows.all("SELECT vector FROM images")])
    assert n == 40
    assert np.allclose(np.frombuffer(total), features.sum(0), atol=1e-3)


async def test_words_find_pictures_by_text_and_by_label(collection: LocalCollection, tmp_path: Path) -> None:
    for name, colour in (("a", (220, 10, 10)), ("b", (10, 10, 220)), ("c", (10, 220, 10))):
        picture(tmp_path / f"{name}.png", colour, (120, 100))
    rows = [
        {"id": "a", "title": "photograph", "text": "", "image": "a.png"},
        {"id": "b", "title": "photograph", "text": "A dog jumps over a fence.", "image": "b.png"},
        {"id": "c", "title": "photograph", "text": "Two children on a beach.", "image": "c.png"},
        {"id": "t", "title": "No picture", "text": "A dog jumps over a fence, but there is no picture."},
    ]
    collection.add([corpus(tmp_path / "c.jsonl", rows)])
    assert (await collection.search_pictures("a dog jumping over a fence"))[0].doc_id == "b"
    assert (await collection.search_pictures("a deep red colour"))[0].doc_id == "a"
    assert "t" not in {hit.doc_id for hit in await collection.search_pictures("dog fence")}


def test_the_description_in_a_request() -> None:
    assert described('Find the photo that shows this: "a dog in the sea". Name it.') == "a dog in the sea"
    assert described("a dog in the sea") == "a dog in the sea"


async def test_titles_are_found_whole_then_as_a_beginning(collection: LocalCollection, tmp_path: Path) -> None:
    rows = [
        {"id": "1", "title": "Garnet Mining", "text": "x"},
        {"id": "2", "title": "Garnet (mineral)", "text": "x"},
        {"id": "3", "title": "Gárnet", "text": "x"},
        {"id": "4", "title": "Garnets", "text": "x"},
    ]
    collection.add([corpus(tmp_path / "c.jsonl", rows)])
    assert [d.id for d in await collection.find_title("GARNET", k=5)] == ["3", "2", "1"]


async def test_a_named_title_lifts_its_document(collection: LocalCollection, tmp_path: Path) -> None:
    noise = [{"id": f"n{i}", "title": f"Capital {i}", "text": "capital currency capital currency"} for i in range(60)]
    named = {"id": "x", "title": "Upper Zibonia", "text": "The seat of power lies in Quom."}
    collection.add([corpus(tmp_path / "c.jsonl", [*noise, named])])
    assert (await collection.search_text("capital currency of Upper Zibonia"))[0].doc_id == "x"


async def test_a_scope_restricts_both_lists(collection: LocalCollection, tmp_path: Path) -> None:
    rows = [
        {"id": f"d{d}:{p}", "title": f"doc_{d}.pdf page {p}", "text": f"garnet on page {p}",
         "meta": {"doc": f"doc_{d}.pdf", "page": p}}
        for d in (1, 2) for p in (1, 2, 3)
    ]  # fmt: skip
    collection.add([corpus(tmp_path / "c.jsonl", rows)])

    async def ids(scope: Scope) -> set[str]:
        return {hit.doc_id for hit in await collection.search_text("garnet", scope=scope)}

    assert await ids(Scope("doc_2.pdf")) == {"d2:1", "d2:2", "d2:3"}
    assert await ids(Scope("doc_2.pdf", 2)) == {"d2:2"}
    assert await ids(Scope("doc_2.pdf", -1)) == {"d2:3"}
    assert await ids(Scope("doc_2.pdf", -2)) == {"d2:2"}
    assert await ids(Scope("doc_2.pdf", 9)) == set()
    assert await ids(Scope("nothing.pdf")) == set()
    assert await ids(Scope(doc_ids=("d1:1", "d2:1"))) == {"d1:1", "d2:1"}
    scope = await collection.scope_of("In the document doc_1.pdf: what is on the second last page?")
    assert scope == Scope("doc_1.pdf", -2)


@pytest.mark.parametrize(
    "query", ['"', "a AND (b", "NEAR(", "title:x", "*", "-", "'; DROP TABLE chunks; --", "🙂", "\0"]
)
async def test_odd_queries_are_only_words(collection: LocalCollection, tmp_path: Path, query: str) -> None:
    collection.add([sample_corpus(tmp_path / "src")])
    await collection.search_text(query)
    await collection.search_pictures(query)
    assert collection.verify().ok


async def test_searches_run_at_the_same_time_and_while_writing(collection: LocalCollection, tmp_path: Path) -> None:
    source = sample_corpus(tmp_path / "src")
    collection.add([source])
    more = corpus(tmp_path / "more.jsonl", [{"id": f"m{i}", "title": f"More {i}", "text": "words"} for i in range(300)])
    writing = asyncio.create_task(asyncio.to_thread(collection.add, [more]))
    results = await asyncio.gather(*(collection.search_text("capital of Redland") for _ in range(40)))
    await writing
    assert all(hits[0].doc_id == "country:RD" for hits in results)


async def test_a_reader_sees_what_another_writer_adds(
    collection: LocalCollection, folder: Path, embedders: Embedders, tmp_path: Path
) -> None:
    reader = LocalCollection.open(folder, embedders)
    try:
        assert await reader.search_text("Redland") == []
        collection.add([sample_corpus(tmp_path / "src")])
        assert (await reader.search_text("Redland"))[0].doc_id == "country:RD"
        collection.rebuild()
        assert (await reader.search_text("Redland"))[0].doc_id == "country:RD"
        assert (await reader.search_pictures("deep red colour"))[0].doc_id == "country:RD"
    finally:
        reader.close()


async def test_charts_and_pages_are_searched_apart(collection: LocalCollection, tmp_path: Path) -> None:
    for name, colour in (("a", (220, 10, 10)), ("b", (210, 20, 20)), ("c", (200, 30, 30))):
        picture(tmp_path / f"{name}.png", colour)
    rows: list[dict[str, Any] | str] = [
        {"id": "photo", "title": "A", "image": "a.png"},
        {"id": "chart", "title": "B", "image": "b.png", "meta": {"kind": "chart"}},
        {"id": "page", "title": "C", "image": "c.png", "meta": {"page": 1, "doc": "c.pdf"}},
    ]
    collection.add([corpus(tmp_path / "c.jsonl", rows)])
    ref = collection.blobs.put_path(tmp_path / "b.png")
    assert [hit.doc_id for hit in await collection.search_image(ref)] == ["photo"]
    assert [hit.doc_id for hit in await collection.search_image(ref, roles=("chart",))] == ["chart"]
    assert [hit.doc_id for hit in await collection.search_image(ref, roles=("page",))] == ["page"]
    assert collection.stats().pictures == {"picture": 1, "chart": 1, "page": 1}


def test_removing_by_id_and_by_source(collection: LocalCollection, tmp_path: Path) -> None:
    source = sample_corpus(tmp_path / "src")
    collection.add([source])
    assert collection.remove(["wiki:garnet"]) == 1
    assert collection.verify().ok
    assert collection.add([source]).added == 1
    assert collection.remove([str(source)]) == 3
    assert collection.stats().documents == 0
    assert collection.verify().ok
    with pytest.raises(BadInput, match="Nothing in the collection"):
        collection.remove(["unknown"])


def test_verify_tells_what_is_wrong(collection: LocalCollection, tmp_path: Path) -> None:
    collection.add([sample_corpus(tmp_path / "src")])
    assert collection.verify().compared > 0
    sha = collection._rows.all("SELECT sha256 FROM images LIMIT 1")[0][0]
    collection.blobs.path(sha).unlink()
    assert any("missing from the picture store" in problem for problem in collection.verify().problems)


def test_without_embedders_it_can_be_kept_but_not_added_to(
    collection: LocalCollection, folder: Path, tmp_path: Path
) -> None:
    source = sample_corpus(tmp_path / "src")
    collection.add([source])
    bare = LocalCollection.open(folder)
    try:
        assert bare.stats().documents == 3
        assert bare.verify().ok
        assert bare.remove(["wiki:garnet"]) == 1
        with pytest.raises(BadInput):
            bare.add([source])
    finally:
        bare.close()
    assert collection.verify().problems != ()
    reopened = LocalCollection.open(folder, Embedders(collection._embedders.text, ColourEye()))
    assert reopened.verify().ok
    reopened.close()


def test_opening_nothing_says_how_to_make_it(tmp_path: Path, embedders: Embedders) -> None:
    with pytest.raises(IndexMissing) as caught:
        LocalCollection.open(tmp_path / "none", embedders)
    assert "foveal index add" in caught.value.remedy
    (tmp_path / "empty").mkdir()
    with pytest.raises(IndexMissing):
        LocalCollection.open(tmp_path / "empty", embedders)
