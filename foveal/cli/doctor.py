"""``foveal doctor``: a tiny question through every part."""

from __future__ import annotations

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
    async for part, ok, detail, remedy in seams.examine(settings, lambda words: note(f"… {words}")):
        rows.append((part, ok, detail, remedy))
        if shown:
            say(f"{'ok  ' if ok else 'FAIL'}  {part}: {one_line(detail)}")
            if not ok and remedy:
                say(f"      {remedy}")
    return rows
