"""Replies that are JSON of a schema: at every step only tokens that keep it so may be chosen (llguidance)."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from foveal.errors import BadInput, ModelUnavailable

_SPACING: Any = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""As Python writes JSON, and most models with it; free white space would let a weak model write nothing else."""


class JsonGrammars:
    """Makes a matcher for each constrained reply; the view of the tokenizer that they share is made once."""

    def __init__(self, tokenizer: Any, *, vocabulary: int, ends: Sequence[int]) -> None:
        """*vocabulary* is how many logits the model gives, *ends* the tokens that end a reply."""
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._ends = list(ends)
        self._shared: Any = None
        self._making = threading.Lock()

    def matcher(self, schema: Mapping[str, Any]) -> JsonMatcher:
        """Return a matcher of *schema*. Raises BadInput for a schema that is none, ModelUnavailable."""
        try:
            from llguidance import LLMatcher
            from llguidance.hf import from_tokenizer
        except ImportError as problem:
            raise ModelUnavailable(
                "Constrained replies need the package llguidance.", remedy="Run: pip install llguidance"
            ) from problem
        with self._making:
            if self._shared is None:
                self._shared = from_tokenizer(self._tokenizer, n_vocab=self._vocabulary, eos_token=self._ends)
        grammar = LLMatcher.grammar_from_json_schema(dict(schema), overrides=_SPACING)
        inner = LLMatcher(self._shared, grammar, log_level=0)
        if inner.is_error():
            raise BadInput(f"This JSON Schema cannot be followed: {inner.get_error().splitlines()[0][:200]}")
        return JsonMatcher(inner, self._vocabulary)


class JsonMatcher:
    """How far one reply has come."""

    def __init__(self, inner: Any, vocabulary: int) -> None:
        self._inner = inner
        self._vocabulary = vocabulary

    @property
    def complete(self) -> bool:
        """Whether nothing but an end can follow."""
        return bool(self._inner.is_stopped())

    def allowed(self) -> np.ndarray:
        """Return bool [vocabulary]: the tokens that may come next."""
        bits = np.frombuffer(self._inner.compute_bitmask(), dtype=np.uint8)
        return np.unpackbits(bits, bitorder="little")[: self._vocabulary].astype(bool)

    def take(self, token: int) -> None:
        """Go on by one token."""
        self._inner.consume_token(token)

    def restart(self) -> None:
        """Go back to the beginning."""
        self._inner.reset()
