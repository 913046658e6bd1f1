"""Fit the sufficiency gate: how sure must the evidence be before a question is answered?

    foveal eval run QUESTIONS.jsonl --index DIR --out RUN       # with FOVEAL_SUFFICIENCY=0.1
    python benchmarks/sufficiency.py QUESTIONS.jsonl RUN

The run must have been made with a low gate, so that what a higher one would have declined is known. A question
counts for its own side of a split by its id: the gate is fitted on one half, what it gives is told of the other.
Fitted is accuracy, in which declining what cannot be answered is right; of gates that are equal the most cautious.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from foveal.evaluation.predictions import load_predictions
from foveal.evaluation.questions import load_questions
from foveal.evaluation.score import judge, load_traces

GATES = [round(0.05 * n, 2) for n in range(2, 19)]


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
    return Result(gate, len(cases), right / len(cases), wrong / len(cases), lost / max(1, len(answerable)))


def fit(cases: Sequence[Case]) -> float:
    """Return the gate with the best accuracy on *cases*, the highest of equals."""
    return max(GATES, key=lambda gate: (at(gate, cases).accuracy, gate))


def cases_of(questions: Path, run: Path) -> list[Case]:
    """Return the judged questions of a run folder; those that failed are left out."""
    rows, _ = load_predictions(run / "predictions.jsonl")
    traces = load_traces(run / "traces")
    found = []
    for judged in judge(load_questions(questions).questions, rows):
        answer = (traces.get(judged.question.id) or {}).get("answer")
        if answer is None:
            continue
        sure = answer["confidence"] if answer["status"] == "answered" else None
        found.append(Case(judged.question.id, sure, judged.correct, judged.question.unanswerable))
    return found


def main() -> None:
    """Print, for each half, the gate fitted on the other one and what it gives here."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("questions", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    cases = cases_of(given.questions, given.run)
    table = [asdict(at(gate, cases)) for gate in GATES]
    crossed = []
    for side in (0, 1):
        mine, other = [c for c in cases if half(c) == side], [c for c in cases if half(c) != side]
        gate = fit(other)
        crossed.append({"fitted_on": len(other), **asdict(at(gate, mine)), "best_here": fit(mine)})
    if given.json:
        print(json.dumps({"all": table, "crossed": crossed}, indent=1))
        return
    print("gate    n  accuracy  wrong  declined")
    for row in table:
        print("{gate:.2f}  {n:3}     {accuracy:.3f}  {wrong:.3f}     {declined:.3f}".format(**row))
    for row in crossed:
        print("fitted on {fitted_on}: gate {gate:.2f}; on the other {n}: accuracy {accuracy:.3f}, wrong {wrong:.3f}, "
              "declined {declined:.3f} (best there {best_here:.2f})".format(**row))  # fmt: skip


if __name__ == "__main__":
    main()
