"""Checkpoints in a SQLite file: of each run only the newest, and of that only what has changed since the last.

LangGraph's own SQLite saver writes the whole state anew at every superstep and keeps all of them, so that a file grows
with the square of the steps. A resume reads the newest checkpoint alone. Here a channel that is a mapping (the ledger,
the findings) is a row an entry, every other channel is one row, and only rows that changed are written.

A checkpoint saves a resume the way to where it stands; that no call is made again is the journal's work
(:mod:`foveal.tools.runs.journal`). So of checkpoints that follow each other within :data:`PAUSE` only the last is
written, at the end of it, when the run most likely waits for a call; a run that is over by then is spared it. What a
task wrote before its superstep was over is not kept: a resumed run takes those steps again, out of the journal.
"""

from __future__ import annotations

import asyncio
import sqlite3
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_id,
    get_checkpoint_metadata,
)

from foveal.tools.runs.database import BUSY_SECONDS, translated
from foveal.tools.runs.serde import StateSerializer

PAUSE = 0.25
"""Seconds for which a checkpoint waits for a newer one."""
FIRST = 0.02
"""The same for a run's first, which holds what was asked: it is written while the run waits for its first call. A run
that is killed before begins again from its question, without what a session knew of its pictures."""
LONG = 512
"""Bytes from which a row is compressed."""
REMEMBERED = 64
"""Threads of which it is remembered what was written; of others everything is written again."""
WHOLE = ""
"""Entry of a channel that is one row."""
FREE = 32
"""Free pages from which the file is made smaller."""
TABLES = """
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
PRAGMA secure_delete = OFF;
PRAGMA wal_autocheckpoint = 32;
PRAGMA journal_size_limit = 131072;
CREATE TABLE IF NOT EXISTS checkpoints (
    thread TEXT NOT NULL, ns TEXT NOT NULL, id TEXT NOT NULL, parent TEXT, checkpoint BLOB NOT NULL,
    metadata BLOB NOT NULL, PRIMARY KEY (thread, ns)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS channels (
    thread TEXT NOT NULL, ns TEXT NOT NULL, channel TEXT NOT NULL, entry TEXT NOT NULL, type TEXT NOT NULL,
    value BLOB NOT NULL, PRIMARY KEY (thread, ns, channel, entry)
);
"""


