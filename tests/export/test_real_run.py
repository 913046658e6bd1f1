"""Pages of runs that the whole graph made, over a real collection, taken from the store of runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fakes.lands import flag, lands, wired

from foveal.cli import seams
from foveal.export.model import RunPage, gather
from foveal.export.page import render
from foveal.settings import Settings
from foveal.types import Answer, Event

LARGEST = (
    "Of all the countries that share a land border with the country whose flag is shown, "
    "which one has the largest area?"
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return lands(tmp_path)


async def made(settings: Settings, question: str, images: list[bytes], script: Any = ()) -> tuple[Answer, RunPage]:
    async with wired(settings, list(script)) as foveal:
        answer = await foveal.ask(question, images)
        store = await foveal.runs()
        assert store is not None
        name = answer.run_id
        return answer, gather(store.run(name), store.events(name), store.calls(name), store.answer(name))


async def test_a_list_that_was_unfolded_is_two_versions_and_its_sum_is_drawn(settings: Settings) -> None:
    answer, page = await made(settings, LARGEST, [flag("Ida")])
    assert [c for v in page.versions for c in v.changes] == list(answer.plan_log)
    first, last = page.versions[0], page.versions[-1]
    assert [s.status for s in first.steps] == ["answered", "answered", "pending", "pending"]
    assert {s.id for s in last.steps} == {"s1", "s2", "s3.1", "s3.2", "s4"} and last.added == {"s3.1", "s3.2"}
    assert last.steps[-1].answer == "Cor"


async def test_all_evidence_and_every_call_of_the_run_is_on_its_page(settings: Settings) -> None:
    answer, page = await made(settings, LARGEST, [flag("Ida")])
    assert set(page.links) == {e.id for e in answer.evidence}
    assert {c.evidence_id for c in answer.citations} <= set(page.links)
    gauges = {g.name: g for g in page.gauges}
    assert gauges["tool calls"].used == sum(answer.usage.tool_calls.values()) > 0
    assert len([c for c in page.calls if c.kind == "tool" and not c.cached]) == gauges["tool calls"].used
    assert gauges["tool calls"].limit == settings.budget().tool_calls


async def test_pictures_of_the_question_and_of_what_was_found_are_in_the_page(settings: Settings) -> None:
    _, page = await made(settings, LARGEST, [flag("Ida")])
    text = render(page, seams.picture_reader(settings, settings.index))
    found = {s.image for s in page.sources if s.image} | {page.pictures[0].image.sha256}
    assert len(found) >= 2
    assert text.count('<image id="picture-') >= len(found)


async def test_an_abstention_tells_what_is_missing(settings: Settings) -> None:
    script = [{"task": "read", "probability": 0.02, "repeat": True}, {"probability": 0.02, "repeat": True}]
    answer, page = await made(settings, "Who is the king of Ida?", [], script)
    assert page.status == answer.status == "insufficient"
    assert "king of Ida" in "".join(map(str, page.answer))
    assert page.steps[0].other and page.steps[0].step.status != "answered"


async def test_the_page_of_a_run_that_is_under_way_grows_with_its_events(settings: Settings) -> None:
    async with wired(settings, []) as foveal:
        events: list[Event] = [event async for event in foveal.stream(LARGEST, [flag("Ida")])]
        store = await foveal.runs()
        assert store is not None
        run = store.run(events[0].data["run_id"])
    seen = 0
    for end in range(len(events)):
        page = gather(run, events[:end], [], None)
        assert len(page.links) >= seen
        seen = len(page.links)
    assert seen > 0
