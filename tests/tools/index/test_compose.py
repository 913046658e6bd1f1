"""A picture and words as one query, words and pictures in one space, and what may be switched on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from fakes.embedders import ColourEye, HashText
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from foveal.errors import BadInput
from foveal.tools.embed.vectors import unit
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.compose import composed_query, composed_scores, mean_by_owner
from foveal.tools.index.enrich import Embedders
from foveal.tools.index.options import SearchOptions

from .conftest import corpus, picture

COLOURS = {"red": (220, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 220), "grey": (120, 120, 120)}


class SharedEye(ColourEye):
    """Sees and reads: the word for a colour is a picture of it."""

    id = "shared-eye"
    spec = "clip:shared"

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        named = [next((c for word, c in COLOURS.items() if word in text.lower()), (1, 1, 1)) for text in texts]
        return self.embed_images([Image.new("RGB", (8, 8), colour) for colour in named])


@pytest.fixture
def shared(folder: Path, tmp_path: Path) -> Iterator[LocalCollection]:
    eye = SharedEye()
    made = LocalCollection.create(folder, Embedders(HashText(), eye, eye))
    rows = []
    for name, colour in COLOURS.items():
        picture(tmp_path / f"{name}.png", colour)
        rows.append({"id": name, "title": "photograph", "text": f"number {len(rows)}", "image": f"{name}.png"})
    made.add([corpus(tmp_path / "c.jsonl", rows)])
    yield made
    made.close()


@given(n=st.integers(1, 6), c=st.integers(0, 9), alpha=st.floats(0, 1), beta=st.floats(0, 1), seed=st.integers(0, 999))
def test_weimocir_is_its_formula(n: int, c: int, alpha: float, beta: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, text, caption = rng.normal(size=(3, 5))
    gallery, captions, owner = unit(rng.normal(size=(n, 5))), unit(rng.normal(size=(c, 5))), rng.integers(0, n, c)
    query, told = composed_query(reference, text, alpha), composed_query(caption, text, alpha)
    scores = composed_scores(gallery @ query, mean_by_owner(captions @ told, owner, n), beta)

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    for i in range(n):
        q, q_c = (1 - alpha) * reference + alpha * text, (1 - alpha) * caption + alpha * text
        own = [cosine(q_c, captions[j]) for j in range(c) if owner[j] == i]
        look = cosine(q, gallery[i])
        expected = beta * sum(own) / len(own) + (1 - beta) * look if own else look
        assert scores[i] == pytest.approx(expected, abs=1e-5)


async def test_a_picture_and_words_find_what_is_between(shared: LocalCollection, tmp_path: Path) -> None:
    ref = shared.blobs.put_path(tmp_path / "red.png")
    assert shared.composes
    hits = await shared.search_composed(ref, "but blue", k=3)
    assert hits[0].doc_id == "blue" and "red" not in {hit.doc_id for hit in hits}, "the picture itself is not asked for"
    assert (await shared.search_composed(ref, "but blue", alpha=0.0, beta=0.0))[0].doc_id != "blue"
    told = await shared.search_composed(ref, "number 1", alpha=1.0, beta=1.0)
    assert told[0].doc_id == "green", "with all the weight on the captions they decide"


async def test_the_scores_are_the_formula_over_the_stored_vectors(shared: LocalCollection, tmp_path: Path) -> None:
    ref = shared.blobs.put_path(tmp_path / "red.png")
    hits = await shared.search_composed(ref, "grey", caption="number 0", k=9)
    vectors = {d: np.frombuffer(v, np.float32) for d, v in shared._rows.all("SELECT doc_id, vector FROM images")}
    assert shared._embedders is not None
    text, eye = shared._embedders.text, SharedEye()
    q = composed_query(vectors["red"], eye.embed_texts(["grey"])[0])
    q_c = composed_query(text.embed_texts(["number 0"])[0], text.embed_texts(["grey"])[0])
    assert len(hits) == 3
    for hit in hits:
        rows = shared._rows.all("SELECT vector FROM chunks WHERE doc_id = ?", (hit.doc_id,))
        captions = [float(np.frombuffer(v, np.float32) @ q_c) for (v,) in rows]
        assert hit.score == pytest.approx(0.1 * np.mean(captions) + 0.9 * float(vectors[hit.doc_id] @ q), abs=1e-4)


async def test_without_one_space_it_says_what_to_do(collection: LocalCollection, tmp_path: Path) -> None:
    picture(tmp_path / "a.png", (220, 20, 20))
    collection.add([corpus(tmp_path / "c.jsonl", [{"id": "a", "title": "A", "text": "a", "image": "a.png"}])])
    assert not collection.composes
    with pytest.raises(BadInput) as caught:
        await collection.search_composed(collection.blobs.put_path(tmp_path / "a.png"), "but blue")
    assert "--image-embedder" in caught.value.remedy


async def test_words_find_pictures_that_nobody_described(shared: LocalCollection) -> None:
    """No text and no label says grey; the space of pictures and words does."""
    hits = await shared.search_pictures("something grey")
    assert hits[0].doc_id == "grey"
    assert {hit.doc_id for hit in hits} == set(COLOURS)
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)
    # found by its words first and by its look second: both lists speak
    assert (await shared.search_pictures("number 2 blue"))[0].doc_id == "blue"


async def test_hubness_changes_the_order_only_when_it_is_asked_for(
    shared: LocalCollection, folder: Path, tmp_path: Path
) -> None:
    eye = SharedEye()
    ref = shared.blobs.put_path(picture(tmp_path / "q.png", (130, 90, 90)))
    plain = await shared.search_image(ref)
    corrected = LocalCollection.open(folder, Embedders(HashText(), eye, eye), options=SearchOptions(hubness="dualis"))
    try:
        hits = await corrected.search_image(ref)
        assert {h.doc_id for h in hits} == {h.doc_id for h in plain}
        assert [h.score for h in hits] != [h.score for h in plain]
        assert corrected._looks is not None and corrected._looks.corrections.asked == 1
        assert corrected._looks.corrections.changed == (hits[0].doc_id != plain[0].doc_id)
        assert shared._looks is not None and shared._looks.corrections.asked == 0
    finally:
        corrected.close()


async def test_documents_by_their_mean_then_only_their_sections(folder: Path, tmp_path: Path) -> None:
    """The nearest single passage is in a document about other things: its mean is far from the question."""
    text = HashText()
    paragraph = "garnet mine shaft history of the garnet trade. " * 14
    rows = [
        {"id": "on", "title": "t", "text": f"{paragraph}\n\n{paragraph.replace('history', 'owners')}"},
        {
            "id": "off",
            "title": "t",
            "text": "\n\n".join(f"{word} weather report cloud rain. " * 24 for word in "abcdef"),
        },
    ]
    made = LocalCollection.create(folder, Embedders(text, ColourEye()), options=SearchOptions(document_means=1))
    try:
        made.add([corpus(tmp_path / "c.jsonl", rows)])
        hits = await made.search_text("garnet history", k=9)
        assert {hit.doc_id for hit in hits if hit.dense_rank} == {"on"}
        made.add([corpus(tmp_path / "d.jsonl", [{"id": "new", "title": "garnet history", "text": "garnet history"}])])
        hits = await made.search_text("garnet history", k=9)
        assert {hit.doc_id for hit in hits if hit.dense_rank} == {"new"}, "the means follow a commit"
    finally:
        made.close()
