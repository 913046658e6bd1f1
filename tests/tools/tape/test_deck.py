"""A recording and its replay, call by call: order, time, errors, and what is not there."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BlockedUrl, HttpRefused, ReplayMiss, Throttled
from foveal.protocols import ChatModel, Collection, ImageEmbedder, OcrReader, Reranker, TextEmbedder, Web
from foveal.tools.runs import codec
from foveal.tools.runs.pace import Pace
from foveal.tools.tape.file import read_tape
from foveal.tools.tape.method import methods, told, untold
from foveal.tools.tape.recording import Recording
from foveal.tools.tape.replay import Replay
from foveal.tools.tape.taped import Taped
from foveal.types import (
    Capabilities,
    Document,
    Generation,
    ImageRef,
    Message,
    PagePicture,
    TextHit,
    ToolOutcome,
    WebHit,
    WebPage,
    WebQuery,
)

Run = Callable[[Any, Pace], Awaitable[Any]]


class Shelf:
    """A collection of sorts: answers after a while, each time otherwise."""

    composes = True

    def __init__(self, seed: int = 0) -> None:
        self._chance = random.Random(seed)
        self.asked: list[str] = []

    async def find_title(self, name: str, *, k: int = 3) -> list[Document]:
        self.asked.append(name)
        await asyncio.sleep(self._chance.choice([0, 0, 0.001, 0.003]))
        return [Document(f"{name}{self._chance.random()}", name, "", meta={"n": [1, {"x": 2.5}]})][:k]


async def play(path: Path, run: Run, protocol: type, target: Any, *, stall: float = 0.3) -> Any:
    """Record *run* over *target* and replay it without; return what both gave."""
    first = await taped(path, run, protocol, target)
    return first, await replay(path, run, protocol, stall=stall)


async def taped(path: Path, run: Run, protocol: type, target: Any) -> Any:
    deck = Recording(path)
    deck.begin({"version": "0.1.0"})
    try:
        result = await run(Taped(deck, "part", protocol, target), deck)
        await deck.finish()
        return result
    finally:
        await deck.close()


async def replay(path: Path, run: Run, protocol: type, *, stall: float = 0.3) -> Any:
    deck = Replay(read_tape(path), stall=stall)
    try:
        result = await run(Taped(deck, "part", protocol), deck)
        await deck.finish()
        return result
    finally:
        await deck.close()


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 4))
def test_branches_that_ask_the_same_go_on_in_the_recorded_order(
    tmp_path_factory: Any, seed: int, branches: int, calls: int
) -> None:
    """Each branch asks of a few names, alike in all; what a shared list looks like afterwards tells the order."""

    async def run(shelf: Any, pace: Pace) -> Any:
        chance, shared = random.Random(seed), list[Any]()
        plans = [[chance.choice("ab") for _ in range(calls)] for _ in range(branches)]

        async def branch(n: int, names: Sequence[str]) -> None:
            pace.enter(f"s{n}")
            for name in names:
                found = await shelf.find_title(name)
                shared.append((n, name, found[0].id, await pace.moment(f"found {name}"), pace.now(), len(shared)))

        await asyncio.gather(*(branch(n, names) for n, names in enumerate(plans)))
        return shared

    path = tmp_path_factory.mktemp("order") / "t"
    first, second = asyncio.run(play(path, run, Collection, Shelf(seed)))
    assert first == second


async def test_the_same_call_twice_gets_both_replies(tmp_path: Path) -> None:
    async def run(shelf: Any, pace: Pace) -> Any:
        return [(await shelf.find_title("x"))[0].id for _ in range(3)]

    first, second = await play(tmp_path / "t", run, Collection, Shelf())
    assert first == second and len(set(first)) == 3


async def test_time_stands_still_between_moments_and_is_the_same(tmp_path: Path) -> None:
    async def run(shelf: Any, pace: Pace) -> Any:
        start = pace.now()
        await asyncio.sleep(0.02)
        still = pace.now()
        moment = await pace.moment("one")
        async with pace.limit(10.0):
            await shelf.find_title("x")
        return start, still, moment, pace.now(), pace.date()

    first, second = await play(tmp_path / "t", run, Collection, Shelf())
    assert first == second and first[0] == first[1] == 0.0 and 0.02 <= first[2] <= first[3]


async def test_what_times_out_does_so_again_without_waiting(tmp_path: Path) -> None:
    class Stuck:
        async def find_title(self, name: str, *, k: int = 3) -> list[Document]:
            await asyncio.sleep(60)
            return []

    async def run(shelf: Any, pace: Pace) -> Any:
        try:
            async with pace.limit(0.05):
                await shelf.find_title("x")
        except TimeoutError:
            return await pace.moment("late")

    first, second = await play(tmp_path / "t", run, Collection, Stuck())
    assert first == second >= 0.05


async def test_siblings_that_are_cancelled_are_cancelled_again(tmp_path: Path) -> None:
    class Fails:
        async def find_title(self, name: str, *, k: int = 3) -> list[Document]:
            if name == "bad":
                raise HttpRefused("No.")
            await asyncio.sleep(60)
            return []

    async def run(shelf: Any, pace: Pace) -> Any:
        seen = []

        async def one(name: str) -> None:
            try:
                await shelf.find_title(name)
            except asyncio.CancelledError:
                seen.append(f"{name} cancelled")
                raise

        try:
            async with asyncio.TaskGroup() as group:
                for name in ("a", "bad", "b"):
                    group.create_task(one(name))
        except* HttpRefused:
            seen.append("refused")
        await pace.moment("over")
        return sorted(seen)

    first, second = await play(tmp_path / "t", run, Collection, Fails())
    assert first == second == ["a cancelled", "b cancelled", "refused"]


async def test_a_call_that_was_never_made_is_a_miss_with_the_nearest_one(tmp_path: Path) -> None:
    async def run(shelf: Any, pace: Pace) -> Any:
        return await shelf.find_title("Eph Tower")

    async def other(shelf: Any, pace: Pace) -> Any:
        return await shelf.find_title("Eph Towers")

    await taped(tmp_path / "t", run, Collection, Shelf())
    with pytest.raises(ReplayMiss) as caught:
        await replay(tmp_path / "t", other, Collection)
    assert "part.find_title" in str(caught.value) and "`name` was “Eph Tower”, now it is “Eph Towers”" in str(
        caught.value
    )


async def test_one_call_more_is_a_miss(tmp_path: Path) -> None:
    async def run(shelf: Any, pace: Pace, times: int = 1) -> Any:
        for _ in range(times):
            await shelf.find_title("x")

    await taped(tmp_path / "t", run, Collection, Shelf())
    with pytest.raises(ReplayMiss, match="once more than the recording"):
        await replay(tmp_path / "t", lambda shelf, pace: run(shelf, pace, 2), Collection)


async def test_a_miss_is_told_at_the_end_whatever_the_run_made_of_it(tmp_path: Path) -> None:
    async def run(shelf: Any, pace: Pace) -> Any:
        await shelf.find_title("x")

    async def careless(shelf: Any, pace: Pace) -> Any:
        try:
            await shelf.find_title("y")
        except Exception:
            return "all is well"

    await taped(tmp_path / "t", run, Collection, Shelf())
    with pytest.raises(ReplayMiss, match="not in the recording"):
        await replay(tmp_path / "t", careless, Collection)


async def test_what_waits_for_what_never_comes_ends_in_words(tmp_path: Path) -> None:
    async def run(shelf: Any, pace: Pace) -> Any:
        await shelf.find_title("first")
        await shelf.find_title("second")

    async def hasty(shelf: Any, pace: Pace) -> Any:
        await shelf.find_title("second")

    await taped(tmp_path / "t", run, Collection, Shelf())
    async with asyncio.timeout(5):
        with pytest.raises(ReplayMiss, match=r"waits with part\.find_title") as caught:
            await replay(tmp_path / "t", hasty, Collection, stall=0.05)
    assert "next in it is part.find_title" in str(caught.value)


async def test_events_come_in_the_recorded_order_and_no_others(tmp_path: Path) -> None:
    deck = Recording(tmp_path / "t")
    deck.begin({"version": "0.1.0"})
    for n in range(3):
        deck.events("told", {"n": n})
    await deck.finish()
    await deck.close()
    again = Replay(read_tape(tmp_path / "t"))
    assert list(again.events("told", {"n": 1})) == []
    assert list(again.events("told", {"n": 0})) == [("told", {"n": 0}), ("told", {"n": 1})]
    with pytest.raises(ReplayMiss, match=r"`told` otherwise than the recording: `n` was “2”, now it is “7”"):
        again.events("told", {"n": 7})
    short = Replay(read_tape(tmp_path / "t"))
    short.events("told", {"n": 0})
    with pytest.raises(ReplayMiss, match="the recording goes on: `told`"):
        await short.finish()


async def test_facts_change_when_they_changed(tmp_path: Path) -> None:
    class Learning:
        capabilities = Capabilities()

        async def generate(self, messages: Any, **_: Any) -> Generation:
            self.capabilities = Capabilities(vision=True, notes=("sees",))
            return Generation("x")

    async def run(model: Any, pace: Pace) -> Any:
        before = model.capabilities
        await model.generate([Message("user", "x")])
        return before, model.capabilities

    first, second = await play(tmp_path / "t", run, ChatModel, Learning())
    assert first == second and (first[0].vision, first[1].notes) == (False, ("sees",))


async def test_the_pieces_of_a_reply_are_said_again(tmp_path: Path) -> None:
    class Talking:
        async def generate(self, messages: Any, *, on_text: Any = None, **_: Any) -> Generation:
            for piece in ("a ", "b"):
                on_text(piece)
            return Generation("a b")

    async def run(model: Any, pace: Pace) -> Any:
        said: list[str] = []
        reply = await model.generate([Message("user", "x")], on_text=said.append, cancel=asyncio.Event())
        return said, reply

    first, second = await play(tmp_path / "t", run, ChatModel, Talking())
    assert first == second == (["a ", "b"], Generation("a b"))


async def test_the_web_is_recorded_with_its_kinds_outcomes_pages_and_refusals(tmp_path: Path) -> None:
    hit = WebHit("https://a.test/", "A", "words", 1, "mojeek", "2026-01-02", width=3, score=0.5)
    page = WebPage(
        "https://a.test/", "A", "# A\n", pictures=(PagePicture("https://a.test/p.png", "alt"),), links=("https://b.test/",),
        pages=(0, 7), notes=("cut",),
    )  # fmt: skip

    class Net:
        name = "ddgs,zim"
        kinds = frozenset({"text", "news", "images"})
        allowed: tuple[str, ...] = ()

        async def search(self, query: WebQuery) -> ToolOutcome:
            if query.kind == "news":
                return ToolOutcome("throttled", error="Too often.", retry_after=2.5, notes=("ddgs: throttled",))
            return ToolOutcome("ok", (hit,), backend="zim", elapsed=0.25)

        async def read(self, url: str) -> WebPage:
            if url.endswith("secret"):
                raise BlockedUrl("Not there.")
            if url.endswith("busy"):
                error = Throttled("Later.", remedy="Wait.")
                error.retry_after = 3.5
                raise error
            return page

        async def picture(self, url: str) -> ImageRef:
            return ImageRef("a" * 64, 3, 2, "page")

        def allow(self, *urls: str) -> None:
            self.allowed += urls

    async def run(web: Any, pace: Pace) -> Any:
        web.allow("https://c.test/", "https://d.test/")
        seen: list[Any] = [
            web.name,
            web.kinds,
            await web.search(WebQuery("x")),
            await web.search(WebQuery("x", "news")),
        ]
        seen += [await web.read("https://a.test/"), await web.picture("https://a.test/p.png")]
        for url in ("secret", "busy"):
            try:
                await web.read(f"https://a.test/{url}")
            except Exception as error:
                seen.append((type(error), str(error), vars(error)))
        return seen

    net = Net()
    first, second = await play(tmp_path / "t", run, Web, net)
    assert first == second and net.allowed == ("https://c.test/", "https://d.test/")
    assert second[2].items == (hit,) and second[3].retry_after == 2.5 and second[4] == page
    assert second[6][0] is BlockedUrl and second[7][2]["retry_after"] == 3.5
    with pytest.raises(ReplayMiss, match=r"part\.allow"):
        await replay(tmp_path / "t", lambda web, pace: wrong(web), Web)


async def wrong(web: Any) -> None:
    web.allow("https://evil.test/")


async def test_vectors_and_pixels_are_kept_exactly(tmp_path: Path) -> None:
    from PIL import Image

    class Eye:
        id, dim = "eye", 3
        seen = 0

        def embed_images(self, images: Sequence[Any]) -> np.ndarray:
            self.seen += 1
            return np.array([[1 / 3, 0.1, -0.0]] * len(images), np.float32)

    async def run(eye: Any, pace: Pace) -> Any:
        images = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
        rows = await asyncio.to_thread(eye.embed_images, images)
        return rows.dtype, rows.shape, rows.tobytes(), eye.id, eye.dim, eye.embed_images(images).tolist()

    eye = Eye()
    first, second = await play(tmp_path / "t", run, ImageEmbedder, eye)
    assert first == second and second[1] == (2, 3)
    assert len(read_tape(tmp_path / "t").of("call")) == 1, "what is asked twice in threads is kept once"
    with pytest.raises(ReplayMiss, match="embed_images"):
        await replay(tmp_path / "t", lambda eye, pace: blank(eye), ImageEmbedder)


async def blank(eye: Any) -> None:
    from PIL import Image

    eye.embed_images([Image.new("RGB", (3, 4), "red")])


def test_every_protocol_of_a_run_can_be_read() -> None:
    parts = (ChatModel, Web, Collection, Reranker, TextEmbedder)
    kinds = {name: method.kind for protocol in parts for name, method in methods(protocol).items()}
    assert methods(OcrReader)["read"].kind == "sync"
    assert kinds["generate"] == kinds["search"] == kinds["search_text"] == kinds["rerank"] == kinds["read"] == "async"
    assert kinds["count_tokens"] == kinds["embed_texts"] == kinds["allow"] == "sync"
    assert kinds["capabilities"] == kinds["kinds"] == kinds["composes"] == kinds["scale"] == "fact"


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False), st.integers(0, 10**6))
def test_a_reply_is_what_it_was(text: str, score: float, at: int) -> None:
    hits = [TextHit("d", text, text, "text", at, at + len(text), score, cosine=score)]
    method = methods(Collection)["search_text"]
    assert method.load(json.loads(codec.dump(method.dump(hits)))) == hits


class Strange(Exception):
    """Of no module that is known."""


@pytest.mark.parametrize(
    "error",
    [ValueError("bad"), KeyError("x"), HttpRefused("No.", remedy="Ask."), Strange("odd"), OSError(2, "No such file")],
)
def test_an_error_is_what_it_was_in_its_words(error: Exception) -> None:
    again = untold(told(error))
    assert type(again).__name__ == type(error).__name__
    assert str(again).strip("'") == str(error).strip("'") or isinstance(error, KeyError)
    with pytest.raises(type(again)):
        raise again
