"""The CLIP and SigLIP adapter over tiny checkpoints with random weights, made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from foveal.errors import ModelUnavailable
from foveal.tools.embed.clip import ClipEmbedder

WORDS = ["a red bus in a street", "a blue sea", "the quick brown fox jumps over the lazy dog"]
TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    inner.train_from_iterator(
        WORDS,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=["<s>", "</s>", "<pad>"],
            initial_alphabet=alphabet,
            show_progress=False,
        ),
    )
    inner.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", pad_token="<pad>", model_max_length=32
    )


def make(kind: str, folder: Path) -> Path:
    import torch
    import transformers as t

    torch.manual_seed(0)
    words = tokenizer()
    text = {
        **TOWER, "vocab_size": len(words), "max_position_embeddings": 32,
        "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2,
    }  # fmt: skip
    vision = {**TOWER, "image_size": 32, "patch_size": 8}
    square = {"height": 32, "width": 32}
    model: Any
    if kind == "clip":
        model = t.CLIPModel(t.CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))
        pictures = first(t, "CLIPImageProcessor")(size={"shortest_edge": 32}, crop_size=square)
        processor = t.CLIPProcessor
    else:
        model = t.SiglipModel(t.SiglipConfig(text_config={**text, "projection_size": 32}, vision_config=vision))
        pictures = first(t, "SiglipImageProcessor")(size=square)
        processor = t.SiglipProcessor
    model.save_pretrained(folder)
    processor(image_processor=pictures, tokenizer=words).save_pretrained(folder)
    return folder


def first(transformers: Any, name: str) -> Any:
    """Return the image processor class that works without torchvision."""
    for suffix in ("Pil", ""):
        if (found := getattr(transformers, name + suffix, None)) is not None:
            return found
    raise AssertionError(name)


@pytest.fixture(scope="module", params=[("clip", 16), ("siglip", 32)], ids=["clip", "siglip"])
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ClipEmbedder:
    kind, dim = request.param
    made = ClipEmbedder(make(kind, tmp_path_factory.mktemp(kind)), device="cpu", threads=1)
    assert made.dim == dim
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
    """The cosine of our vectors, scaled, is the model's own similarity."""
    import torch

    processor, model = embedder._load()
    image = Image.linear_gradient("L").convert("RGB")
    inputs = processor.tokenizer(WORDS, padding="max_length", max_length=32, return_tensors="pt")
    pixels = processor.image_processor(images=[image], return_tensors="pt")["pixel_values"]
    with torch.inference_mode():
        expected = model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], pixel_values=pixels
        ).logits_per_image[0]
        scaled = model.logit_scale.exp().item()
    bias = model.logit_bias.item() if hasattr(model, "logit_bias") else 0.0
    ours = embedder.embed_texts(WORDS) @ embedder.embed_images([image])[0] * scaled + bias
    assert np.allclose(ours, expected.numpy(), atol=1e-3)


def test_nothing_in_nothing_out(embedder: ClipEmbedder) -> None:
    assert embedder.embed_texts([]).shape == embedder.embed_images([]).shape == (0, embedder.dim)


def test_no_checkpoint_there(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable) as caught:
        ClipEmbedder(tmp_path).embed_texts(["a"])
    assert caught.value.remedy
