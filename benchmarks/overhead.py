"""What orchestration costs: wall time over the critical path of the calls made, and the bytes of the checkpoints.

A chat model of fixed latency behind a loopback HTTP server and a search of the same latency answer plans in the
shape of a chain, a fan and a diamond; everything between them (graph, budget, journal, checkpoints, events) is as
in use. The critical path is the longest way through the plan, a step counting as long as its calls lasted.

    python benchmarks/overhead.py [--latency 50,500] [--steps 2,4,8,12] [--repeat 5] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import multiprocessing
import random
import re
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from foveal.agents import planner
from foveal.api import Foveal
from foveal.graphs import saver
from foveal.run import SOON
from foveal.settings import Settings
from foveal.tools.images import decode
from foveal.tools.index.enrich import Embedders
from foveal.tools.runs.journal import CallRecord
from foveal.types import (
    ROLES,
    Budget,
    Capabilities,
    Generation,
    ImageHit,
    ImageRef,
    Label,
    Message,
    Plan,
    SubQuestion,
    TextHit,
)

SUPERSTEPS_AROUND = 3
"""perceive, plan; conclude."""
VOCABULARY = ["".join(random.Random(n).choices("etaoinshrdlucmfwypvbgk", k=2 + n % 8)) for n in range(3000)]
SUPERSTEPS_A_ROUND = 1
"""round."""


@cache
def prose(seed: str, words: int = 90) -> str:
    """Return words that are as hard to compress as a text: from a vocabulary, the frequent ones more often."""
    chance = random.Random(seed)
    return " ".join(VOCABULARY[int(len(VOCABULARY) * chance.random() ** 2)] for _ in range(words))


def made_plan(shape: str, n: int, identify: Sequence[SubQuestion] = ()) -> Plan:
    """Return *n* sub-questions in a shape, after one for each picture; the last depends on all that came before."""
    steps = list(identify)

    def add(*parents: SubQuestion) -> SubQuestion:
        name = f"s{len(steps) + 1}"
        after = f" after {' and '.join(f'#{p.id}' for p in parents)}" if parents else ""
        asked = f"What is the mark of Thing{len(steps) + 1}{after}?"
        steps.append(SubQuestion(name, asked, depends_on=tuple(p.id for p in parents)))
        return steps[-1]

    last = add(*identify)
    if shape == "chain":
        for _ in range(n - 1):
            last = add(last)
    elif shape == "fan":
        add(last, *[add() for _ in range(n - 2)])
    else:
        add(*[add(last) for _ in range(n - 2)])
    return Plan(tuple(steps))


async def planned(question: str, images: Sequence[ImageRef], model: Any, **rest: Any) -> Plan:
    """Stands in for the planner: one model call, and the plan that the question names."""
    await model.generate([Message("user", question)], task="plan")
    shape, n = re.findall(r"the (chain|fan|diamond) of (\d+)", question)[-1]
    identify = [
        SubQuestion(f"s{i}", "What is this?", "identify", "image_search", image=image.sha256)
        for i, image in enumerate(images, 1)
    ]
    return made_plan(shape, int(n), identify)


def serve(latency: float, told: Any) -> None:
    """Serve HTTP on loopback, each reply *latency* seconds late; the port is sent through *told*."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not reader.at_eof():
            try:
                asked = json.loads(await _message(reader))
            except asyncio.IncompleteReadError:
                break
            await asyncio.sleep(latency)
            body = json.dumps(answer(asked)).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
        writer.close()

    async def listen() -> None:
        listening = await asyncio.start_server(reply, "127.0.0.1", 0)
        told.send(listening.sockets[0].getsockname()[1])
        await listening.serve_forever()

    asyncio.run(listen())


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Return the body of the next HTTP message."""
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(int(re.search(rb"Content-Length: (\d+)", head)[1]))  # type: ignore[index]


@contextmanager
def server(latency: float) -> Iterator[int]:
    """Run the server in a process of its own, so that its work is not taken for ours; yields its port."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(latency, there), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.kill()
        process.join()


def answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the model says: the mark that stands in the last passage it was shown."""
    words = "\n".join(m["content"] for m in asked["messages"])
    marks = re.findall(r"Mark\d+", words)
    return {"text": f" {marks[-1]}" if marks else "", "probability": 0.95, "tokens": len(words) // 4}


class DirectModel:
    """The chat model of these plans, in this process and at once."""

    name = "fixed-latency"
    capabilities = Capabilities(json_schema=True)

    async def _ask(self, messages: Sequence[Message], task: str) -> dict[str, Any]:
        return answer({"task": task, "messages": [{"content": m.content} for m in messages]})

    async def prepare(self) -> None:
        pass

    async def generate(self, messages: Sequence[Message], *, task: str = "", **rest: Any) -> Generation:
        reply = await self._ask(messages, task)
        return Generation(reply["text"], prompt_tokens=reply["tokens"], completion_tokens=4)

    async def yes_probability(
        self, messages: Sequence[Message], *, task: str = "", **rest: Any
    ) -> tuple[float, Generation]:
        reply = await self._ask(messages, task)
        return reply["probability"], Generation("Yes", prompt_tokens=reply["tokens"], completion_tokens=1)

    async def choose(
        self, messages: Sequence[Message], options: Sequence[str], *, task: str = "", **rest: Any
    ) -> tuple[list[float], Generation]:
        await self._ask(messages, task)
        return [1.0, *([0.0] * (len(options) - 1))], Generation(options[0], prompt_tokens=10, completion_tokens=1)

    def count_tokens(self, text: str) -> int:
        return len(text) // 4

    async def aclose(self) -> None:
        pass


class HttpModel(DirectModel):
    """The same behind the server, over connections that are kept open."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def _ask(self, messages: Sequence[Message], task: str) -> dict[str, Any]:
        body = json.dumps({"task": task, "messages": [{"content": m.content} for m in messages]}).encode()
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        reply = await _message(reader)
        self._idle.append((reader, writer))
        return json.loads(reply)

    async def aclose(self) -> None:
        for _, writer in self._idle:
            writer.close()


class SlowCollection:
    """A collection whose every search takes *latency* seconds and finds *found* long passages."""

    def __init__(self, latency: float, found: int = 8) -> None:
        self._latency, self._found = latency, found

    async def search_text(self, query: str, *, k: int = 10, scope: Any = None) -> list[TextHit]:
        await asyncio.sleep(self._latency)
        n = re.findall(r"Thing(\d+)", query)[-1]
        hits = [TextHit(f"thing{n}", f"Thing{n}", f"Thing{n} has the mark Mark{n}.", "text", 0, 24, 0.9, cosine=0.9)]
        for i in range(1, min(k, self._found)):
            words = f"Passage {i} of {n}. {prose(f'{n}.{i}')}"
            hits.append(TextHit(f"other{n}.{i}", f"Other {n}.{i}", words, "text", 0, len(words), 0.1, cosine=0.1))
        return hits

    async def search_image(self, image: Any, *, k: int = 10, **rest: Any) -> list[ImageHit]:
        await asyncio.sleep(self._latency)
        name = f"Thing{int(image.sha256[:6], 16)}"
        hits = [ImageHit(name.lower(), name, f"A picture of {name}. {prose(name)}", image.sha256, 0.95, 0.5)]
        return hits + [
            ImageHit(f"like{i}", f"Like {i}", prose(f"{name}.{i}"), "f" * 64, 0.2, 0.0) for i in range(1, min(k, 60))
        ]

    async def search_pictures(self, description: str, *, k: int = 10) -> list[ImageHit]:
        return []

    async def find_title(self, name: str, *, k: int = 3) -> list[Any]:
        return []

    async def document(self, doc_id: str) -> None:
        return None

    async def scope_of(self, question: str) -> None:
        return None

    async def content(self) -> str:
        return "fixed"

    async def aclose(self) -> None:
        pass