class NewestSaver(BaseCheckpointSaver[int]):
    """Keeps the newest checkpoint of each thread in *path*. All work is done in one thread of its own.

    Raises StoreUnavailable and StorageFull.
    """

    def __init__(self, path: Path, serde: StateSerializer) -> None:
        super().__init__(serde=serde)
        self._path = path
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="foveal-checkpoints")
        self._written: dict[tuple[str, str], dict[str, Any]] = {}
        self._changed: dict[tuple[str, str], set[str]] = {}
        self._waiting: dict[tuple[str, str], tuple[RunnableConfig, Checkpoint, CheckpointMetadata]] = {}
        self._writing: dict[tuple[str, str], asyncio.Future[Any]] = {}
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        with translated(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False, isolation_level=None)
            try:
                self._db.executescript(TABLES)
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        """Finish what is being written and let go of the file."""
        self._executor.shutdown(wait=True)
        self._db.close()

    async def aclose(self) -> None:
        """Write what waits, which a run that was interrupted goes on from, and let go of the file."""
        for timer in self._timers.values():
            timer.cancel()
        await asyncio.gather(*map(self._write, self._timers), return_exceptions=True)
        await asyncio.to_thread(self.close)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Return the newest checkpoint of the thread, or None; of an older one that is asked for nothing is kept."""
        thread, ns = _place(config)
        self._written.pop((thread, ns), None)  # another process may have written since
        with translated(self._path):
            query = "SELECT id, parent, checkpoint, metadata FROM checkpoints WHERE thread = ? AND ns = ?"
            row = self._db.execute(query, (thread, ns)).fetchone()
            wanted = get_checkpoint_id(config)
            if row is None or wanted not in (None, row[0]):
                return None
            query = "SELECT channel, entry, type, value FROM channels WHERE thread = ? AND ns = ? ORDER BY rowid"
            channels = self._db.execute(query, (thread, ns)).fetchall()
        values: dict[str, Any] = {}
        for channel, entry, kind, value in channels:
            if entry == WHOLE:
                values[channel] = self._load(kind, value)
            else:
                values.setdefault(channel, {})[entry[1:]] = self._load(kind, value)
        checkpoint = {**self.serde.loads_typed(("foveal", row[2])), "channel_values": values}
        return CheckpointTuple(
            _at(thread, ns, row[0]),
            cast(Checkpoint, checkpoint),
            self.serde.loads_typed(("foveal", row[3])),
            _at(thread, ns, row[1]) if row[1] else None,
            [],
        )

    def list(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[CheckpointTuple]:
        """Yield the newest checkpoint of the thread: there are no others."""
        found = self.get_tuple(config) if config and before is None and limit != 0 else None
        if found is not None and all(found.metadata.get(k) == v for k, v in (filter or {}).items()):
            yield found

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Put *checkpoint* in place of the one before; what it shares with that is not written again."""
        thread, ns = _place(config)
        before, now = self._written.get((thread, ns)), checkpoint["channel_values"]
        rows: list[tuple[str, str, str, str, str, bytes]] = []
        gone: list[tuple[str, str, str, str]] = []
        for channel, value in now.items():
            if before is None or channel not in before or channel in new_versions:
                rows += [(thread, ns, channel, entry, *self._dump(v)) for entry, v in _changed(value, before, channel)]
        for channel, value in (before or {}).items():
            left = _entries(now[channel]) if channel in now else {}
            gone += [(thread, ns, channel, entry) for entry in _entries(value) if entry not in left]
        rest = {key: value for key, value in checkpoint.items() if key != "channel_values"}
        head = (
            thread, ns, checkpoint["id"], config["configurable"].get("checkpoint_id"),
            self.serde.dumps_typed(rest)[1], self.serde.dumps_typed(dict(get_checkpoint_metadata(config, metadata)))[1],
        )  # fmt: skip
        with translated(self._path), self._db as db:
            db.execute("BEGIN IMMEDIATE")
            if before is None:
                db.execute("DELETE FROM channels WHERE thread = ? AND ns = ?", (thread, ns))
            db.executemany("DELETE FROM channels WHERE thread = ? AND ns = ? AND channel = ? AND entry = ?", gone)
            db.executemany("INSERT OR REPLACE INTO channels VALUES (?, ?, ?, ?, ?, ?)", rows)
            db.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?)", head)
        self._written[thread, ns] = dict(now)
        if len(self._written) > REMEMBERED:
            del self._written[next(iter(self._written))]
        return _at(thread, ns, checkpoint["id"])

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep nothing: see above."""

    def delete_thread(self, thread_id: str) -> None:
        """Forget a thread."""
        for known in (self._written, self._changed):
            for place in [place for place in known if place[0] == thread_id]:
                known.pop(place, None)
        with translated(self._path), self._db as db:
            db.execute("BEGIN IMMEDIATE")
            for table in ("checkpoints", "channels"):
                db.execute(f"DELETE FROM {table} WHERE thread = ?", (thread_id,))
            db.execute("COMMIT")
            if db.execute("PRAGMA freelist_count").fetchone()[0] > FREE:
                db.execute("PRAGMA incremental_vacuum").fetchall()
                db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See :meth:`get_tuple`."""
        return await self._run(self.get_tuple, config)

    async def alist(self, config: RunnableConfig | None, **asked: Any) -> AsyncIterator[CheckpointTuple]:
        """See :meth:`list`."""
        for found in await self._run(lambda: [*self.list(config, **asked)]):
            yield found

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """See :meth:`put`; raises what went wrong with an earlier checkpoint, for this one is written later."""
        place = _place(config)
        first = place not in self._changed
        self._changed.setdefault(place, set()).update(new_versions)
        self._waiting[place] = config, checkpoint, metadata
        if not PAUSE:
            await self._write(place)
        elif place not in self._timers:
            if (before := self._writing.pop(place, None)) is not None:
                await before
            pause = FIRST if first else PAUSE
            self._timers[place] = asyncio.get_running_loop().call_later(pause, self._write_now, place)
        return _at(*place, checkpoint["id"])

    def _write_now(self, place: tuple[str, str]) -> None:
        self._timers.pop(place)
        self._writing[place] = writing = self._write(place)
        writing.add_done_callback(lambda done: done.exception())  # of a run's last one nobody asks

    def _write(self, place: tuple[str, str]) -> asyncio.Future[Any]:
        changed = dict.fromkeys(self._changed[place], 0)
        self._changed[place] = set()
        return self._run(self.put, *self._waiting.pop(place), changed)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep nothing: see above."""

    async def adelete_thread(self, thread_id: str) -> None:
        """See :meth:`delete_thread`; what waits to be written is not."""
        for place in [place for place in self._timers if place[0] == thread_id]:
            self._timers.pop(place).cancel()
        for waits in (self._waiting, self._writing):
            for place in [place for place in waits if place[0] == thread_id]:
                waits.pop(place)
        await self._run(self.delete_thread, thread_id)

    def _run(self, work: Any, *arguments: Any) -> asyncio.Future[Any]:
        return asyncio.get_running_loop().run_in_executor(self._executor, work, *arguments)

    def _dump(self, value: Any) -> tuple[str, bytes]:
        kind, data = self.serde.dumps_typed(value)
        return (f"{kind}+z", zlib.compress(data, 1)) if len(data) >= LONG else (kind, data)

    def _load(self, kind: str, data: bytes) -> Any:
        if kind.endswith("+z"):
            kind, data = kind[:-2], zlib.decompress(data)
        return self.serde.loads_typed((kind, data))


def _place(config: RunnableConfig) -> tuple[str, str]:
    return str(config["configurable"]["thread_id"]), config["configurable"].get("checkpoint_ns", "")


def _at(thread: str, ns: str, checkpoint: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ns, "checkpoint_id": checkpoint}}


def _entries(value: Any) -> Mapping[str, Any]:
    """Return a channel's rows: a mapping's entries, their names marked, or the whole value."""
    if isinstance(value, dict) and value and all(isinstance(key, str) for key in value):
        return {f"/{key}": entry for key, entry in value.items()}
    return {WHOLE: value}


def _changed(value: Any, before: Mapping[str, Any] | None, channel: str) -> Iterator[tuple[str, Any]]:
    """Yield the rows of a channel that differ from the checkpoint *before*: entries are frozen, the same is equal."""
    old = _entries(before[channel]) if before and channel in before else {}
    for entry, now in _entries(value).items():
        if entry == WHOLE or old.get(entry, old) is not now:
            yield entry, now
