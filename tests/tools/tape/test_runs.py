"""Whole runs over a real collection, recorded, and made again from the file alone."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fakes.lands import embedders, flag, lands, picture
from fakes.tapes import again, lines, record, text
from fakes.web import FakeWeb, page

from foveal.agents.selectors import Selector
from foveal.api import Foveal
from foveal.errors import (
    BadImage,
    BadInput,
    BadQuestion,
    FovealError,
    IndexCorrupt,
    ModelUnavailable,
    ReplayMiss,
    RunMismatch,
    StorageFull,
)
from foveal.graphs.state import Reranking
from foveal.settings import Settings
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import ROLES, Candidate, Capabilities, Scored

CAPITAL = "What is the capital of the country whose flag is shown?"
LARGEST = (
    "Of all the countries that share a land border with the country whose flag is shown, "
    "which one has the largest area?"
)
TWO = "Two flags are shown. Of these two countries, take the one with the larger area: what is its capital?"
TOWER = "Who built the Eph Tower?"
SEES = Capabilities(vision=True, json_schema=True, logprobs=True, context_tokens=32_000)
STRONG = Capabilities(json_schema=True, logprobs=True, plans_freely=True, context_tokens=16_000)
PLAN = {"steps": [{"id": "s1", "question": TOWER, "purpose": "lookup", "tool": "collection", "depends_on": []}]}
SOLVED = {
    "passages": [1], "others": [], "missing": "", "sufficient": True, "answer": "Bo Ek",
    "quote": "It was built by Bo Ek in 1901.",
}  # fmt: skip
READS: list[dict[str, Any]] = [
    {"task": "read", "contains": "Eph Tower", "probability": 0.95, "repeat": True},
    {"task": "read", "probability": 0.02, "repeat": True},
    {"task": "read", "reply": " Bo Ek", "repeat": True},
    {"probability": 0.9, "repeat": True},
]
NOTHING: list[dict[str, Any]] = [{"probability": 0.02, "repeat": True}, {"reply": "", "repeat": True}]
BUILDER: list[dict[str, Any]] = [
    {"task": "read", "contains": "built by Bo Ek", "probability": 0.95, "repeat": True},
    {"task": "read", "probability": 0.02, "repeat": True},
    {"task": "read", "reply": " Bo Ek", "repeat": True},
]
SEEN = {"observations": [{"picture": 1, "evidence": "three stripes"}], "answer": "3", "sufficient": True}


class Slow(ScriptedModel):
    """A scripted model that takes its time."""

    delay = 0.0

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.asked = asyncio.Event()

    async def generate(self, messages: Any, **asked: Any) -> Any:
        await asyncio.sleep(self.delay)
        return await super().generate(messages, **asked)

    async def yes_probability(self, messages: Any, **asked: Any) -> Any:
        self.asked.set()
        await asyncio.sleep(self.delay)
        return await super().yes_probability(messages, **asked)


class Gone(ScriptedModel):
    """A model that cannot be reached."""

    async def yes_probability(self, messages: Any, **asked: Any) -> Any:
        raise ModelUnavailable("No answer from the model.", remedy="Start it.")


class InOrder:
    """A reranker in this process: the order of the search."""

    name, scale, per_candidate, metered = "in order", "probability", False, False

    async def rerank(self, query: str, candidates: Sequence[Candidate]) -> list[Scored]:
        return [Scored(n, 1.0 - n / len(candidates)) for n in range(len(candidates))]


def web() -> FakeWeb:
    anthem = page("https://atlas.test/ida", "Ida", "Ida. Anthem: Rise Up. Motto: None.")
    built = page(
        "https://atlas.test/eph-tower", "Eph Tower", "# Eph Tower\n\nThe Eph Tower was built by Bo Ek in 1901."
    )
    ek = page("https://people.test/bo-ek", "Bo Ek", "# Bo Ek\n\nBo Ek. Born: 5 May 1860. Died: 1932.")
    said = {anthem.url: "Ida. Anthem: Rise Up.", built.url: "The Eph Tower was built by Bo Ek.", ek.url: "Of Eph."}
    return FakeWeb(anthem, built, ek, snippets=said)


@dataclass
class Case:
    """A question, and what it is asked of. ``says`` is in the answer, ``codes`` in the plan's log."""

    question: str
    images: tuple[bytes, ...] = ()
    script: tuple[dict[str, Any], ...] = ()
    says: str = ""
    codes: tuple[str, ...] = ()
    capabilities: Capabilities | None = None
    delay: float = 0.0
    changes: dict[str, Any] | None = None
    broken: bool = False


