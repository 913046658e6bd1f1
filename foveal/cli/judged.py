"""What the commands that score a run have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from foveal.cli.output import note
from foveal.errors import BadInput

Questions = Annotated[
    Path, typer.Argument(metavar="QUESTIONS.jsonl", help="Questions, or a folder that holds them.", show_default=False)
]
Predictions = Annotated[
    Path,
    typer.Argument(metavar="RUN", help="Folder of a run, or a file of predictions.", show_default=False),
]
TopK = Annotated[int, typer.Option("--k", min=1, help="Depth of recall, nDCG and MRR.")]


def judged_of(questions: Path, predictions: Path, k: int) -> tuple[list[Any], dict[str, Any]]:
    """Return the judged questions and the traces of those that were asked; *predictions* is a file or a run's folder.

    Says which lines could not be used. Raises BadInput when there is no prediction.
    """
    from foveal.evaluation.predictions import load_predictions
    from foveal.evaluation.questions import load_questions
    from foveal.evaluation.score import judge, load_traces

    loaded = load_questions(questions)
    if predictions.is_dir():
        predictions = predictions / "predictions.jsonl"
    rows, bad = load_predictions(predictions)
    for path, problems in ((questions, loaded.bad_rows), (predictions, tuple(bad))):
        for problem in problems:
            note(f"warning: {path}: {problem}")
    if not rows:
        raise BadInput(f"{predictions} holds no prediction.", remedy="`foveal eval run` writes them.")
    known = {question.id for question in loaded.questions}
    if strangers := len(rows.keys() - known):
        note(f"warning: {strangers} predictions belong to no question of {questions}")
    traces = load_traces(predictions.parent / "traces")
    mine = {key: trace for key, trace in traces.items() if key in known and key in rows}
    return judge(loaded.questions, rows, k=k), mine


def number(value: float | None, digits: int) -> str:
    """Return *value* with so many *digits*, "-" for none."""
    return "-" if value is None else f"{value:.{digits}f}"
