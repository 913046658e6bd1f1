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
    """A sub-question and the tool calls made for it."""

    id: str
    text: str
    purpose: str = ""
    tool: str = ""
    status: str = "pending"
    answer: str | None = None
    confidence: float = 0.0
    reason: str = ""
    calls: list[str] = field(default_factory=list)

    def update(self, data: Mapping[str, Any]) -> None:
        """Take over what an event says of the step."""
        self.text = one_line(str(data.get("text") or self.text))
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
        self.source = ""
        self.version = 1
        self.notes: list[str] = []
        self.evidence = 0
        self.status = ""

    def apply(self, event: Event) -> list[str]:
        """Take in *event*; events of unknown types change nothing."""
        data = event.data
        match event.type:
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
            case "tool.returned":
                return self._call(data)
            case "evidence.added":
                self.evidence += 1
            case "conflict.found" | "warning":
                word = "conflict" if event.type == "conflict.found" else "warning"
                self.notes.append(f"{word}: {_words(data)}")
                return self.notes[-1:]
            case "answer.final":
                self.status = str((data.get("answer") or {}).get("status") or "")
        return []

    def _plan(self, kind: str, data: Mapping[str, Any]) -> list[str]:
        known = self.steps
        self.steps = {}
        for row in data.get("steps") or ():
            step = known.get(str(row["id"])) or Step(str(row["id"]), "")
            step.update(row)
            self.steps[step.id] = step
        if kind == "plan.created":
            self.source = str(data.get("source") or "")
            first = f"plan: {len(self.steps)} step{'s' if len(self.steps) != 1 else ''} ({self.source})"
        else:
            self.version = int(data.get("version") or self.version + 1)
            change = one_line(f"{data.get('code', '')}: {data.get('detail', '')}")
            self.notes.append(f"plan changed: {change}")
            first = f"plan changed, version {self.version}: {change}"
        return [first, *(f"  {step.id} [{step.tool}] {step.text}" for step in self.steps.values())]

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


def _words(data: Mapping[str, Any]) -> str:
    for key in ("message", "detail", "text"):
        if data.get(key):
            return one_line(str(data[key]))
    return one_line(", ".join(f"{key}: {value}" for key, value in data.items()))
