"""Bucket, backoff, breaker, threads and shared work: with a clock that is turned by hand."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time

import pytest
from fakes.clock import FakeClock
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BackendTimeout
from foveal.tools.limits.backoff import Backoff
from foveal.tools.limits.breaker import Breaker
from foveal.tools.limits.bucket import TokenBucket
from foveal.tools.limits.once import Once
from foveal.tools.limits.threads import DaemonThreads


async def test_a_burst_passes_and_the_rest_waits_its_turn() -> None:
    clock = FakeClock()
    bucket = TokenBucket(2, burst=3, clock=clock)
    began = clock.now()
    for _ in range(3):
        assert await bucket.take()
    assert clock.slept == []
    await bucket.take()
    await bucket.take()
    assert clock.now() - began == pytest.approx(1.0)


async def test_turns_are_given_in_the_order_of_asking() -> None:
    bucket = TokenBucket(50)
    order: list[int] = []

    async def ask(number: int) -> None:
        await bucket.take()
        order.append(number)

    await asyncio.gather(*(ask(n) for n in range(6)))
    assert order == list(range(6))


async def test_no_turn_is_taken_when_the_wait_would_be_too_long() -> None:
    clock = FakeClock()
    bucket = TokenBucket(0.1, clock=clock)
    assert await bucket.take()
    assert not await bucket.take(patience=9.0)
    assert bucket.wait() == pytest.approx(10.0)
    clock.pass_(10)
    assert await bucket.take(patience=0.0)


@given(st.floats(0.1, 50), st.integers(1, 5), st.lists(st.floats(0, 5), max_size=30))
def test_never_more_than_rate_and_burst(rate: float, burst: int, pauses: list[float]) -> None:
    clock = FakeClock(now=0.0)
    bucket = TokenBucket(rate, burst, clock=clock)

    async def run() -> list[float]:
        times = []
        for pause in pauses:
            clock.pass_(pause)
            await bucket.take()
            times.append(clock.now())
        return times

    times = asyncio.run(run())
    for i, start in enumerate(times):
        for j in range(i, len(times)):
            assert j - i + 1 <= burst + rate * (times[j] - start) + 1e-6


@given(st.integers(0, 5000), st.floats(0, 1, exclude_max=True))
def test_backoff_is_within_its_bounds(attempt: int, drawn: float) -> None:
    backoff = Backoff(base=0.5, cap=60, random=lambda: drawn)
    assert 0 <= backoff.delay(attempt) <= min(60, 0.5 * 2.0 ** min(attempt, 64))


@pytest.mark.parametrize(("told", "wait"), [(2.0, 2.0), (3600.0, 60.0), (0.0, 0.0)])
def test_a_server_that_says_when_is_believed_up_to_the_cap(told: float, wait: float) -> None:
    assert Backoff(random=lambda: 0.999).delay(5, told) == wait


@pytest.mark.parametrize("nonsense", [-1.0, float("nan")])
def test_a_server_that_says_nonsense_is_not_believed(nonsense: float) -> None:
    assert Backoff(random=lambda: 0.5).delay(1, nonsense) == 0.5


def test_row_29_half_open_probe_fails_and_reopens_then_succeeds_and_closes() -> None:
    clock = FakeClock()
    breaker = Breaker(failures=2, cooldown=30, clock=clock)
    assert breaker.admit()
    breaker.failed()
    assert (breaker.state, breaker.admit()) == ("closed", True)
    breaker.failed()
    assert (breaker.state, breaker.admit(), breaker.left()) == ("open", False, 30.0)
    clock.pass_(30)
    assert breaker.state == "half-open"
    assert breaker.admit()
    assert not breaker.admit(), "there is one probe at a time"
    breaker.failed()
    assert (breaker.state, breaker.left()) == ("open", 30.0)
    clock.pass_(30)
    assert breaker.admit()
    breaker.succeeded()
    assert breaker.state == "closed"
    breaker.failed()
    assert breaker.state == "closed", "success forgets earlier failures"


def test_what_the_other_side_asked_for_opens_it_at_once() -> None:
    clock = FakeClock()
    breaker = Breaker(failures=3, cooldown=30, clock=clock)
    breaker.failed(rest=55)
    assert breaker.left() == 55
    clock.pass_(55)
    assert breaker.admit()
    breaker.failed()
    assert (breaker.state, breaker.left()) == ("open", 30), "one failed probe is enough"


def test_a_probe_that_was_cancelled_leaves_room_for_another() -> None:
    clock = FakeClock()
    breaker = Breaker(failures=1, cooldown=5, clock=clock)
    breaker.failed()
    clock.pass_(5)
    assert breaker.admit()
    breaker.left_off()
    assert breaker.admit()


async def test_a_thread_gives_its_result_or_raises() -> None:
    threads = DaemonThreads(2)
    assert await threads.run(lambda: 3) == 3
    with pytest.raises(ValueError, match="no"):
        await threads.run(lambda: int("no"))


async def test_so_many_stuck_calls_and_no_more_are_begun() -> None:
    threads, go_on = DaemonThreads(1), threading.Event()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(threads.run(go_on.wait), 0.05)
    with pytest.raises(BackendTimeout):
        await threads.run(lambda: None)
    go_on.set()
    for _ in range(100):
        try:
            assert await threads.run(lambda: 1) == 1
            return
        except BackendTimeout:
            await asyncio.sleep(0.01)
    raise AssertionError("the slot was never given back")


def test_a_stuck_thread_does_not_keep_the_process() -> None:
    script = (
        "import asyncio, time\n"
        "from foveal.tools.limits.threads import DaemonThreads\n"
        "async def main():\n"
        "    try:\n"
        "        await asyncio.wait_for(DaemonThreads(1).run(lambda: time.sleep(60)), 0.1)\n"
        "    except TimeoutError:\n"
        "        print('late')\n"
        "asyncio.run(main())\n"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=50)
    assert (done.stdout, done.stderr, done.returncode) == ("late\n", "", 0)
    assert time.monotonic() - began < 30


async def test_work_of_one_key_is_done_once_and_outlives_one_who_waits() -> None:
    once, calls, go_on = Once(4), 0, asyncio.Event()

    async def work() -> int:
        nonlocal calls
        calls += 1
        await go_on.wait()
        return calls

    first = asyncio.ensure_future(once.do("a", work))
    second = asyncio.ensure_future(once.do("a", work))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    go_on.set()
    assert await second == 1
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await once.do("a", work) == 2, "what is finished is done anew"


async def test_work_that_nobody_waits_for_ends() -> None:
    once, ended = Once(4), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    task = asyncio.ensure_future(once.do("a", work))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait_for(ended.wait(), 1)


async def test_only_so_much_work_is_under_way() -> None:
    once, now, most = Once(3), 0, 0

    async def work() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.005)
        now -= 1

    await asyncio.gather(*(once.do(key, work) for key in range(10)))
    assert most == 3
