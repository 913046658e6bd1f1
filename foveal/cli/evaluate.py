"""``foveal eval``: ask many questions, score the answers, say where they were lost."""

from __future__ import annotations

import platform
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from foveal.cli import options, seams
from foveal.cli.ask import answer_in, follow
from foveal.cli.calibrate import calibrate
from foveal.cli.convert import convert_, converted
from foveal.cli.interrupt import run_until_interrupted
from foveal.cli.judged import Questions, judged_of, number
from foveal.cli.output import note, print_json, say, table
from foveal.cli.progress import Bar, lasting, on_terminal
from foveal.errors import BadInput
from foveal.settings import Settings

app = typer.Typer(help="Evaluation on question files.", no_args_is_help=True)
app.command("convert")(convert_)

KEPT = "Finished questions are kept; the same command goes on with the others."
SEED = 0
"""Every embedded model decodes greedily; the seed is recorded for those that sample."""

WAY = {
    "citation_precision": "cit.P", "citation_recall": "cit.R", "redundant": "redun", "idle": "idle",
    "tool_choice": "tool", "coverage": "cover", "calls": "calls", "model_calls": "model", "tokens": "tokens",
    "usd": "usd",
}  # fmt: skip
"""Columns of the way to the answers."""

Predictions = Annotated[Path, typer.Argument(metavar="PREDICTIONS.jsonl", show_default=False)]
TopK = Annotated[int, typer.Option("--k", min=1, help="Depth of recall, nDCG and MRR.")]


@app.command("run")
def run(
    context: typer.Context,
    questions: Questions,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the run is kept.", show_default=False)],
    index: options.Index = None,
    web: options.Web = None,
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
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="DIR", help="Keep each run in a file there, to replay.", show_default=False),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option("--replay", metavar="DIR", help="Make the runs recorded there again.", show_default=False),
    ] = None,
    format: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="Convert a published data set first.", show_default=False),
    ] = None,
    json: options.Json = False,
) -> int:
    """Ask every question of a file (or of a converted folder) and keep predictions.jsonl and a trace of each."""
    from foveal.evaluation.questions import load_questions
    from foveal.evaluation.runner import Progress, Runner, Totals

    settings = options.settings_of(
        context,
        index=index,
        web=web,
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
    if record is not None and replay is not None:
        raise BadInput("A replay is not recorded.", remedy="Give --record or --replay.")
    if settings.strategy != "direct" and settings.web == "off" and replay is None:
        seams.index_folder(settings)
    if format is not None:
        converted(format, questions, out / "data")
        questions = out / "data"
    loaded = load_questions(questions)
    picked = loaded.pick([name.strip() for name in (categories or "").split(",") if name.strip()], limit)
    for row in loaded.bad_rows:
        note(f"warning: {questions}: {row}")
    if blind := sum(bool(question.references) for question in picked):
        note(f"warning: {blind} questions have pictures that are not here: they are asked without them")

    async def work(show: Callable[[Progress], None]) -> Totals:
        runner = Runner(
            out,
            config={**_config(settings), "questions": loaded.sha256},
            about={"seed": SEED, "versions": _versions(), "questions_file": questions.name},
            concurrency=concurrency,
            progress=show,
        )
        async with _answering(settings, record, replay) as answer:
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


@asynccontextmanager
async def _answering(settings: Settings, record: Path | None, replay: Path | None) -> AsyncIterator[Any]:
    """Give the coroutine that answers one question: from its recording in *replay*, or recorded in *record*."""
    from foveal.evaluation.folder import file_name

    def tape(folder: Path, question: Any) -> Path:
        return folder / f"{file_name(question.id)}.tape"

    async def again(question: Any, on_event: Any) -> Any:
        assert replay is not None
        pictures = [Path(p) for p in question.images]
        return await answer_in(
            seams.replayed(tape(replay, question), question=question.question, images=pictures), on_event
        )

    if replay is not None:
        yield again
        return
    if record is not None:
        try:
            record.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = f"--record {record}: {error.strerror or error}."
            raise BadInput(problem, remedy="Give a folder that can be written.") from None
    async with seams.make_foveal(settings) as foveal:
        if settings.strategy != "direct" and settings.index is not None:
            await foveal.collection()  # a collection that cannot be opened is known before the first question

        async def answer(question: Any, on_event: Any) -> Any:
            file = tape(record, question) if record is not None else None
            if file is not None:
                file.unlink(missing_ok=True)  # a question is asked again when what was kept of it is not whole
            pictures = [Path(p) for p in question.images]
            return await follow(foveal, question.question, pictures, on_event, record=file)

        yield answer


@app.command("score")
def score_(questions: Questions, predictions: Predictions, k: TopK = 10, json: options.Json = False) -> None:
    """Score predictions; citations are checked too when traces/ stands beside them."""
    from foveal.evaluation.score import check_citations, score, ways

    judged, traces = judged_of(questions, predictions, k)
    scores = score(judged)
    cited = check_citations(traces)
    gone = ways(judged, traces)
    if json:
        by_category = {name: asdict(row) for name, row in scores.items()}
        found = cited.as_dict() if traces else None
        way = {name: asdict(row) for name, row in gone.items()}
        print_json({"schema": "foveal.score/1", "k": k, "scores": by_category, "citations": found, "ways": way})
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
        rows, traces = judged_of(questions, folder, 10)
        asked = [row for row in rows if row.prediction is not None]
        judged.append(Run(folder.name, asked, model_calls(traces)))
    table_rows = compare(judged)
    if json:
        print_json({"schema": "foveal.compare/1", "rows": [asdict(row) for row in table_rows]})
        return
    names = "category,run,n,acc,95 %,chain,model,tools,s/q,needl,f.abst,better,95 %"
    say(table(names.split(","), [_compared(row) for row in table_rows]))


def _gone(category: str, row: Any) -> tuple[str, ...]:
    digits = {"calls": 1, "model_calls": 1, "tokens": 0, "usd": 4}
    return (category, str(row.n), *(number(getattr(row, key), digits.get(key, 2)) for key in WAY))


def _compared(row: Any) -> tuple[str, ...]:
    def interval(pair: tuple[float, float] | None) -> str:
        return f"{pair[0]:.2f}..{pair[1]:.2f}" if pair else "-"

    return (
        row.category, row.run, str(row.n), number(row.accuracy, 3), interval(row.interval), number(row.chain, 2),
        number(row.model_calls, 1), number(row.tool_calls, 1), number(row.seconds, 1), number(row.needless, 2),
        number(row.false_abstention, 2), number(row.better, 3), interval(row.better_interval),
    )  # fmt: skip


@app.command("report")
def report(questions: Questions, predictions: Predictions, k: TopK = 10, json: options.Json = False) -> None:
    """Count where questions were lost, by category."""
    from foveal.evaluation.failures import LOSSES, count_losses

    judged, traces = judged_of(questions, predictions, k)
    counts = count_losses(judged, traces)
    if json:
        print_json({"schema": "foveal.losses/1", "meaning": LOSSES, "counts": counts})
        return
    rows = [(category, *(str(n) for n in row.values())) for category, row in counts.items()]
    say(table(("category", "right", *LOSSES), rows))


app.command("calibrate")(calibrate)


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
