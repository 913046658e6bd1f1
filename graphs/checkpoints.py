"""Where LangGraph keeps its checkpoints: a SQLite file of their own, or a Postgres server.

A file of their own, because it is written at every superstep and emptied of every run that has finished, and because
losing it costs no answer: ``runs.db`` keeps those.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver

from foveal.errors import StoreUnavailable
from foveal.graphs.saver import NewestSaver
from foveal.tools.runs.database import WITHOUT
from foveal.tools.runs.serde import StateSerializer

NAME = "checkpoints.db"


@contextlib.asynccontextmanager
async def open_checkpoints(
    home: Path, state_types: Sequence[type], *, server: str | None = None
) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    """Open ``<home>/checkpoints.db``, or the Postgres database at *server* (``postgresql://…``).

    Raises StoreUnavailable, StorageFull.
    """
    serde = StateSerializer(state_types)
    opened = _postgres(server, serde) if server else _sqlite(home / NAME, serde)
    async with opened as saver:
        yield saver


@contextlib.asynccontextmanager
async def _sqlite(path: Path, serde: StateSerializer) -> AsyncIterator[NewestSaver]:
    saver = await asyncio.to_thread(NewestSaver, path, serde)
    try:
        yield saver
    finally:
        await saver.aclose()


@contextlib.asynccontextmanager
async def _postgres(server: str, serde: StateSerializer) -> AsyncIterator[BaseCheckpointSaver[Any]]:
    try:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    except ImportError as error:
        raise StoreUnavailable(
            "Checkpoints on a Postgres server need a library that is not installed.",
            remedy="Install it: pip install 'foveal[postgres]', or leave `checkpoints` unset.",
        ) from error
    async with contextlib.AsyncExitStack() as held:
        with server_errors():
            saver = await held.enter_async_context(AsyncPostgresSaver.from_conn_string(server, serde=serde))
            await saver.setup()
        yield saver


@contextlib.contextmanager
def server_errors() -> Iterator[None]:
    """Turn what a Postgres server's driver raises, also while a graph runs, into StoreUnavailable."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.partition(".")[0] == "psycopg":
            raise _server_error(error) from error
        raise


def _server_error(error: Exception) -> StoreUnavailable:
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return StoreUnavailable(
        f"The Postgres server of `checkpoints` failed: {reason}.",
        remedy=f"Check the address and the server, leave `checkpoints` unset, {WITHOUT}.",
    )
