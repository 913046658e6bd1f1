"""What of the evidence goes into a prompt: a budget of tokens and pictures, filled best first, cut at sentence ends."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from foveal.agents.reader import Passage
from foveal.errors import ContextOverflow
from foveal.protocols import ChatModel

T = TypeVar("T")
EVIDENCE_TOKENS = 6000
"""Most tokens of evidence in a prompt; half of the model's context when that is less."""
FENCE = 16
"""Tokens that a passage's number and fence take beside its title and text."""
_SENTENCE = re.compile(r"[.!?]+[\"'”’)\]]*(?=\s)|[。！？]+[”’」』]?|(?=\n)")
_WORD = re.compile(r"(?<=\S)(?=\s)")


@dataclass(frozen=True, slots=True)
class Packed:
    """What fits: passages and pictures, both best first; ``left_out`` counts the passages that do not, or not whole."""

    passages: tuple[Passage, ...]
    pictures: tuple[str, ...] = ()
    left_out: int = 0


def pack(
    passages: Sequence[Passage],
    *,
    tokens: int,
    count: Callable[[str], int],
    pictures: Sequence[str] = (),
    most: int = 0,
    picture_tokens: int = 0,
) -> Packed:
    """Return as much of *passages* and *pictures* (digests), both best first, as *tokens* and *most* pictures cover.

    A picture counts *picture_tokens*; pictures come first, and leave a quarter of the tokens to passages when there
    are any. Of the first passage that does not fit whole its beginning is taken, up to the end of a sentence (of a
    word, when it is the best passage and its first sentence is too long); offsets stay those of the document.
    """
    room = tokens * 3 // 4 if passages else tokens
    kept = tuple(pictures[: min(most, room // picture_tokens)]) if picture_tokens else tuple(pictures[:most])
    left = tokens - picture_tokens * len(kept)
    packed: list[Passage] = []
    for passage in passages:
        need = cost(passage, count)
        if need > left:
            if begun := _beginning(passage, left, count, words=not packed):
                packed.append(begun)
            break
        packed.append(passage)
        left -= need
    return Packed(tuple(packed), kept, sum(p not in packed for p in passages))


def cost(passage: Passage, count: Callable[[str], int]) -> int:
    """Return the tokens that *passage* takes in a prompt."""
    return count(f"{passage.title}\n{passage.text}") + FENCE


def at_the_ends(ranked: Sequence[T]) -> list[T]:
    """Return *ranked* (best first) with the best at both ends and the least in the middle.

    Long prompts are read best at their ends: some models favour the first, others the last of many (Visual Haystacks,
    Wu et al. 2024; "lost in the middle").
    """
    return [*ranked[::2], *ranked[1::2][::-1]]


def sentence_ends(text: str) -> Iterator[int]:
    """Yield the offsets at which a sentence or line of *text* ends, the last one its length."""
    yield from (m.end() for m in _SENTENCE.finditer(text) if 0 < m.end() < len(text))
    yield len(text)


def _beginning(passage: Passage, tokens: int, count: Callable[[str], int], *, words: bool) -> Passage | None:
    """Return the longest beginning of *passage* that costs at most *tokens*; None when not one sentence does."""
    for ends in ([*sentence_ends(passage.text)], [m.end() for m in _WORD.finditer(passage.text)] if words else []):
        low, high = 0, len(ends)  # so many ends fit, so many surely do not
        while low < high:
            middle = (low + high + 1) // 2
            if cost(replace(passage, text=passage.text[: ends[middle - 1]]), count) <= tokens:
                low = middle
            else:
                high = middle - 1
        if low and passage.text[: ends[low - 1]].strip():
            return replace(passage, text=passage.text[: ends[low - 1]])
    return None


async def fitting(
    model: ChatModel, ask: Callable[[int], Awaitable[T]], *, most: int = EVIDENCE_TOKENS
) -> tuple[T, tuple[str, ...]]:
    """Return what *ask* comes to for the tokens of evidence that *model* takes, at *most* so many, and warnings.

    When the prompt is too long for the model nevertheless, it is asked once more with half of them.
    """
    tokens = min(most, model.capabilities.context_tokens // 2)
    try:
        return await ask(tokens), ()
    except ContextOverflow:
        shorter = f"The evidence was too much for the context of {model.name}; only the first half of it was read."
        return await ask(tokens // 2), (shorter,)
