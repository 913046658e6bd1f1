"""A sample of questions by category: the same for the same seed, and a larger one holds every smaller one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from foveal.evaluation.questions import Question


def sample(questions: Sequence[Question], size: int, seed: int) -> tuple[Question, ...]:
    """Return *size* of *questions* (all, when there are no more), in their order.

    Places go to categories one by one, each to the one with the most questions for its 2s + 1, s being the places it
    has (Sainte-Laguë): shares follow the sizes, and no category loses a place when *size* grows. Within a category
    questions are taken in the order of a digest of *seed* and id, so that others in the file change nothing.
    """
    groups: dict[str, list[Question]] = {}
    for question in questions:
        groups.setdefault(question.category, []).append(question)
    places = dict.fromkeys(sorted(groups), 0)
    for _ in range(min(size, len(questions))):
        # one with all its questions taken has no claim left, or small ones would be handed more than they have
        open_ones = [name for name in places if places[name] < len(groups[name])]
        first = max(open_ones, key=lambda name: len(groups[name]) / (2 * places[name] + 1))
        places[first] += 1
    taken = {
        question.id
        for name, group in groups.items()
        for question in sorted(group, key=lambda question: _draw(question.id, seed))[: places[name]]
    }
    return tuple(question for question in questions if question.id in taken)


def _draw(question_id: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}:{question_id}".encode("utf-8", "replace")).digest()