class BlankEye:
    """Sees nothing in particular, at once."""

    id, dim = "blank", 4

    def embed_images(self, images: Sequence[Any]) -> np.ndarray:
        return np.full((len(images), 4), 0.5, dtype=np.float32)

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        return np.full((len(texts), 4), 0.5, dtype=np.float32)

    def label_images(self, images: Sequence[Any], *, k: int = 5) -> list[list[Label]]:
        return [[Label("thing", "a thing", 0.5)] for _ in images]


class Wide(Settings):
    """The deep profile, as many branches at once as a plan has steps: waiting for a turn is not orchestration."""

    def budget(self) -> Budget:
        return replace(super().budget(), parallel=16, tokens=None, seconds=None, model_calls=None, tool_calls=None)


def over(folder: Path, model: DirectModel, *, latency: float = 0.0, found: int = 8, **changes: Any) -> Foveal:
    """Return a Foveal over *model* and the slow collection; the rest is real, and lives in *folder*."""
    made = Foveal(Wide(home=folder, cache=folder, index=folder, profile="deep", **changes))
    eye = BlankEye()
    made.tools.__dict__.update(
        embedders=Embedders(eye, eye, eye, None),
        models=dict.fromkeys(ROLES, model),
        collection=SlowCollection(latency, found),
    )
    return made


@asynccontextmanager
async def world(latency: float, found: int = 8, **changes: Any) -> AsyncIterator[tuple[Foveal, Path]]:
    """A Foveal over the server and a search of *latency* seconds, and its folder; plans are :func:`planned`."""
    planner.make_plan = planned  # type: ignore[assignment]
    with tempfile.TemporaryDirectory() as name, server(latency) as port:
        async with over(Path(name), HttpModel(port), latency=latency, found=found, **changes) as made:
            yield made, Path(name)


def critical_path(plan: Plan | Iterable[Any], calls: Sequence[CallRecord]) -> float:
    """Return the longest way through the plan in seconds; overlapping calls of a step count once."""
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for call in calls:
        spans[call.step].append((call.started, call.started + call.elapsed))
    lasted = {step: _union(times) for step, times in spans.items()}
    ends: dict[str, float] = {}
    for step in plan:  # type: ignore[union-attr]
        ends[step.id] = max((ends[d] for d in step.depends_on), default=0.0) + lasted.get(step.id, 0.0)
    return lasted.get("", 0.0) + max(ends.values(), default=0.0)


def _union(times: list[tuple[float, float]]) -> float:
    total, until = 0.0, 0.0
    for start, end in sorted(times):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return total


def depth(steps: Sequence[Any]) -> int:
    """Return how many rounds the plan takes."""
    levels: dict[str, int] = {}
    for step in steps:
        levels[step.id] = 1 + max((levels[d] for d in step.depends_on), default=0)
    return max(levels.values())


async def measure(made: Foveal, shape: str, n: int, pictures: Sequence[bytes] = ()) -> dict[str, Any]:
    """Ask once and return what it came to."""
    began = time.perf_counter()
    answer_ = await made.ask(f"What comes out of the {shape} of {n}?", list(pictures))
    wall = time.perf_counter() - began
    if answer_.status != "answered" or any(s.status != "answered" for s in answer_.plan):
        raise SystemExit(f"{shape} of {n} was not answered: {answer_.answer} ({answer_.stop_reason})")
    store = await made.runs()
    assert store is not None
    path = critical_path(answer_.plan, store.calls(answer_.run_id))
    supersteps = SUPERSTEPS_AROUND + SUPERSTEPS_A_ROUND * depth(answer_.plan)
    return {
        "shape": shape,
        "steps": n,
        "calls": answer_.usage.model_calls + sum(answer_.usage.tool_calls.values()),
        "wall": round(wall, 4),
        "critical_path": round(path, 4),
        "ratio": round(wall / path, 4),
        "ms_per_superstep": round(1000 * (wall - path) / supersteps, 2),
    }


