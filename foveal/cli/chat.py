"""``foveal chat``: questions that follow each other, about pictures that stay."""

from __future__ import annotations

import asyncio
import difflib
import sys
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from foveal.cli import chat_view, options, seams
from foveal.cli.ask import follow, picture_paths, show_answer
from foveal.cli.chat_input import command, dropped, lines, paths
from foveal.cli.interrupt import run_on
from foveal.cli.output import note, one_line, print_json, say, show_bug, show_error
from foveal.cli.plan_view import make_view
from foveal.cli.saving import SavedRun
from foveal.errors import BadInput, Cancelled, FovealError
from foveal.settings import Settings
from foveal.types import Event

HELP = """\
/image PATH   give a picture; without PATH list them; /image clear forgets them
/plan         the last plan and what changed it
/sources      everything that answers cited
/history      what was asked and answered
/undo         take back the last turn
/save DIR     keep the last answer: answer.json, trace.jsonl and report.md
/quit         leave; the session stays
Anything else is a question. A file dropped here is a picture."""


def chat(
    context: typer.Context,
    image: options.Images = None,
    session: options.Session = None,
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
    persist: options.Persist = None,
    listing: Annotated[bool, typer.Option("--list", help="List the sessions that are kept, and leave.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line for each answer.")] = False,
    quiet: options.Quiet = False,
) -> int:
    """Ask one question after the other: follow-ups know what was asked, shown and found before.

    A line is a question or a command (/help lists them). Piped in, lines are answered one by one.
    """
    settings = options.settings_of(
        context, index=index, web=web, model=model, planner_model=planner_model, solver_model=solver_model,
        answer_model=answer_model, judge_model=judge_model, profile=profile, strategy=strategy, max_calls=max_calls,
        max_usd=max_usd, deadline=deadline, persist=persist,
    )  # fmt: skip
    store = seams.open_sessions(settings)
    if listing:
        kept = store.sessions()
        if json:
            print_json({"schema": "foveal.sessions/1", "sessions": chat_view.session_rows(kept)})
        else:
            say(chat_view.session_table(kept) if kept else "No sessions are kept yet.")
        return 0
    name = session if session is not None else uuid.uuid4().hex[:8]
    before = store.load(name)  # a name or a file that cannot be used is known before anything is loaded
    pictures = picture_paths(image or ())
    talking = sys.stdin.isatty()
    if talking:
        turns = f", {len(before.turns)} turns so far" if before.turns else ""
        note(f"Session {name}{turns}. /help lists the commands, /quit leaves.")
    with asyncio.Runner() as runner:
        talk = Chat(runner, settings, store, name, json=json, quiet=quiet, talking=talking)
        try:
            return talk.run(pictures)
        finally:
            talk.close()
            if talking:
                note(f"To go on: foveal chat --session {name}")


