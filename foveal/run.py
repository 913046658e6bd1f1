"""One run, from what is asked to its answer: its journal and events, its graph, and what is left when it ends."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from foveal.errors import FovealError
from foveal.runtime import Tools, check_unchanged
from foveal.settings import Settings
from foveal.types import Answer, Event, Evidence, ImageRef, SubQuestion, plain

if TYPE_CHECKING:
    from foveal.graphs.state import Research
    from foveal.tools.runs.journal import Entry
    from foveal.tools.runs.recorder import Recorder
    from foveal.tools.runs.store import RunRecord, RunStore
    from foveal.tools.tape.recording import Recording
    from foveal.tools.tape.replay import Replay

CYCLES = 40
"""Rounds that no plan reaches; those of the budget come on top."""
DURABILITY = "async"
"""A checkpoint is written while the next superstep runs: the journal, to which each call is written as it ends, is
what makes a run lose nothing."""
SOON = 0.1
"""Seconds until what a finished run leaves is removed: by then a next run has begun and waits for its first call."""
Picture = bytes | str | Path | ImageRef
"""A picture's bytes, its path, or one that is in the store already."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run to be made, or to be gone on with."""

    id: str
    thread: str
    question: str
    images: Sequence[Picture] = ()
    known: Mapping[str, SubQuestion] | None = None
    evidence: Mapping[str, Evidence] | None = None
    calls: Sequence[Entry] = ()
    """Calls made for the run before it began."""
    turn: Mapping[str, Any] | None = None
    """The turn of a session that it is for."""
    kept: bool | None = None
    """What it says of whether it is kept, when it is a replay and that is the recording's."""
    tape: Path | None = None
    """The file that it is to be recorded in."""
    deck: Recording | Replay | None = None
    """What records it, or plays it back."""
    record: RunRecord | None = None
    """What the store knows of it, when it was begun before."""


