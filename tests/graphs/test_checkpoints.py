"""Where checkpoints are kept: our file, and a real Postgres server when one is installed."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.bench import script
from fakes.world import FLAGS, QUESTION, SCRIPT, NotingModel, build, flag, noted, wired
from langgraph.checkpoint.base import empty_checkpoint

from foveal.errors import StorageFull, StoreUnavailable
from foveal.graphs.checkpoints import open_checkpoints
from foveal.graphs.saver import FIRST, NewestSaver
from foveal.graphs.state import STATE_TYPES
from foveal.settings import Settings
from foveal.tools.runs.serde import StateSerializer
from foveal.types import Evidence

IDA = flag(*FLAGS["Ida"])
CONFIG: Any = {"configurable": {"thread_id": "r1", "checkpoint_ns": ""}}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return build(tmp_path_factory.mktemp("world"))


@pytest.fixture
def settings(world: Settings, tmp_path: Path) -> Settings:
    return world.model_copy(update={"home": tmp_path / "home"})


@pytest.fixture
def saver(tmp_path: Path) -> Iterator[NewestSaver]:
    made = NewestSaver(tmp_path / "checkpoints.db", StateSerializer(STATE_TYPES))
    yield made
    made.close()


def checkpoint(number: int, **values: Any) -> Any:
    return {**empty_checkpoint(), "id": f"{number:08d}", "channel_values": values}


def rows(path: Path) -> dict[tuple[str, str], bytes]:
    with sqlite3.connect(path) as db:
        return {(c, e): v for c, e, v in db.execute("SELECT channel, entry, value FROM channels")}


def entry(n: int) -> Evidence:
    return Evidence(f"e{n}", "text", "d", "D", quote="words " * n)


def test_only_the_newest_checkpoint_and_what_changed_is_written(saver: NewestSaver, tmp_path: Path) -> None:
    one, two = entry(1), entry(2)
    at = saver.put(CONFIG, checkpoint(1, evidence={"e1": one}, rounds=1, scope=None), {"step": 1}, {})
    before = saver.get_tuple(CONFIG)
    assert before is not None and before.checkpoint["channel_values"] == {
        "evidence": {"e1": one}, "rounds": 1, "scope": None,
    }  # fmt: skip
    changed = saver._db.total_changes
    saver._written["r1", ""] = {"evidence": {"e1": one}, "rounds": 1, "scope": None}
    saver.put(at, checkpoint(2, evidence={"e1": one, "e2": two}, rounds=2), {"step": 2}, {"evidence": 2, "rounds": 2})
    after = saver.get_tuple(CONFIG)
    assert after is not None and after.checkpoint["channel_values"] == {"evidence": {"e1": one, "e2": two}, "rounds": 2}
    assert after.metadata["step"] == 2
    assert [t.checkpoint["id"] for t in saver.list(CONFIG)] == ["00000002"]
    assert saver._db.total_changes - changed == 4, "e2, rounds and the head are written, scope is removed"
    saver.delete_thread("r1")
    assert saver.get_tuple(CONFIG) is None and rows(tmp_path / "checkpoints.db") == {}


async def test_of_checkpoints_in_quick_succession_the_last_is_written_a_moment_later(
    saver: NewestSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foveal.graphs.saver.PAUSE", 0.05)
    at = await saver.aput(CONFIG, checkpoint(1, a=1, b=1), {}, {"a": 1, "b": 1})
    await asyncio.sleep(FIRST + 0.03)
    at = await saver.aput(at, checkpoint(2, a=1, b=2), {}, {"b": 2})
    found = await saver.aget_tuple(CONFIG)
    assert found is not None and found.checkpoint["channel_values"] == {"a": 1, "b": 1}
    at = await saver.aput(at, checkpoint(3, a=3, b=2), {}, {"a": 3})
    await asyncio.sleep(0.1)
    found = await saver.aget_tuple(CONFIG)
    assert found is not None and found.checkpoint["channel_values"] == {"a": 3, "b": 2}
    await saver.aput(at, checkpoint(4, a=4, b=2), {}, {"a": 4})
    await saver.adelete_thread("r1")
    await asyncio.sleep(0.1)
    assert await saver.aget_tuple(CONFIG) is None, "what waited when the run ended is not written"


async def test_what_waits_is_written_before_the_file_is_let_go(saver: NewestSaver, tmp_path: Path) -> None:
    await saver.aput(CONFIG, checkpoint(1, known={"i": 1}), {}, {"known": 1})
    await saver.aclose()
    again = NewestSaver(tmp_path / "checkpoints.db", StateSerializer(STATE_TYPES))
    found = again.get_tuple(CONFIG)
    again.close()
    assert found is not None and found.checkpoint["channel_values"] == {"known": {"i": 1}}


def test_under_uvloop_too_a_finished_run_leaves_nothing_to_be_written(
    saver: NewestSaver, caplog: pytest.LogCaptureFixture
) -> None:
    """A server runs on it, where there is one; its timers are of no class of asyncio's."""
    uvloop = pytest.importorskip("uvloop")

    async def run() -> None:
        await saver.aput(CONFIG, checkpoint(1, a=1), {}, {"a": 1})
        await saver.adelete_thread("r1")
        await asyncio.sleep(FIRST + 0.03)
        assert await saver.aget_tuple(CONFIG) is None

    uvloop.run(run())
    assert not caplog.records


