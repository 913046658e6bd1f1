"""What a run has shown of itself so far, gathered from its events; views draw it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from foveal.cli.output import one_line
from foveal.types import Event

PICTURES_SHOWN = 3


@dataclass(slots=True)
class Step:
    """A sub-question, the tool calls made for it, and the changes of the plan that concerned it."""

    id: str
    text: str
    purpose: str = ""
    tool: str = ""
    status: str = "pending"
    answer: str | None = None
    confidence: float = 0.0
    reason: str = ""
    depends_on: tuple[str, ...] = ()
    calls: list[str] = field(default_factory=list)
    changes: list[str] = field(default_factory=list)
    former: str = ""
    """What it asked before the plan changed it."""

    def update(self, data: Mapping[str, Any]) -> None:
        """Take over what an event says of the step."""
        self.text = one_line(str(data.get("text") or self.text))
        self.depends_on = tuple(map(str, data.get("depends_on") or self.depends_on))
        self.purpose = str(data.get("purpose") or self.purpose)
        self.tool = str(data.get("tool") or self.tool)
        self.status = str(data.get("status") or self.status)
        self.answer = one_line(str(data["answer"])) if data.get("answer") else None
        self.confidence = float(data.get("confidence") or 0.0)
        self.reason = one_line(str(data.get("reason") or ""))


class PlanState:
    """Grows with :meth:`apply`, which returns the lines that tell what is new."""

    def __init__(self, question: str) -> None:
        self.question = one_line(question)
        self.seen: list[str] = []
        self.steps: dict[str, Step] = {}
        self.dropped: dict[str, Step] = {}
        self.budget: Mapping[str, Any] = {}
        self.searches = 0
        self.source = ""
        self.version = 1
        self.notes: list[str] = []
        self.evidence = 0
        self.status = ""

    def apply(self, event: Event) -> list[str]:
        """Take in *event*; events of unknown types change nothing."""
        data = event.data
        match event.type:
            case "run.started":
                self.budget = data.get("budget") or {}
            case "perceived":
                line = _seen(data)
                self.seen.append(line)
                return [f"looked: {line}"]
            case "plan.created" | "plan.changed":
                return self._plan(event.type, data)
            case "subquestion.started":
                step = self._step(data)
                step.status = "running"
                return [f"{step.id} started: {step.text}"]
            case "subquestion.finished":
                step = self._step(data)
                return [f"{step.id} {step.status}{outcome_of(step)}"]
            case "tool.called":
                self.searches += 1
            case "tool.returned":
                return self._call(data)
            case "evidence.added":
                self.evidence += 1
            case "conflict.found":
                self.notes.append(_conflict(data))
                return self.notes[-1:]
            case "warning":
                self.notes.append(f"warning: {_words(data)}")
                return self.notes[-1:]
            case "answer.final":
                answer = data.get("answer") or {}
                self.status = str(answer.get("status") or "")
                for row in answer.get("plan") or ():  # what code computed or skipped was told by no event
                    known = self.steps.get(str(row["id"]))
                    if known and known.status in ("pending", "running"):
                        known.update(row)
        return []

    def spent(self, seconds: float) -> str:
        """Return what was used of the limits that are known, on one line."""
        calls, time = self.budget.get("tool_calls"), self.budget.get("seconds")
        parts = [
            f"tool calls: {self.searches}" + (f" of {calls}" if calls is not None else ""),
            f"{seconds:.0f} s" + (f" of {time:g} s" if time is not None else ""),
        ]
        return ", ".join([*parts, f"evidence: {self.evidence}"] if self.evidence else parts)

    def _plan(self, kind: str, data: Mapping[str, Any]) -> list[str]:
        known = {**self.dropped, **self.steps}
        changed = kind == "plan.changed"
        self.steps = {}
        for row in data.get("steps") or ():
            step = known.pop(str(row["id"]), None) or Step(str(row["id"]), "")
            before = step.text if step.status != "pending" else ""
            step.update(row)
            if changed and before not in ("", step.text) and "#" not in step.text:
                step.former = before
            self.steps[step.id] = step
        gone = [step for step in known.values() if step.id not in self.dropped]
        self.dropped = known
        if not changed:
            self.source = str(data.get("source") or "")
            first = f"plan: {len(self.steps)} step{'s' if len(self.steps) != 1 else ''} ({self.source})"
        else:
            self.version = int(data.get("version") or self.version + 1)
            change = one_line(f"{data.get('code', '')}: {data.get('detail', '')}")
            step_id = str(data.get("step") or "")
            concerned = self.steps.get(step_id) or self.dropped.get(step_id)
            if concerned:
                concerned.changes.append(change)
            else:
                self.notes.append(f"plan changed: {change}")
            first = f"plan changed, version {self.version}{f', at {step_id}' if step_id else ''}: {change}"
        lines = [f"  {step.id} [{step.tool}] {step.text}" for step in self.steps.values()]
        return [first, *lines, *(f"  {step.id} dropped: {step.text}" for step in gone)]

    def _step(self, data: Mapping[str, Any]) -> Step:
        row = data.get("step") or {}
        step = self.steps.setdefault(str(row.get("id", "?")), Step(str(row.get("id", "?")), ""))
        step.update(row)
        return step

    def _call(self, data: Mapping[str, Any]) -> list[str]:
        call = f"{data.get('tool', 'tool')} {data.get('status', '')}"
        if data.get("n") is not None:
            call += f", {data['n']} found"
        if data.get("elapsed") is not None:
            call += f", {float(data['elapsed']):.1f} s"
        where = data.get("step")
        step = self.steps.get(str(where.get("id") if isinstance(where, Mapping) else where))
        if step is None:
            return [call]
        step.calls.append(call)
        return [f"  {step.id} {call}"]


def outcome_of(step: Step) -> str:
    """Return `` = answer (0.93)``, or why there is none."""
    if step.answer:
        return f" = {step.answer}" + (f" ({step.confidence:.2f})" if step.confidence else "")
    return f" ({step.reason})" if step.reason else ""


def _seen(data: Mapping[str, Any]) -> str:
    parts = []
    names = [
        f"{row.get('title')} ({float(row.get('score') or 0.0):.2f})"
        for row in (data.get("candidates") or ())[:PICTURES_SHOWN]
    ]
    if names:
        parts.append("looks like " + ", ".join(names))
    labels = [
        str(label.get("name", "")) if isinstance(label, Mapping) else str(label)
        for label in (data.get("labels") or ())[:PICTURES_SHOWN]
    ]
    if labels:
        parts.append("labels " + ", ".join(labels))
    if data.get("ocr"):
        parts.append(f"text “{one_line(str(data['ocr']), 60)}”")
    return one_line("; ".join(parts) or "nothing recognised")


def _conflict(data: Mapping[str, Any]) -> str:
    """Return the values that disagree with where each comes from, and which was chosen."""
    values = data.get("values") or ()
    if not values:
        return f"conflict: {_words(data)}"
    sides = [f"{v.get('value')}" + (f" ({v['title']})" if v.get("title") else "") for v in values]
    told = " against ".join(sides)
    if data.get("chosen"):
        told += f"; {data['chosen']} was chosen" + (f": {data['reason']}" if data.get("reason") else "")
    where = f" at {data['step']}" if data.get("step") else ""
    return one_line(f"conflict{where}: {told}")


def _words(data: Mapping[str, Any]) -> str:
    for key in ("message", "detail", "text"):
        if data.get(key):
            return one_line(str(data[key]))
    return one_line(", ".join(f"{key}: {value}" for key, value in data.items()))
