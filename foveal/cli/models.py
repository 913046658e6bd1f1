"""``foveal models``: the weights of the embedded models, and whether they are what was measured."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import typer

from foveal.cli import options
from foveal.cli.output import print_json, say, table
from foveal.cli.progress import Bar
from foveal.settings import Settings

app = typer.Typer(help="Model weights.", no_args_is_help=True)


@app.command("list")
def list_(context: typer.Context, json: options.Json = False) -> None:
    """List the weight files: role, size, licence, and whether each is there."""
    from foveal.tools.embed.weights import list_weights

    settings = options.settings_of(context)
    _show(list_weights(cache_dir=settings.cache), json)


@app.command("verify")
def verify(context: typer.Context, json: options.Json = False) -> int:
    """Read every weight file and compare its sha256. Exit 4 when one is missing or wrong."""
    rows = _verify(options.settings_of(context))
    _show(rows, json)
    return 4 if any(row.error for row in rows) else 0


def _verify(settings: Settings) -> list[Any]:
    from foveal.tools.embed.weights import verify_all

    with Bar("verifying", unit="MB") as bar:
        return verify_all(
            cache_dir=settings.cache,
            progress=lambda name, done, total: bar.at(done // 1_000_000, total // 1_000_000, name),
        )


def _show(rows: list[Any], json: bool) -> None:
    if json:
        print_json({"schema": "foveal.models/1", "weights": [asdict(row) for row in rows]})
        return
    lines = []
    for row in rows:
        state = "wrong" if row.error and row.present else "verified" if row.verified else "present"
        state = state if row.present else "missing"
        lines.append((row.name, row.role, f"{row.size / 1e6:,.1f}", row.licence, state))
    say(table(("name", "role", "MB", "licence", "state"), lines))
    for row in rows:
        if row.error:
            say(f"{row.name}: {row.error}")
