"""The live plan of ``ask`` on standard error: a tree that changes, plain lines, or nothing."""

from __future__ import annotations

import os
import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Protocol

from foveal.cli.output import note
from foveal.cli.plan_state import PlanState, Step, outcome_of
from foveal.cli.progress import on_terminal
from foveal.types import Event

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

MARKS = {
    "pending": "·",
    "running": "▸",
    "answered": "✓",
    "insufficient": "?",
    "failed": "✗",
    "skipped": "-",
    "dropped": "-",
}
PLAIN_MARKS = {
    "pending": ".",
    "running": ">",
    "answered": "+",
    "insufficient": "?",
    "failed": "x",
    "skipped": "-",
    "dropped": "-",
}
TURNING, PLAIN_TURNING = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\"
COLOURS = {"running": "yellow", "answered": "green", "insufficient": "magenta", "failed": "red"}
NARROW = 60
"""Columns of a terminal below which steps are not nested."""


class View(Protocol):
    """Shows events as they happen."""

    def show(self, event: Event) -> None:
        """Take in one event."""
        ...

    def __enter__(self) -> View: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def make_view(question: str, *, quiet: bool) -> View:
    """Return the view that suits standard error."""
    if quiet:
        return NoView()
    redraws = on_terminal() and os.environ.get("TERM") not in ("dumb", "unknown")
    return LiveView(question) if redraws else LineView(question)


class NoView:
    """Shows nothing."""

    def show(self, event: Event) -> None:
        """Take in one event."""

    def __enter__(self) -> NoView:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to put away."""


class LineView(NoView):
    """A line for each thing that happens, without colour codes."""

    def __init__(self, question: str) -> None:
        self._state = PlanState(question)

    def show(self, event: Event) -> None:
        """Print what is new."""
        for line in self._state.apply(event):
            note(line)


class LiveView(NoView):
    """A tree that is drawn anew as the plan changes; its last state stays on the screen.

    A step stands below the last of those it depends on. What a change of the plan replaced is struck through.
    """

    def __init__(self, question: str) -> None:
        from rich.console import Console
        from rich.live import Live

        self._state = PlanState(question)
        self._guard = threading.Lock()
        self._began = time.monotonic()
        self._console = Console(stderr=True)
        self._utf8 = (sys.stderr.encoding or "").lower().replace("-", "") == "utf8"
        self._marks = MARKS if self._utf8 else PLAIN_MARKS
        self._ended = False
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=8,
            redirect_stdout=False,
        )

    def show(self, event: Event) -> None:
        """Take in one event; the next refresh draws it."""
        with self._guard:
            self._state.apply(event)

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended = True
        self._live.stop()

    def _draw(self) -> Tree:
        from rich.tree import Tree

        with self._guard:
            state = self._state
            root = Tree(self._text((state.question, "bold")), guide_style="dim")
            for seen in state.seen:
                root.add(self._text((f"looked: {seen}", "cyan")))
            if state.steps:
                plan = root.add(self._text((f"plan ({state.source}), version {state.version}", "dim")))
                self._add_steps(plan)
                for step in state.dropped.values():
                    words = (f"{self._marks['dropped']} ", "dim"), (f"{step.id} {step.text}", "dim strike")
                    self._add_changes(plan.add(self._text(*words, (" (dropped)", "dim"))), step)
            for line in state.notes[-5:]:
                root.add(self._text((line, "yellow")))
            root.add(self._text((state.spent(time.monotonic() - self._began), "dim")))
            return root

    def _add_steps(self, plan: Tree) -> None:
        """Hang each step below its last parent; flat, and the oldest answered ones left out, where room is short."""
        steps = list(self._state.steps.values())
        room = self._console.height - len(self._state.seen) - len(self._state.notes[-5:]) - 4
        crowded = not self._ended and len(steps) > max(room, 3)
        if crowded:
            over = len(steps) - max(room, 3)
            done = {s.id for s in [s for s in steps if s.status == "answered"][:over]}
            plan.add(self._text((f"{len(done)} answered before", "dim")))
            steps = [s for s in steps if s.id not in done]
        flat = crowded or self._console.width < NARROW
        hung: dict[str, Tree] = {}
        for step in steps:
            parents = [hung[p] for p in step.depends_on if p in hung]
            hung[step.id] = branch = (parents[-1] if parents and not flat else plan).add(self._label(step))
            if step.former:
                branch.add(self._text(("was: ", "dim"), (step.former, "dim strike")))
            if not crowded:
                self._add_changes(branch, step)
            if step.status == "running":
                for call in step.calls[-3:]:
                    branch.add(self._text((call, "dim")))

    def _add_changes(self, branch: Tree, step: Step) -> None:
        for change in step.changes[-3:]:
            branch.add(self._text((change, "yellow")))

    def _label(self, step: Step) -> Text:
        mark = self._marks.get(step.status, ".")
        if step.status == "running" and not self._ended:
            frames = TURNING if self._utf8 else PLAIN_TURNING
            mark = frames[int((time.monotonic() - self._began) * 8) % len(frames)]
        colour = COLOURS.get(step.status, "dim" if step.status in ("pending", "skipped") else "")
        return self._text((f"{mark} {step.id} {step.text}", colour), (outcome_of(step), "bold"))

    def _text(self, *parts: tuple[str, str]) -> Text:
        """Return styled words, in ASCII where the terminal knows no more."""
        from rich.text import Text

        if not self._utf8:
            parts = tuple((p.replace("…", "...").encode("ascii", "replace").decode(), style) for p, style in parts)
        return Text.assemble(*parts)
