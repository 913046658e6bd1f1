"""Fall-over, patience and breakers of a chain of backends, on a clock that is turned by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from fakes.clock import FakeClock
from fakes.searching import SetBackend, found

from foveal.tools.search.chain import Chain
from foveal.types import ToolOutcome, WebQuery

Q = WebQuery("tall tower")
Make = Callable[..., Chain]


def throttled(retry_after: float | None = None) -> ToolOutcome:
    return ToolOutcome("throttled", error="It asks to be left alone.", retry_after=retry_after)


async def test_the_first_that_answers_is_believed(chain_of: Make) -> None:
    one, two = SetBackend("one", [found("a")]), SetBackend("two", [found("b")])
    outcome = await chain_of(one, two).search(Q)
    assert (outcome.status, outcome.backend, outcome.notes) == ("ok", "one", ())
    assert two.asked == []


async def test_row_20_throttled_for_a_moment_is_waited_for(chain_of: Make, clock: FakeClock) -> None:
    one, two = SetBackend("one", [throttled(2.0), found("a")]), SetBackend("two", [found("b")])
    outcome = await chain_of(one, two).search(Q)
    assert (outcome.backend, clock.slept, two.asked) == ("one", [2.0], [])


async def test_row_20_throttled_twice_goes_to_the_next_backend(chain_of: Make, clock: FakeClock) -> None:
    one, two = SetBackend("one", [throttled(2.0)]), SetBackend("two", [found("b")])
    outcome = await chain_of(one, two).search(Q)
    assert (outcome.backend, clock.slept, len(one.asked)) == ("two", [2.0], 2)
    assert outcome.notes == ("one: It asks to be left alone; asked two",)


async def test_row_20_throttled_for_an_hour_is_not_waited_for_and_left_alone(chain_of: Make, clock: FakeClock) -> None:
    one, two = SetBackend("one", [throttled(3600.0)]), SetBackend("two", [found("b")])
    chain = chain_of(one, two)
    assert (await chain.search(Q)).backend == "two"
    assert clock.slept == []
    assert chain.states() == {"one": "open (60 s)", "two": "closed"}, "no wait is longer than the cap"
    assert (await chain.search(Q)).notes == ("one is left alone for 60 s more; asked two",)
    assert len(one.asked) == 1


async def test_row_20_throttled_without_a_time_is_waited_for_a_little(chain_of: Make, clock: FakeClock) -> None:
    one, two = SetBackend("one", [throttled(None)]), SetBackend("two", [found("b")])
    assert (await chain_of(one, two).search(Q)).backend == "two"
    assert clock.slept == [0.25]


async def test_row_27_an_empty_answer_is_an_answer(chain_of: Make, clock: FakeClock) -> None:
    one, two = SetBackend("one", [found()]), SetBackend("two", [found("b")])
    outcome = await chain_of(one, two).search(Q)
    assert (outcome.status, outcome.backend, len(one.asked), two.asked, clock.slept) == ("empty", "one", 1, [], [])


async def test_row_29_probe_of_a_chain_reopens_and_closes(chain_of: Make, clock: FakeClock) -> None:
    broken = ToolOutcome("error", error="It is broken.")
    one = SetBackend("one", [broken, broken, broken, broken, found("a")])
    chain = chain_of(one, SetBackend("two", [found("b")]))
    for _ in range(3):
        assert (await chain.search(Q)).backend == "two"
    await chain.search(Q)
    assert len(one.asked) == 3, "open: not asked"
    clock.pass_(31)
    assert (await chain.search(Q)).backend == "two", "the probe fails"
    assert (len(one.asked), chain.states()["one"]) == (4, "open (30 s)")
    clock.pass_(31)
    assert (await chain.search(Q)).backend == "one", "the probe succeeds"
    assert chain.states()["one"] == "closed"


async def test_row_31_all_down_names_each(chain_of: Make) -> None:
    one = SetBackend("one", [ToolOutcome("timeout", error="one did not answer in 10 s.")])
    two = SetBackend("two", [throttled(40.0)])
    outcome = await chain_of(one, two).search(Q)
    assert outcome.status == "error"
    assert outcome.error == ("No web backend answered. one did not answer in 10 s; two: It asks to be left alone.")
    assert outcome.retry_after == 40.0
    assert outcome.items == ()


async def test_all_down_for_one_reason_keeps_the_reason(chain_of: Make) -> None:
    refused = ToolOutcome("blocked", error="Brave does not accept the key.")
    assert (await chain_of(SetBackend("brave", [refused])).search(Q)) == ToolOutcome(
        "blocked", error="Brave does not accept the key."
    )


async def test_a_backend_that_hangs_is_passed_over(chain_of: Make) -> None:
    chain = chain_of(SetBackend("one", [60.0]), SetBackend("two", [found("b")]), deadline=0.05)
    outcome = await chain.search(Q)
    assert (outcome.backend, outcome.notes) == ("two", ("one did not answer in 0.05 s; asked two",))


async def test_a_backend_that_raises_is_passed_over(chain_of: Make) -> None:
    chain = chain_of(SetBackend("one", [RuntimeError("oops")]), SetBackend("two", [found("b")]))
    assert (await chain.search(Q)).notes == ("one failed: RuntimeError: oops; asked two",)


async def test_only_backends_that_can_are_asked(chain_of: Make) -> None:
    one, two = SetBackend("one", [found("a")]), SetBackend("two", [found("b")], kinds=("text", "images"))
    chain = chain_of(one, two)
    assert chain.kinds == {"text", "images"}
    assert (await chain.search(WebQuery("tower", "images"))).backend == "two"
    outcome = await chain.search(WebQuery(image="0" * 64, kind="lookalikes"))
    assert (outcome.status, outcome.error) == ("blocked", "No web backend searches for lookalikes: one,two.")


async def test_one_who_gives_up_leaves_the_probe_to_others(chain_of: Make, clock: FakeClock) -> None:
    one = SetBackend("one", [throttled(30.0), 60.0, found("a")])
    chain = chain_of(one, deadline=30.0)
    await chain.search(Q)
    clock.pass_(31)
    probe = asyncio.ensure_future(chain.search(Q))
    await asyncio.sleep(0.01)
    assert len(one.asked) == 2
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    assert (await chain.search(Q)).status == "ok"


async def test_no_backend_is_asked_more_often_than_its_rate(chain_of: Make, clock: FakeClock) -> None:
    one = SetBackend("one", [found("a")])
    chain = chain_of(one, rate=2.0)
    began = clock.now()
    for _ in range(5):
        await chain.search(Q)
    assert clock.now() - began == pytest.approx(2.0)


async def test_our_own_rate_is_no_failure_of_the_backend(chain_of: Make) -> None:
    one, two = SetBackend("one", [found("a")]), SetBackend("two", [found("b")])
    chain = chain_of(one, two, rate=0.05)
    await chain.search(Q)
    outcome = await chain.search(Q)
    assert (outcome.backend, outcome.notes) == ("two", ("one is asked as often as it may be; asked two",))
    assert chain.states()["one"] == "closed"


async def test_closing_closes_the_backends(chain_of: Make) -> None:
    one = SetBackend("one", [found("a")])
    await chain_of(one).aclose()
    assert one.closed
