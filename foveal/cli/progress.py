"""Progress on standard error: a bar on a terminal, a line now and then everywhere else."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any

from foveal.cli.output import note, one_line

LINE_EVERY = 5.0
"""Seconds between plain lines."""


def on_terminal() -> bool:
    """Whether standard error is a terminal that can redraw."""
    return sys.stderr.isatty()


def lasting(seconds: float) -> str:
    """Return a span of time in words."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


class Bar:
    """Progress of one piece of work; ``at`` may be called from any thread."""

    def __init__(self, what: str, *, unit: str = "", quiet: bool = False) -> None:
        self._what = what
        self._unit = unit
        self._quiet = quiet
        self._bar: Any = None
        self._task: Any = None
        self._said = ""
        self._next_line = 0.0

    def __enter__(self) -> Bar:
        if not self._quiet and on_terminal():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.completed:.0f}/{task.total:.0f} {task.fields[unit]}"),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task(self._what, total=None, unit=self._unit, visible=False)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def at(self, done: int, total: int, stage: str) -> None:
        """Show that *done* of *total* are finished and *stage* is being done now."""
        if self._quiet:
            return
        if self._bar is not None:
            words = one_line(f"{self._what} {stage}", 50)
            self._bar.update(self._task, completed=done, total=max(total, 1), description=words, visible=True)
            return
        now = time.monotonic()
        count = f" {done}/{total} {self._unit}".rstrip() + "," if total else ""
        line = f"{self._what}:{count} {stage}"
        if line != self._said and (now >= self._next_line or (total and done >= total)):
            note(line)
            self._said, self._next_line = line, now + LINE_EVERY
