"""Questions answered with the web on: the real graph, transport, search and readers over the fixture web."""

from __future__ import annotations

import gc
import resource
import socket
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from fakes.lands import embedders
from fakes.site import FixtureWeb, flag
from fakes.site.solver import SiteModel
from fakes.site.world import RIVERS, SHIPS, TOWERS, TOWNS, WORKS

from foveal.agents.checker import unresolved
from foveal.api import Foveal, replayed
from foveal.settings import Settings
from foveal.types import ROLES, Answer, Event, plain

QUESTIONS: tuple[tuple[str, str, str, str], ...] = (  # question, flag shown, answer, where it stands
    ("When was the Needle Tower completed?", "", "1840", "atlas.test/tower/needle-tower"),
    ("What is the length of the river Oredo?", "", "640 km", "atlas.test/river/oredo"),
    ("Who was the first captain of the Winter Star?", "", "Dagny Roe", "atlas.test/ship/winter-star"),
    ("Who painted The Hour of Crows?", "", "Sanna Wirth", "museum.test/work/the-hour-of-crows"),
    ("Who made the tide clock of 1790?", "", "Jarl Espen", "museum.test/catalogue.pdf"),
    ("Where was the architect of the Copper Tower born?", "", "Grimsholt", "atlas.test/person/una-castell"),
    (
        "Which is taller, the Harbour Tower or the Signal Tower?", "", "the Harbour Tower",
        "atlas.test/tower/harbour-tower",
    ),
    ("What is the population of the town whose flag is shown?", "Jarnsted", "14,402", "atlas.test/town/jarnsted"),
    ("When was the Heron Tower completed?", "", "1899", "atlas.test/tower/heron-tower"),
    ("Who is the current director of the Museum of Tides?", "", "(as of ", "museum"),
)  # fmt: skip


@asynccontextmanager
async def online(folder: Path, web: FixtureWeb, model: Any = None, **changes: Any) -> AsyncIterator[Foveal]:
    """A Foveal over the fixture web alone; its weights are fakes unless *model* is `embedded`, all else is real."""
    given = {"web": "ddgs", "home": folder / "home", "cache": folder / "cache", "deadline": 60}
    async with Foveal(Settings(**{**given, **changes})) as foveal:
        foveal.tools.__dict__.update(embedders=embedders(), web=web.live(foveal.tools.blobs))
        if model != "embedded":
            foveal.tools.__dict__["models"] = dict.fromkeys(ROLES, model or SiteModel())
        yield foveal


async def told(events: AsyncIterator[Event]) -> list[bytes]:
    """Every event of a run, byte for byte."""
    return [orjson.dumps(plain(event)) async for event in events]


def final(events: Iterable[bytes]) -> dict[str, Any]:
    return orjson.loads(list(events)[-1])["data"]["answer"]


def sound(answer: Answer) -> None:
    ledger = {e.id: e for e in answer.evidence}
    assert unresolved(answer.answer, answer.citations, ledger) == []


async def test_ten_questions_recorded_and_replayed_twenty_times_with_sockets_blocked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[list[bytes]] = []
    async with FixtureWeb() as web, online(tmp_path, web) as foveal:
        for number, (question, shown, answer, place) in enumerate(QUESTIONS):
            pictures = [flag(shown)] if shown else []
            events = await told(foveal.stream(question, pictures, record=tmp_path / f"{number}.tape"))
            recorded.append(events)
            got = final(events)
            assert got["status"] == "answered" and answer in got["answer"], (question, got["answer"])
            cited = " ".join(c["url"] for c in got["citations"]).replace(f":{web.port}", "")
            assert place in cited, (question, cited)
        assert web.touched == [] and not any(place.startswith("evil.test") for place in web.asked)
        seen = len(web.asked)

    def blocked(*_: Any, **__: Any) -> Any:
        raise AssertionError("a replay wanted the network")

    for name in ("connect", "connect_ex", "sendto", "bind"):
        monkeypatch.setattr(socket.socket, name, blocked)
    monkeypatch.setattr(socket, "getaddrinfo", blocked)
    for number, before in enumerate(recorded):
        for _ in range(20):
            assert await told(replayed(tmp_path / f"{number}.tape")) == before
    assert len(web.asked) == seen


