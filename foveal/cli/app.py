"""The ``foveal`` command: its sub-commands, and the one place where errors become words and exit codes."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from foveal.cli import ask, chat, config, doctor, evaluate, index, models, runs, tape, web
from foveal.cli.output import INTERRUPTED, note, show_bug, show_error
from foveal.errors import BadInput, Cancelled, FovealError

app = typer.Typer(
    name="foveal",
    help="Answers complex questions about pictures, with evidence you can open.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("ask")(ask.ask)
app.command("chat")(chat.chat)
app.add_typer(index.app, name="index")
app.add_typer(evaluate.app, name="eval")
app.add_typer(runs.app, name="runs")
app.add_typer(models.app, name="models")
app.add_typer(web.app, name="web")
app.add_typer(tape.app, name="tape")
app.add_typer(config.app, name="config")
app.command("doctor")(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"foveal {version('foveal')}")
        raise typer.Exit


@app.callback()
def _root(
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Settings file instead of ./foveal.toml.", show_default=False),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback when something breaks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Answers complex questions about pictures, with evidence you can open."""


def run(arguments: Sequence[str]) -> int:
    """Run a command line and return its exit code. Nothing is raised."""
    given = list(arguments)
    end = given.index("--") if "--" in given else len(given)
    as_json, debug = "--json" in given[:end], "--debug" in given[:end]
    # heard wherever it stands: one adds it to the end of the command that broke
    given = [word for word in given[:end] if word != "--debug"] + given[end:]
    try:
        code = app(args=given, prog_name="foveal", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except Cancelled as error:
        if error.run_id is None:
            error.remedy = f"{error.remedy} Run it again: foveal {shlex.join(given)}".strip()
        return show_error(error, as_json=as_json)
    except FovealError as error:
        return show_error(error, as_json=as_json)
    except (KeyboardInterrupt, typer.Abort):
        note("error: Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:
        # the reader has gone (`foveal … | head`); keep the interpreter from complaining at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if hasattr(error, "format_message"):  # the parser's own: a wrong flag, a missing argument
            problem = BadInput(error.format_message().rstrip("."), remedy=_help_hint(error))
            return show_error(problem, as_json=as_json)
        return show_bug(error, as_json=as_json, debug=debug)


def main() -> None:
    """Entry point of the ``foveal`` program."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:]))


def _help_hint(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "foveal"
    return f"`{path} --help` shows how it is used."
