"""Runs that are killed, cancelled or late, and go on. A helper process forks one child for each kill."""

from __future__ import annotations

import asyncio
import gc
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes.world import FLAGS, QUESTION, SCRIPT, NotingModel, build, flag, noted, wired

from foveal.api import Foveal
from foveal.errors import BadInput, RunMismatch, RunMissing, StoreUnavailable, ThreadBusy
from foveal.settings import Settings
from foveal.tools.runs.store import RunStore
from foveal.types import Answer, Event, Plan, SubQuestion

NODES = ("perceive", "triage", "plan", "execute", "read", "solve", "assess", "synthesize", "check",
         "finalize")  # fmt: skip
IDA = flag(*FLAGS["Ida"])

KILLER = """
import asyncio, json, os, signal, sys, traceback
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from fakes.world import *
import chromadb
from foveal.graphs import branch, checkpoints, ending, research, saver
from foveal.tools.images import decode
from foveal.tools.runs import lease, recorder

folder = Path(sys.argv[2])
settings = Settings(**json.loads(sys.argv[3]))

def killing(node, where):
    stages = {branch: ("execute", "read", "solve"), ending: ("synthesize", "check", "finalize")}
    home = next((m for m, names in stages.items() if node in names), research)
    real = getattr(home, node)
    async def wrapped(state, runtime):
        if where == "first":
            await asyncio.sleep(0.1)
            os.kill(os.getpid(), signal.SIGKILL)
        result = await real(state, runtime)
        await asyncio.sleep(0.1)
        os.kill(os.getpid(), signal.SIGKILL)
    if where == "second":
        calls = []
        inner = wrapped
        async def wrapped(state, runtime):
            calls.append(1)
            return await (inner if len(calls) > 1 else real)(state, runtime)
    setattr(home, node, wrapped)

async def run(run_id, resume):
    async with wired(settings, NotingModel(SCRIPT, folder / f"{run_id}.log")) as foveal:
        events = foveal.resume(run_id) if resume else foveal.stream(QUESTION, [flag(*FLAGS["Ida"])], run_id=run_id)
        async for event in events:
            last = event
    print(json.dumps({"run": run_id, "answer": last.data["answer"].as_dict()}), flush=True)

def child(work):
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.WEXITSTATUS(s) if os.WIFEXITED(s := os.waitpid(pid, 0)[1]) else -os.WTERMSIG(s)

for node in sys.argv[4:]:
    name, _, where = node.partition(":")
    def first():
        if not where:
            saver.PAUSE = 0.0
        killing(name, where)
        asyncio.run(run(node, False))
    assert child(first) == -signal.SIGKILL, node
    assert child(lambda: asyncio.run(run(node, True))) == 0, node
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build(tmp_path_factory.mktemp("world"))


@pytest.fixture
def settings(world: Settings, tmp_path: Path) -> Settings:
    return world.model_copy(update={"home": tmp_path / "home"})


@pytest.fixture
async def foveal(settings: Settings, tmp_path: Path) -> AsyncIterator[Foveal]:
    async with wired(settings, NotingModel(SCRIPT, tmp_path / "log")) as made:
        yield made


def stable(answer: dict[str, Any]) -> dict[str, Any]:
    """What must be the same in every run: all but ids, times and what was spent in seconds."""
    data = json.loads(json.dumps(answer))
    for evidence in data["evidence"]:
        del evidence["retrieved_at"]
    del data["usage"]["seconds"], data["usage"]["cached"]
    for spent in data["usage"]["roles"].values():
        del spent["seconds"]
    return {k: v for k, v in data.items() if k != "run_id"}


async def collected(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


async def test_row_55_behaviour_29_a_run_killed_in_any_node_goes_on_with_the_same_answer(
    foveal: Foveal, settings: Settings, tmp_path: Path
) -> None:
    whole = await foveal.ask(QUESTION, [IDA])
    assert whole.status == "answered" and whole.usage.model_calls >= 2, "a question that needs tools and the model"
    given = {k: str(getattr(settings, k)) for k in ("index", "home", "cache", "deadline")}
    points = [*NODES, "execute:first", "execute:second", "solve:second"]
    done = subprocess.run(  # noqa: ASYNC221 - nothing else runs in this loop
        [sys.executable, "-c", KILLER, str(Path(__file__).parent), str(tmp_path), json.dumps(given), *points],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = {(row := json.loads(line))["run"]: row["answer"] for line in done.stdout.splitlines()}
    assert list(answers) == points
    store = RunStore.open(settings.home)
    for point, answer in answers.items():
        assert stable(answer) == stable(whole.as_dict()), point
        asked = Counter(noted(tmp_path / f"{point}.log"))
        assert set(asked.values()) == {1}, f"{point}: a completed model call was made again"
        made = Counter(entry.key for entry in store.journal(point) if not entry.record.cached)
        assert set(made.values()) == {1}, f"{point}: a completed call was made again"
        assert answer["usage"]["seconds"] >= 0.1, f"{point}: time before the kill counts"
        numbers = [event.seq for event in store.events(point)]
        assert numbers == list(range(1, len(numbers) + 1)), point
    store.close()


def fan(n: int) -> Any:
    """A plan of *n* look-ups side by side, of which the last is the answer."""

    async def make_plan(question: str, images: Any, model: Any, **rest: Any) -> Plan:
        kings = [SubQuestion(f"s{i}", f"Who is the king of {name}?") for i, name in enumerate(FLAGS, 1)]
        capitals = [SubQuestion(f"s{i}", f"What is the capital of {name}?") for i, name in enumerate(FLAGS, 4)]
        return Plan((*kings, *capitals)[:n])

    return make_plan


@pytest.fixture
def five(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foveal.agents.planner.make_plan", fan(5))


async def broken() -> list[Any]:
    raise ValueError("broken")


async def late() -> list[Any]:
    raise TimeoutError


async def nothing() -> list[Any]:
    return []


@pytest.mark.parametrize(("fault", "status"), [(broken, "failed"), (late, "failed"), (nothing, "insufficient")])
async def test_row_53_behaviour_8_a_branch_that_fails_leaves_its_siblings_alone(
    settings: Settings, tmp_path: Path, five: None, fault: Any, status: str
) -> None:
    guided = settings.model_copy(update={"strategy": "guided"})
    async with wired(guided, NotingModel(SCRIPT, tmp_path / "log")) as foveal:
        whole = await foveal.ask("Who is the king of everything?")
        collection = await foveal.collection()
        search = collection.search_text

        async def sometimes(query: str, **rest: Any) -> Any:
            return await (fault() if "king of Bel" in query else search(query, **rest))

        collection.search_text = sometimes  # type: ignore[method-assign]
        answer = await foveal.ask("Who is the king of everything?")
    steps = {s.id: s for s in answer.plan}
    assert steps["s2"].status == status
    others = [s for s in whole.plan if s.id != "s2"]
    assert len(others) == 4 and others == [s for s in answer.plan if s.id != "s2"]
    assert len([w for w in answer.warnings if w.startswith("s2")]) == (status == "failed")


async def test_row_54_the_order_in_which_branches_end_changes_nothing(foveal: Foveal, five: None) -> None:
    collection = await foveal.collection()
    search = collection.search_text
    orders = [["Ida", "Bel", "Cor"], ["Cor", "Bel", "Ida"], ["Bel", "Cor", "Ida"]]

    async def slower(query: str, **rest: Any) -> Any:
        await asyncio.sleep(0.02 * next((n for n, name in enumerate(orders[len(answers)]) if name in query), 0))
        return await search(query, **rest)

    collection.search_text = slower  # type: ignore[method-assign]
    answers: list[Any] = []
    for _ in orders:
        answers.append(stable((await foveal.ask("Who is the king of everything?")).as_dict()))
    assert answers[0] == answers[1] == answers[2]


async def test_row_51_a_model_that_always_wants_more_ends_at_its_budget(settings: Settings, tmp_path: Path) -> None:
    never = [{"probability": 0.02, "repeat": True}, {"reply": "none", "repeat": True}]
    async with wired(settings, NotingModel(never, tmp_path / "log")) as foveal:
        answer = await foveal.ask(QUESTION, [IDA])
    assert answer.status == "insufficient" and answer.stop_reason
    assert answer.usage.model_calls <= settings.budget().model_calls


async def test_row_51_no_recursion_limit_reaches_the_user(foveal: Foveal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foveal.run.CYCLES", -10)
    answer = await foveal.ask(QUESTION, [IDA])
    assert answer.status == "insufficient" and "Ida" in answer.answer
    assert {s.id: s.status for s in answer.plan}["s1"] == "answered", "what was found is told"


async def test_behaviour_31_a_late_subscriber_gets_the_history_and_it_replays_to_the_final_state(
    settings: Settings, tmp_path: Path
) -> None:
    from foveal.cli.plan_state import PlanState

    async with wired(settings, NotingModel(SCRIPT, tmp_path / "log", delay=0.3)) as foveal:
        live: list[Event] = []

        async def follow() -> None:
            live.extend(await collected(foveal.stream(QUESTION, [IDA], run_id="r1")))

        running = asyncio.create_task(follow())
        while not any(e.type == "subquestion.started" for e in live) and not running.done():
            await asyncio.sleep(0.1)
            if (store := await foveal.runs()) and store.runs():
                break
        late_ones = await collected(foveal.replay("r1"))
        await running
        again = await collected(foveal.replay("r1"))
    assert [(e.seq, e.type) for e in late_ones] == [(e.seq, e.type) for e in live] == [(e.seq, e.type) for e in again]
    assert again[-1].data["answer"] == live[-1].data["answer"]
    state = PlanState(QUESTION)
    for event in again:
        state.apply(event)
    final = again[-1].data["answer"]
    assert {s.id: (s.status, s.answer) for s in state.steps.values()} == {
        s.id: (s.status, s.answer) for s in final.plan
    }
    assert state.status == final.status and state.evidence >= len(final.citations)


async def test_row_55_a_finished_run_prints_its_answer_again_and_asks_nothing(foveal: Foveal, tmp_path: Path) -> None:
    first = await foveal.ask(QUESTION, [IDA], run_id="r1")
    asked = len(noted(tmp_path / "log"))
    again = (await collected(foveal.resume("r1")))[-1].data["answer"]
    assert again == first and isinstance(again, Answer)
    assert len(noted(tmp_path / "log")) == asked


async def test_a_finished_run_leaves_nothing_that_only_a_resume_needs(settings: Settings, tmp_path: Path) -> None:
    async with wired(settings, NotingModel(SCRIPT, tmp_path / "log")) as foveal:
        await foveal.ask(QUESTION, [IDA], run_id="r1")
    store = RunStore.open(settings.home)
    kept = store.journal("r1")
    store.close()
    assert kept and all(entry.reply is None for entry in kept)
    with sqlite3.connect(settings.home / "checkpoints.db") as db:
        assert [db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("checkpoints", "channels")] == [0, 0]


async def interrupted(foveal: Foveal, run_id: str = "r1") -> None:
    """Begin a run and cancel it when its first step is under way."""
    events = foveal.stream(QUESTION, [IDA], run_id=run_id)
    async for event in events:
        if event.type == "subquestion.started":
            break
    await events.aclose()  # type: ignore[attr-defined]


async def test_behaviour_30_a_cancelled_run_is_interrupted_and_can_be_resumed(foveal: Foveal) -> None:
    await interrupted(foveal)
    store = await foveal.runs()
    assert store is not None and store.run("r1").status == "interrupted"
    answer = (await collected(foveal.resume("r1")))[-1].data["answer"]
    assert answer.status == "answered" and store.run("r1").status == "finished"


async def test_row_56_another_schema_configuration_or_collection_is_refused(
    foveal: Foveal, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await interrupted(foveal)
    other = wired(settings.model_copy(update={"profile": "deep"}), NotingModel(SCRIPT, tmp_path / "log"))
    async with other:
        with pytest.raises(RunMismatch, match="profile"):
            await collected(other.resume("r1"))
    collection = await foveal.collection()
    with monkeypatch.context() as patch, pytest.raises(RunMismatch, match="collection has changed"):

        async def changed() -> str:
            return "9/9/later"

        patch.setattr(collection, "content", changed)
        await collected(foveal.resume("r1"))
    with monkeypatch.context() as patch, pytest.raises(RunMismatch, match="schema"):
        patch.setattr("foveal.graphs.state.SCHEMA_VERSION", 99)
        await collected(foveal.resume("r1"))
    with pytest.raises(RunMissing, match="no run r9"):
        await collected(foveal.resume("r9"))
    assert (await collected(foveal.resume("r1")))[-1].data["answer"].status == "answered", "nothing was lost"


async def test_the_id_of_a_run_is_not_taken_twice(foveal: Foveal) -> None:
    await foveal.ask(QUESTION, [IDA], run_id="r1")
    with pytest.raises(BadInput, match="r1 already"):
        await foveal.ask(QUESTION, [IDA], run_id="r1")


SLOW = """
import asyncio, json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from fakes.world import *

