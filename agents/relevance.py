"""The yes/no reranker: a model says of each candidate alone whether it is relevant, and how sure it is of that."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from foveal.agents import fence
from foveal.prompts.loader import render
from foveal.protocols import ChatModel, Scale
from foveal.types import Candidate, Message, Scored


class YesNo:
    """RagVL (arXiv 2407.21439): p = softmax([logit Yes, logit No])[0] of the first token, one call a candidate.

    The caption (title and words) is in the prompt; the picture too, when the model sees.
    """

    scale: Scale = "probability"
    per_candidate = True
    metered = True

    def __init__(self, model: ChatModel) -> None:
        self.name = "model"
        self._model = model
        self._room = asyncio.Semaphore(max(1, model.capabilities.parallel))

    async def rerank(self, query: str, candidates: Sequence[Candidate]) -> list[Scored]:
        """Return every candidate with its probability, best first, equal ones in the order given.

        Raises what the model raises, when all calls have ended.
        """
        asked = (self._probability(query, candidate) for candidate in candidates)
        results = await asyncio.gather(*asked, return_exceptions=True)
        if problems := [r for r in results if isinstance(r, BaseException)]:
            raise problems[0]
        scored = [Scored(n, p) for n, p in enumerate(results) if not isinstance(p, BaseException)]
        return sorted(scored, key=lambda s: -s.score)

    async def _probability(self, query: str, candidate: Candidate) -> float:
        async with self._room:
            return (await self._model.yes_probability(self._messages(query, candidate), task="relevant"))[0]

    def _messages(self, query: str, candidate: Candidate) -> list[Message]:
        image = candidate.image if self._model.capabilities.vision else None
        kind = "picture" if image else "passage"
        messages = render(
            "relevant",
            code=fence.of(self._model),
            question=query,
            title=candidate.title,
            passage=candidate.text,
            kind=kind,
        )
        return [*messages[:-1], replace(messages[-1], images=(image,))] if image else messages
