"""A run made again from a tape alone: each call gets the reply that it got, in the order in which replies came.

Code between two calls is the only thing that really runs, and it must do what it did: a call that is not on the tape,
one that is on it and never asked for, and an event or an answer that is another one, end the replay.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from datetime import datetime
from typing import Any

from foveal import __version__
from foveal.errors import ReplayMiss
from foveal.tools.runs import codec
from foveal.tools.runs.pace import BRANCH
from foveal.tools.tape.clock import TapeClock
from foveal.tools.tape.differences import difference, nearest
from foveal.tools.tape.file import Tape
from foveal.tools.tape.method import Asked, Method, described, untold
from foveal.tools.tape.taped import Say
from foveal.types import plain

STALL = 20.0
"""Seconds in which a call waits for another one that the tape has first, before that is taken for missing."""
SETTLE = 20
"""Rounds of the event loop in which code that will cancel a call does so."""


Label = tuple[str, str]
"""What waits for its turn: the branch of the run, and a moment's words or a call's key."""


class Replay(TapeClock):
    """Plays a tape back. Time moves as the tape says; nothing is asked of anything real."""

    def __init__(self, tape: Tape, *, stall: float = STALL) -> None:
        super().__init__(datetime.fromisoformat(tape.header["began"]))
        self.tape = tape
        self.failed: ReplayMiss | None = None
        """The first thing that was not as recorded, whatever the run made of it."""
        self._stall = stall
        self._order = [line for line in tape.lines if line["is"] == "moment" or "at" in line or line["is"] == "fact"]
        self._next = 0
        self._left = Counter(_label(line) for line in self._order)
        self._blocking = {c["key"]: c for c in tape.of("call") if "at" not in c}
        self._facts: dict[tuple[str, str], Any] = {}
        for line in reversed(tape.of("fact")):
            self._facts[line["part"], line["name"]] = line["value"]
        self._waiting: defaultdict[Label, deque[asyncio.Future[None]]] = defaultdict(deque)
        self._dropped: Counter[Label] = Counter()
        """Calls that were cancelled while they waited."""
        self._granted = False
        """Whether somebody was woken who has not gone on yet."""
        self._watch: asyncio.TimerHandle | None = None
        self._events = [(line["type"], codec.dump(line["data"])) for line in tape.of("event")]
        self._told = 0
        self._unsaid = Counter(self._events)
        self._held: dict[tuple[str, str], deque[Mapping[str, Any]]] = defaultdict(deque)
        self._skip()

    def limit(self, seconds: float | None) -> AbstractAsyncContextManager[Any]:
        """Return a block without limit: a call that came too late then does so again."""
        return nullcontext()

    async def moment(self, what: str) -> float:
        """Wait until all has happened that happened before *what*, and return the time. Raises ReplayMiss."""
        line = await self._turn(
            what, lambda: f"The replay came to “{what}”, which is not in the recording{self._here()}."
        )
        return line["at"]

    def fact(self, part: str, method: Method, make: Callable[[], Any]) -> Any:
        """Return an attribute's value at this moment. Raises ReplayMiss."""
        if (part, method.name) not in self._facts:
            raise self._miss(f"`{part}.{method.name}` is not in the recording.")
        return method.load(self._facts[part, method.name])

    async def call(self, asked: Asked, make: Callable[[Say | None], Awaitable[Any]], say: Say | None) -> Any:
        """Return what the recorded call gave, in its turn, or raise what it raised. Raises ReplayMiss."""
        line = await self._turn(asked.key, lambda: self._unknown(asked))
        if line.get("cancelled"):
            raise TimeoutError
        for piece in line.get("pieces", ()):
            if say is not None:
                say(piece)
        return _given(line, asked.method)

    def call_now(self, asked: Asked, make: Callable[[], Any]) -> Any:
        """Return what the recorded blocking call gave, or raise what it raised. Raises ReplayMiss."""
        line = self._blocking.get(asked.key)
        if line is None:
            raise self._miss(self._unknown(asked))
        return _given(line, asked.method)

    def picture(self, sha256: str, read: Callable[[], bytes]) -> bytes:
        """Return the file of a picture. Raises ReplayMiss."""
        if sha256 not in self.tape.pictures:
            raise self._miss(f"The picture {sha256[:12]} is not in the recording.")
        return self.tape.pictures[sha256]

    def events(self, kind: str, data: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
        """Take an event, and return those whose turn it is: they come in the order of the recording.

        Raises ReplayMiss for one that is not in it.
        """
        event = (kind, codec.dump(plain(data)))
        if not self._unsaid[event]:
            raise self._miss(self._unheard(*event))
        self._unsaid[event] -= 1
        self._held[event].append(data)
        due = []
        while self._told < len(self._events) and self._held[self._events[self._told]]:
            event = self._events[self._told]
            due.append((event[0], self._held[event].popleft()))
            self._told += 1
        return due

    async def finish(self, error: Exception | None = None) -> None:
        """Compare the end with the recording's. Raises ReplayMiss: whatever the run made of it, the first one."""
        if self.failed is None and error is None and self._told < len(self._events):
            raise self._miss(f"The replay has ended, and the recording goes on: `{self._events[self._told][0]}`.")
        if self.failed is not None:
            raise self.failed

    async def close(self) -> None:
        """Give up on calls that the run gave up on."""
        if self._watch is not None:
            self._watch.cancel()
        for waiters in self._waiting.values():
            for waiter in waiters:
                waiter.cancel()

    async def _turn(self, what: str, unknown: Callable[[], str]) -> Mapping[str, Any]:
        """Return the next line of *what* this branch asks when its turn has come. Raises ReplayMiss."""
        label = (BRANCH.get(), what)
        if self.failed is not None:
            raise self.failed
        if not self._left[label]:
            raise self._miss(unknown())
        self._left[label] -= 1
        if self._granted or self._peek() != label:
            waiter = asyncio.get_running_loop().create_future()
            self._waiting[label].append(waiter)
            self._watch_out()
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter in self._waiting[label]:
                    self._waiting[label].remove(waiter)
                    self._dropped[label] += 1
                    self._skip()
                    self._wake()
                else:
                    self._advance()
                raise
        line = self._order[self._next]
        try:
            if line.get("cancelled"):
                self._granted = True  # nobody else goes on before it is known who cancels it
                for _ in range(SETTLE):
                    await asyncio.sleep(0)
        finally:
            self._advance()
        return line

    def _advance(self) -> None:
        """Pass the next line, and wake who waits for the one after it."""
        self._granted = False
        line = self._order[self._next]
        self._pass(line["branch"], line["at"])
        self._next += 1
        self._skip()
        self._wake()

    def _wake(self) -> None:
        label = self._peek()
        waiters = self._waiting[label] if label is not None and not self._granted else ()
        if waiters and not waiters[0].done():  # one that was cancelled wakes the next by itself
            self._granted = True
            waiters.popleft().set_result(None)

    def _skip(self) -> None:
        """Pass facts, which hold from here on, and calls that were cancelled then and now."""
        while self._next < len(self._order):
            line = self._order[self._next]
            if line["is"] == "fact":
                self._facts[line["part"], line["name"]] = line["value"]
            elif line.get("cancelled") and self._dropped[_label(line)]:
                self._dropped[_label(line)] -= 1
            else:
                return
            self._next += 1

    def _peek(self) -> Label | None:
        return _label(self._order[self._next]) if self._next < len(self._order) else None

    def _watch_out(self) -> None:
        if self._watch is None:
            self._watch = asyncio.get_running_loop().call_later(self._stall, self._look, self._next)

    def _look(self, before: int) -> None:
        """Fail the calls that wait, when nothing has moved since the last look."""
        self._watch = None
        waiting = [waiter for waiters in self._waiting.values() for waiter in waiters]
        if waiting and before == self._next:
            asked = next(label for label, waiters in self._waiting.items() if waiters)
            told = self._told_of(asked)
            miss = self._miss(f"The replay waits with {told} for what was never asked again{self._here()}.")
            for waiter in waiting:
                if not waiter.done():
                    waiter.set_exception(miss)
            self._waiting.clear()
        elif waiting:
            self._watch_out()

    def _miss(self, message: str) -> ReplayMiss:
        made = self.tape.header.get("version")
        other = f" It was recorded by Foveal {made}; this is {__version__}." if made != __version__ else ""
        miss = ReplayMiss(message + other)
        self.failed = self.failed or miss
        return miss

    def _unknown(self, asked: Asked) -> str:
        """Say what was asked, and how it differs from what was recorded."""
        if self.tape.end is None and self._next >= len(self._order):
            return f"The recording was interrupted and ends before {asked}."
        calls = self.tape.of("call")
        if any(c["key"] == asked.key for c in calls):
            return f"The replay asks {asked} once more than the recording{self._here()}."
        told = nearest(asked, calls)
        how = f". The nearest recorded call differs: {told}" if told else self._here()
        return f"The replay asks {asked}, which is not in the recording{how}."

    def _unheard(self, kind: str, data: str) -> str:
        """Say which event is new, and how it differs from the recorded one."""
        expected = next((d for k, d in self._events[self._told :] if k == kind), None)
        if expected is None and self.tape.end is None:
            return f"The recording was interrupted and ends before `{kind}`."
        if expected is None:
            at = f"; next comes `{self._events[self._told][0]}`" if self._told < len(self._events) else ""
            return f"The replay tells `{kind}`, which the recording does not{at}."
        told = difference(json.loads(expected), json.loads(data))
        return f"The replay tells `{kind}` otherwise than the recording: {told}."

    def _here(self) -> str:
        """Say what the recording has next."""
        if self._next >= len(self._order):
            return "" if self.tape.end else ", which was interrupted here"
        return f"; next in it is {self._told_of(_label(self._order[self._next]))}"

    def _told_of(self, label: Label) -> str:
        line = next(line for line in self._order if _label(line) == label)
        return f"“{label[1]}”" if line["is"] == "moment" else described(line["part"], line["method"], line["request"])


def _label(line: Mapping[str, Any]) -> Label:
    return line.get("branch", ""), line["what"] if line["is"] == "moment" else line.get("key", "")


def _given(line: Mapping[str, Any], method: Method) -> Any:
    if "error" in line:
        raise untold(line["error"])
    return method.load(line["reply"])
