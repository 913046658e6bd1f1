"""Where a checkpoint runs and in what numbers, and whether it fits there: reckoned before anything is loaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveal.errors import ModelUnavailable

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
CONVERSATION = 4096
"""Tokens of conversation for which there must be room beside the weights."""
SLACK = 1.05
"""Weights take a little more than their numbers: buffers, alignment, the pieces of a step."""
_CGROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes",
     "/sys/fs/cgroup/memory/memory.stat"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Place:
    """A device (``cpu``, ``cuda:0``, ``mps``), a dtype by name, and the bytes that are reckoned to be needed."""

    device: str
    dtype: str
    need: int


def choose_place(
    name: str,
    parameters: int,
    config: Any,
    *,
    device: str,
    dtype: str,
    free: Callable[[str], int | None] | None = None,
) -> Place:
    """Return where and how the model *name* runs; *config* is its transformers configuration.

    ``auto`` is the GPU with the most free memory, else the processor; there bfloat16 on a GPU that knows it, else
    float16; on the processor float32, or bfloat16 when only that fits.
    *free* tells the free bytes of a device. Raises ModelUnavailable when it does not fit or there is no such device.
    """
    free = free or free_memory
    found = _device(device, free)
    room = free(found)
    place = None
    for kind in _dtypes(found) if dtype == "auto" else (dtype,):
        place = Place(found, kind, memory_needed(parameters, config, kind))
        if room is None or place.need <= room:
            return place
    assert place is not None and room is not None
    raise ModelUnavailable(
        f"The model {name} needs about {_gib(place.need)} as {place.dtype}, and {found} has {_gib(room)} free.",
        remedy=_remedy(found, place.dtype),
    )


def memory_needed(parameters: int, config: Any, dtype: str) -> int:
    """Return about how many bytes a model takes: its weights, and the keys and values of one long conversation.

    weights = parameters × bytes × 1.05; cache = 2 × layers × key-value heads × head size × bytes × tokens.
    """
    text = config.get_text_config()
    heads = getattr(text, "num_attention_heads", None) or 1
    size = getattr(text, "head_dim", None) or getattr(text, "hidden_size", 0) // heads
    groups = getattr(text, "num_key_value_heads", None) or heads
    layers = getattr(text, "num_hidden_layers", 0)
    tokens = min(CONVERSATION, getattr(text, "max_position_embeddings", None) or CONVERSATION)
    return int((parameters * SLACK + 2 * layers * groups * size * tokens) * BYTES[dtype])


def free_memory(device: str) -> int | None:
    """Return the free bytes of *device*; None when this machine does not tell."""
    import torch

    if device.startswith("cuda"):
        return int(torch.cuda.mem_get_info(device)[0])
    if device == "mps":
        return int(torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory())
    known = [room for room in (_machine(), *(_container(*files) for files in _CGROUPS)) if room is not None]
    return min(known, default=None)


def _device(wanted: str, free: Callable[[str], int | None]) -> str:
    import torch

    cards = [f"cuda:{n}" for n in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    if wanted == "auto":
        if cards:
            return max(cards, key=lambda card: free(card) or 0)
        return "mps" if torch.backends.mps.is_available() else "cpu"
    if wanted == "cuda" and cards:
        return max(cards, key=lambda card: free(card) or 0)
    if wanted == "cpu" or wanted in cards or (wanted == "mps" and torch.backends.mps.is_available()):
        return wanted
    there = ", ".join([*cards, *(["mps"] if torch.backends.mps.is_available() else []), "cpu"])
    raise ModelUnavailable(
        f"There is no device {wanted} here.", remedy=f"Set hf_device to auto or to one that is here: {there}."
    )


def _dtypes(device: str) -> tuple[str, ...]:
    import torch

    if device == "cpu":
        return "float32", "bfloat16"
    return ("bfloat16",) if device.startswith("cuda") and torch.cuda.is_bf16_supported() else ("float16",)


def _machine() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def _container(limit: str, used: str, stat: str) -> int | None:
    """Return what a container may still take; file pages that can be dropped do not count as taken."""
    try:
        most, taken = int(Path(limit).read_text("ascii")), int(Path(used).read_text("ascii"))
        lines = (line.split() for line in Path(stat).read_text("ascii").splitlines())
        return most - taken + sum(int(line[1]) for line in lines if line[0] == "inactive_file")
    except (OSError, ValueError, IndexError):  # no container, or one without a limit ("max")
        return None


def _remedy(device: str, dtype: str) -> str:
    ways = []
    if BYTES[dtype] == 4:
        ways.append("set hf_dtype to bfloat16")
    if device != "cpu":
        ways.append("free memory of the GPU, or set hf_device to cpu")
    ways.append("use a smaller model, a GGUF of it with llama:, or a server that has room with openai:")
    return f"{'; '.join(ways)[:1].upper()}{'; '.join(ways)[1:]}."


def _gib(count: int) -> str:
    return f"{count / 2**30:.1f} GiB"
