from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from foveal.errors import PageUnreadable
from foveal.tools.read.pool import MAX_JOBS, Worker, WorkerPool

from .papers import pdf

SMALL = {"data": b"<html><body><p>Kelm Tower is high.</p></body></html>", "url": "http://a.test/"}
SLOW = {"data": b"<html><body>" + b"<p>a<b>x" * 60_000, "url": "http://a.test/"}
"""Tags that are never closed: some ten seconds of work."""


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    """One for all these tests: it mends itself."""
    made = WorkerPool(1)
    yield made
    asyncio.run(made.aclose())


async def test_row_23_a_job_past_its_deadline_is_killed_and_the_next_one_done(pool: WorkerPool) -> None:
    await pool.run("html", SMALL, deadline=20)
    (first,) = pool.pids
    started = time.monotonic()
    with pytest.raises(PageUnreadable, match=r"not read within 0\.7 s") as caught:
        await pool.run("html", SLOW, deadline=0.7)
    assert time.monotonic() - started < 2 and caught.value.reason == "too complex"
    assert gone(first)
    assert (await pool.run("html", SMALL, deadline=20))["text"] == "Kelm Tower is high."
    assert pool.pids != [first]


async def test_a_worker_is_used_again(pool: WorkerPool) -> None:
    pids = set()
    for _ in range(3):
        await pool.run("html", SMALL, deadline=20)
        pids |= set(pool.pids)
    assert len(pids) == 1


async def test_a_worker_is_replaced_in_time(pool: WorkerPool) -> None:
    await pool.run("html", SMALL, deadline=20)
    (worker,) = pool._idle
    worker.jobs = MAX_JOBS
    await pool.run("html", SMALL, deadline=20)
    assert gone(worker.pid) and pool.pids == []


async def test_cancelling_kills_the_worker_that_is_at_it(pool: WorkerPool) -> None:
    await pool.run("html", SMALL, deadline=20)
    (first,) = pool.pids
    task = asyncio.create_task(pool.run("html", SLOW, deadline=60))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: gone(first))
    assert (await pool.run("html", SMALL, deadline=20))["title"] == ""


async def test_a_worker_that_dies_is_told_of_and_replaced(pool: WorkerPool) -> None:
    await pool.run("html", SMALL, deadline=20)
    os.kill(pool.pids[0], 9)
    await until(lambda: not pool.pids)
    assert (await pool.run("html", SMALL, deadline=20))["kind"] == "html", "one that died idle is no error"
    with pytest.raises(PageUnreadable, match="made the reader fail"):
        await asyncio.gather(pool.run("html", SLOW, deadline=60), kill_soon(pool))


@pytest.mark.skipif(sys.platform != "linux", reason="the address space is bounded on Linux")
async def test_row_23_a_job_that_wants_too_much_memory_fails_alone() -> None:
    pool = WorkerPool(1, memory=400_000_000)
    try:
        with pytest.raises(PageUnreadable, match=r"too much memory|made the reader fail"):
            await pool.run("html", {"data": b"<b>x</b>" * 1_300_000, "url": "http://a.test/"}, deadline=20)
        assert (await pool.run("html", SMALL, deadline=20))["text"] == "Kelm Tower is high."
    finally:
        await pool.aclose()


async def test_no_process_is_left_when_a_pool_is_closed_or_forgotten() -> None:
    pool = WorkerPool(2)
    await asyncio.gather(*(pool.run("pdf", {"data": pdf(["x"]), "budget": 5.0}, deadline=20) for _ in range(2)))
    pids = pool.pids
    assert len(pids) >= 1
    await pool.aclose()
    await until(lambda: all(gone(pid) for pid in pids))
    pool = WorkerPool(1)
    await pool.run("html", SMALL, deadline=20)
    pids = pool.pids
    del pool
    await until(lambda: all(gone(pid) for pid in pids))


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks into /proc")
async def test_a_worker_has_no_keys_and_ends_with_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOVEAL_OPENAI_API_KEY", "canary-1234")
    worker = Worker(2_000_000_000)
    try:
        worker.ask("html", SMALL, 20)
        assert b"canary-1234" not in Path(f"/proc/{worker.pid}/environ").read_bytes()
        limits = Path(f"/proc/{worker.pid}/limits").read_text()
        assert "Max file size             0" in limits
        assert worker._process.stdin is not None
        worker._process.stdin.close()  # as when the parent is gone
        assert worker._process.wait(5) == 0
    finally:
        worker.close()


def test_a_script_without_a_main_guard_can_read_pages(tmp_path: Path) -> None:
    """Processes made by multiprocessing would run it again."""
    import subprocess

    script = tmp_path / "script.py"
    script.write_text(
        "import asyncio\nfrom foveal.tools.read.pool import WorkerPool\nprint('begun')\n"
        f"print(asyncio.run(WorkerPool(1).run('html', {SMALL!r}, deadline=30))['text'])\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.stdout == "begun\nKelm Tower is high.\n", done.stderr


async def kill_soon(pool: WorkerPool) -> None:
    await asyncio.sleep(0.3)
    os.kill(pool.pids[0], 9)


async def until(true: object) -> None:
    for _ in range(100):
        if true():  # type: ignore[operator]
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen within 5 s")


def gone(pid: int) -> bool:
    """No such process, or one that has ended and only waits to be counted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
