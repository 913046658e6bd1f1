"""Options that several commands share, and how they become settings."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from foveal.settings import Settings, load_settings

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no plan.")]
Index = Annotated[
    Path | None, typer.Option("--index", metavar="DIR", help="Folder of the collection.", show_default=False)
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="SPEC",
        help="Model of every role: embedded, llama:FILE_OR_NAME, hf:FOLDER_OR_NAME or openai:NAME.",
        show_default=False,
    ),
]
PlannerModel = Annotated[
    str | None, typer.Option("--planner-model", metavar="SPEC", help="Model that plans.", show_default=False)
]
SolverModel = Annotated[
    str | None,
    typer.Option("--solver-model", metavar="SPEC", help="Model that answers the sub-questions.", show_default=False),
]
AnswerModel = Annotated[
    str | None, typer.Option("--answer-model", metavar="SPEC", help="Model that writes the answer.", show_default=False)
]
JudgeModel = Annotated[
    str | None, typer.Option("--judge-model", metavar="SPEC", help="Model that judges answers.", show_default=False)
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", metavar="P", help="fast, balanced or deep: how much to spend.", show_default=False),
]
Strategy = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        metavar="S",
        help="adaptive, guided, two_step, direct, or a published method such as omnisearch.",
        show_default=False,
    ),
]
Web = Annotated[
    str | None,
    typer.Option(
        "--web",
        metavar="W",
        help="Search the web too: ddgs, searxng, brave, zim:FILE or replay:FILE, several with commas; or off.",
        show_default=False,
    ),
]
MaxCalls = Annotated[
    int | None,
    typer.Option("--max-calls", metavar="N", help="Most model calls, and most tool calls.", show_default=False),
]
MaxUsd = Annotated[
    float | None,
    typer.Option("--max-usd", metavar="X", help="Most money, in US dollars.", show_default=False),
]
Deadline = Annotated[
    float | None,
    typer.Option("--deadline", metavar="S", help="Most wall time, in seconds.", show_default=False),
]


Persist = Annotated[
    bool | None,
    typer.Option("--persist/--no-persist", help="Keep the run, so that it can be resumed.", show_default=False),
]


Session = Annotated[
    str | None,
    typer.Option("--session", metavar="ID", help="Go on with this session, or begin it.", show_default=False),
]


Record = Annotated[
    Path | None,
    typer.Option("--record", metavar="FILE", help="Keep every call in a new file, to replay.", show_default=False),
]


Images = Annotated[
    list[str] | None,
    typer.Option("-i", "--image", metavar="IMAGE", help="A picture's path; may be repeated.", show_default=False),
]


def settings_of(context: typer.Context, **flags: Any) -> Settings:
    """Load settings, *flags* over the environment over the file that ``--config`` names. Raises BadConfig."""
    return load_settings(flags, config=context.find_root().params.get("config"))
