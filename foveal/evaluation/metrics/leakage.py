"""What a picture, and what searching, adds to a score (MMStar, Chen et al. 2024; MRAG-Bench, Hu et al. 2024).

Every figure is a mean score over the same questions, in one unit.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Leakage:
    """``gain`` is what the pictures added, ``leaked`` what was known without them beyond the language model alone."""

    gain: float
    leaked: float | None


def multimodal_gain(with_pictures: float, without_pictures: float) -> float:
    """Return MG = S_v - S_wv: how much worse the same model is when the pictures are kept from it."""
    return with_pictures - without_pictures


def multimodal_leakage(without_pictures: float, language_model: float) -> float:
    """Return ML = max(0, S_wv - S_t): answers known without the picture that the text model below did not know."""
    return max(0.0, without_pictures - language_model)


def leakage(with_pictures: float, without_pictures: float, language_model: float | None = None) -> Leakage:
    """Return both; ``leaked`` is None when the language model was not measured alone."""
    leaked = None if language_model is None else multimodal_leakage(without_pictures, language_model)
    return Leakage(multimodal_gain(with_pictures, without_pictures), leaked)


def retrieval_gain(with_search: float, closed_book: float) -> float:
    """Return how much searching added: the figure MRAG-Bench reports beside accuracy. It can be negative."""
    return with_search - closed_book
