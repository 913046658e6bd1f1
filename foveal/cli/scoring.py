"""``foveal eval score``: what a run's answers are worth, by our measures and by those of the data set."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from foveal.cli import options, seams
from foveal.cli.interrupt import run_until_interrupted
from foveal.cli.judged import Predictions, Questions, TopK, judged_of, number
from foveal.cli.output import note, print_json, say, table

WAY = {
    "citation_precision": "cit.P", "citation_recall": "cit.R", "redundant": "redun", "idle": "idle",
    "tool_choice": "tool", "coverage": "cover", "calls": "calls", "model_calls": "model", "tokens": "tokens",
    "usd": "usd",
}  # fmt: skip
"""Columns of the way to the answers."""

Judge = Annotated[
    str | None,
    typer.Option(
        "--judge", metavar="SPEC", show_default=False,
        help="Model that grades answers, for measures that a model gives (and for all answers of sets without one).",
    ),
]  # fmt: skip


def score_(
    context: typer.Context,
    questions: Questions,
    predictions: Predictions,
    k: TopK = 10,
    judge: Judge = None,
    json: options.Json = False,
) -> None:
    """Score a run, by category: answers, retrieval, honesty, the way to the answers, and the data set's own measures.

    Citations and the way are checked when traces/ stands beside the predictions.
    """
    from foveal.evaluation.measures import measured, unmeasured
    from foveal.evaluation.score import check_citations, score, ways

    judged, traces = judged_of(questions, predictions, k)
    scores = score(judged)
    cited = check_citations(traces)
    gone = ways(judged, traces)
    grades = _grades(context, judged, judge) if judge is not None else None
    own = measured(judged, traces, k=k, grades=grades)
    missing = unmeasured(judged, own)
    if json:
        by_category = {name: asdict(row) for name, row in scores.items()}
        found = cited.as_dict() if traces else None
        way = {name: asdict(row) for name, row in gone.items()}
        print_json(
            {
                "schema": "foveal.score/1", "k": k, "scores": by_category, "citations": found, "ways": way,
                "measures": [asdict(row) for row in own], "not_measured": missing,
                "judge": {"name": grades.judge, "asked": grades.asked, "failed": grades.failed} if grades else None,
            }
        )  # fmt: skip
        return
    names = {
        "accuracy": "acc", "exact": "EM", "f1": "F1", "recall": f"R@{k}", "ndcg": "nDCG", "mrr": "MRR",
        "chain": "chain", "searches": "search", "needless": "needl", "false_abstention": "f.abst",
        "abstention_precision": "abs.P", "abstention_recall": "abs.R", "seconds": "s/q",
    }  # fmt: skip
    rows = []
    for category, row in scores.items():
        values = asdict(row)
        cells = (number(values[key], 1 if key in ("seconds",) else 3) for key in names)
        rows.append((category, str(row.n), *cells, str(row.failed), str(row.missing)))
    say(table(("category", "n", *names.values(), "failed", "missing"), rows))
    if gone:
        say()
        say(table(("category", "n", *WAY.values()), [_gone(name, row) for name, row in gone.items()]))
    if own:
        say()
        say(table(("measure", "category", "mean", "95 %", "n"), [_measured(row) for row in own]))
    for name, why in missing.items():
        say(f"not measured: {name}: {why}")
    if grades:
        say(f"judge: {grades.judge}, {grades.asked} answers, {grades.failed} not judged (they count 0)")
    if traces:
        rate = "none given" if cited.rate is None else f"{cited.rate:.1%} resolve"
        say(f"citations: {cited.citations} and {cited.marks} marks in {cited.traces} traces, {rate}")
        for question_id in cited.unresolved:
            say(f"- does not resolve: {question_id}")


def _grades(context: typer.Context, judged: Any, spec: str) -> Any:
    """Return what the judge says of the answers. Raises BadConfig, ModelUnavailable."""
    from foveal.evaluation.judging import grade

    settings = options.settings_of(context, judge_model=spec)
    note(f"asking the judge {spec}")
    return run_until_interrupted(grade(judged, seams.make_judge(settings)), hint="Nothing is kept of a judgement.")


def _gone(category: str, row: Any) -> tuple[str, ...]:
    digits = {"calls": 1, "model_calls": 1, "tokens": 0, "usd": 4}
    return (category, str(row.n), *(number(getattr(row, key), digits.get(key, 2)) for key in WAY))


def _measured(row: Any) -> tuple[str, ...]:
    interval = f"{row.interval[0]:.3f}..{row.interval[1]:.3f}"
    return (row.measure, row.category, number(row.mean, 3), interval, str(row.n))
