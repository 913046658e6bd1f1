"""Tiny checkpoints with random weights, made in a folder in a tenth of a second: the real loading code, no network.

``make(kind, folder)`` writes what a hub repository holds: config, safetensors, tokenizer, chat template, processor.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

CORPUS = [
    "user: describe the image. assistant: a red bus in a street. Yes No yes no",
    "who painted this? search the web and cite sources [1] [2]. The answer is Paris, in the year 1889.",
    "the quick brown fox jumps over the lazy dog 0123456789 {}[]\":,.?!'-_/<>|",
]
QWEN_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
IDEFICS_TEMPLATE = (
    "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}: "
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}Assistant:{% endif %}"
)
LLAVA_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }} {% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>\n{% endif %}{% endfor %}{% for part in message['content'] %}"
    "{% if part['type'] == 'text' %}{{ part['text'] }}{% endif %}{% endfor %}<|im_end|>{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
LLAMA_TEMPLATE = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
    "{% for message in messages %}{% if message['role'] == 'user' %}[INST] {{ message['content'] | trim }} [/INST]"
    "{% else %} {{ message['content'] }}</s>{% endif %}{% endfor %}"
)
_VISION = ("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>")
_TILES = tuple(f"<row_{i}_col_{j}>" for i in range(1, 5) for j in range(1, 5))


def make(kind: str, folder: Path, *, seed: int = 0) -> Path:
    """Write a checkpoint of *kind* (:data:`KINDS`) into *folder* and return it."""
    import torch

    torch.manual_seed(seed)
    with _quiet():
        KINDS[kind](folder)
    return folder


def chat_tokenizer(specials: Sequence[str] = (), template: str | None = QWEN_TEMPLATE, **named: Any) -> Any:
    """Return a byte-level BPE tokenizer with ChatML tokens and no token that begins a text, as Qwen has."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    base = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=[*base, *specials], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    inner.train_from_iterator(CORPUS * 20, trainer)
    given = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", **named}
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, chat_template=template, additional_special_tokens=list(specials), **given
    )


