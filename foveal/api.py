"""The public API: ``async with Foveal(settings) as f: answer = await f.ask("…", images=[…])``."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveal.errors import BadInput, BadQuestion
from foveal.run import Picture, Run, RunMaker
from foveal.runtime import Tools
from foveal.settings import Settings, load_settings
from foveal.types import Answer, Event, Evidence, SubQuestion, plain

if TYPE_CHECKING:
    from foveal.tools.index.collection import LocalCollection
    from foveal.tools.runs.journal import Entry
    from foveal.tools.runs.store import RunStore

MAX_QUESTION = 8000
"""Characters of a question; more is a document, which belongs in the collection."""
POLL = 0.2
"""Seconds between looks at a run that another process works on."""


class Foveal:
    """Answers questions. Models and the collection are opened at first use and kept until :meth:`aclose`."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Without *settings* they come from the environment and ``foveal.toml``."""
        self.settings = settings if settings is not None else load_settings()
        self.tools = Tools(self.settings)
        self._maker = RunMaker(self.settings)

    async def __aenter__(self) -> Foveal:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Free models, files and threads."""
        await self._maker.aclose()
        await self.tools.aclose()

    async def variant(self, **changes: Any) -> Foveal:
        """Return a Foveal that goes another way, such as by another ``strategy``, with this one's models and stores.

        It is closed with this one, and keeps no runs. Raises BadConfig, IndexMissing, IndexCorrupt, IndexMismatch.
        """
        await asyncio.to_thread(self.tools.open)
        tools = self.tools.variant(**changes, persist=False)
        other = Foveal(tools.settings)
        other.tools = tools
        return other

    async def collection(self) -> LocalCollection:
        """Return the collection of the settings. Raises IndexMissing, IndexCorrupt, IndexMismatch."""
        return await asyncio.to_thread(lambda: self.tools.collection)

    async def runs(self) -> RunStore | None:
        """Return the store of runs, None when nothing is kept. Raises StoreUnavailable, StorageFull."""
        if "runs" in self.tools.__dict__:
            return self.tools.runs
        return await asyncio.to_thread(lambda: self.tools.runs)

    async def ask(
        self,
        question: str,
        images: Sequence[Picture] = (),
        *,
        run_id: str | None = None,
        session: str | None = None,
        record: str | Path | None = None,
    ) -> Answer:
        """Answer *question* about *images* (bytes or paths), as the next turn of *session* if one is named.

        *record* names a new file that keeps all the run's calls: see :func:`replayed`.
        Raises the errors of :mod:`foveal.errors`.
        """
        if session is not None:
            return await _last(self.stream(question, images, run_id=run_id, session=session, record=record))
        question, name = checked_question(question), run_id or _new_id()
        ended: list[Answer] = []

        def hear(event: Event) -> None:
            if event.type == "run.finished":
                ended.append(event.data["answer"])

        tape = Path(record) if record is not None else None
        await self._maker.make(Run(name, name, question, images, tape=tape), self.tools, await self.runs(), hear)
        return ended[-1]

    async def stream(
        self,
        question: str,
        images: Sequence[Picture] = (),
        *,
        run_id: str | None = None,
        thread_id: str | None = None,
        session: str | None = None,
        known: Mapping[str, SubQuestion] | None = None,
        evidence: Mapping[str, Evidence] | None = None,
        calls: Sequence[Entry] = (),
        record: str | Path | None = None,
        turn: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Answer, yielding every event in order; the last is ``run.finished`` with the :class:`Answer`.

        One run at a time works on a *thread_id* (default: the run itself); another one gets ThreadBusy.
        The next turn of *session* is asked with what was said in the turns before: see :mod:`foveal.turn`, which
        gives *known* (answered ``identify`` steps by picture), the *evidence* they rest on, and model *calls*
        already made for the run, of what *turn*. *record* names a new file that keeps all the run's calls.
        """
        question = checked_question(question)
        if session is not None:
            from foveal.turn import take_turn

            made = take_turn(self, session, question, images, run_id=run_id, record=record)
        else:
            name, tape = run_id or _new_id(), Path(record) if record is not None else None
            made = self._stream(
                Run(name, thread_id or name, question, images, known, evidence, calls, turn=turn, tape=tape)
            )
        async with aclosing(made) as events:
            async for event in events:
                yield event

    async def resume(self, run_id: str) -> AsyncGenerator[Event, None]:
        """Go on with a run that was interrupted, yielding what is new; the last is ``run.finished``.

        Completed calls are not made again. Of a finished run all events are given again. Raises RunMissing,
        RunMismatch (it was begun by another version, configuration or collection), ThreadBusy.
        """
        store = await self._store()
        record = await store.write(store.run, run_id)
        if record.status == "finished":
            events = self.replay(run_id)
        else:
            events = self._stream(Run(run_id, record.thread_id, record.question, record=record))
        async with aclosing(events):
            async for event in events:
                yield event

    async def replay(self, run_id: str) -> AsyncGenerator[Event, None]:
        """Yield a run's events from the first on, and go on while it runs, in whichever process. Raises RunMissing."""
        from foveal.tools.runs import codec

        store = await self._store()
        seen = 0
        while True:
            record = await store.write(store.run, run_id)
            for event in await store.write(store.events, run_id, seen):
                seen = event.seq
                if event.type == "run.finished":
                    kept = {k: v for k, v in event.data["answer"].items() if k != "schema"}
                    event = replace(event, data={"answer": codec.load(Answer, kept)})
                yield event
            if record.status != "running":
                return
            await asyncio.sleep(POLL)

    async def forget(self, run_ids: Sequence[str]) -> None:
        """Remove runs with their checkpoints, and give the space back. Raises RunMissing, ThreadBusy."""
        from foveal.tools.runs.lease import Lease

        store = await self._store()
        for run_id in run_ids:
            run = await store.write(store.run, run_id)
            with Lease(self.settings.home, run.thread_id):
                await store.write(store.remove, run_id)
                await self._maker.forget(run_id)
        await store.write(store.compact)

    async def _store(self) -> RunStore:
        store = await self.runs()
        if store is None:
            raise BadInput("No runs are kept.", remedy="Leave --no-persist out, and set `persist` to true.")
        return store

    async def _stream(self, run: Run) -> AsyncGenerator[Event, None]:
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        work = asyncio.create_task(self._maker.make(run, self.tools, await self.runs(), queue.put_nowait))
        loop = asyncio.get_running_loop()
        work.add_done_callback(lambda _: loop.call_soon(queue.put_nowait, None))
        try:
            while (event := await queue.get()) is not None:
                yield event if event.type == "run.finished" else replace(event, data=plain(event.data))
            await work
        finally:
            if not work.done():
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)