async def main():
    settings = Settings(**json.loads(sys.argv[3]))
    async with wired(settings, NotingModel(SCRIPT, Path(sys.argv[2]), delay=60)) as foveal:
        async for event in foveal.stream(QUESTION, [flag(*FLAGS["Ida"])], run_id="r1"):
            if event.type == "tool.returned":
                print("working", flush=True)

asyncio.run(main())
"""


async def test_row_57_two_processes_on_one_thread(foveal: Foveal, settings: Settings, tmp_path: Path) -> None:
    given = {k: str(getattr(settings, k)) for k in ("index", "home", "cache", "deadline")}
    process = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", SLOW, str(Path(__file__).parent), str(tmp_path / "other"), json.dumps(given)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdout.readline() == "working\n"
    with pytest.raises(ThreadBusy, match="Another process") as busy:
        await collected(foveal.resume("r1"))
    assert "foveal runs list" in busy.value.remedy
    store = await foveal.runs()
    assert store is not None and store.run("r1").status == "running"
    process.kill()
    process.wait()
    assert store.run("r1").status == "interrupted", "the lock dies with its process"
    assert (await collected(foveal.resume("r1")))[-1].data["answer"].status == "answered"


async def test_row_57_of_two_tasks_one_wins(foveal: Foveal) -> None:
    await interrupted(foveal)
    results = await asyncio.gather(
        collected(foveal.resume("r1")), collected(foveal.resume("r1")), return_exceptions=True
    )
    assert sorted(type(r).__name__ for r in results) == ["ThreadBusy", "list"]


@pytest.mark.parametrize("where", ["perceive", "plan", "execute", "solve"])
async def test_row_61_cancelling_in_any_phase_ends_at_once_and_leaves_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    from foveal.graphs import branch, research

    hanging = asyncio.Event()

    async def hang(*args: Any) -> Any:
        hanging.set()
        await asyncio.sleep(60)

    async with wired(settings, NotingModel(SCRIPT, tmp_path / "log")) as warm:
        await warm.ask(QUESTION, [IDA])
    gc.collect()
    fds = len([*Path("/proc/self/fd").iterdir()])
    monkeypatch.setattr(branch if where in ("execute", "solve") else research, where, hang)
    async with wired(settings, NotingModel(SCRIPT, tmp_path / "log")) as foveal:
        running = asyncio.create_task(foveal.ask(QUESTION, [IDA], run_id=where))
        await asyncio.wait_for(hanging.wait(), 10)
        began = time.monotonic()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert time.monotonic() - began < 1.0
        store = await foveal.runs()
        assert store is not None and store.run(where).status == "interrupted"
    gc.collect()
    assert len(asyncio.all_tasks()) == 1
    assert [t.name for t in threading.enumerate() if t.name.startswith("foveal")] == []
    assert len([*Path("/proc/self/fd").iterdir()]) <= fds


async def test_row_61_the_deadline_ends_a_run_with_what_was_found(settings: Settings, tmp_path: Path) -> None:
    late = settings.model_copy(update={"deadline": 1.5})
    async with wired(late, NotingModel(SCRIPT, tmp_path / "log", delay=60)) as foveal:
        began = time.monotonic()
        answer = await foveal.ask(QUESTION, [IDA])
    assert time.monotonic() - began < 3.0
    assert (answer.status, answer.stop_reason) == ("insufficient", "budget:seconds")
    assert "Ida" in answer.answer


async def test_row_58_a_damaged_store_is_told_and_the_run_goes_without_it(settings: Settings, tmp_path: Path) -> None:
    settings.home.mkdir()
    for name in ("runs.db", "checkpoints.db"):
        (settings.home / name).write_bytes(b"not a database, " * 400)
        async with wired(settings, NotingModel(SCRIPT, tmp_path / "log")) as foveal:
            with pytest.raises(StoreUnavailable, match="--no-persist"):
                await foveal.ask(QUESTION, [IDA])
        without = settings.model_copy(update={"persist": False})
        async with wired(without, NotingModel(SCRIPT, tmp_path / "log")) as foveal:
            assert (await foveal.ask(QUESTION, [IDA])).status == "answered"
        (settings.home / name).unlink()


async def test_row_58_a_store_that_fails_in_the_middle_ends_the_run_and_keeps_what_was_done(
    foveal: Foveal, settings: Settings
) -> None:
    store = await foveal.runs()
    assert store is not None
    add, finish = store.add, store.finish

    def filled(calls: Any) -> Any:
        if not any(entry.record.kind == "model" for entry in calls):
            return calls
        store._db.execute(f"PRAGMA max_page_count = {store._db.execute('PRAGMA page_count').fetchone()[0]}")
        return [replace(entry, reply="x" * 200_000) for entry in calls]

    # whichever of the two the last call of a model is written by
    store.add = lambda run, calls, events: add(run, filled(calls), events)  # type: ignore[method-assign]
    store.finish = lambda run, answer, calls=(), events=(): finish(run, answer, filled(calls), events)  # type: ignore[method-assign]
    with pytest.raises(Exception, match="disk is full") as failed:
        await foveal.ask(QUESTION, [IDA], run_id="r1")
    assert "--no-persist" in str(failed.value)
    store.add, store.finish = add, finish  # type: ignore[method-assign]
    store._db.execute("PRAGMA max_page_count = 1000000")
    assert store.run("r1").status in ("failed", "interrupted")
    assert (await collected(foveal.resume("r1")))[-1].data["answer"].status == "answered"
