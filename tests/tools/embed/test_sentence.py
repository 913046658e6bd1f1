"""Embedders through sentence-transformers, over tiny checkpoints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fakes.clip_checkpoints import WORDS, make_clip, make_sentence_text
from PIL import Image

from foveal.errors import BadConfig, ModelUnavailable
from foveal.settings import Settings
from foveal.tools.embed.clip import ClipEmbedder
from foveal.tools.embed.registry import in_one_space, make_image_embedder, make_text_embedder, query_vector, spec_of
from foveal.tools.embed.sentence import SentenceEmbedder

pytest.importorskip("sentence_transformers")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip("clip", tmp_path_factory.mktemp("st") / "clip")


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sentence_text(tmp_path_factory.mktemp("st") / "words")


def test_a_multimodal_checkpoint_gives_the_vectors_of_its_model(clip: Path) -> None:
    ours, reference = SentenceEmbedder(clip, pictures=True, device="cpu"), ClipEmbedder(clip, device="cpu")
    images = [Image.linear_gradient("L").convert("RGB"), Image.new("RGB", (40, 30), "red")]
    assert ours.dim == reference.dim == 16
    assert np.allclose(ours.embed_images(images), reference.embed_images(images), atol=1e-4)
    assert np.allclose(ours.embed_texts(WORDS), reference.embed_texts(WORDS), atol=1e-4)
    assert ours.embed_texts([]).shape == (0, 16)
    assert ours.id.startswith("st:clip@") and spec_of(ours) == f"st:{clip}"


def test_questions_are_asked_with_the_prompt_of_the_model(words: Path) -> None:
    embedder = SentenceEmbedder(words, device="cpu")
    asked, told, prompted = query_vector(embedder, WORDS[1]), *embedder.embed_texts([WORDS[1], f"question: {WORDS[1]}"])
    assert np.allclose(asked, prompted, atol=1e-5) and not np.allclose(asked, told, atol=1e-3)
    assert np.allclose(np.linalg.norm(asked), 1, atol=1e-5)


def test_a_blind_checkpoint_is_no_image_embedder(words: Path) -> None:
    with pytest.raises(ModelUnavailable, match="not pictures") as caught:
        SentenceEmbedder(words, pictures=True, device="cpu").embed_images([Image.new("RGB", (8, 8))])
    assert "multimodal" in caught.value.remedy


def test_specs_of_the_settings(clip: Path) -> None:
    settings = Settings()
    assert spec_of(make_text_embedder("embedded", settings)) == spec_of(make_image_embedder("embedded", settings))
    assert in_one_space(make_image_embedder("embedded", settings)) is None
    made = make_image_embedder(f"clip:{clip}", settings)
    assert isinstance(made, ClipEmbedder) and in_one_space(made) is made
    assert spec_of(make_text_embedder("st:any/name", settings)) == "st:any/name"
    for make, spec in ((make_text_embedder, "clip:x"), (make_text_embedder, "st:"), (make_image_embedder, "siglip")):
        with pytest.raises(BadConfig) as caught:
            make(spec, settings)
        assert "st:DIR_OR_ID" in caught.value.remedy
