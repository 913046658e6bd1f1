from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foveal.errors import BadInput, BudgetExceeded
from foveal.graphs.budget import Meter, MeteredModel
from foveal.tools.models.scripted import ScriptedModel
from foveal.tools.runs.journal import CallRecord, Entry, Journal, usage_of
from foveal.tools.runs.pace import Pace
from foveal.types import Budget, Capabilities, Generation, Message, TextHit, plain

HIT = TextHit("d", "D", "words", "text", 0, 5, 0.5)


def asked(text: str) -> list[Message]:
    return [Message("user", text)]


def spent(**cost: int) -> Journal:
    return Journal([Entry(CallRecord(1, "model", "read", "s1", "ok", 0.0, 0.1, **cost), "k")])  # type: ignore[arg-type]


async def find(*items: Any) -> list[Any]:
    await asyncio.sleep(0)
    return list(items)


@given(st.integers(0, 12), st.integers(1, 30))
def test_behaviour_33_parallel_branches_never_make_more_model_calls_than_the_budget(limit: int, n: int) -> None:
    async def ask() -> tuple[Meter, list[object]]:
        meter = Meter(Budget(model_calls=limit, seconds=None))
        model = MeteredModel(ScriptedModel([{"reply": "x", "repeat": True}]), meter)
        calls = [model.generate(asked(f"q{i}")) for i in range(n)]
        return meter, await asyncio.gather(*calls, return_exceptions=True)

    meter, results = asyncio.run(ask())
    assert meter.usage.model_calls == min(limit, n)
    assert sum(isinstance(r, BudgetExceeded) for r in results) == max(0, n - limit)


class Priced(ScriptedModel):
    """Bills a token a byte and as many as it may write; says its prices."""

    def __init__(self, lengths: list[int]) -> None:
        super().__init__([], capabilities=Capabilities(usd_in=1000.0, usd_out=4000.0))
        self.lengths = lengths
        self.made: list[str] = []

    def count_tokens(self, text: str) -> int:
        return len(text)

    async def generate(self, messages: Any, *, max_tokens: int = 256, **rest: Any) -> Generation:
        text = messages[-1].content
        self.made.append(text)
        await asyncio.sleep(0)
        written = self.lengths[int(text.split()[0])] % (max_tokens + 1)
        usd = (len(text) * 1000.0 + written * 4000.0) / 1e6
        return Generation("x", prompt_tokens=len(text), completion_tokens=written, usd=usd)


@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 200), min_size=1, max_size=12),
    tokens=st.integers(0, 2000),
    usd=st.floats(0.0, 4.0),
    tools=st.integers(0, 5),
)
def test_behaviour_33_no_cap_is_exceeded_and_the_sums_by_step_are_the_total(
    lengths: list[int], tokens: int, usd: float, tools: int
) -> None:
    limits = Budget(tokens=tokens, usd=usd, tool_calls=tools, seconds=None)

    async def branch(n: int, meter: Meter, model: MeteredModel) -> None:
        step = f"s{n % 3}"
        await meter.tool_call("collection", {"q": n}, step, lambda: find(HIT))
        await model.at(step).generate(asked(f"{n} {'w' * lengths[n]}"), max_tokens=64)

    async def run() -> Meter:
        meter = Meter(limits)
        model = MeteredModel(Priced(lengths), meter)
        await asyncio.gather(*(branch(n, meter, model) for n in range(len(lengths))), return_exceptions=True)
        return meter

    meter = asyncio.run(run())
    total = meter.usage
    assert total.prompt_tokens + total.completion_tokens <= tokens
    assert total.usd <= usd + 1e-9
    assert sum(total.tool_calls.values()) <= tools
    by_step: dict[str, list[CallRecord]] = defaultdict(list)
    for record in meter.journal.records:
        by_step[record.step].append(record)
    parts = [usage_of(records) for records in by_step.values()]
    assert sum(p.model_calls for p in parts) == total.model_calls
    assert sum(p.prompt_tokens for p in parts) == total.prompt_tokens
    assert sum(p.usd for p in parts) == pytest.approx(total.usd)


async def test_a_call_waits_for_others_that_may_cost_what_is_left() -> None:
    meter = Meter(Budget(tokens=400, seconds=None))
    model = MeteredModel(Priced([0, 0, 0]), meter)
    done = await asyncio.gather(*(model.generate(asked(f"{n} {'w' * 60}"), max_tokens=100) for n in range(3)))
    assert len(done) == 3, "the three may cost more than 400 together, but do not"


async def test_tool_calls_are_counted_by_name_and_capped() -> None:
    meter = Meter(Budget(tool_calls=2))
    outcomes = [
        await meter.tool_call(tool, {"n": n}, "s1", lambda: find(HIT))
        for n, tool in enumerate(["collection", "image_search", "collection"])
    ]
    assert [o.status for o in outcomes] == ["ok", "ok", "blocked"]
    assert meter.usage.tool_calls == {"collection": 1, "image_search": 1}


async def test_behaviour_9_an_equal_call_is_given_back_marked_and_not_billed() -> None:
    meter = Meter(Budget(tool_calls=1))
    first, second = await asyncio.gather(
        *(meter.tool_call("collection", {"q": "ida"}, step, lambda: find(HIT)) for step in ("s1", "s2"))
    )
    assert (first.status, second.status) == ("ok", "cached")
    assert second.items == (HIT,)
    assert meter.usage.tool_calls == {"collection": 1} and meter.usage.cached == 1