async def latencies(wanted: Sequence[float], steps: Sequence[int], repeat: int) -> list[dict[str, Any]]:
    """Return a row for each latency, shape and number of steps: of *repeat* runs the one with the median ratio.

    The runs of a row are made far apart, in turns with the others: a machine's bad moments do not fall on one row.
    """
    plans = [(shape, n) for shape in ("chain", "fan", "diamond") for n in steps if shape != "diamond" or n >= 4]
    rows = []
    for latency in wanted:
        async with world(latency) as (made, _):
            await measure(made, "fan", max(steps))  # imports and opens what a first run does
            turns = []
            for turn in range(1, repeat + 1):
                turns.append([await measure(made, shape, n) for shape, n in plans])
                print(f"{latency * 1000:.0f} ms: turn {turn} of {repeat}", file=sys.stderr)
        for runs in zip(*turns, strict=True):
            median = sorted(runs, key=lambda row: row["ratio"])[repeat // 2]
            rows.append({"latency_ms": latency * 1000, **median})
    return rows


async def checkpoint_bytes(steps: int = 50, pictures: int = 10) -> dict[str, Any]:
    """Return how large the checkpoint database became at its largest, in a run of *steps* over *pictures*."""
    decode.check_count = lambda count: None  # a single question may show eight; a session shows more
    saver.PAUSE = 0.0  # every superstep is written, as in a run of slow calls
    async with world(0.0, found=12) as (made, folder):
        largest, answer_ = 0, None
        shown = [picture(i) for i in range(pictures)]
        async for event in made.stream(f"What comes out of the chain of {steps - pictures}?", shown):
            largest = max(largest, _size(folder, "checkpoints.db*"))
            answer_ = event.data["answer"] if event.type == "run.finished" else None
        assert answer_ is not None
        largest = max(largest, _size(folder, "checkpoints.db*"))
        await asyncio.sleep(3 * SOON)  # what the run leaves is removed after it
        return {
            "steps": len(answer_.plan),
            "pictures": pictures,
            "evidence": len(answer_.evidence),
            "status": answer_.status,
            "largest_bytes": largest,
            "bytes_after_the_run": _size(folder, "checkpoints.db*"),
            "runs_db_bytes": _size(folder, "runs.db*"),
        }


def _size(folder: Path, pattern: str) -> int:
    return sum(file.stat().st_size for file in folder.glob(pattern))


def picture(n: int) -> bytes:
    """Return a picture that is like no other."""
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(n).integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(data, "PNG")
    return data.getvalue()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency", default="50,500", help="milliseconds of the model and of the search")
    parser.add_argument("--steps", default="2,4,8,12", help="numbers of sub-questions")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each, of which the median is told")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    rows = asyncio.run(
        latencies(
            [float(x) / 1000 for x in given.latency.split(",")], [int(x) for x in given.steps.split(",")], given.repeat
        )
    )
    size = asyncio.run(checkpoint_bytes())
    if given.json:
        print(json.dumps({"overhead": rows, "checkpoints": size}, indent=2))
        return
    print("latency  shape    steps  calls   wall s   path s  wall/path  ms a superstep")
    for r in rows:
        print(
            f"{r['latency_ms']:>5.0f} ms  {r['shape']:<8} {r['steps']:>4}  {r['calls']:>5}  {r['wall']:>7.3f}"
            f"  {r['critical_path']:>7.3f}  {r['ratio']:>9.3f}  {r['ms_per_superstep']:>14.2f}"
        )
    print(", ".join(f"{key} {value:,}" if isinstance(value, int) else f"{key} {value}" for key, value in size.items()))


if __name__ == "__main__":
    main()
