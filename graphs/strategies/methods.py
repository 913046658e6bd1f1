"""The methods of the field by name, each a module of this package that goes about a question in its paper's way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from foveal.errors import BudgetExceeded, ModelOutputError
from foveal.graphs.ending import check
from foveal.graphs.state import Research, ResearchState
from foveal.graphs.strategies.desk import Desk
from foveal.graphs.strategies.draft import Draft
from foveal.settings import METHODS


@dataclass(frozen=True, slots=True)
class Method:
    """One method: its paper, what it does in a line, and the coroutine that does it."""

    name: str
    paper: str
    idea: str
    solve: Callable[[Desk], Awaitable[Draft]]
    """What goes about the question; ``desk.variant`` says in which of the method's ways."""


def method(name: str) -> Method:
    """Return the method *name* of :data:`foveal.settings.METHODS`."""
    return cast(Method, import_module(f"foveal.graphs.strategies.{name}").METHOD)


def methods() -> tuple[Method, ...]:
    """Return all methods, in the order of their names."""
    return tuple(method(name) for name in METHODS)


async def run(state: ResearchState, work: Research) -> dict[str, Any]:
    """Let the run's method answer, and check its citations like any other's.

    A budget that is spent, and a reply that cannot be read, end it with the answer it had by then.
    """
    name, _, variant = work.strategy.partition(":")
    desk = Desk(state, work, name, variant or next(iter(METHODS[name]), ""))
    stopped = None
    try:
        draft = await method(name).solve(desk)
    except BudgetExceeded as problem:
        draft, stopped = desk.standing, f"budget:{desk.spent() or 'seconds'}"
        desk.warnings.append(str(problem))
    except ModelOutputError as problem:
        draft = desk.standing
        desk.warnings.append(str(problem))
    result = desk.result(draft, stopped=None if draft.text else stopped)
    checked = await check(cast(ResearchState, {**state, **result}), work)
    return {**result, **checked, "warnings": [*result["warnings"], *checked.get("warnings", [])]}
