"""Text or picture, when they disagree ("Words or Vision", Deng et al. 2025): the text preference ratio.

An item is answered three times: from picture and text, from the picture alone, from the text alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

Side = Literal["text", "image", "both", "neither"]


def side(answer: str, image_only: str, text_only: str) -> Side:
    """Return whom the *answer* from both agrees with, texts compared without case, outer spaces and a last point."""
    with_image, with_text = _plain(answer) == _plain(image_only), _plain(answer) == _plain(text_only)
    if with_text:
        return "both" if with_image else "text"
    return "image" if with_image else "neither"


def text_preference_ratio(sides: Iterable[Side], *, coarse: bool = False) -> float | None:
    """Return ``text / (text + image)``, 0 to 1; None when neither side was ever taken.

    With *coarse*, where both agree counts as text: ``(text + both) / (text + image + both)``.
    """
    counts = Counter(sides)
    text = counts["text"] + (counts["both"] if coarse else 0)
    total = text + counts["image"]
    return text / total if total else None


def certainty(logprobs: Sequence[float]) -> float | None:
    """Return exp(mean log-probability of the tokens) of one side's answer, 0 to 1; None without tokens."""
    return math.exp(sum(logprobs) / len(logprobs)) if logprobs else None


def _plain(text: str) -> str:
    return text.lower().strip().rstrip(".")
