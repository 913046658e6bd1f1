"""The field's measures, a family a module, each with its formula and its source.

Pure functions of text, ids and numbers; they open nothing and call no model. Here stand the ones our own question
format is scored with; the others are imported from their module.
"""

from __future__ import annotations

from foveal.evaluation.metrics.answers import (
    exact_match,
    is_correct,
    normalise,
    numbers_in,
    says_unable,
    token_f1,
)
from foveal.evaluation.metrics.ranking import recall_at
from foveal.evaluation.metrics.trajectory import chain_found

__all__ = [
    "chain_found",
    "exact_match",
    "is_correct",
    "normalise",
    "numbers_in",
    "recall_at",
    "says_unable",
    "token_f1",
]
