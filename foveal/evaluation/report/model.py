"""What a report says of its runs, counted and tested; no markup and no files."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foveal.evaluation import ablations, compare
from foveal.evaluation.failures import LOSSES
from foveal.evaluation.measures import Measured
from foveal.evaluation.metrics import calibration
from foveal.evaluation.questions import Question, QuestionSet
from foveal.evaluation.report import plots
from foveal.evaluation.report.runs import Loaded
from foveal.evaluation.score import ALL, Judged, Scores, score

RIGHT = "right"
LEAST = 5
"""Answers with a confidence that a curve needs."""


@dataclass(frozen=True, slots=True)
class About:
    """Who answered in a run, and when, as the run itself says."""

    name: str
    model: str
    strategy: str
    profile: str
    web: str
    index: str
    config_hash: str
    version: str
    started: str
    finished: str
    asked: int


@dataclass(frozen=True, slots=True)
class Line:
    """A run over all compared questions; ``usd`` and ``tokens`` are means a question."""

    name: str
    row: compare.Row
    scores: Scores
    usd: float | None
    tokens: float | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A run on a category: ``best`` when no other run is better there."""

    n: int
    accuracy: float
    low: float
    high: float
    best: bool


@dataclass(frozen=True, slots=True)
class Trust:
    """What a run's confidences are worth, over its ``n`` given answers."""

    name: str
    n: int
    ece: float
    brier: float
    aurc: float
    bins: tuple[calibration.Bin, ...]
    bubbles: tuple[plots.Bubble, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """A report, in the order of its page. ``common`` of ``asked`` questions were put to every run and are compared."""

    asked: int
    common: int
    categories: tuple[str, ...]
    about: tuple[About, ...]
    lines: tuple[Line, ...]
    measures: tuple[str, ...]
    own: tuple[Mapping[str, Measured], ...]
    ablations: ablations.Figures | None
    matrix: tuple[tuple[Cell | None, ...], ...]
    costs: tuple[plots.Plot, ...]
    losses: tuple[Mapping[str, int], ...]
    losses_by_category: Mapping[str, tuple[Mapping[str, int], ...]]
    trust: tuple[Trust | None, ...]
    risk: plots.Plot | None
    date: str
    warnings: tuple[str, ...]


def gather(questions: QuestionSet, runs: Sequence[Loaded]) -> Report:
    """Return the report of *runs*, the first of which is the measure."""
    asked = {row.question.id for run in runs for row in run.judged}
    shared = set.intersection(*({row.question.id for row in run.judged} for run in runs))
    warnings = [warning for run in runs for warning in run.warnings]
    if not shared:
        warnings.append("The runs have no question in common: each is shown on its own questions, and none is tested.")
    compared = [[row for row in run.judged if not shared or row.question.id in shared] for run in runs]
    beside = [
        compare.Run(run.name, kept, run.model_calls, run.record.get("config"))
        for run, kept in zip(runs, compared, strict=True)
    ]
    rows = compare.compare(beside) if shared else [row for run in beside for row in compare.compare([run])]
    categories = tuple(sorted({row.question.category for kept in compared for row in kept}))
    by_place = {(row.category, row.run): row for row in rows}
    lines = tuple(_line(run, kept, by_place[ALL, run.name]) for run, kept in zip(runs, compared, strict=True))
    kept_ids = [{row.question.id for row in kept} for kept in compared]
    return Report(
        asked=len(asked),
        common=len(shared),
        categories=categories,
        about=tuple(_about(run) for run in runs),
        lines=lines,
        measures=tuple(dict.fromkeys(name for run in runs for name in run.own)),
        own=tuple(run.own for run in runs),
        ablations=ablations.figures(beside) if shared else None,
        matrix=_matrix([run.name for run in runs], (*categories, ALL), by_place),
        costs=_costs(lines),
        losses=tuple(_losses(run, kept) for run, kept in zip(runs, kept_ids, strict=True)),
        losses_by_category={
            category: tuple(
                _losses(run, {j.question.id for j in kept if j.question.category == category})
                for run, kept in zip(runs, compared, strict=True)
            )
            for category in categories
        },
        trust=tuple(_trust(run) for run in runs),
        risk=_risk(runs),
        date=max((str(run.record.get("finished_at") or "") for run in runs), default=""),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def listing(questions: QuestionSet, runs: Sequence[Loaded], pictures: Mapping[str, Sequence[str]]) -> list[Any]:
    """Return a row for each question that a run was asked, in the order of the file, with what each run made of it."""
    judged = [{row.question.id: row for row in run.judged} for run in runs]
    return [
        {
            **_question(question),
            "pictures": list(pictures.get(question.id, ())),
            "runs": [_outcome(run, rows.get(question.id)) for run, rows in zip(runs, judged, strict=True)],
        }
        for question in questions.questions
        if any(question.id in rows for rows in judged)
    ]


def _question(question: Question) -> dict[str, Any]:
    return {
        "id": question.id,
        "category": question.category,
        "question": question.question,
        "gold": list(question.answers),
        "type": question.answer_type,
        "evidence": list(question.evidence),
        "hops": len(question.evidence_steps),
    }


def _outcome(run: Loaded, row: Judged | None) -> dict[str, Any] | None:
    if row is None or row.prediction is None:
        return None
    given, key = row.prediction, row.question.id
    ranks = {doc: rank for rank, doc in reversed(list(enumerate(given.retrieved, 1)))}
    return {
        "right": row.correct,
        "loss": run.losses.get(key),
        "answer": given.answer[:300],
        "status": given.status,
        "searches": given.searches,
        "seconds": round(given.seconds, 2),
        "calls": run.model_calls.get(key),
        "confidence": run.views.get(key, {}).get("confidence"),
        "ranks": [ranks.get(doc) for doc in row.question.evidence],
    }


def _line(run: Loaded, kept: Sequence[Judged], row: compare.Row) -> Line:
    def mean(values: Mapping[str, float] | Mapping[str, int]) -> float | None:
        known = [values[j.question.id] for j in kept if j.question.id in values]
        return statistics.fmean(known) if known else None

    return Line(run.name, row, score(kept)[ALL], mean(run.usd), mean(run.tokens))


def _matrix(
    names: Sequence[str], categories: Sequence[str], by_place: Mapping[tuple[str, str], compare.Row]
) -> tuple[tuple[Cell | None, ...], ...]:
    best = {c: max(by_place[c, name].accuracy for name in names if (c, name) in by_place) for c in categories}
    return tuple(
        tuple(
            Cell(row.n, row.accuracy, *row.interval, best=row.accuracy == best[category] > 0 and len(names) > 1)
            if (row := by_place.get((category, name)))
            else None
            for category in categories
        )
        for name in names
    )


def _costs(lines: Sequence[Line]) -> tuple[plots.Plot, ...]:
    drawn = []
    for title, across, cost in (
        ("Accuracy against model calls", "model calls a question", lambda line: line.row.model_calls),
        ("Accuracy against all calls", "model and tool calls a question", lambda line: line.row.calls),
        ("Accuracy against seconds", "seconds a question (median)", lambda line: line.row.seconds),
        ("Accuracy against money", "US dollars a question", lambda line: line.usd),
    ):
        points = [
            plots.Point(n, line.name, value, line.row.accuracy, *line.row.interval)
            for n, line in enumerate(lines)
            if (value := cost(line)) is not None
        ]
        if any(point.cost for point in points):
            drawn.append(plots.costs(title, across, points))
    return tuple(drawn)


def _losses(run: Loaded, ids: set[str]) -> Mapping[str, int]:
    counts = Counter(run.losses[key] or RIGHT for key in ids)
    return {name: counts[name] for name in (RIGHT, *LOSSES)}


def _trust(run: Loaded) -> Trust | None:
    given, right = run.sure.confidences, run.sure.right
    if len(run.sure) < LEAST:
        return None
    bins = calibration.reliability(given, right)
    return Trust(
        name=run.name,
        n=len(run.sure),
        ece=calibration.ece(given, right),
        brier=calibration.brier(given, right),
        aurc=calibration.aurc(given, right),
        bins=tuple(bins),
        bubbles=plots.bubbles(((b.n, b.confidence, b.accuracy) for b in bins), len(run.sure)),
    )


def _risk(runs: Sequence[Loaded]) -> plots.Plot | None:
    curves = [
        (n, run.name, [(p.coverage, p.risk) for p in calibration.risk_coverage(run.sure.confidences, run.sure.right)])
        for n, run in enumerate(runs)
        if len(run.sure) >= LEAST
    ]
    return plots.risks(curves) if curves else None


def _about(run: Loaded) -> About:
    config = run.record.get("config") or {}
    roles = [config.get(f"{role}_model") for role in ("planner", "solver", "answer")]
    models = dict.fromkeys(str(name) for name in (config.get("model"), *roles) if name)
    index = str(config.get("index") or "").replace("\\", "/").rstrip("/")
    return About(
        name=run.name,
        model=" + ".join(models) or "not said",
        strategy=", ".join(str(config[key]).replace("_", " ") for key in ("strategy", "ablation") if config.get(key)),
        profile=str(config.get("profile") or ""),
        web=str(config.get("web") or ""),
        index=index.rpartition("/")[2],  # where it lies on a machine is nobody's business
        config_hash=str(run.record.get("config_hash") or ""),
        version=str((run.record.get("versions") or {}).get("foveal") or ""),
        started=str(run.record.get("started_at") or ""),
        finished=str(run.record.get("finished_at") or ""),
        asked=len(run.judged),
    )
