"""The public API: ``async with Foveal(settings) as f: answer = await f.ask("…", images=[…])``."""

from __future__ import annotations

import asyncio
import contextlib
import re
import threading
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from foveal.errors import BadInput, BadQuestion, FovealError
from foveal.runtime import Tools, check_unchanged
from foveal.settings import Settings, load_settings
from foveal.types import Answer, Event, Evidence, ImageRef, SubQuestion

if TYPE_CHECKING:
    from foveal.graphs.state import Research
    from foveal.tools.index.collection import LocalCollection
    from foveal.tools.runs.journal import Entry
    from foveal.tools.runs.recorder import Recorder
    from foveal.tools.runs.store import RunRecord, RunStore
    from foveal.tools.tape.recording import Recording
    from foveal.tools.tape.replay import Replay

MAX_QUESTION = 8000
"""Characters of a question; more is a document, which belongs in the collection."""
CYCLES = 40
"""Rounds that no plan reaches; those of the budget come on top."""
DURABILITY = "async"
"""A checkpoint is written while the next superstep runs: the journal, to which each call is written as it ends, is
what makes a run lose nothing."""
SOON = 0.1
"""Seconds until a finished run's checkpoint is removed: by then a next run has begun and waits for its first call."""
POLL = 0.2
"""Seconds between looks at a run that another process works on."""
Picture = bytes | str | Path | ImageRef
"""A picture's bytes, its path, or one that is in the store already."""


@dataclass(frozen=True, slots=True)
class _Run:
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


