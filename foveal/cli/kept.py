"""The run that an interrupted command leaves behind, so that the user is told how to go on with it."""

from __future__ import annotations

from types import TracebackType

from foveal.types import Event


class Kept:
    """While entered, marks what interrupts a run that is kept with the run's id (``error.run_id``)."""

    def __init__(self, run_id: str | None = None) -> None:
        self._run_id = run_id

    def note(self, event: Event) -> None:
        """Learn from ``run.started`` whether there is something to go on with."""
        if event.type == "run.started" and event.data.get("kept"):
            self._run_id = event.data["run_id"]

    def __enter__(self) -> Kept:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and self._run_id is not None:
            error.run_id = self._run_id  # type: ignore[attr-defined]
