"""``foveal eval``: ask many questions, score the answers, say where they were lost."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from foveal.cli import options, seams
from foveal.cli.ask import follow
from foveal.cli.interrupt import run_until_interrupted
from foveal.cli.output import note, print_json, say, table
from foveal.cli.progress import Bar, lasting, on_terminal
from foveal.errors import BadInput
from foveal.settings import Settings

app = typer.Typer(help="Evaluation on question files.", no_args_is_help=True)

KEPT = "Finished questions are kept; the same command goes on with the others."
SEED = 0
"""Every embedded model decodes greedily; the seed is recorded for those that sample."""

Questions = Annotated[Path, typer.Argument(metavar="QUESTIONS.jsonl", show_default=False)]
Predictions = Annotated[Path, typer.Argument(metavar="PREDICTIONS.jsonl", show_default=False)]
TopK = Annotated[int, typer.Option("--k", min=1, help="Depth of recall.")]


@app.command("run")
def run(
    context: typer.Context,
    questions: Questions,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the run is kept.", show_default=False)],
    index: options.Index = None,
    categories: Annotated[
        str | None, typer.Option("--categories", metavar="A,B", help="Only these.", show_default=False)
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="At most so many.", show_default=False)
    ] = None,
    concurrency: Annotated[int, typer.Option("--concurrency", metavar="N", min=1, max=256)] = 1,
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Go on with a run, or start over.")] = True,
    strategy: options.Strategy = None,
    profile: options.Profile = None,
    model: options.Model = None,
    planner_model: options.PlannerModel = None,
    solver_model: options.SolverModel = None,
    answer_model: options.AnswerModel = None,
    judge_model: options.JudgeModel = None,
    max_calls: options.MaxCalls = None,
    max_usd: options.MaxUsd = None,
    deadline: options.Deadline = None,
    json: options.Json = False,
) -> int:
    """Ask every question of a file and keep predictions.jsonl and a trace of each."""
    from foveal.evaluation.questions import load_questions
    from foveal.evaluation.runner import Progress, Runner, Totals

    settings = options.settings_of(
        context,
        index=index,
        strategy=strategy,
        profile=profile,
        model=model,
        planner_model=planner_model,
        solver_model=solver_model,
        answer_model=answer_model,
        judge_model=judge_model,
        max_calls=max_calls,
        max_usd=max_usd,
        deadline=deadline,
    )
    settings = settings.model_copy(update={"persist": False})  # the folder of the evaluation keeps its own traces
    if settings.strategy != "direct":
        seams.index_folder(settings)
    loaded = load_questions(questions)
    picked = loaded.pick([name.strip() for name in (categories or "").split(",") if name.strip()], limit)
    for row in loaded.bad_rows:
        note(f"warning: {questions}: {row}")

    async def work(show: Callable[[Progress], None]) -> Totals:
        runner = Runner(
            out,
            config={**_config(settings), "questions": loaded.sha256},
            about={"seed": SEED, "versions": _versions(), "questions_file": questions.name},
            concurrency=concurrency,
            progress=show,
        )
        async with seams.make_foveal(settings) as foveal:
            if settings.strategy != "direct":
                await foveal.collection()  # a collection that cannot be opened is known before the first question

            async def answer(question: Any, on_event: Any) -> Any:
                return await follow(foveal, question.question, [Path(p) for p in question.images], on_event)

            return await runner.run(picked, answer, resume=resume, bad_rows=loaded.bad_rows)

    with Bar("asking", unit="questions", quiet=not on_terminal()) as bar:
        totals = run_until_interrupted(work(lambda now: _show(now, bar)), hint=KEPT)
    if json:
        print_json({"schema": "foveal.eval/1", "out": str(out), **asdict(totals)})
    else:
        states = ", ".join(f"{n} {status}" for status, n in sorted(totals.statuses.items()))
        say(f"{totals.total} questions ({totals.kept} from before): {states or 'nothing to ask'}")
        say(f"{out / 'predictions.jsonl'}")
    return 4 if totals.total and totals.failed == totals.total else 0


@app.command("score")
def score_(questions: Questions, predictions: Predictions, k: TopK = 10, json: options.Json = False) -> None:
    """Score predictions; citations are checked too when traces/ stands beside them."""
    from foveal.evaluation.score import check_citations, score

    judged, traces = _judged(questions, predictions, k)
    scores = score(judged)
    cited = check_citations(traces)
    if json:
        by_category = {name: asdict(row) for name, row in scores.items()}
        found = cited.as_dict() if traces else None
        print_json({"schema": "foveal.score/1", "k": k, "scores": by_category, "citations": found})
        return
    names = {
        "accuracy": "acc", "exact": "EM", "f1": "F1", "recall": f"R@{k}", "chain": "chain",
        "searches": "search", "needless": "needl", "false_abstention": "f.abst",
        "abstention_precision": "abs.P", "abstention_recall": "abs.R", "seconds": "s/q",
    }  # fmt: skip
    rows = []
    for category, row in scores.items():
        values = asdict(row)
        cells = (_number(values[key], 1 if key in ("seconds",) else 3) for key in names)
        rows.append((category, str(row.n), *cells, str(row.failed), str(row.missing)))
    say(table(("category", "n", *names.values(), "failed", "missing"), rows))
    if traces:
        rate = "none given" if cited.rate is None else f"{cited.rate:.1%} resolve"
        say(f"citations: {cited.citations} and {cited.marks} marks in {cited.traces} traces, {rate}")
        for question_id in cited.unresolved:
            say(f"- does not resolve: {question_id}")


@app.command("compare")
def compare_(
    questions: Questions,
    runs: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Folders of runs; the first is the measure.")],
    json: options.Json = False,
) -> None:
    """Set runs side by side: accuracy with 95 % intervals, chains, calls, seconds, and the difference to the first."""
    from foveal.evaluation.compare import Run, compare, model_calls

    judged = []
    for folder in runs:
        rows, traces = _judged(questions, folder, 10)
        asked = [row for row in rows if row.prediction is not None]
        judged.append(Run(folder.name, asked, model_calls(traces)))
    table_rows = compare(judged)
    if json:
        print_json({"schema": "foveal.compare/1", "rows": [asdict(row) for row in table_rows]})
        return
    names = "category,run,n,acc,95 %,chain,model,tools,s/q,needl,f.abst,better,95 %"
    say(table(names.split(","), [_compared(row) for row in table_rows]))


def _compared(row: Any) -> tuple[str, ...]:
    def interval(pair: tuple[float, float] | None) -> str:
        return f"{pair[0]:.2f}..{pair[1]:.2f}" if pair else "-"

    return (
        row.category, row.run, str(row.n), _number(row.accuracy, 3), interval(row.interval), _number(row.chain, 2),
        _number(row.model_calls, 1), _number(row.tool_calls, 1), _number(row.seconds, 1), _number(row.needless, 2),
        _number(row.false_abstention, 2), _number(row.better, 3), interval(row.better_interval),
    )  # fmt: skip


@app.command("report")
def report(questions: Questions, predictions: Predictions, k: TopK = 10, json: options.Json = False) -> None:
    """Count where questions were lost, by category."""
    from foveal.evaluation.failures import LOSSES, count_losses

    judged, traces = _judged(questions, predictions, k)
    counts = count_losses(judged, traces)
    if json:
        print_json({"schema": "foveal.losses/1", "meaning": LOSSES, "counts": counts})
        return
    rows = [(category, *(str(n) for n in row.values())) for category, row in counts.items()]
    say(table(("category", "right", *LOSSES), rows))


def _judged(questions: Path, predictions: Path, k: int) -> tuple[list[Any], dict[str, Any]]:
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


def _show(now: Any, bar: Bar) -> None:
    left = f", about {lasting(now.left)} left" if now.left is not None else ""
    failed = f", {now.failed} failed" if now.failed else ""
    if on_terminal():
        bar.at(now.done, now.total, f"{failed.lstrip(', ')}{left}".strip(" ,"))
    elif now.prediction is not None:
        row = now.prediction
        note(f"[{now.done}/{now.total}] {row.id}: {row.status}, {row.seconds:.1f} s{failed}{left}")


def _config(settings: Settings) -> dict[str, Any]:
    """What answers depend on, and nothing secret."""
    from foveal.prompts.loader import prompts_hash

    keys = (
        "model", "planner_model", "solver_model", "answer_model", "judge_model", "profile", "strategy", "web",
        "max_calls", "max_usd", "deadline", "ocr", "openai_base_url", "replan", "sufficiency",
    )  # fmt: skip
    values: dict[str, Any] = {key: getattr(settings, key) for key in keys}
    values["index"] = str(settings.index.absolute()) if settings.index else None
    return {**values, "prompts": prompts_hash()}


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("foveal", "torch", "transformers", "langgraph", "chromadb", "xllamacpp", "rapidocr"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
