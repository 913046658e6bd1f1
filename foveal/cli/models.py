"""``foveal models``: the weights of the embedded models, whether they are what was measured, and others to fetch."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Annotated, Any

import typer

from foveal.cli import endpoints, options
from foveal.cli.output import print_json, say, table
from foveal.cli.progress import Bar
from foveal.settings import Settings

PROGRESS_EVERY = 1.0
"""Seconds between lines of progress as JSON."""

app = typer.Typer(
    help="Models: what is there, what can be pulled, what endpoints can do and cost.", no_args_is_help=True
)
app.command("probe")(endpoints.probe)
app.command("prices")(endpoints.prices)


@app.command("list")
def list_(context: typer.Context, json: options.Json = False) -> None:
    """List the weight files (role, size, licence, and whether each is there) and the models that can be pulled."""
    from foveal.tools.embed.weights import list_weights

    settings = options.settings_of(context)
    rows, catalogue = list_weights(cache_dir=settings.cache), _catalogue(settings)
    if json:
        weights = [asdict(row) for row in rows]
        print_json({"schema": "foveal.models/1", "weights": weights, "catalogue": catalogue})
        return
    _show(rows, json)
    say()
    lines = [
        (e["name"], f"{e['size'] / 1e6:,.0f}", f"{e['memory'] / 1e9:.1f}", e["licence"], e["state"], e["note"])
        for e in catalogue
    ]
    say(table(("to pull", "MB", "memory GB", "licence", "state", ""), lines))
    say("`foveal models pull NAME` fetches one; then use it with --model llama:NAME.")


@app.command("pull")
def pull(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A name that `foveal models list` shows under 'to pull'.")],
    json: options.Json = False,
) -> None:
    """Fetch a model: goes on where it stopped, checks the sha256. Ctrl-C keeps what has come.

    With --json a line of progress now and then, and the files as the last one.
    """
    from foveal.tools.models.hub import Hub
    from foveal.tools.models.pull import ModelStore

    settings = options.settings_of(context)
    store = ModelStore(settings.home / "models", hub=Hub(settings.hub_url))
    said = 0.0

    def tell(file: str, done: int, total: int) -> None:
        nonlocal said
        bar.at(done // 1_000_000, total // 1_000_000, file)
        if json and (done == total or time.monotonic() - said >= PROGRESS_EVERY):
            said = time.monotonic()
            print_json({"schema": "foveal.pull/1", "file": file, "bytes": done, "size": total}, indent=None)

    with Bar("pulling", unit="MB", quiet=json) as bar:
        files = store.pull(name, tell)
    spec = f"llama:{name}"
    if json:
        done = {"model": str(files.model), "mmproj": str(files.mmproj) if files.mmproj else None, "spec": spec}
        print_json({"schema": "foveal.pull/1", **done}, indent=None)
        return
    say(f"{files.model.parent} holds it. Use it with --model {spec}")


@app.command("verify")
def verify(context: typer.Context, json: options.Json = False) -> int:
    """Read every weight file and compare its sha256. Exit 4 when one is missing or wrong."""
    rows = _verify(options.settings_of(context))
    _show(rows, json)
    return 4 if any(row.error for row in rows) else 0


def _catalogue(settings: Settings) -> list[dict[str, Any]]:
    from foveal.tools.models.pull import ModelStore

    store = ModelStore(settings.home / "models")
    return [
        {
            "name": entry.name, "title": entry.title, "parameters": entry.parameters, "licence": entry.licence,
            "repository": entry.repository, "revision": entry.revision, "size": entry.size, "memory": entry.memory,
            "sees": entry.mmproj is not None, "files": [asdict(file) for file in entry.files],
            "state": store.state(entry), "note": entry.note,
        }
        for entry in store.catalogue
    ]  # fmt: skip


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