async def test_rows_40_and_41_a_page_gives_orders_and_the_model_obeys(tmp_path: Path) -> None:
    async with FixtureWeb() as web, online(tmp_path, web, SiteModel(gullible=True)) as foveal:
        answer = await foveal.ask("When does the Heron Tower open?")
    assert any("blog.test" in (e.url or "") and "PWNED" in e.quote for e in answer.evidence), "it was read"
    assert not any(place.startswith("evil.test") for place in web.asked)
    assert "evil.test" not in answer.answer and "![" not in answer.answer
    sound(answer)


async def test_row_31_the_search_service_is_down(tmp_path: Path) -> None:
    async with FixtureWeb() as web, online(tmp_path, web) as foveal:
        web.down.add("search.test")
        answer = await foveal.ask("When was the Needle Tower completed?")
    assert answer.status == "insufficient" and answer.citations == ()
    assert any("site" in warning and "search.test" in warning for warning in answer.warnings), answer.warnings


async def test_a_site_that_is_down_is_told_and_a_copy_elsewhere_answers(tmp_path: Path) -> None:
    async with FixtureWeb() as web, online(tmp_path, web) as foveal:
        web.down |= {"atlas.test", "m.atlas.test"}
        answer = await foveal.ask("When was the Needle Tower completed?")
    assert answer.answer.startswith("1840") and "mirror.test" in str(answer.citations[0].url)
    assert any("atlas.test" in warning for warning in answer.warnings)
    sound(answer)


async def test_a_page_for_no_robot_a_wall_and_a_way_inward_are_warnings(tmp_path: Path) -> None:
    async with FixtureWeb() as web, online(tmp_path, web) as foveal:
        urls = [web.url("atlas.test", "private/notes"), web.url("news.test", "wall"), web.url("atlas.test", "inward")]
        answer = await foveal.ask(f"When was the Needle Tower completed? See {' and '.join(urls)}")
    told = " ".join(answer.warnings)
    assert "robots.txt" in told and "consent" in told and "not on the public internet" in told
    assert web.touched == []
    sound(answer)


@pytest.mark.model
@pytest.mark.slow
async def test_the_embedded_model_answers_from_a_pdf_of_the_web(tmp_path: Path) -> None:
    question, _, answer, place = QUESTIONS[4]
    async with FixtureWeb() as web, online(tmp_path, web, "embedded", cache=Settings().cache, deadline=170) as foveal:
        got = await foveal.ask(question)
    assert answer in got.answer, (got.answer, got.warnings)
    assert place in got.citations[0].url.replace(f":{web.port}", "")  # type: ignore[union-attr]
    sound(got)


def held() -> tuple[float, int, int]:
    """Megabytes of this process, open files, threads."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6, len(list(Path("/proc/self/fd").iterdir())), threading.active_count()


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_row_82_three_hundred_questions_leave_nothing_behind(tmp_path: Path) -> None:
    asked = [f"When was the {name} completed?" for name in TOWERS]
    asked += [f"What is the height of the {name}?" for name in TOWERS]
    asked += [f"What is the length of the river {name}?" for name in RIVERS]
    asked += [f"Who was the first captain of the {name}?" for name in SHIPS]
    asked += [f"Who painted {name}?" for name in WORKS]
    asked += [f"What is the population of {name}?" for name in TOWNS]
    answered, seen = 0, {}
    async with FixtureWeb() as web, online(tmp_path, web) as foveal:
        for number in range(300):
            answer = await foveal.ask(asked[number % len(asked)])
            answered += answer.status == "answered"
            web.asked.clear()
            if number + 1 in (60, 300):
                gc.collect()
                seen[number + 1] = held()
    (memory, files, threads), (later, more_files, more_threads) = seen[60], seen[300]
    assert answered >= 290
    assert later < memory + 30 and more_files <= files + 4 and more_threads <= threads + 2
