"""Tiny GGUF models with random weights, written in a moment: a llama that chats, and a projector that lets it see.

Their replies mean nothing; everything around the replies (header, template, tokens, pictures) is as with real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

CHATML = (
    "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}{{'<|start_header_id|>' + m['role'] + '<|end_header_id|>\n\n'"
    " + m['content'] | trim + '<|eot_id|>'}}{% endfor %}"
    "{% if add_generation_prompt %}{{'<|start_header_id|>assistant<|end_header_id|>\n\n'}}{% endif %}"
)
TURNS = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate') }}{% endif %}"
    "{{ '<start_of_turn>' + ('model' if m['role'] == 'assistant' else m['role']) + '\n' + m['content'] | trim"
    " + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
CONTROL = {
    CHATML: ("<|endoftext|>", "<|im_start|>", "<|im_end|>"),
    LLAMA3: ("<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    TURNS: ("<bos>", "<start_of_turn>", "<end_of_turn>"),
}
OF_PICTURES = (
    "<fake_token_around_image>", "<global-img>", *(f"<row_{y}_col_{x}>" for y in range(1, 5) for x in range(1, 5)),
)  # fmt: skip
WIDTH = 64


def write_model(
    path: Path,
    *,
    template: str | None = CHATML,
    control: Sequence[str] | None = None,
    begins: bool = False,
    context: int = 2048,
    seed: int = 0,
) -> Path:
    """Write a llama of two layers that knows bytes and *control* tokens; *begins*: prompts want the first of them."""
    from gguf import GGUFWriter, TokenType

    control = (*(CONTROL[template or CHATML] if control is None else control), *OF_PICTURES)
    tokens = [*_bytes(), "ĊĊ", *control]
    writer = GGUFWriter(path, "llama")
    writer.add_context_length(context)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(2)
    writer.add_feed_forward_length(2 * WIDTH)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_rope_dimension_count(WIDTH // 4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types([TokenType.NORMAL] * 257 + [TokenType.CONTROL] * len(control))
    writer.add_token_merges(["Ċ Ċ"])
    writer.add_bos_token_id(257)
    writer.add_eos_token_id(257 + len(control) - len(OF_PICTURES) - 1)
    writer.add_add_bos_token(begins)
    if template is not None:
        writer.add_chat_template(template)
    add = _Tensors(writer, seed)
    add.random("token_embd.weight", len(tokens), WIDTH)
    add.random("output.weight", len(tokens), WIDTH)
    add.filled("output_norm.weight", WIDTH, 1)
    for layer in range(2):
        block = f"blk.{layer}."
        add.filled(block + "attn_norm.weight", WIDTH, 1)
        add.filled(block + "ffn_norm.weight", WIDTH, 1)
        add.random(block + "attn_q.weight", WIDTH, WIDTH)
        add.random(block + "attn_k.weight", WIDTH // 2, WIDTH)
        add.random(block + "attn_v.weight", WIDTH // 2, WIDTH)
        add.random(block + "attn_output.weight", WIDTH, WIDTH)
        add.random(block + "ffn_gate.weight", 2 * WIDTH, WIDTH)
        add.random(block + "ffn_up.weight", 2 * WIDTH, WIDTH)
        add.random(block + "ffn_down.weight", WIDTH, 2 * WIDTH)
    add.done()
    return path


def write_projector(path: Path, *, seed: int = 1) -> Path:
    """Write a projector of the kind of SmolVLM (Idefics3) for pictures of 64 × 64 pixels, 4 tokens each."""
    from gguf import GGUFWriter

    width, side, patch, scale = 32, 64, 16, 2
    writer = GGUFWriter(path, "clip")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "idefics3")
    writer.add_file_type(0)
    numbers = {
        "image_size": side, "preproc_image_size": 2 * side, "patch_size": patch, "embedding_length": width,
        "feed_forward_length": 2 * width, "block_count": 1, "projection_dim": WIDTH, "attention.head_count": 2,
        "projector.scale_factor": scale,
    }  # fmt: skip
    for name, number in numbers.items():
        writer.add_uint32(f"clip.vision.{name}", number)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", 1e-6)
    writer.add_array("clip.vision.image_mean", [0.5, 0.5, 0.5])
    writer.add_array("clip.vision.image_std", [0.5, 0.5, 0.5])
    writer.add_bool("clip.use_gelu", True)
    add = _Tensors(writer, seed)
    add.random("v.patch_embd.weight", width, 3, patch, patch)
    add.filled("v.patch_embd.bias", width, 0)
    add.random("v.position_embd.weight", (side // patch) ** 2, width)
    for name in ("attn_q", "attn_k", "attn_v", "attn_out"):
        add.random(f"v.blk.0.{name}.weight", width, width)
        add.filled(f"v.blk.0.{name}.bias", width, 0)
    for name in ("v.blk.0.ln1", "v.blk.0.ln2", "v.post_ln"):
        add.filled(f"{name}.weight", width, 1)
        add.filled(f"{name}.bias", width, 0)
    add.random("v.blk.0.ffn_up.weight", 2 * width, width)
    add.filled("v.blk.0.ffn_up.bias", 2 * width, 0)
    add.random("v.blk.0.ffn_down.weight", width, 2 * width)
    add.filled("v.blk.0.ffn_down.bias", width, 0)
    add.random("mm.model.fc.weight", WIDTH, width * scale * scale)
    add.done()
    return path


class _Tensors:
    def __init__(self, writer: Any, seed: int) -> None:
        self._writer = writer
        self._chance = np.random.default_rng(seed)

    def random(self, name: str, *shape: int) -> None:
        self._writer.add_tensor(name, (self._chance.standard_normal(shape) * 0.3).astype(np.float32))

    def filled(self, name: str, size: int, value: float) -> None:
        self._writer.add_tensor(name, np.full(size, value, np.float32))

    def done(self) -> None:
        self._writer.write_header_to_file()
        self._writer.write_kv_data_to_file()
        self._writer.write_tensors_to_file()
        self._writer.close()


def _bytes() -> list[str]:
    """The 256 bytes as GPT-2 writes them: those that can be printed as they are, the others from code point 256 on."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    names = {byte: chr(byte) for byte in shown} | {byte: chr(256 + n) for n, byte in enumerate(hidden)}
    return [names[byte] for byte in range(256)]
