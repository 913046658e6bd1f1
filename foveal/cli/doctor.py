"""``foveal doctor``: a tiny question through every part."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import typer

from foveal.cli import options, seams
from foveal.cli.interrupt import run_until_interrupted
from foveal.cli.output import note, one_line, print_json, say
from foveal.settings import Settings

Row = tuple[str, bool, str, str]


def doctor(
    context: typer.Context,
    index: options.Index = None,
    model: options.Model = None,
    json: options.Json = False,
) -> int:
    """Run every part once and say what does not work and what to do. Exit 4 when something does not."""
    settings = options.settings_of(context, index=index, model=model)
    rows = run_until_interrupted(_examine(settings, shown=not json))
    if json:
        parts = [{"part": part, "ok": ok, "detail": detail, "remedy": remedy} for part, ok, detail, remedy in rows]
        print_json({"schema": "foveal.doctor/1", "ok": all(row[1] for row in rows), "parts": parts})
    return 0 if all(row[1] for row in rows) else 4


async def _examine(settings: Settings, *, shown: bool) -> list[Row]:
    rows: list[Row] = []
    async with seams.make_foveal(settings) as foveal:
        async for part, ok, detail, remedy in _rows(foveal.doctor(lambda words: note(f"… {words}"))):
            rows.append((part, bool(ok), detail or "", remedy or ""))
            if shown:
                say(f"{'ok  ' if ok else 'FAIL'}  {part}: {one_line(detail or '')}")
                if not ok and remedy:
                    say(f"      {remedy}")
    return rows


async def _rows(result: Any) -> AsyncIterator[Any]:
    """Rows as they come, or all at the end: a part that takes long should be seen to."""
    if hasattr(result, "__aiter__"):
        async for row in result:
            yield row
    else:
        for row in await result:
            yield row
