"""The runs a report is of, read one after the other: of their traces only what is shown is kept in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foveal.errors import BadInput
from foveal.evaluation.calibration import Sure, sure_answers
from foveal.evaluation.compare import model_calls
from foveal.evaluation.failures import loss_of
from foveal.evaluation.folder import read_record, run_folders
from foveal.evaluation.measures import Measured, measured
from foveal.evaluation.predictions import load_predictions
from foveal.evaluation.questions import QuestionSet
from foveal.evaluation.report.views import view
from foveal.evaluation.score import ALL, Judged, judge, load_traces

PREDICTIONS = "predictions.jsonl"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A run: its questions judged, and by question id what its traces say.

    ``losses`` are those of :func:`foveal.evaluation.failures.loss_of`, None for a right answer. ``views`` hold what a
    reader may look at (:func:`foveal.evaluation.report.views.view`). ``usd`` and ``tokens`` are a question's.
    ``own`` are the data set's own measures over all questions of the run, by name, but those that a model gives.
    """

    name: str
    record: Mapping[str, Any]
    judged: tuple[Judged, ...]
    losses: Mapping[str, str | None]
    model_calls: Mapping[str, int]
    usd: Mapping[str, float]
    tokens: Mapping[str, int]
    sure: Sure
    views: Mapping[str, Mapping[str, Any]]
    own: Mapping[str, Measured]
    warnings: tuple[str, ...] = ()


def load_runs(questions: QuestionSet, paths: Sequence[Path], *, k: int = 10) -> list[Loaded]:
    """Read the runs in *paths*. Raises BadInput for one that has no prediction of these questions."""
    return [_load(questions, path, name, k) for name, path in run_folders(paths).items()]


def _load(questions: QuestionSet, path: Path, name: str, k: int) -> Loaded:
    file = path if path.is_file() else path / PREDICTIONS
    rows, bad = load_predictions(file)
    asked = [question for question in questions.questions if question.id in rows]
    if not asked:
        raise BadInput(f"{file} answers none of the questions.", remedy="Give the questions that the run was asked.")
    judged = tuple(judge(asked, rows, k=k))
    known = {question.id for question in asked}
    traces = {key: trace for key, trace in load_traces(file.parent / "traces").items() if key in known}
    usage = {key: (trace.get("answer") or {}).get("usage") or {} for key, trace in traces.items()}
    record = read_record(file.parent)
    problems = [str(row) for row in bad]
    views: dict[str, Mapping[str, Any]] = {}
    for key, trace in traces.items():
        try:
            views[key] = view(trace)
        except (AttributeError, TypeError, ValueError):
            problems.append(f"the trace of {key} is not of this program and is not shown")
    return Loaded(
        name=name,
        record=record,
        judged=judged,
        losses={row.question.id: loss_of(row, traces.get(row.question.id)) for row in judged},
        model_calls=model_calls(traces),
        usd={key: float(spent.get("usd") or 0.0) for key, spent in usage.items()},
        tokens={key: _tokens(spent) for key, spent in usage.items()},
        sure=sure_answers(judged, traces),
        views=views,
        own={row.measure: row for row in measured(judged, traces, k=k) if row.category == ALL},
        warnings=tuple(_warnings(name, record, questions, problems, len(rows) - len(asked))),
    )


def _warnings(
    name: str, record: Mapping[str, Any], questions: QuestionSet, bad: Sequence[str], strangers: int
) -> list[str]:
    said = (record.get("config") or {}).get("questions")
    found = [f"{name}: {problem}" for problem in bad]
    if strangers:
        found.append(f"{name}: {strangers} predictions belong to no question of the file")
    if said and said != questions.sha256:
        found.append(f"{name} was made with another state of the questions (sha256 {str(said)[:12]})")
    if record and "finished_at" not in record:
        found.append(f"{name} has not finished")
    return found


def _tokens(spent: Mapping[str, Any]) -> int:
    return int(spent.get("prompt_tokens") or 0) + int(spent.get("completion_tokens") or 0)
