"""``foveal ask``: one question, the plan as it grows, the answer with its evidence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any

import typer

from foveal.cli import options, seams
from foveal.cli.answer_view import answer_lines, spent_by_role, state_line
from foveal.cli.interrupt import run_until_interrupted
from foveal.cli.kept import Kept
from foveal.cli.output import note, print_json, say
from foveal.cli.plan_view import View, make_view
from foveal.cli.saving import SavedRun
from foveal.errors import BadInput, Cancelled, ModelError
from foveal.settings import Settings
from foveal.types import Answer, Event

EXIT_CODES = {"answered": 0, "insufficient": 0, "premise_false": 0, "failed": 4, "cancelled": 130}
BROKEN = 4
_ADDRESS = re.compile(r"^(?:[a-z][a-z0-9+.-]*://|data:)", re.IGNORECASE)
SAVE_IT = "Save the picture to a file and give its path: -i picture.jpg"


def ask(
    context: typer.Context,
    question: Annotated[
        str | None, typer.Argument(metavar="QUESTION", help="What you want to know.", show_default=False)
    ] = None,
    image: options.Images = None,
    index: options.Index = None,
    web: options.Web = None,
    model: options.Model = None,
    planner_model: options.PlannerModel = None,
    solver_model: options.SolverModel = None,
    answer_model: options.AnswerModel = None,
    judge_model: options.JudgeModel = None,
    profile: options.Profile = None,
    strategy: options.Strategy = None,
    max_calls: options.MaxCalls = None,
    max_usd: options.MaxUsd = None,
    deadline: options.Deadline = None,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="DIR",
            help="Keep answer.json, trace.jsonl and report.md there.",
            show_default=False,
        ),
    ] = None,
    session: options.Session = None,
    persist: options.Persist = None,
    record: options.Record = None,
    replay: Annotated[
        Path | None,
        typer.Option(
            "--replay",
            metavar="FILE",
            help="Make the run of a recording again: no network, no models, the same answer.",
            show_default=False,
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 4 when a search did not work, whatever was answered without it.")
    ] = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> int:
    """Answer a question, about pictures or not, from a collection.

    The plan is shown live on standard error, the answer printed on standard output.
    """
    from foveal.api import checked_question

    if question is None and replay is None:
        raise BadInput("There is no question.", remedy='Ask one: foveal ask "What is this?" -i photo.jpg')
    question = checked_question(question) if question is not None else None
    if replay is not None and (record is not None or session is not None):
        raise BadInput("A replay is neither recorded nor part of a session.", remedy="Leave --replay out.")
    pictures = picture_paths(image or ())
    flags = {
        "index": index,
        "web": web,
        "model": model,
        "planner_model": planner_model,
        "solver_model": solver_model,
        "answer_model": answer_model,
        "judge_model": judge_model,
        "profile": profile,
        "strategy": strategy,
        "max_calls": max_calls,
        "max_usd": max_usd,
        "deadline": deadline,
    }
    settings = options.settings_of(context, persist=persist, **flags)
    saved = SavedRun(save) if save is not None else None
    view = make_view(question or f"replay of {replay}", quiet=quiet)
    if replay is not None:
        given = {name: value for name, value in flags.items() if value is not None}
        answer = run_until_interrupted(_replay(replay, question, pictures, given, view, saved))
    else:
        with Kept() as kept:
            asked = _ask(settings, question or "", pictures, view, saved, kept, session, record)
            answer = run_until_interrupted(asked)
    if saved is not None:
        saved.finish(answer, settings.index)
    code = show_answer(answer, settings, json=json, quiet=quiet)
    return BROKEN if strict and code == 0 and a_search_failed(answer) else code


def show_answer(answer: Answer, settings: Settings, *, json: bool, quiet: bool, indent: int | None = 2) -> int:
    """Print the answer, and beside it how the run ended; return the exit code."""
    if json:
        print_json(answer.as_dict(), indent=indent)
    else:
        for line in answer_lines(answer, settings.index):
            say(line)
    if not quiet:
        for warning in answer.warnings:
            note(f"warning: {warning}")
        note(state_line(answer))
        if spent := spent_by_role(answer):
            note(spent)
    return EXIT_CODES[answer.status]


def a_search_failed(answer: Answer) -> bool:
    """Say whether a tool of the run did not work, even if another one stood in."""
    return any(s.status == "failed" for s in answer.plan) or any(c.code == "TOOL_DOWN" for c in answer.plan_log)


def picture_paths(given: Sequence[str]) -> list[Path]:
    """Return the pictures' paths. Raises BadInput for what is no file here."""
    paths = []
    for name in given:
        if name == "-":
            raise BadInput("Reading a picture from standard input is not supported yet.", remedy=SAVE_IT)
        if _ADDRESS.match(name):
            raise BadInput(f"Fetching a picture from an address is not supported yet: {name}", remedy=SAVE_IT)
        path = Path(name)
        try:
            missing = not path.exists()
        except (OSError, ValueError):  # a name too long, a NUL
            missing = True
        if missing:
            raise BadInput(f"There is no picture {name}.", remedy="Check the path after -i.")
        if path.is_dir():
            raise BadInput(f"{name} is a folder, not a picture.", remedy="Give the path of one picture after -i.")
        paths.append(path)
    return paths


async def _ask(
    settings: Settings,
    question: str,
    pictures: list[Path],
    view: View,
    saved: SavedRun | None,
    kept: Kept,
    session: str | None,
    record: Path | None,
) -> Answer:
    def on_event(event: Event) -> None:
        kept.note(event)
        view.show(event)
        if saved is not None:
            saved.add(event)

    with view:
        async with seams.make_foveal(settings) as foveal:
            return await follow(foveal, question, pictures, on_event, session=session, record=record)


async def _replay(
    path: Path,
    question: str | None,
    pictures: list[Path],
    given: dict[str, Any],
    view: View,
    saved: SavedRun | None,
) -> Answer:
    def on_event(event: Event) -> None:
        view.show(event)
        if saved is not None:
            saved.add(event)

    with view:
        return await answer_in(seams.replayed(path, question=question, images=pictures, settings=given), on_event)


async def follow(
    foveal: Any,
    question: str,
    pictures: Sequence[Path],
    on_event: Any,
    *,
    session: str | None = None,
    record: Path | None = None,
) -> Answer:
    """Run *question* to its end, handing on each event; return the answer. Raises what the run raises."""
    named = {name: value for name, value in (("session", session), ("record", record)) if value is not None}
    return await answer_in(foveal.stream(question, images=list(pictures), **named), on_event)


async def answer_in(stream: Any, on_event: Any) -> Answer:
    """Return the answer that ends *stream*, handing on each event. Raises what the run raises."""
    answer: Answer | None = None
    async with aclosing(stream) as events:
        async for event in events:
            on_event(event)
            if event.type == "run.finished":
                answer = event.data["answer"]
    if answer is None:
        raise ModelError("The run ended without an answer.", remedy="Run it again with --debug.")
    if answer.status == "cancelled":
        raise Cancelled("Interrupted.")
    return answer