async def test_behaviour_10_a_failed_call_is_tried_again_and_an_empty_one_stays_empty() -> None:
    meter = Meter(Budget())

    async def fail() -> list[Any]:
        raise BadInput("no")

    assert (await meter.tool_call("web", {}, "s1", fail)).status == "error"
    assert (await meter.tool_call("web", {}, "s1", find)).status == "empty"
    again = await meter.tool_call("web", {}, "s2", fail)
    assert (again.status, again.items, again.error) == ("cached", (), None)
    assert meter.usage.tool_calls == {"web": 2}, "an attempt that failed was made"


async def test_a_failed_model_call_counts_and_its_reply_is_not_given_back() -> None:
    meter = Meter(Budget())
    model = MeteredModel(ScriptedModel([{"reply": "no JSON"}, {"reply": "{}"}]), meter)
    with pytest.raises(Exception, match="JSON"):
        await model.generate(asked("q"), schema={})
    assert (await model.generate(asked("q"), schema={})).parsed == {}
    assert [r.status for r in meter.journal.records] == ["error", "ok"]


def test_a_part_of_the_tokens_is_kept_for_the_ending() -> None:
    meter = Meter(Budget(tokens=100, seconds=None), spent(prompt_tokens=90))
    assert meter.exhausted() == "tokens"
    assert meter.exhausted(ending=True) is None


def test_time_is_a_limit() -> None:
    assert Meter(Budget(seconds=0.0)).exhausted() == "seconds"


def test_seconds_before_an_interruption_count() -> None:
    assert Meter(Budget(seconds=60.0), pace=Pace(59.0)).exhausted() == "seconds"
    assert Meter(Budget(seconds=60.0), pace=Pace(30.0)).elapsed == pytest.approx(30.0, abs=0.5)


async def test_a_model_call_does_not_outlast_the_deadline() -> None:
    class Slow(ScriptedModel):
        async def generate(self, *args: object, **kwargs: object) -> Generation:
            await asyncio.sleep(30)
            raise AssertionError("not cancelled")

    meter = Meter(Budget(seconds=0.3))
    with pytest.raises(BudgetExceeded, match="seconds"):
        await MeteredModel(Slow([]), meter).generate(asked("q"))
    assert [r.status for r in meter.journal.records] == ["timeout"]


async def test_text_is_handed_on_as_it_is_written_and_not_for_a_reply_that_is_given_back() -> None:
    meter, pieces = Meter(Budget()), list[str]()
    model = MeteredModel(ScriptedModel([{"reply": "one two"}]), meter, role="answerer")
    first = await model.generate(asked("q"), on_text=pieces.append)
    again = await model.generate(asked("q"), on_text=pieces.append)
    assert (first.text, again.text, "".join(pieces)) == ("one two", "one two", "one two")


async def test_a_total_stays_what_it_was_when_more_is_spent() -> None:
    meter = Meter(Budget())
    model = MeteredModel(Priced([3, 4]), meter, role="solver")
    await model.generate(asked("0 one"))
    await meter.tool_call("collection", {"q": 1}, "s1", lambda: find(HIT))
    total = meter.total()
    before = plain(total)
    await model.generate(asked("1 two"))
    await meter.tool_call("collection", {"q": 2}, "s1", lambda: find(HIT))
    assert plain(total) == before != plain(meter.total())


async def test_usage_is_added_up_by_role_and_given_back_calls_cost_nothing() -> None:
    meter = Meter(Budget())
    shared = ScriptedModel([{"reply": "x", "repeat": True}, {"probability": 0.5, "repeat": True}])
    solver, judge = MeteredModel(shared, meter, role="solver"), MeteredModel(shared, meter, role="judge")
    await solver.at("s1").generate(asked("a"))
    await solver.at("s2").generate(asked("b"))
    await judge.generate(asked("a"))
    await judge.yes_probability(asked("a"))
    usage = meter.usage
    assert {role: spent.calls for role, spent in usage.roles.items()} == {"solver": 2, "judge": 1}
    assert usage.cached == 1 and sum(s.prompt_tokens for s in usage.roles.values()) == usage.prompt_tokens
    assert solver.is_same(judge) and not solver.is_same(MeteredModel(ScriptedModel([]), meter))


async def test_pictures_are_part_of_the_request_and_of_what_it_may_cost() -> None:
    sees = Capabilities(vision=True, picture_tokens=700)
    model = ScriptedModel([{"reply": "first"}, {"reply": "second"}], capabilities=sees)
    metered = MeteredModel(model, Meter(Budget(tokens=1000, seconds=None)))
    shown = [Message("user", "q", ("a" * 64,))]
    assert (await metered.generate(shown, max_tokens=10)).text == "first"
    other = await metered.generate([Message("user", "q", ("b" * 64,))], max_tokens=10)
    assert other.text == "second", "another picture is another question"
    with pytest.raises(BudgetExceeded, match="tokens"):
        await metered.generate([Message("user", "q", ("a" * 64, "b" * 64))], max_tokens=10)
