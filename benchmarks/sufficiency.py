"""Fit the sufficiency gate: how sure must the evidence be before a question is answered?

    foveal eval run QUESTIONS.jsonl --index DIR --out RUN       # with FOVEAL_SUFFICIENCY=0.1
    python benchmarks/sufficiency.py QUESTIONS.jsonl RUN

The run must have been made with a low gate, so that what a higher one would have declined is known. A question
counts for its own side of a split by its id: the gate is fitted on one half, what it gives is told of the other.
Fitted is accuracy, in which declining what cannot be answered is right; of gates that are equal the most cautious.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from foveal.evaluation.gates import GATES, Case, at, cases_of, fit, half
from foveal.evaluation.predictions import load_predictions
from foveal.evaluation.questions import load_questions
from foveal.evaluation.score import judge, load_traces


def of_run(questions: Path, run: Path) -> list[Case]:
    """Return the judged questions of a run folder; those that failed are left out."""
    rows, _ = load_predictions(run / "predictions.jsonl")
    return cases_of(judge(load_questions(questions).questions, rows), load_traces(run / "traces"))


def main() -> None:
    """Print, for each half, the gate fitted on the other one and what it gives here."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("questions", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    cases = of_run(given.questions, given.run)
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
