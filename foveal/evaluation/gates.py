"""The sufficiency gate, fitted: how sure must the evidence be before a question is answered?

The run must have been made with a low gate, so that what a higher one would have declined is known. Fitted is
accuracy, in which declining what cannot be answered is right; of gates that are equal the most cautious. A question
belongs to one half of a split by its id: what a gate gives is told of the half that it was not fitted on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foveal.errors import BadInput
from foveal.evaluation.score import Judged

GATES = tuple(round(0.05 * n, 2) for n in range(2, 19))


@dataclass(frozen=True, slots=True)
class Case:
    """A question: how sure the run was of its answer (None: no answer at all), and whether that was right."""

    id: str
    sure: float | None
    right: bool
    unanswerable: bool


@dataclass(frozen=True, slots=True)
class Result:
    """What a gate gives: shares of all questions, but ``declined`` of the answerable ones."""

    gate: float
    n: int
    accuracy: float
    wrong: float
    declined: float


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate fitted on ``n`` questions of a run whose own gate was ``run_gate``.

    ``accuracy`` is what it gives on them; ``held_out`` what gates fitted on one half give on the other, and ``before``
    what the run itself had.
    """

    threshold: float
    n: int
    run_gate: float
    accuracy: float
    held_out: float
    before: float

    @property
    def helps(self) -> bool:
        """Whether it is better than the run's own, on questions it was not fitted to."""
        return self.held_out > self.before


def half(case: Case) -> int:
    """Return 0 or 1, by the id alone."""
    return hashlib.sha256(case.id.encode()).digest()[0] % 2


def at(gate: float, cases: Sequence[Case]) -> Result:
    """Return what *gate* gives on *cases*."""
    answered = [c for c in cases if c.sure is not None and c.sure >= gate]
    declined = [c for c in cases if c.sure is None or c.sure < gate]
    right = sum(c.right and not c.unanswerable for c in answered) + sum(c.unanswerable for c in declined)
    answerable = [c for c in cases if not c.unanswerable]
    wrong = sum(not c.right or c.unanswerable for c in answered)
    lost = sum(not c.unanswerable for c in declined)
    n = max(1, len(cases))
    return Result(gate, len(cases), right / n, wrong / n, lost / max(1, len(answerable)))


def fit(cases: Sequence[Case], *, lowest: float = 0.0) -> float:
    """Return the gate, none below *lowest*, with the best accuracy on *cases*, the highest of equals."""
    tried = [gate for gate in GATES if gate >= lowest] or [lowest]
    return max(tried, key=lambda gate: (at(gate, cases).accuracy, gate))


def fitted_gate(cases: Sequence[Case], run_gate: float) -> Gate:
    """Return the gate fitted on all *cases*, with what such gates are worth. Raises BadInput when there are none."""
    if not cases:
        raise BadInput("There is no answer to fit a gate to.", remedy="Give a run with traces.")
    halves = [[c for c in cases if half(c) == side] for side in (0, 1)]
    right = [
        at(fit(other, lowest=run_gate), mine).accuracy * len(mine)
        for mine, other in (halves, halves[::-1])
        if mine and other
    ]
    threshold = fit(cases, lowest=run_gate)
    whole = at(threshold, cases).accuracy
    held_out = sum(right) / len(cases) if right else whole
    return Gate(threshold, len(cases), run_gate, whole, held_out, at(0.0, cases).accuracy)


def cases_of(judged: Iterable[Judged], traces: Mapping[str, Mapping[str, Any]]) -> list[Case]:
    """Return the judged questions that have an answer in *traces*."""
    found = []
    for row in judged:
        answer = (traces.get(row.question.id) or {}).get("answer")
        if answer is not None:
            sure = answer["confidence"] if answer["status"] == "answered" else None
            found.append(Case(row.question.id, sure, row.correct, row.question.unanswerable))
    return found
