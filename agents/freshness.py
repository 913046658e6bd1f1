"""Whether a question is about the present, so that old evidence does not settle it."""

from __future__ import annotations

import re

_FRESH = re.compile(
    r"\b(?:current(?:ly)?|now(?:adays)?|at present|presently|to(?:day|night)|latest|most recent|newest|so far|"
    r"this (?:year|month|week)|as of (?:today|now))\b(?! known)",
    re.I,
)


def is_fresh(question: str) -> bool:
    """Say whether the answer may have changed since a page was written: "the current mayor", "the latest model"."""
    return bool(_FRESH.search(question))
