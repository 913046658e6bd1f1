"""``foveal tape``: look into a recording that ``foveal ask --record FILE`` made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from foveal.cli import options, seams
from foveal.cli.output import one_line, print_json, say, table

app = typer.Typer(help="Recordings of runs: look into one.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Recordings of runs: look into one."""


@app.command("show")
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A recording.", show_default=False)],
    json: options.Json = False,
) -> None:
    """Show a recording: what was asked, its calls in order, how long they took and what they gave."""
    tape = seams.read_tape(file)
    header, calls = tape.header, [_told(line) for line in tape.of("call")]
    answer = next((e["data"]["answer"] for e in tape.of("event") if e["type"] == "run.finished"), None)
    ended = tape.end["status"] if tape.end is not None else "interrupted"
    if json:
        about = {name: header[name] for name in ("version", "began", "run_id", "question", "images", "settings")}
        told = {**about, "status": ended, "pictures": {k: len(v) for k, v in tape.pictures.items()}}
        print_json({"schema": "foveal.tape/1", **told, "calls": calls, "answer": answer})
        return
    say(header["question"])
    say(
        f"run {header['run_id']}, {ended}, recorded {header['began'][:19]} by Foveal {header['version']}, "
        f"{len(tape.pictures)} pictures"
    )
    say()
    rows = [
        (
            "-" if call["at"] is None else f"{call['at']:.2f}", f"{call['elapsed']:.2f}", call["branch"] or "-",
            call["call"], call["status"], str(call["asked"]), str(call["given"]),
        )
        for call in calls
    ]  # fmt: skip
    say(table(("at", "seconds", "step", "call", "status", "asked", "given"), rows))
    say()
    if answer is not None:
        say(f"{answer['status']} ({answer['stop_reason']}): {one_line(answer['answer'])}")
    elif tape.end is not None and "error" in tape.end:
        say(f"failed: {one_line(tape.end['error']['message'])}")
    else:
        say("The recording was interrupted: there is no answer.")


def _told(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return one call: what, when, how long, how it ended, and the characters that were asked and given."""
    from foveal.tools.runs import codec

    task = line["request"].get("task")
    status = "cancelled" if line.get("cancelled") else "error" if "error" in line else "ok"
    given = line.get("error") or line.get("reply")
    return {
        "call": f"{line['part']}.{line['method']}" + (f" {task}" if task else ""),
        "branch": line.get("branch", ""),
        "at": line.get("began"),
        "elapsed": round(line.get("at", 0.0) - line.get("began", 0.0), 4),
        "status": status,
        "asked": len(codec.dump(line["request"])),
        "given": 0 if given is None else len(codec.dump(given)),
    }
