"""Every version of a run's plan, as its events tell them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foveal.export.rows import build
from foveal.types import Event, PlanChange, SubQuestion


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """The plan from one change to the next, each step as it stood when the next change came (or the run ended).

    Changes that were made in one go share a drawing, which has the last one's number. ``added`` are the steps that
    are new in it, ``edited`` those it asks otherwise, ``gone`` those that it dropped.
    """

    number: int
    changes: tuple[PlanChange, ...]
    steps: tuple[SubQuestion, ...]
    added: frozenset[str] = frozenset()
    edited: frozenset[str] = frozenset()
    gone: tuple[SubQuestion, ...] = ()


@dataclass(slots=True)
class _Drawn:
    number: int
    changes: list[PlanChange]
    steps: dict[str, SubQuestion]


def plan_versions(events: Sequence[Event], answer: Mapping[str, Any]) -> tuple[PlanVersion, ...]:
    """Return the versions that *events* drew; the plan of the *answer*, if there is one, is how the last one ended."""
    drawn: list[_Drawn] = []
    for event in events:
        data = event.data
        if event.type in ("plan.created", "plan.changed"):
            _draw(event, drawn)
        elif event.type in ("subquestion.started", "subquestion.finished") and drawn and data.get("step"):
            step, known = build(SubQuestion, data["step"]), drawn[-1].steps
            if step.id in known:
                status = "running" if event.type == "subquestion.started" else step.status
                known[step.id] = step.having(status=status, depends_on=known[step.id].depends_on)
    final = {s.id: s for s in (build(SubQuestion, row) for row in answer.get("plan") or ())}
    if final and not drawn:
        drawn.append(_Drawn(1, [PlanChange(1, "created", "")], final))
    elif final:
        drawn[-1].steps = final
    log = [build(PlanChange, row) for row in answer.get("plan_log") or ()]
    versions: list[PlanVersion] = []
    for version in drawn:
        before = versions[-1].number if versions else 0
        old = {s.id: s for s in versions[-1].steps} if versions else {}
        new = version.steps
        versions.append(
            PlanVersion(
                number=version.number,
                changes=tuple([c for c in log if before < c.version <= version.number] or version.changes),
                steps=tuple(new.values()),
                added=frozenset(new.keys() - old.keys() if versions else ()),
                edited=frozenset(i for i, s in new.items() if i in old and _asked(old[i]) != _asked(s)),
                gone=tuple(s for i, s in old.items() if i not in new),
            )
        )
    return tuple(versions)


def _draw(event: Event, drawn: list[_Drawn]) -> None:
    data, changed = event.data, event.type == "plan.changed"
    number = int(data.get("version") or (drawn[-1].number + 1 if drawn and changed else 1))
    while drawn and drawn[-1].number >= number:  # a run that was resumed tells its last steps again
        drawn.pop()
    steps = {s.id: s for s in (build(SubQuestion, row) for row in data.get("steps") or ())}
    detail = str(data.get("detail") or data.get("source") or "")
    change = PlanChange(
        number, str(data.get("code") or "created"), detail, str(data["step"]) if data.get("step") else None
    )
    if changed and len(drawn) > 1 and drawn[-1].steps == steps:
        drawn[-1].number = number
        drawn[-1].changes.append(change)
    else:
        drawn.append(_Drawn(number, [change], steps))


def _asked(step: SubQuestion) -> tuple[Any, ...]:
    return step.tool, step.query, step.attempts, step.region, step.op, step.depends_on
