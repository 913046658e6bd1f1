"""A run that is being recorded: every reply is kept as it comes, and the run goes on with what was kept."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from foveal.tools.runs import codec
from foveal.tools.runs.pace import BRANCH
from foveal.tools.tape.clock import TapeClock
from foveal.tools.tape.file import SCHEMA, TapeWriter
from foveal.tools.tape.method import Asked, Method, told
from foveal.tools.tape.taped import Say
from foveal.types import plain


class Recording(TapeClock):
    """Writes a tape. Time moves when a call ends and at a moment.

    What a call gave is handed on as it will be read from the tape: a number of numpy's as a plain one.
    """

    def __init__(self, path: Path) -> None:
        """Raises BadInput when *path* exists or cannot be made."""
        super().__init__(datetime.now(UTC))
        self._out = TapeWriter(path)
        self._begun = False
        self._guard = threading.Lock()
        self._kept: set[str] = set()
        """Keys of the blocking calls, and digests of the pictures, that are on the tape."""
        self._facts: dict[tuple[str, str], Any] = {}

    def begin(self, header: Mapping[str, Any]) -> None:
        """Write what the run is, and start its clock."""
        super().__init__(datetime.now(UTC))
        self._begun = True
        self._out.put("tape", schema=SCHEMA, began=self._date.isoformat(), **header)

    async def moment(self, what: str) -> float:
        """Keep that the run came to *what*, and return the time. Raises StorageFull, StoreUnavailable."""
        at = self._tick()
        self._out.put("moment", branch=BRANCH.get(), what=what, at=at)
        return at

    def fact(self, part: str, method: Method, make: Callable[[], Any]) -> Any:
        """Return an attribute's value; the first, and every one that is another than before, is kept."""
        value = json.loads(codec.dump(method.dump(make())))
        with self._guard:
            new = self._facts.get((part, method.name), self) != value
            self._facts[part, method.name] = value
        if new:
            self._out.put("fact", part=part, name=method.name, value=value)
        return method.load(value)

    async def call(self, asked: Asked, make: Callable[[Say | None], Awaitable[Any]], say: Say | None) -> Any:
        """Make a call and keep it. Raises what it raises, StorageFull, StoreUnavailable."""
        began, pieces = self._elapsed(), list[str]()

        def on_text(piece: str) -> None:
            pieces.append(piece)
            assert say is not None
            say(piece)

        def keep(**came: Any) -> None:
            said = {"pieces": pieces} if pieces else {}
            self._call(asked, branch=BRANCH.get(), began=began, at=self._tick(), **said, **came)

        try:
            reply = asked.method.dump(await make(on_text if say is not None else None))
        except asyncio.CancelledError:
            keep(cancelled=True)
            raise
        except Exception as error:
            keep(error=told(error))
            raise
        keep(reply=reply)
        return asked.method.load(json.loads(codec.dump(reply)))

    def call_now(self, asked: Asked, make: Callable[[], Any]) -> Any:
        """Make a blocking call and keep it, if it is the first of its kind."""
        try:
            reply = asked.method.dump(make())
        except Exception as error:
            if self._is_new(asked.key):
                self._call(asked, error=told(error))
            raise
        if self._is_new(asked.key):
            self._call(asked, reply=reply)
        return asked.method.load(json.loads(codec.dump(reply)))

    def picture(self, sha256: str, read: Callable[[], bytes]) -> bytes:
        """Return the file of a picture, which is kept once. Raises BadImage."""
        data = read()
        if self._is_new(sha256):
            self._out.picture(sha256, data)
        return data

    def events(self, kind: str, data: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
        """Keep an event and give it back."""
        self._out.put("event", type=kind, data=plain(data))
        return [(kind, data)]

    async def finish(self, error: Exception | None = None) -> None:
        """Write how the run ended: with an answer, or with *error*. Raises StorageFull, StoreUnavailable."""
        if self._begun:
            ended = {"status": "failed", "error": told(error)} if error else {"status": "finished"}
            await asyncio.to_thread(self._out.end, **ended)

    async def close(self) -> None:
        """Let go of the file, which is removed when the run never began."""
        await asyncio.to_thread(self._out.close, keep=self._begun)

    def _tick(self) -> float:
        at = self._elapsed()
        self._pass(BRANCH.get(), at)
        return at

    def _elapsed(self) -> float:
        return round(time.monotonic() - self._began, 4)

    def _is_new(self, key: str) -> bool:
        with self._guard:
            new = key not in self._kept
            self._kept.add(key)
            return new

    def _call(self, asked: Asked, **came: Any) -> None:
        known = {"part": asked.part, "method": asked.method.name, "key": asked.key, "request": asked.request}
        self._out.put("call", **known, **came)
