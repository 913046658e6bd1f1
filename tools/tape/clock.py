"""The clock of a recorded run: it stands still between moments, and each branch has its own."""

from __future__ import annotations

from datetime import datetime, timedelta

from foveal.tools.runs.pace import BRANCH, Pace


class TapeClock(Pace):
    """What a branch reads is the time of its own latest moment, whatever others did since: so it can be read again."""

    def __init__(self, began: datetime) -> None:
        super().__init__()
        self._date = began
        self._at = 0.0
        self._at_branch: dict[str, float] = {}

    def now(self) -> float:
        """Return the seconds since the run began, up to the branch's latest moment; outside of all, up to any."""
        return self._at_branch.get(BRANCH.get(), self._at)

    def date(self) -> str:
        """Return the date and time of that moment as ISO, UTC."""
        return (self._date + timedelta(seconds=self.now())).isoformat(timespec="seconds")

    def enter(self, branch: str) -> None:
        """See :meth:`foveal.tools.runs.pace.Pace.enter`."""
        super().enter(branch)
        self._at_branch[branch] = self._at

    def _pass(self, branch: str, at: float) -> None:
        self._at = at
        if branch:
            self._at_branch[branch] = at
