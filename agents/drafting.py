"""A plan while it is being written: steps in order, each named ``#sN`` for the steps after it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from foveal.agents.nesting import innermost
from foveal.types import SubQuestion

MAX_STEPS = 12
_PREMISE = ((re.compile(r"\bthe only\b", re.I), "only"), (re.compile(r"\b(?:the|which) two\b", re.I), "two"))


@dataclass(slots=True)
class Draft:
    """The steps so far."""

    steps: list[SubQuestion] = field(default_factory=list)

    def add(self, text: str, **fields: Any) -> str:
        """Append a step and return its placeholder. It depends on the steps it names unless *fields* say on which.

        A look-up of "the only X" keeps what the question takes for granted as its ``op``: ``only`` (one answer)
        or ``two`` (two of them).
        """
        name = f"s{len(self.steps) + 1}"
        fields.setdefault("depends_on", tuple(dict.fromkeys(re.findall(r"#(s\d+)", text))))
        if fields.get("purpose", "lookup") == "lookup":
            fields.setdefault("op", next((op for pattern, op in _PREMISE if pattern.search(text)), ""))
        self.steps.append(SubQuestion(id=name, text=tidy(text), **fields))
        return f"#{name}"

    def settle(self, text: str) -> str:
        """Return *text* with every nested description replaced by the placeholder of the step that resolves it."""
        while len(self.steps) < MAX_STEPS and (nested := innermost(text)):
            listed = nested.noun.endswith("s") and nested.question.lower().startswith("which ")
            place = self.add(nested.question, noun=nested.noun if listed else "")
            text = tidy(text[: nested.start] + place + text[nested.end :])
        return text

    def name(self, thing: str) -> str:
        """Return a description such as "the director of Emma" resolved to a placeholder, or a plain name as it is."""
        frame = "It mentions {}?"
        settled = self.settle(frame.format(thing.strip()))
        return re.sub(r"^It mentions (.*)\?$", r"\1", settled)

    def noun_of(self, place: str) -> str:
        """Return what the question calls the thing of step *place*, or ""."""
        nouns = [s.noun.split()[-1] for s in self.steps if f"#{s.id}" == place and s.noun]
        return nouns[0] if nouns else ""

    def compute(self, text: str, op: str, of: list[str]) -> str:
        """Append a step that code answers from the placeholders *of*."""
        return self.add(text, purpose="compute", tool="none", op=op, depends_on=tuple(o.lstrip("#") for o in of))


def tidy(text: str) -> str:
    """Return *text* with single spaces and none before a stop."""
    return re.sub(r"\s+([?.,])", r"\1", re.sub(r"\s{2,}", " ", text)).strip()
