"""A round's branches: side by side as far as the budget lets them, and none left behind when one of them fails."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fakes.bench import script

from foveal.errors import StorageFull
from foveal.tools.limits.together import together

bench = script("overhead")


async def test_what_is_under_way_is_stopped_before_an_error_is_passed_on() -> None:
    ended: list[str] = []

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.01)
            ended.append("slow")

    async def fails() -> None:
        await asyncio.sleep(0.01)
        raise StorageFull("The disk is full.")

    with pytest.raises(StorageFull):
        await together([slow, fails], at_once=2)
    assert ended == ["slow"]


async def test_a_caller_that_stops_waiting_stops_all_branches() -> None:
    ended: list[int] = []

    async def slow(n: int) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append(n)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(together([partial(slow, n) for n in range(3)], at_once=3), 0.05)
    assert sorted(ended) == [0, 1, 2]


@pytest.mark.parametrize("parallel", [1, 3])
async def test_no_more_branches_work_at_a_time_than_the_budget_lets(
    parallel: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench.planner, "make_plan", bench.planned)
    at_once: list[int] = []

    class Counting(bench.DirectModel):  # type: ignore[name-defined, misc]
        busy = 0

        async def _ask(self, messages: Any, task: str) -> dict[str, Any]:
            self.busy += task != "plan"
            at_once.append(self.busy)
            await asyncio.sleep(0.005)
            self.busy -= task != "plan"
            return dict(await super()._ask(messages, task))

    class Narrow(bench.Wide):  # type: ignore[name-defined, misc]
        def budget(self) -> Any:
            return replace(super().budget(), parallel=parallel)

    monkeypatch.setattr(bench, "Wide", Narrow)
    async with bench.over(tmp_path, Counting(), found=2) as made:
        answer = await made.ask("What comes out of the fan of 8?")
    assert answer.status == "answered" and max(at_once) == parallel
