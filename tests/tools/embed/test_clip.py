"""The CLIP and SigLIP adapter over tiny checkpoints with random weights, made here."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from fakes.clip_checkpoints import DIMS, LENGTH, WORDS, make_clip
from PIL import Image

from foveal.errors import ModelUnavailable
from foveal.tools.embed.clip import ClipEmbedder


@pytest.fixture(scope="module", params=list(DIMS))
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ClipEmbedder:
    made = ClipEmbedder(
        make_clip(request.param, tmp_path_factory.mktemp("made") / request.param), device="cpu", threads=1
    )
    assert made.dim == DIMS[request.param] and made._loaded is None
    return made


def test_both_kinds_share_a_space(embedder: ClipEmbedder) -> None:
    texts = embedder.embed_texts([*WORDS, "much longer than the model takes " * 20])
    images = embedder.embed_images([Image.new("RGB", (80, 60), c) for c in ("red", "blue")] * 9)
    assert texts.shape == (4, embedder.dim) and images.shape == (18, embedder.dim)
    for rows in (texts, images):
        assert rows.dtype == np.float32
        assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert not np.allclose(texts[0], texts[1], atol=1e-4) and not np.allclose(images[0], images[1], atol=1e-4)
    assert np.allclose(images[0], images[16], atol=1e-5)


def test_vectors_are_those_the_model_compares(embedder: ClipEmbedder) -> None:
    """The cosine of our vectors, scaled, is the model's own similarity, for texts padded to its full length."""
    import torch

    processor, model = embedder._load()
    image = Image.linear_gradient("L").convert("RGB").resize((64, 40))
    length = LENGTH[model.config.model_type.replace("_model", "")]
    inputs = processor.tokenizer(WORDS, padding="max_length", max_length=length, return_tensors="pt")
    pixels = processor.image_processor(images=[image], return_tensors="pt")
    with torch.inference_mode():
        expected = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], **pixels
        ).logits_per_image[0]
        scaled = model.logit_scale.exp().item()
    bias = model.logit_bias.item() if hasattr(model, "logit_bias") else 0.0
    ours = embedder.embed_texts(WORDS) @ embedder.embed_images([image])[0] * scaled + bias
    assert np.allclose(ours, expected.numpy(), atol=1e-3)


def test_siglip_reads_no_capitals(embedder: ClipEmbedder) -> None:
    small, capital = embedder.embed_texts(["a red bus", "A Red Bus"])
    assert np.allclose(small, capital, atol=1e-6) == ("siglip" in embedder.id)


def test_nothing_in_nothing_out(embedder: ClipEmbedder) -> None:
    assert embedder.embed_texts([]).shape == embedder.embed_images([]).shape == (0, embedder.dim)


def test_the_id_tells_checkpoints_apart_and_not_where_they_lie(embedder: ClipEmbedder, tmp_path: Path) -> None:
    source = Path(embedder.source)
    kind, _, hashed = embedder.id.removeprefix("clip:").partition("@")
    assert kind == source.name and len(hashed) == 12
    moved = tmp_path / "elsewhere" / source.name
    shutil.copytree(source, moved)
    assert ClipEmbedder(moved).id == embedder.id
    other = make_clip(kind, tmp_path / kind, seed=1)
    assert ClipEmbedder(other).id != embedder.id


def test_no_checkpoint_there(tmp_path: Path) -> None:
    for ask in (lambda e: e.embed_texts(["a"]), lambda e: e.id, lambda e: e.dim):
        with pytest.raises(ModelUnavailable) as caught:
            ask(ClipEmbedder(tmp_path))
        assert caught.value.remedy


def test_code_that_a_checkpoint_brings_is_not_run(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(
        '{"model_type": "strange", "auto_map": {"AutoConfig": "own.C", "AutoModel": "own.M", "AutoProcessor": "own.P"}}'
    )
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ModelUnavailable, match="cannot be loaded"):
        ClipEmbedder(tmp_path).embed_texts(["a"])
    assert not (tmp_path / "ran").exists()


def test_row_50_out_of_memory_is_told(embedder: ClipEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def full(**inputs: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    _, model = embedder._load()
    monkeypatch.setattr(model, "get_image_features", full)
    with pytest.raises(ModelUnavailable, match="not enough memory") as caught:
        embedder.embed_images([Image.new("RGB", (8, 8))])
    assert "smaller" in caught.value.remedy
