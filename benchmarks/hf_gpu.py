"""How fast a model of transformers runs here: alone, four calls at once, judgements, and memory against the estimate.

    python benchmarks/hf_gpu.py [FOLDER] [--device cuda] [--dtype auto] [--tokens 128] [--batch 4]

Without a folder a Qwen2 of about 1.2 billion random weights is made. The bare speed is the library's own `generate`
on the same prompt. Prints one table; times are of this machine, the ratios are what to look at.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from foveal.tools.models.hf import HfModel
from foveal.tools.models.hf_load import Loaded
from foveal.types import Message

SIZES = {"small": (256, 4, 4, 1024), "large": (2048, 16, 16, 8192)}
"""Hidden size, layers, heads, feed-forward of the model that is made."""
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
ASK = [Message("user", "Passage: " + "the red bus stands in the street by the old town hall. " * 20 + "\nIs it red?")]


def make_checkpoint(folder: Path, size: str) -> Path:
    """Write a Qwen2 with random weights, and a tokenizer of bytes with a vocabulary as wide as Qwen's."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

    hidden, layers, heads, inner = SIZES[size]
    alphabet = {char: number for number, char in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    words = Tokenizer(models.BPE(alphabet, []))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, chat_template=TEMPLATE, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"],
    )  # fmt: skip
    torch.manual_seed(0)
    config = Qwen2Config(
        hidden_size=hidden, num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=heads // 4,
        intermediate_size=inner, vocab_size=151_936, max_position_embeddings=8192,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    torch.set_default_dtype(torch.bfloat16)  # half the disk, and no second copy
    model = Qwen2ForCausalLM(config)
    torch.set_default_dtype(torch.float32)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


async def timed(*makes: Callable[[], Awaitable[object]], times: int = 4) -> list[float]:
    """Return the least seconds of each of *makes*, taken in turn so that what else runs here falls on all of them."""
    best = [float("inf")] * len(makes)
    for round_ in range(times + 1):
        for number, make in enumerate(makes):
            began = time.perf_counter()
            await make()
            if round_:  # the first is to warm up
                best[number] = min(best[number], time.perf_counter() - began)
    return best


def bare(loaded: Loaded, tokens: int) -> None:
    """Write *tokens* with the library's own generate: greedy, one prompt."""
    import torch

    chat = [{"role": message.role, "content": message.content} for message in ASK]
    words = loaded.tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    ).to(loaded.place.device)  # fmt: skip
    with torch.inference_mode():
        loaded.model.generate(**words, max_new_tokens=tokens).tolist()


async def measure(folder: Path, device: str, dtype: str, tokens: int, batch: int) -> dict[str, float | str]:
    """Return the figures by name."""
    import torch
    import transformers  # noqa: F401  (before memory is looked at)

    before = _resident()
    model = HfModel(str(folder), device=device, dtype=dtype, batch=batch)
    began = time.perf_counter()
    await model.generate(ASK, max_tokens=1)
    loading = time.perf_counter() - began
    loaded = model._loaded
    assert loaded is not None
    on_gpu = loaded.place.device.startswith("cuda")
    written = (await model.generate(ASK, max_tokens=tokens)).completion_tokens

    async def at_once() -> None:
        await asyncio.gather(*(model.generate(ASK, max_tokens=tokens) for _ in range(batch)))

    async def judge() -> None:
        await asyncio.gather(*(model.yes_probability(ASK) for _ in range(batch)))

    async def library() -> None:
        await asyncio.to_thread(bare, loaded, written)

    alone, engine, together = (
        count / seconds
        for count, seconds in zip(
            (written, written, batch * written),
            await timed(lambda: model.generate(ASK, max_tokens=tokens), library, at_once),
            strict=True,
        )
    )
    one, many = await timed(lambda: model.yes_probability(ASK), judge)
    peak = torch.cuda.max_memory_allocated(loaded.place.device) if on_gpu else _resident() - before
    await model.aclose()
    return {
        "device": loaded.place.device,
        "dtype": loaded.place.dtype,
        "parameters, millions": model.card.parameters / 1e6,
        "seconds to load": loading,
        "tokens of the reply": written,
        "tokens a second, alone": alone,
        "tokens a second, bare library": engine,
        "share of the bare speed": alone / engine,
        f"tokens a second, {batch} at once": together,
        f"ratio of {batch} at once to alone": together / alone,
        "judgements a second, alone": 1 / one,
        f"judgements a second, {batch} at once": batch / many,
        "memory estimated, GiB": loaded.place.need / 2**30,
        "memory at the peak, GiB": peak / 2**30,
        "estimate over peak": loaded.place.need / peak,
    }


def _resident() -> int:
    """Return the most bytes that this process held so far; pages of mapped files are in it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--size", choices=SIZES, default="large", help="of the model that is made")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--dtype", default="auto")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = given.folder or make_checkpoint(Path(made) / "random", given.size)
        figures = asyncio.run(measure(folder, given.device, given.dtype, given.tokens, given.batch))
    if given.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:36} {value:>12.2f}" if isinstance(value, float) else f"{name:36} {value:>12}")


if __name__ == "__main__":
    main()
