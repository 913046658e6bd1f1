"""The listwise reranker: a model is shown numbered candidates and writes their order."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from foveal.agents import fence
from foveal.errors import ContextOverflow
from foveal.prompts.loader import render
from foveal.protocols import ChatModel, Scale
from foveal.types import Candidate, Message, Scored

Strategy = Literal["auto", "full", "sliding"]
WORDS = 100
"""Words of a passage that are shown; fewer when the prompt would not fit."""
LEAST_WORDS = 12
AROUND = 16
"""Tokens that a chat format puts around one message, at most."""
PICTURES = 20
"""Pictures that one call shows at most."""
_NUMBER = re.compile(r"\d+")


class Listwise:
    """RankGPT (arXiv 2304.09542) and full ranking (arXiv 2412.14574): all candidates in one call, or a window of
    *window* that moves from the end to the beginning by *step*, carrying the best of each with it.

    ``auto`` shows all when they fit in the model's context. The scores are 1 / rank: an order, no probabilities.
    """

    scale: Scale = "rank"
    per_candidate = False
    metered = True

    def __init__(self, model: ChatModel, *, strategy: Strategy = "auto", window: int = 20, step: int = 10) -> None:
        if not 0 < step <= window:
            raise ValueError("a window moves by at least one and at most by itself")
        self.name = "listwise" if strategy == "auto" else f"listwise:{strategy}"
        self._model = model
        self._strategy = strategy
        self._window = window
        self._step = step

    async def rerank(self, query: str, candidates: Sequence[Candidate]) -> list[Scored]:
        """Return every candidate, best first. Raises ContextOverflow, and what the model raises."""
        order = list(range(len(candidates)))
        if len(order) > 1:
            for start, end in await self._windows(query, candidates):
                shown = order[start:end]
                reply = await self._order(query, [candidates[i] for i in shown])
                order[start:end] = [shown[i] for i in reply]
        return [Scored(index, 1 / rank) for rank, index in enumerate(order, 1)]

    async def _windows(self, query: str, candidates: Sequence[Candidate]) -> list[tuple[int, int]]:
        full = self._strategy == "full"
        if self._strategy == "auto":
            pictures = sum(bool(c.image) for c in candidates) if self._model.capabilities.vision else 0
            tokens = await asyncio.to_thread(self._tokens, self._messages(query, candidates, WORDS))
            full = tokens <= self._space(len(candidates)) and pictures <= PICTURES
        return windows(len(candidates), len(candidates) if full else self._window, self._step)

    async def _order(self, query: str, candidates: Sequence[Candidate]) -> list[int]:
        messages = await asyncio.to_thread(self._fitting, query, candidates)
        reply = await self._model.generate(messages, max_tokens=_reply(len(candidates)), task="listwise")
        return permutation(reply.text, len(candidates))

    def _fitting(self, query: str, candidates: Sequence[Candidate]) -> list[Message]:
        words = WORDS
        while words >= LEAST_WORDS:
            messages = self._messages(query, candidates, words)
            if self._tokens(messages) <= self._space(len(candidates)):
                return messages
            words = words * 3 // 4
        raise ContextOverflow(f"{len(candidates)} passages do not fit in one call.", remedy="Lower rerank_pool.")

    def _space(self, count: int) -> int:
        return self._model.capabilities.context_tokens - _reply(count)

    def _tokens(self, messages: Sequence[Message]) -> int:
        return sum(self._model.count_tokens(m.content) + AROUND for m in messages)

    def _messages(self, query: str, candidates: Sequence[Candidate], words: int) -> list[Message]:
        said: list[Message] = []
        closing: list[Message] = []
        pictures = PICTURES if self._model.capabilities.vision else 0
        for number, candidate in enumerate(candidates, 1):
            passage = " ".join(candidate.text.split()[:words])
            *opening, shown, read, last = render(
                "listwise", code=fence.of(self._model), question=query, count=str(len(candidates)), number=str(number),
                title=candidate.title, passage=passage,
            )  # fmt: skip
            if candidate.image and pictures:
                pictures -= 1
                shown = replace(shown, images=(candidate.image,))
            said += [*(opening if number == 1 else ()), shown, read]
            closing = [last]
        return said + closing


def windows(n: int, window: int, step: int) -> list[tuple[int, int]]:
    """Return the (start, end) of each call over *n* candidates, the last ones first: 9 of 20 by 10 over 100."""
    found = [(max(0, n - window), n)]
    while found[-1][0] > 0:
        end = found[-1][1] - step
        found.append((max(0, end - window), end))
    return found


def permutation(reply: str, n: int) -> list[int]:
    """Return the order (from 0) that *reply* writes (from 1): each once, unknown numbers out, missing ones last."""
    said = (int(digits) - 1 for digits in _NUMBER.findall(reply) if len(digits) < 6)
    return list(dict.fromkeys([*(i for i in said if 0 <= i < n), *range(n)]))


def _reply(count: int) -> int:
    """Return the most tokens that an order of *count* takes: "[12] > " is at most six."""
    return 6 * count + 8