CASES = {
    "pictures and a list": Case(LARGEST, (flag("Ida"),), says="Cor", codes=("NEW_HOP",)),
    "branches side by side": Case(TWO, (flag("Bel"), flag("Cor")), says="Eph"),
    "prose": Case(TOWER, script=tuple(READS), says="Bo Ek", delay=0.01),
    "the web after the collection": Case(
        "What is the anthem of the country whose flag is shown?", (flag("Ida"),), tuple(NOTHING), "Rise Up",
        ("IRRELEVANT",), changes={"web": "ddgs"},
    ),
    "a page of the web": Case(
        "When was the builder of the Eph Tower born?", (), tuple(BUILDER), "5 May 1860", (), delay=0.005,
        changes={"web": "ddgs", "index": None},
    ),
    "a reranker of this process": Case(
        TOWER, script=tuple(READS), says="Bo Ek", changes={"reranker": "cross-encoder:x", "selector": "fixed:8"}
    ),
    "a tool that fails": Case(CAPITAL, (flag("Ida"),), says="Unable", broken=True),
    "calls run out": Case(CAPITAL, (flag("Ida"),), says="Ida", changes={"max_calls": 1}),
    "time runs out": Case(TOWER, script=tuple(READS), says="Unable", delay=1.0, changes={"deadline": 0.3}),
    "a model that sees": Case(
        "How many stripes are there?", (flag("Ida"),), ({"task": "observe", "reply": SEEN},), "3", (), SEES
    ),
    "a model that writes": Case(
        TOWER, (), ({"task": "plan", "reply": PLAN}, {"task": "solve", "reply": SOLVED, "repeat": True},
                    {"task": "answer", "reply": "The Eph Tower was built by Bo Ek [1]."}, *READS),
        "was built by Bo Ek [1]", (), STRONG,
    ),
    "nothing searched": Case(
        "What is the capital of Ida?", script=({"task": "direct", "reply": "Arx"},), says="Arx",
        changes={"strategy": "direct"},
    ),
}  # fmt: skip

