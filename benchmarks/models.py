"""What a model does with the work of a plan: calls side by side, shared beginnings, and what is ours around the engine.

Four sub-questions are asked at once and one after another; a prompt is asked with its beginning still evaluated and
with another beginning; and for models in this process (embedded, llama:) tokens a second through our code are
compared with the same prompts given to llama.cpp directly, as it is set up by itself. All pairs of runs alternate,
medians are compared, and only ratios are worth keeping: machines differ. Processor time is there for busy machines.

    python benchmarks/models.py [--model SPEC] [--only parallel,prefix,engine] [--repeat 3] [--reply 48] [--json]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import statistics
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from foveal.protocols import ChatModel
from foveal.settings import Settings
from foveal.tools.models.embedded import EmbeddedModel
from foveal.tools.models.registry import make_model
from foveal.types import Generation, Message

PARALLEL = 4
RULES = "You answer a question from one passage, in a few words, and say nothing that is not in it. " + (
    "Mind names, dates and units; the passage may be about something else. " * 6
)
PASSAGE = "The lighthouse of {place} was built in {year}, is {height} metres high and was kept by {keeper} until 1931."
PLACES = (
    ("Arle", 1862, 31, "M. Tann"),
    ("Bergen", 1871, 28, "O. Lie"),
    ("Cale", 1849, 40, "J. Roe"),
    ("Dorn", 1890, 22, "A. Pell"),
)
STORY = "The harbour lies under the old town, and ships from all over the north come to it in summer. " * 12
COUNT = "Count from 1 to 1000 in words, one number a line. Do not stop early."


def question(number: int, nonce: str = "") -> list[Message]:
    """Return sub-question *number*; with *nonce* its beginning is like no other."""
    place, year, height, keeper = PLACES[number % len(PLACES)]
    passage = PASSAGE.format(place=place, year=year, height=height, keeper=keeper)
    asked = f"Passage: {passage}\nQuestion: Who kept the lighthouse of {place}, and how high is it?"
    return [Message("system", f"{nonce} {RULES}".strip()), Message("user", asked)]


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds of wall time, and of processor time over all threads of this process, which other load does not touch."""

    wall: float
    cpu: float

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.wall - other.wall, self.cpu - other.cpu)


async def cost(work: Callable[[], Awaitable[Any]]) -> Cost:
    """Return what *work* costs."""
    wall, cpu = time.perf_counter(), time.process_time()
    await work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu)


def median(costs: Sequence[Cost]) -> Cost:
    """Return the medians of both times."""
    return Cost(statistics.median(c.wall for c in costs), statistics.median(c.cpu for c in costs))


async def alternating(
    repeat: int, one: Callable[[], Awaitable[Any]], other: Callable[[], Awaitable[Any]]
) -> tuple[Cost, Cost]:
    """Return the median costs of both, run in turns, each first half of the time."""
    costs: tuple[list[Cost], list[Cost]] = ([], [])
    for run in range(repeat):
        for which in ((0, 1), (1, 0))[run % 2]:
            costs[which].append(await cost((one, other)[which]))
    return median(costs[0]), median(costs[1])


async def side_by_side(model: ChatModel, repeat: int) -> dict[str, Any]:
    """Four sub-questions at once against one at a time, and whether the replies are the same."""
    said: dict[str, set[tuple[str, ...]]] = {"at_once": set(), "in_turn": set()}

    async def ask(number: int) -> Generation:
        return await model.generate(question(number), max_tokens=24, task=f"bench{number}")

    async def at_once() -> None:
        replies = await asyncio.gather(*(ask(number) for number in range(PARALLEL)))
        said["at_once"].add(tuple(reply.text for reply in replies))

    async def in_turn() -> None:
        said["in_turn"].add(tuple([(await ask(number)).text for number in range(PARALLEL)]))

    await in_turn()  # loads the model, and fills the slots for both
    once, turn = await alternating(repeat, at_once, in_turn)
    same = len(said["at_once"] | said["in_turn"]) == 1
    return {
        "at_once_s": once.wall,
        "in_turn_s": turn.wall,
        "ratio": once.wall / turn.wall,
        "cpu_ratio": once.cpu / turn.cpu,
        "same_replies": same,
    }


async def prefix(model: ChatModel, repeat: int) -> dict[str, Any]:
    """The same beginning again against a new one, in calls that only choose."""
    turns = iter(range(10**6))

    def choose(nonce: str) -> Awaitable[Any]:
        return model.choose(question(next(turns), nonce), ["Yes", "No"], task="bench-prefix")

    await choose("shared")
    on: list[Cost] = []
    off: list[Cost] = []
    for _ in range(repeat):
        await choose("shared")  # the slot held the other beginning
        on.append(await cost(lambda: choose("shared")))
        off.append(await cost(lambda: choose(secrets.token_hex(8))))
    reused, new = median(on), median(off)
    return {
        "reused_s": reused.wall,
        "not_reused_s": new.wall,
        "ratio": reused.wall / new.wall,
        "cpu_ratio": reused.cpu / new.cpu,
    }