async def replayed(
    path: str | Path,
    *,
    question: str | None = None,
    images: Sequence[Picture] = (),
    settings: Mapping[str, Any] | None = None,
) -> AsyncGenerator[Event, None]:
    """Make the run of a recording again, from the file alone: the same events, ending with the same answer.

    *question*, *images* and single *settings*, where given, must be the recording's. Raises BadInput for what is no
    recording, RunMismatch when this version cannot make the same run, ReplayMiss where it went another way.
    """
    from foveal.agents.followup import Rewrite
    from foveal.taping import asked_of, check_asked, replaying
    from foveal.tools.runs import codec
    from foveal.tools.tape.file import read_tape
    from foveal.tools.tape.replay import Replay
    from foveal.turn import dressed

    tape = await asyncio.to_thread(read_tape, Path(path))
    await asyncio.to_thread(check_asked, tape, question, images, settings or {})
    deck, turn = Replay(tape), tape.header["turn"]
    tools = await asyncio.to_thread(replaying, deck)
    async with Foveal(tools.settings) as foveal:
        foveal.tools = tools
        async with aclosing(foveal._stream(Run(**asked_of(tape), deck=deck))) as events:
            async for event in events:
                if turn is not None and event.type == "run.finished":
                    rewrite = codec.load(Rewrite, turn["rewrite"])
                    answer = dressed(event.data["answer"], turn["session"], turn["question"], rewrite)
                    event = replace(event, data={"answer": answer})
                yield event


def _new_id() -> str:
    return uuid.uuid4().hex[:12]


async def _last(events: AsyncIterator[Event]) -> Answer:
    answer: Answer | None = None
    async for event in events:
        if event.type == "run.finished":
            answer = event.data["answer"]
    assert answer is not None
    return answer


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
