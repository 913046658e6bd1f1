from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BudgetExceeded
from foveal.graphs.budget import Meter, MeteredModel
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import Budget, Generation, Message


@given(st.integers(0, 12), st.integers(1, 30))
def test_parallel_branches_never_make_more_calls_than_the_budget(limit: int, asked: int) -> None:
    meter = Meter(Budget(model_calls=limit, seconds=None))
    script = ScriptedModel([{"reply": "x", "repeat": True}])
    model = MeteredModel(script, meter)

    async def ask() -> list[object]:
        calls = [model.generate([Message("user", "q")]) for _ in range(asked)]
        return await asyncio.gather(*calls, return_exceptions=True)

    results = asyncio.run(ask())
    assert meter.usage.model_calls == min(limit, asked)
    assert sum(isinstance(r, BudgetExceeded) for r in results) == max(0, asked - limit)


def test_tool_calls_are_counted_by_name_and_capped() -> None:
    meter = Meter(Budget(tool_calls=2))
    meter.begin_tool_call("collection")
    meter.begin_tool_call("image_search")
    with pytest.raises(BudgetExceeded):
        meter.begin_tool_call("collection")
    assert meter.usage.tool_calls == {"collection": 1, "image_search": 1}


def test_a_part_of_the_tokens_is_kept_for_the_ending() -> None:
    meter = Meter(Budget(tokens=100, seconds=None))
    meter.usage.prompt_tokens = 90
    assert meter.exhausted() == "tokens"
    assert meter.exhausted(ending=True) is None


def test_time_is_a_limit() -> None:
    assert Meter(Budget(seconds=0.0)).exhausted() == "seconds"


async def test_a_model_call_does_not_outlast_the_deadline() -> None:
    class Slow(ScriptedModel):
        async def generate(self, *args: object, **kwargs: object) -> Generation:
            await asyncio.sleep(30)
            raise AssertionError("not cancelled")

    model = MeteredModel(Slow([]), Meter(Budget(seconds=0.3)))
    with pytest.raises(BudgetExceeded, match="seconds"):
        await model.generate([Message("user", "q")])