class Bare:
    """llama.cpp as it is set up by itself, on the weights and threads of *model*."""

    def __init__(self, model: EmbeddedModel) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(model.path)
        params.n_ctx = model.options.context
        params.n_parallel = 1
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = model.options.threads
        params.hostnames, params.port, params.verbosity, params.ui = ["127.0.0.1"], 0, -1, False
        params.fit_params, params.cache_ram_mib = False, 0
        self._server = xllamacpp.Server(params)

    async def complete(self, text: str, max_tokens: int, reuse: bool) -> int:
        """Return how many prompt tokens were evaluated or reused."""
        request = {"prompt": text, "max_tokens": max_tokens, "temperature": 0.0, "top_k": 1, "cache_prompt": reuse}
        reply = await asyncio.to_thread(self._server.handle_completions, request)
        return int(reply["usage"]["prompt_tokens"])


def chatml(text: str) -> str:
    """Return the prompt of one user message, as our model of ChatML makes it."""
    return f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


async def engine_share(model: EmbeddedModel, repeat: int, reply: int) -> dict[str, Any]:
    """Tokens a second through our code as a share of the engine's own: prompts and replies apart."""
    bare = await asyncio.to_thread(Bare, model)
    tokens = 0

    async def ours(text: str, room: int) -> None:
        nonlocal tokens
        tokens = (await model.generate([Message("user", text)], max_tokens=room, task="bench-share")).prompt_tokens

    async def read_ours() -> None:
        await ours(f"{secrets.token_hex(4)} {STORY}", 1)

    async def read_bare() -> None:
        await bare.complete(chatml(f"{secrets.token_hex(4)} {STORY}"), 1, False)

    reading = await alternating(repeat, read_ours, read_bare)
    length = tokens
    await ours(COUNT, 1)
    await bare.complete(chatml(COUNT), 1, True)
    first = await alternating(repeat, lambda: ours(COUNT, 1), lambda: bare.complete(chatml(COUNT), 1, True))
    whole = await alternating(
        repeat, lambda: ours(COUNT, reply + 1), lambda: bare.complete(chatml(COUNT), reply + 1, True)
    )
    found: dict[str, Any] = {"prompt_tokens": length, "reply_tokens": reply}
    for what, amount, (our, own) in (
        ("prompt", length, reading),
        ("reply", reply, tuple(w - f for w, f in zip(whole, first, strict=True))),
    ):
        found[f"{what}_tokens_per_s"] = {"ours": amount / our.wall, "bare": amount / own.wall}
        found[f"{what}_share"] = own.wall / our.wall
        found[f"{what}_cpu_share"] = own.cpu / our.cpu
    return found


async def measure(spec: str, only: Collection[str], repeat: int, reply: int) -> dict[str, Any]:
    """Return the figures *only* of the model *spec*; ``engine`` is left out for models that are not in this process."""
    model = make_model(spec, Settings())
    found: dict[str, Any] = {"model": model.name, "repeat": repeat}
    try:
        await model.prepare()
        if "parallel" in only:
            found["parallel"] = await side_by_side(model, repeat)
        if "prefix" in only:
            found["prefix"] = await prefix(model, repeat)
        if "engine" in only and isinstance(model, EmbeddedModel):
            found["engine"] = await engine_share(model, repeat, reply)
    finally:
        await model.aclose()
    return found


def report(found: dict[str, Any]) -> str:
    """Return the figures as lines."""
    lines = [f"{found['model']}, medians of {found['repeat']} alternating runs"]

    def add(what: str, ratio: float, cpu: float, rest: str) -> None:
        lines.append(f"  {what:<28}{ratio:.2f}, by processor time {cpu:.2f}   ({rest})")

    if side := found.get("parallel"):
        rest = f"{side['at_once_s']:.2f} s / {side['in_turn_s']:.2f} s; same replies: {side['same_replies']}"
        add(f"{PARALLEL} at once / one at a time", side["ratio"], side["cpu_ratio"], rest)
    if kept := found.get("prefix"):
        add(
            "beginning reused / not",
            kept["ratio"],
            kept["cpu_ratio"],
            f"{kept['reused_s']:.2f} s / {kept['not_reused_s']:.2f} s",
        )
    if engine := found.get("engine"):
        for what in ("prompt", "reply"):
            speed = engine[f"{what}_tokens_per_s"]
            rest = f"{speed['ours']:.1f} / {speed['bare']:.1f} tokens a second"
            add(f"{what} speed / engine's own", engine[f"{what}_share"], engine[f"{what}_cpu_share"], rest)
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="embedded", help="a model spec (default: embedded)")
    parser.add_argument("--only", default="parallel,prefix,engine", help="which of them")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each kind")
    parser.add_argument("--reply", type=int, default=48, help="tokens of a reply when writing is measured")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found = asyncio.run(measure(given.model, given.only.split(","), given.repeat, given.reply))
    print(json.dumps(found, indent=2) if given.json else report(found))


if __name__ == "__main__":
    main()