class Foveal:
    """Answers questions. Models and the collection are opened at first use and kept until :meth:`aclose`."""

    def __init__(self, settings: Settings | None = None) -> None:
        """Without *settings* they come from the environment and ``foveal.toml``."""
        self.settings = settings if settings is not None else load_settings()
        self.tools = Tools(self.settings)
        self._graph: Any = None
        self._opening = asyncio.Lock()
        self._opened = AsyncExitStack()
        self._cleaning: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()

    async def __aenter__(self) -> Foveal:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Free models, files and threads."""
        self._closing.set()
        await asyncio.gather(*self._cleaning, return_exceptions=True)
        await self._opened.aclose()
        self._graph = None
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
        await self._make(_Run(name, name, question, images, tape=tape), hear)
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
                _Run(name, thread_id or name, question, images, known, evidence, calls, turn=turn, tape=tape)
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
            events = self._stream(_Run(run_id, record.thread_id, record.question, record=record))
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
                await (await self._compiled()).checkpointer.adelete_thread(run_id)
        await store.write(store.compact)

    async def _store(self) -> RunStore:
        store = await self.runs()
        if store is None:
            raise BadInput("No runs are kept.", remedy="Leave --no-persist out, and set `persist` to true.")
        return store

    async def _stream(self, run: _Run) -> AsyncGenerator[Event, None]:
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        work = asyncio.create_task(self._make(run, queue.put_nowait))
        loop = asyncio.get_running_loop()
        work.add_done_callback(lambda _: loop.call_soon(queue.put_nowait, None))
        try:
            while (event := await queue.get()) is not None:
                yield event
            await work
        finally:
            if not work.done():
                work.cancel()
                await asyncio.gather(work, return_exceptions=True)

    async def _make(self, run: _Run, hear: Callable[[Event], None]) -> None:
        """Make *run*; *hear* is told of each event, in order, in this thread."""
        from foveal.taping import ending
        from foveal.tools.runs.recorder import Recorder
        from foveal.tools.tape.recording import Recording

        store, before, last = await self.runs(), 0.0, 0
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
            await self._run(run, store, recorder, emit, before)

    async def _run(self, run: _Run, store: RunStore | None, recorder: Recorder, emit: Any, before: float) -> None:
        from foveal.agents import fence
        from foveal.tools.images.decode import check_count
        from foveal.tools.runs.journal import Journal
        from foveal.tools.runs.lease import Lease
        from foveal.tools.runs.pace import Pace

        check_count(len(run.images))
        pictures = run.record.images if run.record else await self._pictures(run.images)
        with contextlib.ExitStack() as held:
            journal = None
            if store is not None:
                held.enter_context(Lease(self.settings.home, run.thread))
                made = await store.write(store.journal, run.id) if run.record else ()
                journal = Journal(made, recorder.keep)
            if not self.tools.opened():
                await asyncio.to_thread(self.tools.open)
            await self.tools.prepare()
            tools, pace = await self._taped(run, pictures, store is not None), run.deck or Pace(before)
            work = tools.research(emit, journal, pace=pace)
            work.meter.fence = fence.code(run.id)
            if store is not None:
                await self._begin(run, store, work, pictures)
            for entry in run.calls:
                work.meter.journal.add(entry.record, entry.key, entry.reply)
            told: dict[str, Any] = {"run_id": run.id, "question": run.question, "images": [p.sha256 for p in pictures]}
            told |= {"config": work.config, "budget": asdict(work.meter.budget)}
            kept = store is not None if run.kept is None else run.kept
            emit("run.started", {**told, "kept": kept, "resumed": run.record is not None})
            try:
                answer = await self._answer(run, work, pictures)
                emit("run.finished", {"answer": answer})
                await recorder.finish(answer)
                if store is not None:
                    self._forget_checkpoint(run.id)
            except BaseException as error:
                if store is not None:
                    await self._left(run, store, recorder, error)
                raise

    async def _taped(self, run: _Run, pictures: Sequence[ImageRef], kept: bool) -> Tools:
        """Return the parts that the run works with: recorded, when it is to be."""
        from foveal.taping import recorded
        from foveal.tools.tape.recording import Recording

        if not isinstance(run.deck, Recording):
            return self.tools
        asked = {"run_id": run.id, "question": run.question, "turn": run.turn, "kept": kept, "calls": run.calls}
        given = {"known": run.known or {}, "evidence": run.evidence or {}}
        return await recorded(run.deck, self.tools, pictures, **asked, **given)

    def _forget_checkpoint(self, run_id: str) -> None:
        """Remove the checkpoint of a run that has its answer; nobody waits for that, or is told if it fails."""

        async def clean() -> None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), SOON)
            await self._graph.checkpointer.adelete_thread(run_id)

        cleaning = asyncio.create_task(clean())
        self._cleaning.add(cleaning)
        cleaning.add_done_callback(self._cleaning.discard)
        cleaning.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _pictures(self, images: Sequence[Picture]) -> tuple[ImageRef, ...]:
        return tuple([await asyncio.to_thread(self.tools.put, image) for image in images])

    async def _begin(self, run: _Run, store: RunStore, work: Research, pictures: tuple[ImageRef, ...]) -> None:
        from foveal.graphs.state import SCHEMA_VERSION
        from foveal.tools.runs.store import RunRecord, now

        portable = await self.tools.portable()
        if run.record is not None:
            check_unchanged(run.record, work.config, portable["content"])
            await store.write(store.mark, run.id, "running")
            return
        record = RunRecord(
            run.id, run.thread, run.question, pictures, "running", now(), None, work.config,
            asdict(work.meter.budget), SCHEMA_VERSION, portable,
        )  # fmt: skip
        await store.write(store.begin, record)

    async def _left(self, run: _Run, store: RunStore, recorder: Recorder, error: BaseException) -> None:
        """Say in the store how a run ended that has no answer; what went wrong first is what the caller hears."""
        with contextlib.suppress(FovealError):
            await recorder.close()
            status = "interrupted" if isinstance(error, asyncio.CancelledError) else "failed"
            await store.write(store.mark, run.id, status)
            if isinstance(error, FovealError):
                error.run_id = run.id

    async def _answer(self, run: _Run, work: Research, pictures: tuple[ImageRef, ...]) -> Answer:
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
                if self.settings.persist:
                    server = self.settings.checkpoints
                    saver = await self._opened.enter_async_context(
                        open_checkpoints(
                            self.settings.home, STATE_TYPES, server=server.get_secret_value() if server else None
                        )
                    )
                self._graph = build_graph(saver)
        return self._graph


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
        async with aclosing(foveal._stream(_Run(**asked_of(tape), deck=deck))) as events:
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