OFTEN = ("pictures and a list", "branches side by side", "a page of the web")
"""Replayed twenty times: branches run in parallel in them."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return lands(tmp_path)


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "run.tape"


@pytest.fixture
async def made(settings: Settings, tape: Path) -> AsyncIterator[Path]:
    """A recorded run with a model that reads."""
    async with over(settings, Slow(READS)) as foveal:
        await record(foveal, tape, TOWER)
    yield tape


def over(settings: Settings, model: ScriptedModel) -> Foveal:
    foveal = Foveal(settings)
    foveal.tools.__dict__.update(embedders=embedders(), models=dict.fromkeys(ROLES, model))
    if settings.web != "off":
        foveal.tools.__dict__["web"] = web()
    if settings.reranker != "none":
        local = Reranking(lambda model: InOrder(), Selector.parse(settings.selector), 20)  # type: ignore[arg-type]
        foveal.tools.__dict__["reranking"] = local
    return foveal


def offline(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    """Take away the collection, the pictures and every socket."""
    assert settings.index is not None
    shutil.rmtree(settings.index)
    shutil.rmtree(settings.home)

    def refuse(*_: Any) -> None:
        raise AssertionError("a replay reached for the network")

    for name in ("connect", "connect_ex", "sendto", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize("name", CASES)
async def test_row_81_replays_are_the_recorded_run_byte_for_byte(
    name: str, settings: Settings, tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    model = Slow(case.script, capabilities=case.capabilities)
    model.delay = case.delay
    async with over(settings.model_copy(update=case.changes or {}), model) as foveal:
        if case.broken:
            collection = await foveal.collection()

            async def fail(*_: Any, **__: Any) -> Any:
                raise IndexCorrupt("The vectors cannot be read.", remedy="Rebuild it.")

            monkeypatch.setattr(collection, "search_text", fail)
        events = await record(foveal, tape, case.question, case.images)
    answer = events[-1].data["answer"]
    assert case.says in answer.answer and {*case.codes} <= {c.code for c in answer.plan_log}
    offline(monkeypatch, settings)
    for _ in range(20 if name in OFTEN else 4):
        assert text(await again(tape)) == text(events)


@pytest.mark.parametrize("name", ["branches side by side", "time runs out"])
async def test_the_clock_is_the_recordings(name: str, settings: Settings, tape: Path) -> None:
    case = CASES[name]
    model = Slow(case.script)
    model.delay = case.delay
    async with over(settings.model_copy(update=case.changes or {}), model) as foveal:
        events = await record(foveal, tape, case.question, case.images)
    loop = asyncio.get_running_loop()
    began = loop.time()
    replayed = await again(tape)
    took = loop.time() - began
    usage = replayed[-1].data["answer"].usage
    assert usage == events[-1].data["answer"].usage and usage.seconds > 0
    assert took < 0.25 or not case.delay, "nothing waits for time to pass"


async def test_a_session_turn_is_replayed_with_what_the_turns_before_it_gave(settings: Settings, tape: Path) -> None:
    script = [{"task": "read", "probability": 0.95, "repeat": True}, {"task": "read", "reply": " 1901"}]
    async with over(settings, ScriptedModel(script)) as foveal:
        await foveal.ask("What is this?", [picture("black", "red", "grey", "green")], session="s")
        events = await record(foveal, tape, "and when was it built?", session="s")
    answer = events[-1].data["answer"]
    assert answer.standalone_question == "When was Eph Tower built?" and "image_search" not in answer.usage.tool_calls
    assert text(await again(tape, question="and when was it built?")) == text(events)


async def test_a_run_that_failed_fails_again_with_the_same_words(settings: Settings, tape: Path) -> None:
    async with over(settings, Gone([])) as foveal:
        with pytest.raises(ModelUnavailable):
            await record(foveal, tape, TOWER)
    with pytest.raises(ModelUnavailable, match=r"No answer from the model\. Start it\."):
        await again(tape)


async def test_without_a_store_a_run_is_recorded_too(settings: Settings, tape: Path) -> None:
    async with over(settings.model_copy(update={"persist": False}), Slow(READS)) as foveal:
        events = await record(foveal, tape, TOWER)
    assert events[0].data["kept"] is False and text(await again(tape)) == text(events)


def altered(tape: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """The recording with *change* made to every line, its end left out."""
    rows = lines(tape)[:-1]
    for row in rows:
        change(row)
    tape.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return tape


async def test_a_changed_prompt_is_refused_by_its_name(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from foveal.prompts import loader

    hashed = loader.prompt_hash
    monkeypatch.setattr(loader, "prompt_hash", lambda name: "new" if name == "read" else hashed(name))
    with pytest.raises(RunMismatch, match="was recorded with other prompts: read"):
        await again(made)


async def test_a_call_with_other_words_is_a_miss_that_shows_them(made: Path) -> None:
    def change(row: dict[str, Any]) -> None:
        if row["is"] == "call" and row["request"].get("task") == "read":
            row["key"] = row["key"][::-1]
            row["request"]["messages"][-1]["content"] += " Think!"

    with pytest.raises(ReplayMiss) as caught:
        await again(altered(made, change))
    assert "planner.yes_probability (task read), which is not in the recording" in str(caught.value)
    assert "`messages." in str(caught.value) and " Think!”" in str(caught.value)


async def test_another_version_is_named_where_the_replay_misses(made: Path) -> None:
    def change(row: dict[str, Any]) -> None:
        if row["is"] == "tape":
            row["version"] = "0.0.9"
        elif row["is"] == "event" and row["type"] == "plan.created":
            row["data"]["source"] = "elsewhere"

    with pytest.raises(ReplayMiss, match=r"recorded by Foveal 0\.0\.9; this is") as caught:
        await again(altered(made, change))
    assert "`source` was “elsewhere”" in str(caught.value)


async def test_what_is_given_must_be_what_was_recorded(settings: Settings, tape: Path) -> None:
    async with over(settings, ScriptedModel([])) as foveal:
        events = await record(foveal, tape, CAPITAL, [flag("Ida")])
    given = {"max_calls": None, "index": settings.index, "strategy": "adaptive", "web": "off"}
    assert text(await again(tape, question=CAPITAL, images=[flag("Ida")], settings=given)) == text(events)
    for wrong, said in (
        ({"question": TOWER}, "another question: What is the capital"),
        ({"images": [flag("Bel")]}, "other pictures"),
        ({"images": [flag("Ida"), flag("Ida")]}, "other pictures"),
        ({"settings": {"strategy": "direct"}}, "with strategy adaptive"),
    ):
        with pytest.raises(RunMismatch, match=said):
            await again(tape, **wrong)
    with pytest.raises(BadImage):
        await again(tape, images=[b"no picture"])


async def test_secrets_paths_and_machines_are_not_on_the_tape(settings: Settings, tape: Path) -> None:
    secret = {name: f"sentinel-{name}" for name in ("openai_api_key", "brave_api_key", "vision_api_key")}
    changed = Settings(
        **{**settings.model_dump(), **secret, "openai_base_url": "http://me:sentinel-url@localhost:1/v1"}
    )
    async with over(changed, Slow(READS)) as foveal:
        await record(foveal, tape, TOWER)
    kept = tape.read_bytes()
    assert b"sentinel" not in kept and str(settings.home).encode() not in kept
    assert str(settings.index).encode() not in kept and lines(tape)[0]["settings"]["index"] == "index"


async def test_an_existing_file_is_not_overwritten_and_a_run_that_never_began_leaves_none(
    settings: Settings, tape: Path
) -> None:
    async with over(settings, ScriptedModel([])) as foveal:
        with pytest.raises(BadImage):
            await record(foveal, tape, CAPITAL, [b"no picture"])
        assert not tape.exists()
        with pytest.raises(BadQuestion):
            await record(foveal, tape, " ")
        tape.write_text("mine")
        with pytest.raises(BadInput, match="already"):
            await record(foveal, tape, TOWER)
        with pytest.raises(BadInput, match="cannot be written"):
            await record(foveal, tape / "x.tape", TOWER)
    assert tape.read_text() == "mine"


KILLED = """
import asyncio, json, os, signal, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from fakes.lands import embedders
from foveal.api import Foveal
from foveal.settings import Settings
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import ROLES