class RunMaker:
    """Makes runs: the graph, compiled once, with its checkpoints, opened once."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._graph: Any = None
        self._opening = asyncio.Lock()
        self._opened = AsyncExitStack()
        self._cleaning: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    async def aclose(self) -> None:
        """Clean up after the last runs and let go of the checkpoints."""
        self._closing.set()
        await asyncio.gather(*self._cleaning, return_exceptions=True)
        await self._opened.aclose()
        self._graph = None

    async def forget(self, run_id: str) -> None:
        """Remove the checkpoint of a run."""
        await (await self._compiled()).checkpointer.adelete_thread(run_id)

    async def make(self, run: Run, tools: Tools, store: RunStore | None, hear: Callable[[Event], None]) -> None:
        """Make *run* with *tools*, kept in *store*; *hear* is told of each event, in order, in this thread.

        Raises the errors of :mod:`foveal.errors`.
        """
        from foveal.taping import ending
        from foveal.tools.runs.recorder import Recorder
        from foveal.tools.tape.recording import Recording

        before, last = 0.0, 0
        if store is not None and run.record is not None:
            before = await store.write(store.seconds, run.id)
            last = max((e.seq for e in await store.write(store.events, run.id)), default=0)
        if run.tape is not None:
            run = replace(run, deck=Recording(run.tape))
        recorder = Recorder(store, run.id, after=last, before=before)
        loop, home = asyncio.get_running_loop(), threading.get_ident()

        def emit(kind: str, data: Mapping[str, Any]) -> None:
            if threading.get_ident() == home:
                for event in run.deck.events(kind, data) if run.deck is not None else ((kind, data),):
                    hear(recorder.take(*event))
            else:
                loop.call_soon_threadsafe(emit, kind, data)

        async with ending(run.deck):
            await self._run(run, tools, store, recorder, emit, before)

    async def _run(
        self, run: Run, tools: Tools, store: RunStore | None, recorder: Recorder, emit: Any, before: float
    ) -> None:
        from foveal.agents import fence
        from foveal.tools.images.decode import check_count
        from foveal.tools.runs.journal import Journal
        from foveal.tools.runs.lease import Lease
        from foveal.tools.runs.pace import Pace

        check_count(len(run.images))
        pictures = run.record.images if run.record else await _pictures(run.images, tools)
        with contextlib.ExitStack() as held:
            journal = None
            if store is not None:
                held.enter_context(Lease(tools.settings.home, run.thread))
                made = await store.write(store.journal, run.id) if run.record else ()
                journal = Journal(made, recorder.keep)
            if not tools.opened():
                await asyncio.to_thread(tools.open)
            await tools.prepare()
            taped = await _taped(run, tools, pictures, store is not None)
            work = taped.research(emit, journal, pace=run.deck or Pace(before))
            work.meter.fence = fence.code(run.id)
            if store is not None:
                await _begin(run, tools, store, work, pictures)
            for entry in run.calls:
                work.meter.journal.add(entry.record, entry.key, entry.reply)
            told: dict[str, Any] = {"run_id": run.id, "question": run.question, "images": [p.sha256 for p in pictures]}
            told |= {"config": work.config, "budget": work.meter.budget}
            kept = store is not None if run.kept is None else run.kept
            emit("run.started", {**told, "kept": kept, "resumed": run.record is not None})
            try:
                answer = await self._answer(run, work, pictures)
                emit("run.finished", {"answer": answer})
                await recorder.finish(answer)
                if store is not None:
                    self._clean_up(run.id, store)
            except BaseException as error:
                if store is not None:
                    await _left(run, store, recorder, error)
                raise

    def _clean_up(self, run_id: str, store: RunStore) -> None:
        """Remove what only a resume needs of a run that has its answer; nobody waits for it, or is told if it fails."""

        async def clean() -> None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), SOON)
            await store.write(store.let_go, run_id)
            await self._graph.checkpointer.adelete_thread(run_id)

        cleaning = asyncio.create_task(clean())
        self._cleaning.add(cleaning)
        cleaning.add_done_callback(self._cleaning.discard)
        cleaning.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _answer(self, run: Run, work: Research, pictures: tuple[ImageRef, ...]) -> Answer:
        """Run the graph from where its checkpoint stands."""
        from langgraph.errors import GraphRecursionError
        from langgraph.runtime import Runtime

        from foveal.graphs.checkpoints import server_errors
        from foveal.graphs.ending import conclude
        from foveal.graphs.state import SCHEMA_VERSION, ResearchState

        budget = work.meter.budget
        config = {
            "configurable": {"thread_id": run.id},
            "recursion_limit": 8 + CYCLES + budget.rounds,
        }
        state: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION, "run_id": run.id, "question": run.question, "images": pictures,
            "known": dict(run.known or {}), "evidence": dict(run.evidence or {}),
        }  # fmt: skip
        with server_errors():
            graph = await self._compiled()
            begun = run.record is not None and (await graph.aget_state(config)).values
            kept = {"durability": DURABILITY} if graph.checkpointer else {}
            steps = graph.astream(None if begun else state, config, context=work, stream_mode="values", **kept)
            state = begun or state
            try:
                async for values in steps:
                    state = values
            except GraphRecursionError:
                return (await conclude(cast(ResearchState, state), Runtime(context=work)))["answer"]
        return state["answer"]

    async def _compiled(self) -> Any:
        """Return the graph, compiled once, with its checkpoints opened once."""
        from foveal.graphs.checkpoints import open_checkpoints
        from foveal.graphs.research import build_graph
        from foveal.graphs.state import STATE_TYPES

        async with self._opening:
            if self._graph is None:
                saver = None
                if self._settings.persist:
                    server = self._settings.checkpoints
                    saver = await self._opened.enter_async_context(
                        open_checkpoints(
                            self._settings.home, STATE_TYPES, server=server.get_secret_value() if server else None
                        )
                    )
                self._graph = build_graph(saver)
        return self._graph


async def _pictures(images: Sequence[Picture], tools: Tools) -> tuple[ImageRef, ...]:
    return tuple([await asyncio.to_thread(tools.put, image) for image in images])


async def _taped(run: Run, tools: Tools, pictures: Sequence[ImageRef], kept: bool) -> Tools:
    """Return the parts that the run works with: recorded, when it is to be."""
    from foveal.taping import recorded
    from foveal.tools.tape.recording import Recording

    if not isinstance(run.deck, Recording):
        return tools
    asked = {"run_id": run.id, "question": run.question, "turn": run.turn, "kept": kept, "calls": run.calls}
    given = {"known": run.known or {}, "evidence": run.evidence or {}}
    return await recorded(run.deck, tools, pictures, **asked, **given)


async def _begin(run: Run, tools: Tools, store: RunStore, work: Research, pictures: tuple[ImageRef, ...]) -> None:
    from foveal.graphs.state import SCHEMA_VERSION
    from foveal.tools.runs.store import RunRecord, now

    portable = await tools.portable()
    if run.record is not None:
        check_unchanged(run.record, work.config, portable["content"])
        await store.write(store.mark, run.id, "running")
        return
    record = RunRecord(
        run.id, run.thread, run.question, pictures, "running", now(), None, work.config,
        plain(work.meter.budget), SCHEMA_VERSION, portable,
    )  # fmt: skip
    await store.write(store.begin, record)


async def _left(run: Run, store: RunStore, recorder: Recorder, error: BaseException) -> None:
    """Say in the store how a run ended that has no answer; what went wrong first is what the caller hears."""
    with contextlib.suppress(FovealError):
        await recorder.close()
        status = "interrupted" if isinstance(error, asyncio.CancelledError) else "failed"
        await store.write(store.mark, run.id, status)
        if isinstance(error, FovealError):
            error.run_id = run.id
