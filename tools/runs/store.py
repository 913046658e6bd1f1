"""The store of runs: what was asked, how it stands, its calls, its events and its answer.

All methods block for well under a millisecond, unless another program holds the file; coroutines call them through
:meth:`RunStore.write`, whose one thread also keeps the order.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from foveal.errors import BadInput, RunMissing, StoreUnavailable
from foveal.tools.runs import codec
from foveal.tools.runs.database import NAME, connect, translated
from foveal.tools.runs.journal import CallRecord, Entry
from foveal.tools.runs.lease import Lease
from foveal.types import Event, ImageRef, Region

T = TypeVar("T")
RunStatus = Literal["running", "interrupted", "finished", "failed"]
_COLUMNS = (
    "run_id, thread_id, question, images, status, started_at, finished_at, config, budget, schema_version, settings"
)
_CALL = (
    "seq, kind, name, step, status, started, elapsed, prompt_tokens, completion_tokens, usd, cached, "
    "cached_prompt_tokens, role"
)
_MARKS = ", ".join("?" * (3 + len(_CALL.split(", "))))


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run. ``config`` is the answer's; ``settings`` is what a resume needs to be the same run."""

    run_id: str
    thread_id: str
    question: str
    images: tuple[ImageRef, ...]
    status: RunStatus
    started_at: str
    finished_at: str | None
    config: Mapping[str, Any]
    budget: Mapping[str, Any]
    schema_version: int
    settings: Mapping[str, Any]


