"""The public API: ``async with Foveal(settings) as f: answer = await f.ask("…", images=[…])``."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveal.errors import BadQuestion
from foveal.runtime import Tools
from foveal.settings import Settings, load_settings
from foveal.types import Answer, Event

if TYPE_CHECKING:
    from foveal.tools.index.collection import LocalCollection

MAX_QUESTION = 8000
"""Characters of a question; more is a document, which belongs in the collection."""
Picture = bytes | str | Path


class Foveal:
    """Answers questions. Models and the collection are opened at first use and kept until :meth:`aclose`."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Without *settings* they come from the environment and ``foveal.toml``."""
        self.settings = settings if settings is not None else load_settings()
        self.tools = Tools(self.settings)
        self._graph: Any = None

    async def __aenter__(self) -> Foveal:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Free models, files and threads."""
        await self.tools.aclose()

    async def collection(self) -> LocalCollection:
        """Return the collection of the settings. Raises IndexMissing, IndexCorrupt, IndexMismatch."""
        return await asyncio.to_thread(lambda: self.tools.collection)

    async def ask(self, question: str, images: Sequence[Picture] = (), *, run_id: str | None = None) -> Answer:
        """Answer *question* about *images* (bytes or paths). Raises the errors of :mod:`foveal.errors`."""
        answer: Answer | None = None
        async for event in self.stream(question, images, run_id=run_id):
            if event.type == "run.finished":
                answer = event.data["answer"]
        assert answer is not None
        return answer

    async def stream(
        self, question: str, images: Sequence[Picture] = (), *, run_id: str | None = None
    ) -> AsyncIterator[Event]:
        """Answer, yielding every event in order; the last is ``run.finished`` with the :class:`Answer`."""
        question = checked_question(question)
        queue: asyncio.Queue[tuple[str, Mapping[str, Any]] | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def emit(kind: str, data: Mapping[str, Any]) -> None:
            loop.call_soon_threadsafe(queue.put_nowait, (kind, data))

        name = run_id or uuid.uuid4().hex[:12]
        run = asyncio.create_task(self._run(name, question, images, emit))
        run.add_done_callback(lambda _: loop.call_soon(queue.put_nowait, None))
        number = 0
        try:
            while (item := await queue.get()) is not None:
                number += 1
                yield Event(number, item[0], _plain(item[1]))
            answer = await run
            yield Event(number + 1, "run.finished", {"answer": answer})
        finally:
            if not run.done():
                run.cancel()
                await asyncio.gather(run, return_exceptions=True)

    async def _run(self, run_id: str, question: str, images: Sequence[Picture], emit: Any) -> Answer:
        from foveal.graphs.research import build_graph
        from foveal.tools.images.decode import check_count

        check_count(len(images))
        pictures = tuple([await asyncio.to_thread(self.tools.put, image) for image in images])
        work = await asyncio.to_thread(self.tools.research, emit)
        if self._graph is None:
            self._graph = build_graph()
        emit(
            "run.started",
            {
                "run_id": run_id,
                "question": question,
                "images": [p.sha256 for p in pictures],
                "config": work.config,
            },
        )
        budget = work.meter.budget
        # perceive … finalize, and three supersteps a round for each of at most MAX_STEPS dependent steps
        limit = 12 + 3 * max(budget.rounds, 12)
        state = await self._graph.ainvoke(
            {"schema_version": 1, "run_id": run_id, "question": question, "images": pictures},
            {"recursion_limit": limit, "max_concurrency": budget.parallel},
            context=work,
        )
        return state["answer"]


def checked_question(question: str) -> str:
    """Return *question* without outer white space. Raises BadQuestion when there is nothing to ask."""
    question = question.strip()
    if not re.search(r"\w", question):
        raise BadQuestion(
            "The question has no words.",
            remedy='Ask something, for example: foveal ask "What is this?" -i photo.jpg',
        )
    if len(question) > MAX_QUESTION:
        raise BadQuestion(
            f"The question is {len(question):,} characters long; at most {MAX_QUESTION:,} are taken.",
            remedy="Put long texts in the collection with `foveal index add` and ask about them.",
        )
    return question


def _plain(value: Any) -> Any:
    """Return *value* as plain data, but leave a whole :class:`Answer` to its own JSON form."""
    if isinstance(value, Answer):
        return value.as_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