class Deadly(ScriptedModel):
    async def generate(self, messages, **asked):
        await asyncio.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)

async def main():
    foveal = Foveal(Settings(**json.loads(sys.argv[2])))
    foveal.tools.__dict__.update(
        embedders=embedders(), models=dict.fromkeys(ROLES, Deadly(json.loads(sys.argv[4]))))
    await foveal.ask("Who built the Eph Tower?", record=sys.argv[3])

asyncio.run(main())
"""
AGAIN = """
import json, sys
from foveal.cli.app import run
code = run(["ask", "--replay", sys.argv[1], "--json", "-q"])
heavy = {"torch", "transformers", "chromadb", "xllamacpp", "onnxruntime", "rapidocr", "ddgs", "openai", "libzim",
         "foveal.tools.index.collection", "foveal.tools.models.registry", "foveal.tools.search.registry"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
sys.exit(code)
"""
TESTS = Path(__file__).resolve().parents[2]


async def test_a_recording_that_was_killed_is_whole_up_to_there_and_says_so(settings: Settings, tape: Path) -> None:
    given = settings.model_dump_json(include={"index", "home", "cache"})
    command = [sys.executable, "-c", KILLED, str(TESTS), given, str(tape), json.dumps(READS)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not any(row["is"] == "end" for row in lines(tape))
    with pytest.raises(ReplayMiss, match=r"interrupted and ends before planner\.generate \(task read\)"):
        await again(tape)


async def test_a_cancelled_run_leaves_its_recording_without_an_end(settings: Settings, tape: Path) -> None:
    model = Slow(READS)
    model.delay = 30.0
    async with over(settings, model) as foveal:
        run = asyncio.create_task(record(foveal, tape, TOWER))
        await model.asked.wait()
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
    assert lines(tape)[-1]["is"] != "end"
    with pytest.raises(FovealError, match="interrupted"):
        await again(tape)


async def test_row_81_other_processes_replay_the_same_bytes_and_load_nothing_real(
    settings: Settings, tape: Path
) -> None:
    """The order of a set's members, which changes from process to process, is in nothing that is asked or told."""
    async with over(settings, ScriptedModel([])) as foveal:
        events = await record(foveal, tape, LARGEST, [flag("Ida")])
    expected = events[-1].data["answer"].as_dict()
    settings_ = {**os.environ, "FOVEAL_HOME": str(tape.parent / "elsewhere")}
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", AGAIN, str(tape), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**settings_, "PYTHONHASHSEED": seed},
        )
        for seed in ("1", "2")
    ]  # fmt: skip
    told = [await process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert told[0][0] == told[1][0] and json.loads(told[0][0]) == json.loads(json.dumps(expected))


async def test_a_full_disk_ends_the_run_with_its_words(
    settings: Settings, tape: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foveal.tools.tape import file

    class Full:
        """A file on a disk with room for *room* bytes, as the system tells it: fewer are written, then none."""

        def __init__(self, path: Path, room: int) -> None:
            self.inner, self.room = path.open("xb", buffering=0), room

        def write(self, data: Any) -> int:
            if not self.room:
                raise OSError(28, "No space left on device")
            written = self.inner.write(data[: self.room])
            self.room -= written
            return written

        def close(self) -> None:
            self.inner.close()

    monkeypatch.setattr(file, "create", lambda path: Full(path, 9000))
    model = Slow(READS)
    model.delay = 0.05
    async with over(settings, model) as foveal:
        with pytest.raises(StorageFull, match=r"run\.tape cannot be written: No space left on device"):
            await record(foveal, tape, TOWER)
    assert tape.stat().st_size == 9000
    with pytest.raises(ReplayMiss, match="interrupted"):
        await again(tape)
