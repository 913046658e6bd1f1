"""The model: every request of a task is a question to Foveal, with the pictures that the task shows."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from lmms_eval.api.instance import GenerationResult, Instance, TokenCounts
from lmms_eval.api.model import lmms
from loguru import logger
from PIL import Image

from foveal import Foveal
from foveal.errors import BadInput, FovealError
from foveal.evaluation.runner import ENDING
from foveal.settings import load_settings


class FovealModel(lmms):
    """``--model foveal --model_args index=DIR,strategy=adaptive,model=embedded,concurrency=1``.

    Other arguments are settings of Foveal by their names. What Foveal fails at is an empty answer, which counts; what
    every question would fail at ends the evaluation.
    """

    def __init__(
        self, concurrency: int = 1, batch_size: Any = None, device: Any = None, max_batch_size: Any = None,
        **settings: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        given = {name: str(value) for name, value in settings.items()}
        self._settings = load_settings(given).model_copy(update={"persist": False})
        self._concurrency = max(1, int(concurrency))
        self._loop = asyncio.Runner()
        self._foveal = Foveal(self._settings)

    def generate_until(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        """Answer every request, in its order. A request's ``until`` and sampling are not Foveal's."""
        return self._loop.run(self._answers(requests))

    def generate_until_multi_round(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        """Refuse: a task of several rounds asks for another protocol. Raises BadInput."""
        raise BadInput("Foveal answers in one round.", remedy="Choose tasks of the type generate_until.")

    def loglikelihood(self, requests: Sequence[Instance]) -> list[tuple[float, bool]]:
        """Refuse: an agent's answer has no likelihood. Raises BadInput."""
        raise BadInput("Foveal gives no likelihoods.", remedy="Choose tasks of the type generate_until.")

    def clean(self) -> None:
        """Free models and files."""
        self._loop.run(self._foveal.aclose())
        self._loop.close()
        super().clean()

    async def _answers(self, requests: Sequence[Instance]) -> list[GenerationResult]:
        room = asyncio.Semaphore(self._concurrency)

        async def answer(request: Instance) -> GenerationResult:
            async with room:
                return await self._answer(request)

        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(answer(request)) for request in requests]
        return [task.result() for task in asked]

    async def _answer(self, request: Instance) -> GenerationResult:
        question, _, doc_to_visual, doc_id, task, split = request.args
        shown = doc_to_visual(self.task_dict[task][split][doc_id])
        try:
            answer = await self._foveal.ask(question, list(_pictures(shown)))
        except ENDING:
            raise
        except FovealError as error:
            logger.warning(f"{task} {doc_id}: {error}")
            return GenerationResult("")
        usage = answer.usage
        return GenerationResult(answer.answer, TokenCounts(usage.prompt_tokens, usage.completion_tokens))


def _pictures(shown: Any) -> Iterable[bytes | Path]:
    """Yield the pictures of a request, which a task gives as pictures or as paths. Raises BadInput for a video."""
    for visual in shown if isinstance(shown, list | tuple) else [shown]:
        if isinstance(visual, str | Path):
            yield Path(visual)
        elif isinstance(visual, Image.Image):
            data = io.BytesIO()
            visual.convert("RGB").save(data, "PNG")
            yield data.getvalue()
        elif visual is not None:
            raise BadInput(f"Foveal sees pictures, not {type(visual).__name__}.", remedy="Choose tasks with pictures.")
