"""Tiny dual encoders with random weights: real files, read by the real loading code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WORDS = ["a red bus in a street", "a blue sea", "the quick brown fox jumps over the lazy dog"]
TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
DIMS = {"clip": 16, "siglip": 32, "siglip2": 32}
LENGTH = {"clip": 32, "siglip": 32, "siglip2": 64}


def tokenizer() -> Any:
    """A byte-level tokenizer that keeps capitals apart."""
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


def siglip2_tokenizer() -> Any:
    """SigLIP 2's own class, of bytes only."""
    from transformers import Siglip2Tokenizer

    special = ["<bos>", "<eos>", "<pad>", "<unk>", "<mask>"]
    pieces = [*special, *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"abcdefghijklmnopqrstuvwxyz"]
    return Siglip2Tokenizer(vocab={piece: place for place, piece in enumerate(pieces)}, merges=[])


def make_clip(kind: str, folder: Path, *, seed: int = 0) -> Path:
    """Write a checkpoint of *kind* (clip, siglip or siglip2: any aspect ratio) into *folder*."""
    import torch
    import transformers as t

    torch.manual_seed(seed)
    words = siglip2_tokenizer() if kind == "siglip2" else tokenizer()
    text = {
        **TOWER, "vocab_size": len(words), "max_position_embeddings": LENGTH[kind],
        "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2,
    }  # fmt: skip
    vision = {**TOWER, "image_size": 32, "patch_size": 8}
    square = {"height": 32, "width": 32}
    model: Any
    if kind == "clip":
        model = t.CLIPModel(t.CLIPConfig(text_config=text, vision_config=vision, projection_dim=16))
        pictures = _first(t, "CLIPImageProcessor")(size={"shortest_edge": 32}, crop_size=square)
        processor: Any = t.CLIPProcessor
    elif kind == "siglip":
        model = t.SiglipModel(t.SiglipConfig(text_config={**text, "projection_size": 32}, vision_config=vision))
        pictures = _first(t, "SiglipImageProcessor")(size=square)
        processor = t.SiglipProcessor
    else:
        seen = {**TOWER, "patch_size": 8, "num_patches": 16}
        model = t.Siglip2Model(t.Siglip2Config(text_config={**text, "projection_size": 32}, vision_config=seen))
        pictures = _first(t, "Siglip2ImageProcessor")(patch_size=8, max_num_patches=16)
        processor = t.Siglip2Processor
    model.save_pretrained(folder)
    processor(image_processor=pictures, tokenizer=words).save_pretrained(folder)
    return folder


def make_sentence_text(folder: Path) -> Path:
    """Write a sentence-transformers folder that embeds texts only, with a prompt for queries."""
    import torch
    import transformers as t
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    torch.manual_seed(0)
    words = tokenizer()
    bare = folder.with_name(folder.name + "-bare")
    config = t.BertConfig(**TOWER, vocab_size=len(words), max_position_embeddings=32, pad_token_id=2)
    t.BertModel(config).save_pretrained(bare)
    words.save_pretrained(bare)
    model = SentenceTransformer(
        modules=[Transformer(str(bare)), Pooling(32)], prompts={"query": "question: "}, device="cpu"
    )
    model.save(str(folder))
    return folder


def _first(transformers: Any, name: str) -> Any:
    """Return the image processor class that works without torchvision."""
    for suffix in ("Pil", ""):
        if (found := getattr(transformers, name + suffix, None)) is not None:
            return found
    raise AssertionError(name)
