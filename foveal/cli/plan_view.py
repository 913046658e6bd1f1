"""The live plan of ``ask`` on standard error: a tree that changes, plain lines, or nothing."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Any, Protocol

from foveal.cli.output import note
from foveal.cli.plan_state import PlanState, outcome_of
from foveal.cli.progress import on_terminal
from foveal.types import Event

MARKS = {"pending": "·", "running": "▸", "answered": "✓", "insufficient": "?", "failed": "✗", "skipped": "-"}
PLAIN_MARKS = {
    "pending": ".",
    "running": ">",
    "answered": "+",
    "insufficient": "?",
    "failed": "x",
    "skipped": "-",
}
COLOURS = {"running": "yellow", "answered": "green", "insufficient": "magenta", "failed": "red"}


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
    return LiveView(question) if on_terminal() else LineView(question)


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
    """A tree that is drawn anew as the plan changes; its last state stays on the screen."""

    def __init__(self, question: str) -> None:
        from rich.console import Console
        from rich.live import Live

        self._state = PlanState(question)
        self._guard = threading.Lock()
        self._began = time.monotonic()
        utf8 = (sys.stderr.encoding or "").lower().replace("-", "") == "utf8"
        self._marks = MARKS if utf8 else PLAIN_MARKS
        self._live = Live(
            console=Console(stderr=True),
            get_renderable=self._draw,
            refresh_per_second=6,
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
        self._live.stop()

    def _draw(self) -> Any:
        from rich.text import Text
        from rich.tree import Tree

        with self._guard:
            state = self._state
            clock = f"  {time.monotonic() - self._began:.0f} s"
            root = Tree(Text.assemble((state.question, "bold"), (clock, "dim")))
            for seen in state.seen:
                root.add(Text(f"looked: {seen}", "cyan"))
            if state.steps:
                plan = root.add(Text(f"plan ({state.source}), version {state.version}", "dim"))
                for step in state.steps.values():
                    words = f"{self._marks.get(step.status, '.')} {step.id} {step.text}"
                    label = Text.assemble((words, COLOURS.get(step.status, "")), (outcome_of(step), "bold"))
                    branch = plan.add(label)
                    for call in step.calls[-3:]:
                        branch.add(Text(call, "dim"))
            for line in state.notes[-5:]:
                root.add(Text(line, "yellow"))
            if state.evidence:
                root.add(Text(f"evidence: {state.evidence}", "dim"))
            return root