class RunStore:
    """``<home>/runs.db``. Safe for several threads and several processes. Make one with :meth:`open`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._path = home / NAME
        self._db = connect(home)
        self._guard = threading.Lock()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="foveal-runs")

    @classmethod
    def open(cls, home: Path) -> RunStore:
        """Open the store, made first if there is none. Raises StoreUnavailable, StorageFull."""
        return cls(home)

    def close(self) -> None:
        """Finish what is being written and let go of the file."""
        self._executor.shutdown(wait=True)
        self._db.close()

    async def write(self, work: Callable[..., T], *arguments: Any) -> T:
        """Run a method of this store in its thread, after those that were asked for before."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)

    def runs(self, limit: int = 50) -> list[RunRecord]:
        """The newest *limit* runs, newest first."""
        rows = self._all(f"SELECT {_COLUMNS} FROM runs ORDER BY started_at DESC, rowid DESC LIMIT ?", (limit,))
        return [self._run(row) for row in rows]

    def run(self, run_id: str) -> RunRecord:
        """One run. Raises RunMissing."""
        rows = self._all(f"SELECT {_COLUMNS} FROM runs WHERE run_id = ?", (run_id,))
        if not rows:
            raise RunMissing(f"There is no run {run_id}.")
        return self._run(rows[0])

    def events(self, run_id: str, after: int = 0) -> list[Event]:
        """The events of a run numbered above *after*, in order; those that hold the answer hold its JSON form."""
        rows = self._all(
            "SELECT seq, type, data FROM events WHERE run_id = ? AND seq > ? ORDER BY seq", (run_id, after)
        )
        answer = self.answer(run_id)
        events = [Event(seq, kind, json.loads(data)) for seq, kind, data in rows]
        return [replace(e, data={**e.data, "answer": answer}) if e.type in _ANSWERED and answer else e for e in events]

    def calls(self, run_id: str) -> list[CallRecord]:
        """The calls of a run, in order."""
        return [entry.record for entry in self.journal(run_id)]

    def journal(self, run_id: str) -> list[Entry]:
        """The calls of a run with their keys and replies, in order."""
        rows = self._all(f"SELECT key, reply, {_CALL} FROM calls WHERE run_id = ? ORDER BY seq", (run_id,))
        names = _CALL.split(", ")
        return [
            Entry(CallRecord(**{**dict(zip(names, row, strict=True)), "cached": bool(row[10])}), key, reply)
            for key, reply, *row in rows
        ]

    def answer(self, run_id: str) -> dict[str, Any] | None:
        """The answer of a finished run as ``--json`` prints it, or None."""
        rows = self._all("SELECT answer FROM runs WHERE run_id = ?", (run_id,))
        return json.loads(rows[0][0]) if rows and rows[0][0] else None

    def seconds(self, run_id: str) -> float:
        """How long the run has worked, as far as its calls and events tell."""
        query = (
            "SELECT max((SELECT coalesce(max(at), 0.0) FROM events WHERE run_id = :run),"
            " (SELECT coalesce(max(started + elapsed), 0.0) FROM calls WHERE run_id = :run))"
        )
        return float(self._all(query, {"run": run_id})[0][0])

    def begin(self, run: RunRecord) -> None:
        """Keep a new run. Raises BadInput when its id is taken."""
        question = run.question.encode("utf-8", "backslashreplace").decode()
        values = (
            run.run_id, run.thread_id, question, codec.dump([asdict(i) for i in run.images]), run.status,
            run.started_at, run.finished_at, codec.dump(run.config), codec.dump(run.budget), run.schema_version,
            codec.dump(run.settings),
        )  # fmt: skip
        try:
            self._change(f"INSERT INTO runs ({_COLUMNS}) VALUES ({', '.join('?' * len(values))})", [values])
        except StoreUnavailable as error:
            if not isinstance(error.__cause__, sqlite3.IntegrityError):
                raise
            raise BadInput(f"There is a run {run.run_id} already.", remedy="Give a new run another id.") from None

    def mark(self, run_id: str, status: RunStatus) -> None:
        """Say how a run that has no answer stands."""
        ended = None if status == "running" else now()
        statement = "UPDATE runs SET status = ?, finished_at = ? WHERE run_id = ? AND status != 'finished'"
        self._change(statement, [(status, ended, run_id)])

    def finish(
        self,
        run_id: str,
        answer: Mapping[str, Any],
        calls: Sequence[Entry] = (),
        events: Sequence[tuple[float, Event]] = (),
    ) -> None:
        """Keep a run's answer (its JSON form, or the parts of it) with its last *calls* and *events*."""
        with self._guard, translated(self._path), self._db as db:
            db.execute("BEGIN IMMEDIATE")
            _add(db, run_id, calls, events)
            db.execute(
                "UPDATE runs SET status = 'finished', finished_at = ?, answer = ? WHERE run_id = ?",
                (now(), codec.dump(answer), run_id),
            )

    def let_go(self, run_id: str) -> None:
        """Forget the replies of a run's calls, which only a resume needs."""
        self._change("UPDATE calls SET reply = NULL WHERE run_id = ?", [(run_id,)])

    def add(self, run_id: str, calls: Sequence[Entry], events: Sequence[tuple[float, Event]]) -> None:
        """Keep completed calls, and events with the seconds since the run began, in one transaction."""
        with self._guard, translated(self._path), self._db as db:
            db.execute("BEGIN IMMEDIATE")
            _add(db, run_id, calls, events)

    def remove(self, run_id: str) -> None:
        """Forget a run. Raises RunMissing."""
        self.run(run_id)
        self._change("DELETE FROM runs WHERE run_id = ?", [(run_id,)])

    def compact(self) -> None:
        """Give the space of what was removed back to the disk."""
        with self._guard, translated(self._path):
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def older_than(self, days: float) -> list[str]:
        """Return the ids of runs begun more than *days* ago, those that are being worked on aside."""
        before = (datetime.now(UTC) - timedelta(days=days)).isoformat(timespec="seconds")
        rows = self._all(f"SELECT {_COLUMNS} FROM runs WHERE started_at < ?", (before,))
        return [run.run_id for run in map(self._run, rows) if run.status != "running"]

    def _run(self, row: Sequence[Any]) -> RunRecord:
        run_id, thread, question, images, status, started, finished, config, budget, version, settings = row
        if status == "running" and not Lease(self.home, thread).held():
            status = "interrupted"  # its process is gone without a word
        pictures = tuple(_image(i) for i in json.loads(images))
        return RunRecord(
            run_id, thread, question, pictures, status, started, finished, json.loads(config), json.loads(budget),
            version, json.loads(settings),
        )  # fmt: skip

    def _all(self, query: str, values: Any = ()) -> list[tuple[Any, ...]]:
        with self._guard, translated(self._path):
            return self._db.execute(query, values).fetchall()

    def _change(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._guard, translated(self._path), self._db as db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(statement, rows)


_ANSWERED = ("answer.final", "run.finished")
"""Events that hold the whole answer, which is kept once, with the run."""


def _add(db: sqlite3.Connection, run_id: str, calls: Sequence[Entry], events: Sequence[tuple[float, Event]]) -> None:
    call_rows = [(run_id, c.key, c.reply, *(getattr(c.record, name) for name in _CALL.split(", "))) for c in calls]
    event_rows = []
    for at, event in events:
        data = {k: v for k, v in event.data.items() if k != "answer"} if event.type in _ANSWERED else event.data
        event_rows.append((run_id, event.seq, at, event.type, codec.dump(data)))
    db.executemany(f"INSERT INTO calls (run_id, key, reply, {_CALL}) VALUES ({_MARKS})", call_rows)
    db.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", event_rows)


def now() -> str:
    """Return the time in ISO form, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _image(data: Mapping[str, Any]) -> ImageRef:
    box = data.get("box")
    return ImageRef(**{**data, "box": Region(**box) if box else None})
