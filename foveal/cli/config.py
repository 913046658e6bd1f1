"""``foveal config``: what is set, and by what."""

from __future__ import annotations

from typing import Annotated

import typer

from foveal.cli import options
from foveal.cli.output import print_json, say, table
from foveal.settings import origin

app = typer.Typer(help="Settings.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Settings."""


@app.command("show")
def show(
    context: typer.Context,
    where: Annotated[bool, typer.Option("--origin", help="Say where each value comes from.")] = False,
    json: options.Json = False,
) -> None:
    """Print every setting; secrets are masked."""
    values = origin(options.settings_of(context))
    if json:
        settings = {
            key: {"value": value, "origin": source} if where else value for key, (value, source) in values.items()
        }
        print_json({"schema": "foveal.config/1", "settings": settings})
        return
    rows = []
    for key, (value, source) in values.items():
        shown = "-" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        rows.append((key, shown, source) if where else (key, shown))
    say(table(("key", "value", "origin") if where else ("key", "value"), rows))
