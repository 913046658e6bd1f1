"""``foveal runs``: look at runs that were made, go on with one that was interrupted, hand one on, forget old ones."""

from __future__ import annotations

import json as jsonlib
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from foveal.cli import options, seams
from foveal.cli.answer_view import role_table
from foveal.cli.ask import answer_in, show_answer
from foveal.cli.interrupt import run_until_interrupted
from foveal.cli.kept import Kept
from foveal.cli.output import note, one_line, print_json, say, table
from foveal.cli.plan_state import PlanState
from foveal.cli.plan_view import make_view
from foveal.errors import BadInput, StorageFull
from foveal.settings import Settings
from foveal.types import Answer

app = typer.Typer(help="Runs that were made: list, show, resume, export, forget.", no_args_is_help=True)
Run = Annotated[str, typer.Argument(metavar="RUN", help="The id of a run.", show_default=False)]
STDOUT = "-"


@app.command("list")
def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most so many, newest first.")] = 50,
    json: options.Json = False,
) -> None:
    """List the runs that are kept, newest first."""
    with closing(seams.open_runs(options.settings_of(context))) as store:
        runs = store.runs(limit)
    if json:
        print_json({"schema": "foveal.runs/1", "runs": [asdict(run) for run in runs]})
    elif not runs:
        say("No runs are kept.")
    else:
        rows = [(run.run_id, run.started_at[:19], run.status, one_line(run.question, 70)) for run in runs]
        say(table(("run", "started", "status", "question"), rows))


@app.command("show")
def show(context: typer.Context, run_id: Run, json: options.Json = False) -> None:
    """Show a run: its question, plan, calls and answer."""
    told = _told(options.settings_of(context), run_id)
    if json:
        print_json(told)
        return
    run, answer = told["run"], told["answer"]
    say(f"{run['question']}")
    say(f"run {run['run_id']}, {run['status']}, begun {run['started_at']}, {len(run['images'])} pictures")
    for line in told["plan"]:
        say(line)
    if told["calls"]:
        say()
        rows = [
            (
                f"{call['started']:.2f}", f"{call['elapsed']:.2f}", call["step"] or "-", call["kind"], call["name"],
                "given back" if call["cached"] else call["status"], str(call["prompt_tokens"]),
                str(call["completion_tokens"]),
            )
            for call in told["calls"]
        ]  # fmt: skip
        say(table(("at", "seconds", "step", "kind", "name", "status", "in", "out"), rows))
    say()
    if answer:
        say(f"{answer['status']} ({answer['stop_reason']}): {answer['answer']}")
        if roles := answer["usage"].get("roles"):
            say()
            say(role_table(roles, run["config"].get("models") or {}))
    else:
        say(f"No answer yet. To go on: foveal runs resume {run_id}")


@app.command("resume")
def resume(
    context: typer.Context,
    run_id: Run,
    max_calls: options.MaxCalls = None,
    max_usd: options.MaxUsd = None,
    deadline: options.Deadline = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Go on with an interrupted run: no completed call is made again. Limits given here take the place of its own."""
    from foveal.runtime import settings_of

    here = options.settings_of(context)
    with closing(seams.open_runs(here)) as store:
        run = store.run(run_id)
    if not here.persist:
        raise BadInput("A run cannot be resumed without keeping it.", remedy="Set `persist` to true, or leave it out.")
    settings = settings_of(run, here, max_calls=max_calls, max_usd=max_usd, deadline=deadline)
    silent = quiet or run.status == "finished"
    with Kept(run_id if run.status != "finished" else None):
        answer = run_until_interrupted(_resumed(settings, run_id, make_view(run.question, quiet=silent)))
    return show_answer(answer, settings, json=json, quiet=quiet)


async def _resumed(settings: Settings, run_id: str, view: Any) -> Answer:
    with view:
        async with seams.make_foveal(settings) as foveal:
            return await answer_in(foveal.resume(run_id), view.show)


@app.command("export")
def export(
    context: typer.Context,
    run_id: Run,
    json: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="The run as JSON; - prints it.", show_default=False)
    ] = None,
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="The run as one page.", show_default=False)
    ] = None,
) -> None:
    """Write a run to a file: everything as JSON, or a page to look at that needs nothing else."""
    if json is None and html is None:
        raise BadInput("Nothing was asked for.", remedy="Give --json FILE, --html FILE, or both.")
    settings = options.settings_of(context)
    if json is not None:
        told = _told(settings, run_id)
        if json == STDOUT:
            print_json(told)
        else:
            _write(Path(json), jsonlib.dumps(told, ensure_ascii=False, indent=2, default=str) + "\n")
    if html is not None:
        from foveal.export.page import write_page

        with closing(seams.open_runs(settings)) as store:
            run = store.run(run_id)
            given = run.settings.get("settings", {}).get("index")
            picture = seams.picture_reader(settings, Path(given) if given else None)
            out = write_page(run, store.events(run_id), store.calls(run_id), store.answer(run_id), picture, Path(html))
        note(f"written: {out}")


@app.command("rm")
def remove(
    context: typer.Context,
    run_ids: Annotated[list[str], typer.Argument(metavar="RUN...", help="Ids of runs.", show_default=False)],
    json: options.Json = False,
) -> None:
    """Forget runs. Pictures stay: other runs may show them too."""
    settings = options.settings_of(context)
    with closing(seams.open_runs(settings)) as store:
        for run_id in run_ids:
            store.run(run_id)
    _forget(settings, run_ids, as_json=json)


@app.command("prune")
def prune(
    context: typer.Context,
    older_than: Annotated[
        float, typer.Option("--older-than", metavar="DAYS", min=0, help="Begun so long ago.", show_default=False)
    ],
    json: options.Json = False,
) -> None:
    """Forget all runs that were begun more than so many days ago, and give the space back."""
    settings = options.settings_of(context)
    with closing(seams.open_runs(settings)) as store:
        old = store.older_than(older_than)
    _forget(settings, old, as_json=json)


def _forget(settings: Settings, run_ids: list[str], *, as_json: bool) -> None:
    async def forget() -> None:
        async with seams.make_foveal(settings.model_copy(update={"persist": True})) as foveal:
            await foveal.forget(run_ids)

    if run_ids:
        run_until_interrupted(forget())
    if as_json:
        print_json({"schema": "foveal.runs/1", "removed": run_ids})
    else:
        say(f"{len(run_ids)} runs removed")


def _told(settings: Settings, run_id: str) -> dict[str, Any]:
    """Return all that is kept of a run, as one JSON object; ``plan`` is a line for each step."""
    with closing(seams.open_runs(settings)) as store:
        run, events = store.run(run_id), store.events(run_id)
        calls, answer = store.calls(run_id), store.answer(run_id)
    state = PlanState(run.question)
    for event in events:
        state.apply(event)
    plan = [
        one_line(f"  {s.id} [{s.tool or s.purpose}] {s.status}: {s.text}{f' = {s.answer}' if s.answer else ''}")
        for s in state.steps.values()
    ]
    return {
        "schema": "foveal.run/1",
        "run": asdict(run),
        "plan": plan,
        "calls": [asdict(call) for call in calls],
        "events": [asdict(event) for event in events],
        "answer": answer,
    }


def _write(out: Path, text: str) -> None:
    try:
        out.write_bytes(text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        if isinstance(error, PermissionError | IsADirectoryError | FileNotFoundError):
            raise BadInput(f"{out} cannot be written: {error.strerror}.", remedy="Give another file name.") from None
        raise StorageFull(f"{out} cannot be written: {error.strerror}.") from None
    note(f"written: {out}")