async def test_row_58_what_kept_a_checkpoint_from_being_written_is_told_by_the_next(
    saver: NewestSaver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foveal.graphs.saver.PAUSE", 0.01)
    at = await saver.aput(CONFIG, checkpoint(1, a=1), {}, {"a": 1})
    await asyncio.sleep(FIRST + 0.03)
    monkeypatch.setattr(saver, "put", lambda *_: (_ for _ in ()).throw(StorageFull("The disk is full.")))
    at = await saver.aput(at, checkpoint(2, a=2), {}, {"a": 2})
    await asyncio.sleep(0.05)
    with pytest.raises(StorageFull):
        await saver.aput(at, checkpoint(3, a=3), {}, {"a": 3})


def test_a_saver_that_was_opened_again_goes_on(saver: NewestSaver, tmp_path: Path) -> None:
    saver.put(CONFIG, checkpoint(1, evidence={"e1": entry(1), "e2": entry(2)}, old=1), {}, {})
    saver.close()
    again = NewestSaver(tmp_path / "checkpoints.db", StateSerializer(STATE_TYPES))
    again.put(CONFIG, checkpoint(2, evidence={"e2": entry(2)}), {}, {})
    found = again.get_tuple(CONFIG)
    again.close()
    assert found is not None and found.checkpoint["channel_values"] == {"evidence": {"e2": entry(2)}}


async def test_row_59_a_tampered_checkpoint_is_refused_and_runs_nothing(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("foveal.graphs.saver.PAUSE", 0.0)
    model = NotingModel(SCRIPT, tmp_path / "log")
    async with wired(settings, model) as foveal:
        events = foveal.stream(QUESTION, [IDA], run_id="r1")
        async for event in events:
            if event.type == "subquestion.finished":
                break
        await events.aclose()  # type: ignore[attr-defined]
    serde = StateSerializer([])
    ours = serde._dump(serde._ext(1, serde._dump(["system", f"touch {tmp_path / 'owned'}"])))
    with sqlite3.connect(settings.home / "checkpoints.db") as db:
        assert db.execute("UPDATE channels SET type = 'foveal', value = ? WHERE channel = 'question'", (ours,)).rowcount
    asked = len(noted(tmp_path / "log"))
    async with wired(settings, model) as foveal:
        with pytest.raises(StoreUnavailable, match="foreign"):
            async for _ in foveal.resume("r1"):
                pass
    assert not (tmp_path / "owned").exists() and len(noted(tmp_path / "log")) == asked


async def test_row_60_behaviour_28_fifty_steps_with_ten_pictures_stay_below_a_megabyte_without_base64(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench = script("overhead")
    monkeypatch.setattr("foveal.graphs.saver.PAUSE", 0.0)  # every superstep is written: the largest it can be
    monkeypatch.setattr("foveal.agents.planner.make_plan", bench.planned)
    monkeypatch.setattr("foveal.tools.images.decode.check_count", lambda count: None)
    pictures = [bench.picture(n) for n in range(10)]
    sizes: list[int] = []
    contents: list[bytes] = []
    put = NewestSaver.put

    def noted_put(self: NewestSaver, *given: Any) -> Any:
        at = put(self, *given)
        sizes.append(sum(f.stat().st_size for f in tmp_path.glob("checkpoints.db*")))
        stored = self._db.execute("SELECT type, value FROM channels").fetchall()
        contents.append(b"".join(zlib.decompress(v) if kind.endswith("+z") else v for kind, v in stored))
        return at

    monkeypatch.setattr(NewestSaver, "put", noted_put)
    async with bench.over(tmp_path, bench.DirectModel(), found=12) as made:
        answer = await made.ask("What comes out of the chain of 40?", pictures)
    assert len(answer.plan) == 50 and answer.status == "answered" and len(sizes) > 40
    assert max(sizes) < 1_000_000, max(sizes)
    half, later = len(contents) // 2, len(contents) * 3 // 4
    assert len(contents[later]) <= 1.8 * len(contents[half]), "it does not grow with the square of the steps"
    assert len(contents[-1]) > 100_000 and not re.search(rb"[A-Za-z0-9+/]{300,}", contents[-1])
    assert b"\x89PNG" not in contents[-1] and b"RIFF" not in contents[-1]


def postgres_programs() -> Path | None:
    """The folder of `initdb` and `pg_ctl`, wherever a package put them."""
    found = [Path(p).resolve().parent for p in (shutil.which("pg_ctl"), shutil.which("initdb")) if p]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((f for f in found if (f / "initdb").exists() and (f / "pg_ctl").exists()), None)


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """A server of our own in a temporary folder."""
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    programs = postgres_programs()
    if programs is None:
        pytest.skip("no Postgres server (initdb, pg_ctl) is installed")
    folder = Path(tempfile.mkdtemp(prefix="foveal-postgres-"))  # pytest's own folders are closed to other users
    run: dict[str, Any] = {"check": True, "capture_output": True, "timeout": 60, "cwd": folder}
    if os.getuid() == 0:  # the server refuses to be root
        shutil.chown(folder, "nobody")
        run["user"] = "nobody"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    control = [programs / "pg_ctl", "-D", data, "-w"]
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    try:
        subprocess.run([programs / "initdb", "-D", data, "-U", "foveal", "-A", "trust", "-N"], **run)
        subprocess.run([*control, "-o", options, "-l", folder / "log", "start"], **run)
        yield f"postgresql://foveal@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **{**run, "check": False})
        shutil.rmtree(folder, ignore_errors=True)


async def test_checkpoints_on_a_real_postgres_server_resume_a_run(
    settings: Settings, postgres: str, tmp_path: Path
) -> None:
    import psycopg

    served = Settings(**{**settings.model_dump(), "checkpoints": postgres})
    model = NotingModel(SCRIPT, tmp_path / "log")
    async with wired(served, model) as foveal:
        events = foveal.stream(QUESTION, [IDA], run_id="r1")
        async for event in events:
            if event.type == "subquestion.finished":
                break
        await events.aclose()  # type: ignore[attr-defined]

    def count() -> int:
        with psycopg.connect(postgres) as db:
            row = db.execute("SELECT count(*) FROM checkpoints WHERE thread_id = 'r1'").fetchone()
            assert row is not None
            return int(row[0])

    assert count() > 0 and not (served.home / "checkpoints.db").exists()
    async with wired(served, model) as foveal:
        resumed = [e async for e in foveal.resume("r1")]
        whole = await foveal.ask(QUESTION, [IDA])
    answer = resumed[-1].data["answer"]
    assert answer.status == "answered" and answer.plan == whole.plan
    assert [e.id for e in answer.evidence] == [e.id for e in whole.evidence]
    assert not any(e.type == "plan.created" for e in resumed), "it went on where it stood"
    assert count() == 0, "a finished run needs no checkpoints"


async def test_row_58_a_postgres_server_that_is_down_is_told_without_its_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = f"postgresql://foveal:secret-word@127.0.0.1:{port}/postgres"
    with pytest.raises(StoreUnavailable, match="Postgres server") as told:
        async with open_checkpoints(tmp_path, STATE_TYPES, server=server):
            pass
    assert "--no-persist" in str(told.value) and "secret-word" not in str(told.value)