def llama_tokenizer() -> Any:
    """Return a tokenizer with a token that begins every text and a mark for spaces before words, as Llama 2 has."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    inner.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    inner.train_from_iterator(
        CORPUS * 20,
        trainers.BpeTrainer(vocab_size=800, special_tokens=["<unk>", "<s>", "</s>", *fallback], show_progress=False),
    )
    inner.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, chat_template=LLAMA_TEMPLATE, bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def _shape(tokenizer: Any, **more: Any) -> dict[str, Any]:
    """The measures of a small language model."""
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    return dict(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=len(tokenizer), max_position_embeddings=2048, bos_token_id=tokenizer.bos_token_id,
    ) | ends | more  # fmt: skip


def _qwen2(folder: Path) -> None:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    tokenizer = chat_tokenizer()
    Qwen2ForCausalLM(Qwen2Config(**_shape(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _llama(folder: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = llama_tokenizer()
    LlamaForCausalLM(LlamaConfig(**_shape(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _qwen25_vl(folder: Path) -> None:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    tokenizer = chat_tokenizer(_VISION)
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}
    seeing = dict(
        depth=2, hidden_size=32, intermediate_size=64, num_heads=2, out_hidden_size=64, patch_size=14,
        spatial_merge_size=2, temporal_patch_size=2, fullatt_block_indexes=[1], window_size=56,
    )  # fmt: skip
    config = Qwen2_5_VLConfig(
        text_config=_shape(tokenizer, rope_parameters=rope), vision_config=seeing, **_vision_ids(tokenizer)
    )
    Qwen2_5_VLForConditionalGeneration(config).save_pretrained(folder)
    _save_qwen_processor(folder, tokenizer, "Qwen2_5_VLProcessor", patch_size=14)


def _qwen3_vl(folder: Path) -> None:
    from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

    tokenizer = chat_tokenizer(_VISION)
    rope = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [4, 2, 2], "mrope_interleaved": True}
    seeing = dict(
        depth=2, hidden_size=32, intermediate_size=64, num_heads=2, out_hidden_size=64, patch_size=16,
        spatial_merge_size=2, temporal_patch_size=2, num_position_embeddings=64, deepstack_visual_indexes=[0],
    )  # fmt: skip
    config = Qwen3VLConfig(
        text_config=_shape(tokenizer, rope_parameters=rope, head_dim=16), vision_config=seeing,
        **_vision_ids(tokenizer),
    )  # fmt: skip
    Qwen3VLForConditionalGeneration(config).save_pretrained(folder)
    _save_qwen_processor(folder, tokenizer, "Qwen3VLProcessor", patch_size=16)


def _vision_ids(tokenizer: Any) -> dict[str, int]:
    ids = tokenizer.convert_tokens_to_ids
    return dict(
        image_token_id=ids("<|image_pad|>"), video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"), vision_end_token_id=ids("<|vision_end|>"),
    )  # fmt: skip


def _save_qwen_processor(folder: Path, tokenizer: Any, family: str, *, patch_size: int) -> None:
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    size = {"shortest_edge": 56 * 56, "longest_edge": 112 * 112}
    Qwen2VLImageProcessorPil(size=size, patch_size=patch_size).save_pretrained(folder)
    _save_rest(folder, tokenizer, QWEN_TEMPLATE, processor_class=family)


def _idefics3(folder: Path) -> None:
    from transformers import Idefics3Config, Idefics3ForConditionalGeneration

    _save_idefics(folder, Idefics3Config, Idefics3ForConditionalGeneration, "Idefics3Processor")


def _smolvlm(folder: Path) -> None:
    from transformers import SmolVLMConfig, SmolVLMForConditionalGeneration

    _save_idefics(folder, SmolVLMConfig, SmolVLMForConditionalGeneration, "SmolVLMProcessor")


def _save_idefics(folder: Path, config_class: Any, model_class: Any, family: str) -> None:
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    specials = ["<fake_token_around_image>", "<image>", "<end_of_utterance>", "<global-img>", *_TILES]
    tokenizer = chat_tokenizer(specials, IDEFICS_TEMPLATE, bos_token="<|im_start|>", eos_token="<end_of_utterance>")
    seeing = dict(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, image_size=64, patch_size=16
    )
    config = config_class(
        text_config=_shape(tokenizer, model_type="llama", tie_word_embeddings=False), vision_config=seeing,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"), scale_factor=2,
        pad_token_id=tokenizer.pad_token_id, tie_word_embeddings=False,
    )  # fmt: skip
    model_class(config).save_pretrained(folder)
    Idefics3ImageProcessorPil(
        do_image_splitting=False, max_image_size={"longest_edge": 64}, size={"longest_edge": 64}
    ).save_pretrained(folder)
    _save_rest(folder, tokenizer, IDEFICS_TEMPLATE, processor_class=family, image_seq_len=4)


def _llava_onevision(folder: Path) -> None:
    from transformers import LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration
    from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil

    tokenizer = chat_tokenizer(("<image>", "<video>"), LLAVA_TEMPLATE)
    grid = [[32, 32], [32, 64], [64, 32], [64, 64]]
    seeing = dict(
        model_type="siglip_vision_model", hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, image_size=32, patch_size=8, vision_use_head=False,
    )  # fmt: skip
    config = LlavaOnevisionConfig(
        text_config=_shape(tokenizer, model_type="qwen2"), vision_config=seeing, image_grid_pinpoints=grid,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        video_token_id=tokenizer.convert_tokens_to_ids("<video>"),
    )  # fmt: skip
    LlavaOnevisionForConditionalGeneration(config).save_pretrained(folder)
    LlavaOnevisionImageProcessorPil(size={"height": 32, "width": 32}, image_grid_pinpoints=grid).save_pretrained(folder)
    _save_rest(
        folder, tokenizer, LLAVA_TEMPLATE, processor_class="LlavaOnevisionProcessor", num_image_tokens=16,
        vision_feature_select_strategy="full",
    )  # fmt: skip


def _save_rest(folder: Path, tokenizer: Any, template: str, **processor: Any) -> None:
    """Write tokenizer, template and processor settings: without torchvision processors cannot save themselves."""
    tokenizer.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(template, "utf-8")
    (folder / "processor_config.json").write_text(json.dumps(processor), "utf-8")


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    from transformers.utils import logging

    logging.disable_progress_bar()
    yield
    logging.enable_progress_bar()


KINDS: dict[str, Callable[[Path], None]] = {
    "qwen2": _qwen2,
    "llama": _llama,
    "qwen2_5_vl": _qwen25_vl,
    "qwen3_vl": _qwen3_vl,
    "idefics3": _idefics3,
    "smolvlm": _smolvlm,
    "llava_onevision": _llava_onevision,
}
SEEING = ("qwen2_5_vl", "qwen3_vl", "idefics3", "smolvlm", "llava_onevision")
