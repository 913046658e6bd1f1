"""Sessions over the whole graph and a real collection: what follow-ups reuse, what is kept, what is taken back."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.lands import flag, lands, picture, wired

from foveal.agents.checker import unresolved
from foveal.api import Foveal
from foveal.errors import BadImage, BadInput, ModelUnavailable, StoreUnavailable, ThreadBusy
from foveal.sessions import NAME, SessionStore
from foveal.settings import Settings
from foveal.turn import attach
from foveal.types import Answer, Capabilities

CAPITAL = "What is the capital of the country whose flag is shown?"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return lands(tmp_path)


@pytest.fixture
async def quiet(settings: Settings) -> AsyncIterator[Foveal]:
    async with wired(settings, []) as foveal:
        yield foveal


@pytest.fixture
def store(settings: Settings) -> SessionStore:
    return SessionStore(settings.home)


def sound(answer: Answer) -> None:
    assert answer.citations
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


async def test_behaviour_32_a_follow_up_reuses_the_identified_entity_without_an_image_search(
    settings: Settings,
) -> None:
    script = [{"task": "read", "probability": 0.95, "repeat": True}, {"task": "read", "reply": " 1901"}]
    async with wired(settings, script) as foveal:
        first = await foveal.ask("What is this?", [picture("black", "red", "grey", "green")], session="s")
        second = await foveal.ask("and when was it built?", session="s")
    assert first.answer.startswith("Eph Tower") and first.usage.tool_calls == {"image_search": 1}
    assert second.answer == "1901 [1]" and second.usage.tool_calls.get("image_search", 0) == 0
    assert (second.question, second.standalone_question) == ("and when was it built?", "When was Eph Tower built?")
    assert second.session == "s" and second.citations[0].doc_id == "tower"
    sound(second)


async def test_behaviour_32_a_picture_that_was_identified_is_not_searched_again(quiet: Foveal) -> None:
    await quiet.ask(CAPITAL, [flag("Ida")], session="s")
    again = await quiet.ask("What is the area of the country whose flag is shown?", session="s")
    assert again.answer.startswith("8,336")
    assert again.usage.tool_calls.get("image_search", 0) == 0
    reused = [e for e in again.evidence if e.id.startswith("t1:")]
    assert [e.doc_id for e in reused] == ["ida"]
    assert "t1:s1e1" in {c.evidence_id for c in again.citations}, "the identification is cited from its own turn"
    sound(again)


async def test_behaviour_27_the_same_picture_given_again_is_searched_once(quiet: Foveal, store: SessionStore) -> None:
    await quiet.ask(CAPITAL, [flag("Ida")], session="s")
    again = await quiet.ask("What is the area of the country whose flag is shown?", [flag("Ida")], session="s")
    assert again.usage.tool_calls.get("image_search", 0) == 0
    assert len(store.load("s").pictures) == 1


async def test_evidence_of_an_earlier_turn_keeps_its_id_through_later_ones(quiet: Foveal, store: SessionStore) -> None:
    for question in (CAPITAL, "What is the area of the country whose flag is shown?", CAPITAL):
        answer = await quiet.ask(question, [flag("Ida")], session="s")
    assert [e.id for e in answer.evidence if ":" in e.id] == ["t1:s1e1"]
    sound(answer)


async def test_a_talk_with_two_pictures(quiet: Foveal) -> None:
    told = [
        (await quiet.ask(question, images, session="s"))
        for question, images in [
            (CAPITAL, [flag("Ida")]),
            ("what about its area?", []),
            ("And Bel?", []),
            ("and its currency?", []),
            ("the same for this one", [flag("Cor")]),
            ("and the first picture?", []),
        ]
    ]
    assert [a.answer.split(" [")[0] for a in told] == [
        "Arx",
        "8,336 square kilometres",
        "1,200 square kilometres",
        "bell",
        "core",
        "idal",
    ]
    assert [a.usage.tool_calls.get("image_search", 0) for a in told] == [1, 0, 0, 0, 1, 0]
    for answer in told:
        sound(answer)


async def test_without_a_session_nothing_is_remembered(quiet: Foveal, settings: Settings) -> None:
    answer = await quiet.ask(CAPITAL, [flag("Ida")])
    assert answer.session is None and answer.standalone_question is None
    assert not (settings.home / NAME).exists()


async def test_undo_leaves_the_session_exactly_as_before(quiet: Foveal, store: SessionStore) -> None:
    await quiet.ask(CAPITAL, [flag("Ida")], session="s")
    before = store.load("s")
    await quiet.ask("the same for this one", [flag("Cor")], session="s")
    undone = store.undo("s")
    assert undone is not None and undone.question == "the same for this one"
    after = store.load("s")
    assert (after.pictures, after.turns) == (before.pictures, before.turns)
    assert (await quiet.ask("what about its area?", session="s")).answer.startswith("8,336")
    for _ in range(2):
        store.undo("s")
    assert store.undo("s") is None and store.load("s").pictures == ()


async def test_sources_count_through_the_session(quiet: Foveal, store: SessionStore) -> None:
    for question in ("What is the capital of Ida?", "And Bel?", "and its area?"):
        await quiet.ask(question, session="s")
    sources = store.load("s").sources()
    assert [(s.n, s.doc_id, s.turns) for s in sources] == [(1, "ida", (1,)), (2, "bel", (2, 3))]


async def test_a_turn_that_fails_leaves_the_session_as_it_was(quiet: Foveal, store: SessionStore) -> None:
    await quiet.ask("What is the capital of Ida?", session="s")
    before = store.load("s")
    with pytest.raises(BadImage):
        await quiet.ask("What is this?", [b"no picture"], session="s")
    collection = await quiet.collection()

    async def gone(*args: Any, **named: Any) -> Any:
        raise ModelUnavailable("The weights are gone.")

    collection.search_text = gone  # type: ignore[method-assign]
    with pytest.raises(ModelUnavailable):
        await quiet.ask("What is the area of Ida?", [flag("Ida")], session="s")
    assert store.load("s") == before
    with store.held("s"):
        pass


async def test_behaviour_30_a_cancelled_turn_is_not_kept_and_the_session_goes_on(
    quiet: Foveal, store: SessionStore
) -> None:
    await quiet.ask("What is the capital of Ida?", session="s")
    collection = await quiet.collection()
    search, started = collection.search_text, asyncio.Event()

    async def slow(*args: Any, **named: Any) -> Any:
        started.set()
        await asyncio.sleep(30)

    collection.search_text = slow  # type: ignore[method-assign]
    asking = asyncio.create_task(quiet.ask("and its area?", session="s"))
    await started.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert len(store.load("s").turns) == 1
    collection.search_text = search  # type: ignore[method-assign]
    assert (await quiet.ask("and its area?", session="s")).answer.startswith("8,336")


async def test_row_57_two_tasks_on_one_session_one_gets_thread_busy(quiet: Foveal, store: SessionStore) -> None:
    questions = ("What is the capital of Ida?", "What is the capital of Bel?")
    results = await asyncio.gather(*(quiet.ask(q, session="s") for q in questions), return_exceptions=True)
    assert sorted(type(r).__name__ for r in results) == ["Answer", "ThreadBusy"]
    assert len(store.load("s").turns) == 1


HOLD = """
import sys
from pathlib import Path
from foveal.sessions import SessionStore
with SessionStore(Path(sys.argv[1])).held("s"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """Another process that is answering in session s."""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", HOLD, str(settings.home)], **pipes) as process:
        assert process.stdout is not None and process.stdout.readline() == "held\n"
        yield process
        process.kill()


async def test_row_57_two_processes_on_one_session(quiet: Foveal, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(ThreadBusy, match="another question") as caught:
        await quiet.ask("What is the capital of Ida?", session="s")
    assert caught.value.retryable and caught.value.remedy
    assert (await quiet.ask("What is the capital of Ida?", session="other")).session == "other"
    holder.kill()
    holder.wait()
    assert (await quiet.ask("What is the capital of Ida?", session="s")).answer.startswith("Arx")


def test_two_writers_of_one_turn_the_second_is_refused(store: SessionStore, settings: Settings) -> None:
    from foveal.sessions import Turn

    turn = Turn(1, "2026-01-01", "q", "q", (), (), {"answer": ""})
    store.keep("s", (), turn)
    with pytest.raises(ThreadBusy):
        store.keep("s", (), turn)


@pytest.mark.parametrize("damage", [b"not a database at all, but long enough to be read as one " * 20, None])
async def test_a_damaged_session_file_is_named_with_what_to_do(quiet: Foveal, settings: Settings, damage: Any) -> None:
    await quiet.ask("What is the capital of Ida?", session="s")
    path = settings.home / NAME
    if damage is not None:
        path.write_bytes(damage)
    else:
        with sqlite3.connect(path) as db:
            db.execute("UPDATE turns SET answer = '{\"half'")
    with pytest.raises(StoreUnavailable, match="damaged") as caught:
        await quiet.ask("and its area?", session="s")
    assert "Move" in caught.value.remedy and str(path) in caught.value.remedy


def test_a_session_file_of_another_version_is_refused(store: SessionStore, settings: Settings) -> None:
    store.keep("s", ())
    with sqlite3.connect(settings.home / NAME) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreUnavailable, match="another version"):
        store.load("s")


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "x" * 65, "ä"])
async def test_what_cannot_name_a_session(quiet: Foveal, name: str) -> None:
    with pytest.raises(BadInput, match="name of a session"):
        await quiet.ask("What is the capital of Ida?", session=name)


async def test_attached_pictures_wait_for_the_next_question(quiet: Foveal, store: SessionStore) -> None:
    session = await attach(quiet, "s", [flag("Ida"), flag("Ida")])
    assert len(session.pictures) == 1 and store.load("s").fresh() == (0,)
    assert (await quiet.ask(CAPITAL, session="s")).answer.startswith("Arx")
    assert store.load("s").fresh() == ()


async def test_the_call_that_rewrites_is_in_the_runs_budget_and_journal(settings: Settings) -> None:
    script = [
        {"task": "followup", "reply": '{"standalone": "What is the area of Ida?"}'},
        {"task": "plan", "reply": "no"},
    ]
    async with wired(settings, script) as foveal:
        await foveal.ask("What is the capital of Ida?", session="s")
        foveal.tools.models["planner"].capabilities = Capabilities(plans_freely=True, json_schema=True)
        answer = await foveal.ask("how much land does that make?", session="s")
        store = await foveal.runs()
        assert store is not None
        names = [call.name for call in store.calls(answer.run_id)]
    assert answer.standalone_question == "What is the area of Ida?" and answer.answer.startswith("8,336")
    assert names[0] == "followup" and answer.usage.model_calls == len([n for n in names if n != "collection"])
