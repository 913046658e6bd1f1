"""How a GGUF model is run on this machine, from its header: context, slots, steps."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from foveal.tools.models.engine import EngineOptions
from foveal.tools.models.gguf import Header

CONTEXT = 8192
"""Tokens of a prompt and its reply, unless the model knows fewer or the user wants others."""
SLOTS = 8
"""Prompts of as many tasks keep their beginnings evaluated."""
CACHE_BYTES = 2 << 30
"""Most memory for keys and values, and never more than a quarter of what is free."""
SEEING_BATCH = 512
"""Some models want all tokens of a picture in one step."""
PLANNER_PARAMETERS = 6_500_000_000
"""From 7 B as they are called (6.7 to 8.3 billion weights): weaker ones plan better along a skeleton."""


def options_for(
    header: Header, *, threads: int, sees: bool = False, context: int | None = None, memory: int | None = None
) -> EngineOptions:
    """Return how the model of *header* is run; *memory* is the bytes that are free (default: asked for).

    The context is *context*, else :data:`CONTEXT`, in either case no more than the model was trained on. There
    are as many slots, up to :data:`SLOTS`, as fit in the memory; if not one does, the context is what fits.
    """
    trained = header.context or CONTEXT
    wanted = min(context or CONTEXT, trained)
    room = min(CACHE_BYTES, (free_memory() if memory is None else memory) // 4)
    tokens = room // header.cache_bytes if header.cache_bytes else wanted * SLOTS
    slots = max(1, min(SLOTS, tokens // wanted))
    if tokens < wanted and context is None:
        wanted = max(min(trained, 2048), tokens)
    options = EngineOptions(threads=threads, context=wanted, slots=slots)
    return replace(options, batch=SEEING_BATCH) if sees else options


def free_memory() -> int:
    """Return the bytes of memory that are free; 8 GB where that cannot be asked."""
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (OSError, ValueError, AttributeError):
        return 8 << 30