class Chat:
    """One conversation at the terminal or in a pipe. :meth:`run` returns the worst turn's exit code."""

    def __init__(
        self,
        runner: asyncio.Runner,
        settings: Settings,
        store: Any,
        name: str,
        *,
        json: bool = False,
        quiet: bool = False,
        talking: bool = True,
    ) -> None:
        self._runner = runner
        self._settings = settings
        self._store = store
        self._name = name
        self._json = json
        self._quiet = quiet
        self._talking = talking
        self._foveal: Any = None
        self._events: list[Event] = []
        self._commands: dict[str, Callable[[str], None]] = {
            "image": self._image,
            "plan": lambda _: self._show(chat_view.plan_lines),
            "sources": lambda _: self._show(chat_view.source_lines),
            "history": lambda _: self._show(chat_view.history_lines),
            "undo": self._undo,
            "save": self._save,
            "help": lambda _: say(HELP),
        }

    def run(self, pictures: list[Path]) -> int:
        """Attach *pictures*, then answer line after line until the input ends, or /quit."""
        worst = self._guarded(lambda: self._attach(pictures)) if pictures else 0
        try:
            for line in lines(prompted=self._talking):
                asked = command(line)
                if asked is not None and asked[0] in ("quit", "exit"):
                    break
                code = self._guarded(partial(self._take, line, asked))
                worst = max(worst, code)
                if code == Cancelled.exit_code and not self._talking:
                    break
        except KeyboardInterrupt:  # at the prompt: nothing is under way
            note("")
            return 0 if self._talking else Cancelled.exit_code
        return 0 if self._talking else worst

    def close(self) -> None:
        """Free models, files and threads."""
        if self._foveal is not None:
            self._runner.run(self._foveal.__aexit__(None, None, None))
        loop = self._runner.get_loop()
        loop.run_until_complete(loop.shutdown_default_executor())

    def _guarded(self, work: Callable[[], int | None]) -> int:
        """Do *work*; what goes wrong is told and the conversation goes on."""
        try:
            return work() or 0
        except FovealError as error:
            return show_error(error, as_json=self._json, indent=None)
        except Exception as error:
            return show_bug(error, as_json=self._json, debug=False)

    def _take(self, line: str, asked: tuple[str, str] | None) -> int | None:
        if asked is not None:
            self._command(*asked)
        elif files := dropped(line):
            self._attach(picture_paths(files))
        else:
            return self._ask(line)
        return None

    def _command(self, name: str, rest: str) -> None:
        if name not in self._commands:
            near = difflib.get_close_matches(name, [*self._commands, "quit"], n=1, cutoff=0.5)
            remedy = f"Did you mean /{near[0]}?" if near else "/help lists the commands."
            raise BadInput(f"There is no command /{name}.", remedy=remedy)
        self._commands[name](rest)

    def _ask(self, question: str) -> int:
        from foveal.api import checked_question

        question = checked_question(question)
        self._events = []
        view = make_view(question, quiet=self._quiet)

        def on_event(event: Event) -> None:
            self._events.append(event)
            view.show(event)
            if event.type == "run.started" and not self._quiet and event.data.get("question", question) != question:
                note(f"asked as: {one_line(str(event.data['question']))}")

        async def answered() -> Any:
            with view:
                return await follow(await self._opened(), question, [], on_event, session=self._name)

        answer = run_on(self._runner, answered(), hint="The session is as it was before the question.")
        code = show_answer(answer, self._settings, json=self._json, quiet=self._quiet, indent=None)
        if not self._json:
            say()
        return code

    def _attach(self, pictures: list[Path]) -> None:
        async def attached() -> Any:
            return await seams.attach(await self._opened(), self._name, pictures)

        session = run_on(self._runner, attached())
        if not self._quiet:
            note(f"{len(session.pictures)} picture{'s' if len(session.pictures) != 1 else ''} in this session.")

    async def _opened(self) -> Any:
        if self._foveal is None:
            self._foveal = await seams.make_foveal(self._settings).__aenter__()
        return self._foveal

    def _image(self, rest: str) -> None:
        if not rest:
            self._show(chat_view.picture_lines)
        elif rest == "clear":
            with self._store.held(self._name):
                self._store.keep(self._name, ())
            note("The pictures are forgotten; what was identified in them is still known by its name.")
        else:
            self._attach(picture_paths(paths(rest)))

    def _undo(self, rest: str) -> None:
        with self._store.held(self._name):
            turn = self._store.undo(self._name)
        if turn is None:
            raise BadInput("There is nothing to take back.", remedy="/history shows the turns.")
        self._events = []
        note(f"Taken back: {one_line(turn.question)}")

    def _save(self, rest: str) -> None:
        session = self._store.load(self._name)
        if not session.turns:
            raise BadInput("There is no answer to keep yet.", remedy="Ask something first.")
        if not rest:
            raise BadInput("/save needs a folder.", remedy="For example: /save answers/tower")
        folder = Path(paths(rest)[0])
        saved = SavedRun(folder)
        for event in self._events:
            saved.add(event)
        saved.finish(session.turns[-1].result(), self._settings.index)
        note(f"Kept in {folder}.")

    def _show(self, view: Callable[[Any], Iterator[str]]) -> None:
        for line in view(self._store.load(self._name)):
            say(line)
