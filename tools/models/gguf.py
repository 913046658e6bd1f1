"""The header of a GGUF file: what a model is, before any of its weights are read.

Layout (the GGUF specification, version 2 and 3, little endian): the magic, the version, the numbers of tensors and
of key-value pairs, the pairs, and for every tensor its name, shape, type and offset. A header of 150 000 tokens is
read in about a tenth of a second; the weights are not touched.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveal.errors import ModelUnavailable

MAGIC = b"GGUF"
_FIXED = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_NORMAL_WIDTH = 2
"""Bytes of a number in the cache of keys and values."""
_UNKNOWN, _CONTROL = 2, 3
_KEPT_ARRAYS = ("tokenizer.ggml.tokens", "tokenizer.ggml.token_type")
_LONGEST_ARRAY = 4096
"""Longer arrays (merges, scores) are skipped, but for those kept."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says. ``context`` is tokens the model was trained on, 0 when it does not say.

    ``cache_bytes`` is what the keys and values of one token take; ``control`` are the tokens that steer a chat.
    """

    architecture: str
    parameters: int
    context: int
    cache_bytes: int
    template: str | None
    control: tuple[str, ...]


def read_header(path: Path) -> Header:
    """Return the header of *path*. Raises ModelUnavailable when it cannot be read or is no GGUF file."""
    try:
        with path.open("rb") as file:
            if file.read(4) != MAGIC:
                raise ModelUnavailable(f"{path} is not a GGUF file.", remedy="Give a model in the GGUF format.")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _header(_Cursor(data))
    except OSError as problem:
        raise ModelUnavailable(
            f"The model file {path} cannot be read: {problem.strerror}.", remedy="Check the path after llama:."
        ) from problem
    except (struct.error, ValueError, KeyError, IndexError, OverflowError, TypeError, RecursionError) as problem:
        raise ModelUnavailable(
            f"The header of {path.name} is damaged or cut off.", remedy="Copy or download the file again."
        ) from problem


class _Cursor:
    """Reads one value after another."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self.at = 4

    def fixed(self, form: str) -> Any:
        value = struct.unpack_from("<" + form, self._data, self.at)[0]
        self.at += struct.calcsize("<" + form)
        return value

    def string(self) -> str:
        length = self.fixed("Q")
        start, self.at = self.at, self.at + length
        if self.at > len(self._data):
            raise ValueError("a string goes beyond the file")
        return self._data[start : self.at].decode("utf-8", "replace")

    def skip_string(self) -> None:
        self.at += 8 + struct.unpack_from("<Q", self._data, self.at)[0]

    def value(self, kind: int, keep: bool) -> Any:
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY:
            return self.fixed(_FIXED[kind])
        inner, length = self.fixed("I"), self.fixed("Q")
        if keep or length <= _LONGEST_ARRAY:
            return [self.value(inner, keep) for _ in range(length)]
        if inner == _STRING:
            skip: Callable[[], None] = self.skip_string
            for _ in range(length):
                skip()
        else:
            self.at += length * struct.calcsize("<" + _FIXED[inner])
        return None


def _header(cursor: _Cursor) -> Header:
    if cursor.fixed("I") not in (2, 3):
        raise ValueError("an unknown version")
    tensors, pairs = cursor.fixed("Q"), cursor.fixed("Q")
    known: dict[str, Any] = {}
    for _ in range(pairs):
        key = cursor.string()
        known[key] = cursor.value(cursor.fixed("I"), key in _KEPT_ARRAYS)
    parameters = 0
    for _ in range(tensors):
        cursor.skip_string()
        shape = [cursor.fixed("Q") for _ in range(cursor.fixed("I"))]
        cursor.fixed("I"), cursor.fixed("Q")
        parameters += math.prod(shape)
    kinds = known.get("tokenizer.ggml.token_type") or ()
    tokens = known.get("tokenizer.ggml.tokens") or ()
    architecture = str(known["general.architecture"])
    return Header(
        architecture,
        parameters,
        int(known.get(f"{architecture}.context_length", 0)),
        _cache_bytes(known, architecture),
        known.get("tokenizer.chat_template"),
        tuple(t for t, kind in zip(tokens, kinds, strict=False) if kind in (_UNKNOWN, _CONTROL) and t),
    )


def _cache_bytes(known: dict[str, Any], architecture: str) -> int:
    """Bytes of a token's keys and values: over all layers, heads × (key + value length) × 2."""

    def number(key: str, default: Any = 0) -> Any:
        return known.get(f"{architecture}.{key}", default)

    layers, width = int(number("block_count")), int(number("embedding_length"))
    heads = number("attention.head_count", 1)
    most = max(heads) if isinstance(heads, list) else heads
    pairs = number("attention.head_count_kv", heads)
    in_all = sum(pairs) if isinstance(pairs, list) else pairs * layers
    each = width // most if most else 0
    return int(in_all * (number("attention.key_length", each) + number("attention.value_length", each)) * _NORMAL_WIDTH)
