from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foveal.errors import StorageFull
from foveal.tools.runs.journal import CallRecord, Entry
from foveal.tools.runs.recorder import TOGETHER, Recorder
from foveal.tools.runs.store import RunRecord, RunStore, now
from foveal.types import Answer, SubQuestion, plain


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    made = RunStore.open(tmp_path)
    made.begin(RunRecord("r", "r", "q?", (), "running", now(), None, {}, {}, 3, {}))
    yield made
    made.close()


def entry(seq: int) -> Entry:
    return Entry(CallRecord(seq, "tool", "collection", "s1", "ok", 0.0, 0.1), f"k{seq}", "[]")


async def test_calls_that_end_together_are_written_together_and_soon(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    add = store.add

    def counted(run: str, calls: Any, events: Any) -> None:
        written.append(len(calls))
        add(run, calls, events)

    monkeypatch.setattr(store, "add", counted)
    recorder = Recorder(store, "r")
    recorder.take("run.started", {})
    recorder.keep(entry(1))
    recorder.keep(entry(2))
    assert store.calls("r") == []
    await asyncio.sleep(TOGETHER + 0.05)
    assert [c.seq for c in store.calls("r")] == [1, 2] and written == [2]
    assert [e.type for e in store.events("r")] == ["run.started"], "an event does not wait for a transaction of its own"


async def test_the_end_of_a_run_is_written_with_all_that_waits(store: RunStore) -> None:
    recorder = Recorder(store, "r")
    recorder.keep(entry(1))
    answer = Answer("r", "q?", "a", "answered", "answered")
    recorder.take("run.finished", {"answer": answer})
    await recorder.finish(answer)
    assert store.run("r").status == "finished" and [c.seq for c in store.calls("r")] == [1]
    assert [e.type for e in store.events("r")] == ["run.finished"]


async def test_what_is_told_as_values_is_kept_as_json(store: RunStore) -> None:
    told = {"steps": (SubQuestion("s1", "q?", values=("a", "b")),), "n": 1}
    recorder = Recorder(store, "r")
    assert recorder.take("plan.created", told).data is told, "nothing is made of it between two calls"
    answer = Answer("r", "q?", "a", "answered", "answered", plan=told["steps"])  # type: ignore[arg-type]
    recorder.take("answer.final", {"answer": answer})
    await recorder.finish(answer)
    assert store.answer("r") == answer.as_dict()
    assert [e.data for e in store.events("r")] == [plain(told), {"answer": answer.as_dict()}]


async def test_row_58_what_kept_a_call_from_being_written_is_told_by_the_next_and_nothing_is_lost(
    store: RunStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise StorageFull("The disk is full.")

    recorder = Recorder(store, "r")
    with monkeypatch.context() as patched:
        patched.setattr(store, "add", full)
        recorder.keep(entry(1))
        await asyncio.sleep(TOGETHER + 0.05)
        with pytest.raises(StorageFull):
            recorder.keep(entry(2))
    await recorder.close()
    assert [c.seq for c in store.calls("r")] == [1]
