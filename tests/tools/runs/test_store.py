from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foveal.errors import BadInput, RunMissing, StorageFull, StoreUnavailable, ThreadBusy
from foveal.tools.runs.journal import CallRecord, Entry
from foveal.tools.runs.lease import Lease
from foveal.tools.runs.store import RunRecord, RunStore
from foveal.types import Event, ImageRef, Region

PICTURE = ImageRef("a" * 64, 40, 30, box=Region(0, 0, 9, 9))
RUN = RunRecord(
    "r1", "t1", "Which?", (PICTURE,), "running", "2026-01-02T03:04:05+00:00", None, {"profile": "fast"},
    {"rounds": 2}, 2, {"settings": {}},
)  # fmt: skip
CALL = CallRecord(1, "model", "read", "s1", "ok", 0.5, 0.25, 10, 2, 0.01, False, 4, "solver")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RunStore]:
    opened = RunStore.open(tmp_path)
    opened.begin(RUN)
    yield opened
    opened.close()


def test_a_run_comes_back_as_it_was_kept(store: RunStore, tmp_path: Path) -> None:
    store.add("r1", [Entry(CALL, "key", '{"value":1}')], [])
    store.add("r1", [], [(0.1, Event(1, "run.started", {"a": (1, 2)})), (0.9, Event(2, "warning", {}))])
    with Lease(tmp_path, "t1"):
        assert store.run("r1") == RUN
    assert store.calls("r1") == [CALL]
    assert store.journal("r1") == [Entry(CALL, "key", '{"value":1}')]
    assert store.events("r1", after=1) == [Event(2, "warning", {})]
    assert store.seconds("r1") == pytest.approx(0.9)
    again = RunStore.open(tmp_path)
    assert again.calls("r1") == [CALL]
    again.close()


def test_a_run_whose_process_is_gone_is_interrupted(store: RunStore, tmp_path: Path) -> None:
    with Lease(tmp_path, "t1"):
        assert store.run("r1").status == "running"
    assert store.run("r1").status == "interrupted"
    assert [run.status for run in store.runs()] == ["interrupted"]


def test_an_answer_is_kept_once_and_stands_in_the_events_that_hold_it(store: RunStore) -> None:
    answer = {"schema": "foveal.answer/1", "answer": "Arx"}
    store.add("r1", [], [(0.1, Event(1, "answer.final", {"answer": answer}))])
    assert store.events("r1")[0].data == {}
    store.add("r1", [Entry(CALL, "key", "reply")], [])
    store.finish("r1", answer)
    assert store.answer("r1") == answer and store.events("r1")[0].data == {"answer": answer}
    store.mark("r1", "failed")
    assert store.run("r1").status == "finished" and store.run("r1").finished_at, "an answer is not taken back"
    store.let_go("r1")
    assert store.journal("r1")[0].reply is None and store.journal("r1")[0].record == CALL


def test_removing_a_run_removes_all_of_it(store: RunStore) -> None:
    store.add("r1", [Entry(CALL, "key")], [])
    store.add("r1", [], [(0.1, Event(1, "warning", {}))])
    store.remove("r1")
    store.compact()
    assert store.runs() == [] and store.calls("r1") == [] and store.events("r1") == []
    with pytest.raises(RunMissing, match="no run r1"):
        store.run("r1")


def test_old_runs_are_found_but_not_those_under_way(store: RunStore, tmp_path: Path) -> None:
    store.begin(replace(RUN, run_id="r2", thread_id="t2", started_at="2999-01-01T00:00:00+00:00"))
    assert store.older_than(1) == ["r1"]
    with Lease(tmp_path, "t1"):
        assert store.older_than(1) == []


def test_an_id_is_not_taken_twice(store: RunStore) -> None:
    with pytest.raises(BadInput, match="r1 already"):
        store.begin(RUN)


def test_a_question_that_is_no_utf_8_is_kept(store: RunStore) -> None:
    store.begin(replace(RUN, run_id="r3", question="what \udcff?"))
    assert store.run("r3").question == "what \\udcff?"


def test_a_store_that_knew_no_roles_is_brought_up_and_loses_nothing(store: RunStore, tmp_path: Path) -> None:
    store.add("r1", [Entry(CALL, "key", "reply")], [])
    store.close()
    with sqlite3.connect(tmp_path / "runs.db") as db:
        db.execute("ALTER TABLE calls DROP COLUMN role")
        db.execute("PRAGMA user_version = 1")
    db.close()
    for _ in range(2):
        again = RunStore.open(tmp_path)
        assert again.calls("r1") == [replace(CALL, role="")]
        again.close()


def garbage(folder: Path) -> Any:
    (folder / "runs.db").write_bytes(b"garbage " * 1000)
    return RunStore.open(folder)


def folder_is_a_file(folder: Path) -> Any:
    (folder / "home").write_text("")
    return RunStore.open(folder / "home")


def another_version(folder: Path) -> Any:
    RunStore.open(folder).close()
    with sqlite3.connect(folder / "runs.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    return RunStore.open(folder)


def locked(folder: Path) -> Any:
    store = RunStore.open(folder)
    other = sqlite3.connect(folder / "runs.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    store._db.execute("PRAGMA busy_timeout = 50")
    try:
        store.begin(RUN)
    finally:
        other.close()
        store.close()


def read_only(folder: Path) -> Any:
    store = RunStore.open(folder)
    store._db.execute("PRAGMA query_only = ON")
    try:
        store.begin(RUN)
    finally:
        store.close()


def full(folder: Path) -> Any:
    store = RunStore.open(folder)
    store._db.execute("PRAGMA max_page_count = 1")
    try:
        store.begin(replace(RUN, question="x" * 100_000))
    finally:
        store.close()


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (garbage, StoreUnavailable, "damaged"),
        (folder_is_a_file, StoreUnavailable, "cannot be used"),
        (another_version, StoreUnavailable, "another version"),
        (locked, StoreUnavailable, "held by another program"),
        (read_only, StoreUnavailable, "cannot be written"),
        (full, StorageFull, "disk is full"),
    ],
)
def test_row_58_every_fault_of_the_file_is_told_with_a_way_on(
    tmp_path: Path, fault: Any, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as told:
        fault(tmp_path)
    assert "--no-persist" in str(told.value)


def test_row_57_a_lease_is_held_once_and_again_after_it_was_given_back(tmp_path: Path) -> None:
    lease = Lease(tmp_path, "a thread/with: signs")
    assert not lease.held()
    with lease:
        assert Lease(tmp_path, lease.thread_id).held()
        with pytest.raises(ThreadBusy), Lease(tmp_path, lease.thread_id):
            pass
        with Lease(tmp_path, "another"):
            pass
    assert not lease.held()
    with lease:
        pass
