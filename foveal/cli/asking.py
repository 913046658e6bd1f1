"""``foveal eval run``: ask many questions, with one strategy or several, or without what a run otherwise has."""

from __future__ import annotations

import platform
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foveal.cli import options, seams
from foveal.cli.arms import Arm, ClosedBook, NoImage, Sample, Strategies, arms_of
from foveal.cli.ask import answer_in, follow
from foveal.cli.convert import converted
from foveal.cli.interrupt import run_until_interrupted
from foveal.cli.judged import Questions
from foveal.cli.output import note, print_json, say
from foveal.cli.progress import Bar, lasting, on_terminal
from foveal.errors import BadInput

if TYPE_CHECKING:
    from foveal.evaluation.questions import Question, QuestionSet
    from foveal.evaluation.runner import Runner, Totals

KEPT = "Finished questions are kept; the same command goes on with the others."


def run(
    context: typer.Context,
    questions: Questions,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where the run is kept.", show_default=False)],
    index: options.Index = None,
    web: options.Web = None,
    categories: Annotated[
        str | None,
        typer.Option("--categories", metavar="A,B", help="Only questions of these categories.", show_default=False),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="At most the first N.", show_default=False)
    ] = None,
    sample: Sample = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Which sample it is.")] = 0,
    concurrency: Annotated[
        int, typer.Option("--concurrency", metavar="N", min=1, max=256, help="Questions under way at once.")
    ] = 1,
    resume: Annotated[bool, typer.Option("--resume/--no-resume", help="Go on with a run, or start over.")] = True,
    strategy: Strategies = None,
    closed_book: ClosedBook = False,
    no_image: NoImage = False,
    profile: options.Profile = None,
    model: options.Model = None,
    planner_model: options.PlannerModel = None,
    solver_model: options.SolverModel = None,
    answer_model: options.AnswerModel = None,
    judge_model: options.JudgeModel = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            "--calibration",
            metavar="FILE",
            help="Set confidences and gates as `foveal eval calibrate` fitted them for this model.",
            show_default=False,
        ),
    ] = None,
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
    """Ask every question of a file (or of a converted folder) and keep predictions.jsonl and a trace of each.

    What is finished is kept at once: the same command goes on where a run was killed.
    """
    from foveal.evaluation.questions import load_questions

    flags = {
        "index": index, "web": web, "profile": profile, "model": model, "planner_model": planner_model,
        "solver_model": solver_model, "answer_model": answer_model, "judge_model": judge_model,
        "calibration": calibration, "max_calls": max_calls, "max_usd": max_usd, "deadline": deadline,
    }  # fmt: skip
    arms = arms_of(context, flags, strategy, closed_book=closed_book, no_image=no_image)
    if record is not None and replay is not None:
        raise BadInput("A replay is not recorded.", remedy="Give --record or --replay.")
    if sample is not None and limit is not None:
        raise BadInput("A sample has its size.", remedy="Give --sample or --limit.")
    for arm in arms:
        if arm.settings.strategy != "direct" and arm.settings.web == "off" and replay is None:
            seams.index_folder(arm.settings)
    if format is not None:
        converted(format, questions, out / "data")
        questions = out / "data"
    loaded = load_questions(questions)
    picked = loaded.pick([name.strip() for name in (categories or "").split(",") if name.strip()], limit)
    if sample is not None:
        from foveal.evaluation.sampling import sample as drawn_from

        picked = drawn_from(picked, sample, seed)
    for row in loaded.bad_rows:
        note(f"warning: {questions}: {row}")
    if blind := sum(bool(question.references) for question in picked):
        note(f"warning: {blind} questions have pictures that are not here: they are asked without them")

    drawn = {"sample": sample, "seed": seed} if sample is not None else {}
    work = _Work(arms, out, loaded, picked, concurrency, resume)
    made = run_until_interrupted(work.run(drawn, seed, questions.name, record, replay), hint=KEPT)
    if json and len(arms) == 1:
        print_json({"schema": "foveal.eval/1", "out": str(out), **asdict(made[arms[0].name])})
    elif json:
        runs = [{"run": name, "out": str(out / name), **asdict(totals)} for name, totals in made.items()]
        print_json({"schema": "foveal.eval/1", "out": str(out), "runs": runs})
    for arm in arms if not json else ():
        totals = made[arm.name]
        states = ", ".join(f"{n} {status}" for status, n in sorted(totals.statuses.items()))
        named = f"{arm.name}: " if len(arms) > 1 else ""
        say(f"{named}{totals.total} questions ({totals.kept} from before): {states or 'nothing to ask'}")
        say(f"{work.folder(arm) / 'predictions.jsonl'}")
    return 4 if any(totals.total and totals.failed == totals.total for totals in made.values()) else 0


@dataclass(frozen=True, slots=True)
class _Work:
    """What a command asks, and into which folders."""

    arms: Sequence[Arm]
    out: Path
    loaded: QuestionSet
    picked: Sequence[Question]
    concurrency: int
    resume: bool

    def folder(self, arm: Arm) -> Path:
        """Return where the run of *arm* is kept."""
        return self.out / arm.name if len(self.arms) > 1 else self.out

    async def run(
        self, drawn: dict[str, int], seed: int, file: str, record: Path | None, replay: Path | None
    ) -> dict[str, Totals]:
        """Make one run after the other, with one set of models; return what each came to by its name."""
        from foveal.evaluation.runner import Runner

        runners: dict[str, Runner] = {}
        bars = [Bar(self._label(number), unit="questions", quiet=not on_terminal()) for number in range(len(self.arms))]
        for number, arm in enumerate(self.arms):
            about = {"seed": seed, "versions": versions(), "questions_file": file, "order": number}
            runners[arm.name] = Runner(
                self.folder(arm), config=arm.config(self.loaded, drawn), about=about, concurrency=self.concurrency,
                progress=Shown(bars[number], self._label(number)), replayed=replay is not None,
            )  # fmt: skip
            if self.resume:
                runners[arm.name].check()  # before hours are spent on another one
        totals = {}
        async with _answering(self.arms, record, replay) as answering:
            for bar, arm in zip(bars, self.arms, strict=True):
                with bar:
                    totals[arm.name] = await runners[arm.name].run(
                        arm.asked(self.picked), await answering(arm), resume=self.resume, bad_rows=self.loaded.bad_rows
                    )
        return totals

    def _label(self, number: int) -> str:
        return f"{self.arms[number].name} ({number + 1} of {len(self.arms)})" if len(self.arms) > 1 else "asking"


@asynccontextmanager
async def _answering(arms: Sequence[Arm], record: Path | None, replay: Path | None) -> AsyncIterator[Any]:
    """Give what makes the coroutine of an arm that answers one question: from its recording in *replay*, or recorded
    in *record*."""
    from foveal.evaluation.folder import file_name

    def tape(folder: Path, arm: Arm, question: Question) -> Path:
        folder = folder / arm.name if len(arms) > 1 else folder
        return folder / f"{file_name(question.id)}.tape"

    async def replaying(arm: Arm) -> Any:
        async def again(question: Question, on_event: Any) -> Any:
            assert replay is not None
            pictures = [Path(p) for p in question.images]
            run = seams.replayed(tape(replay, arm, question), question=question.question, images=pictures)
            return await answer_in(run, on_event)

        return again

    if replay is not None:
        yield replaying
        return
    if record is not None:
        try:
            for arm in arms:
                (record / arm.name if len(arms) > 1 else record).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            problem = f"--record {record}: {error.strerror or error}."
            raise BadInput(problem, remedy="Give a folder that can be written.") from None
    # whichever searches opens all that any of them works with
    first = next((arm for arm in arms if arm.settings.strategy != "direct"), arms[0])
    async with seams.make_foveal(first.settings) as foveal:
        if first.settings.strategy != "direct" and first.settings.index is not None:
            await foveal.collection()  # a collection that cannot be opened is known before the first question

        async def live(arm: Arm) -> Any:
            own = foveal
            if arm is not first:
                settings = arm.settings
                own = await foveal.variant(strategy=settings.strategy, index=settings.index, web=settings.web)

            async def answer(question: Question, on_event: Any) -> Any:
                file = tape(record, arm, question) if record is not None else None
                if file is not None:
                    file.unlink(missing_ok=True)  # a question is asked again when what was kept of it is not whole
                pictures = [Path(p) for p in question.images]
                return await follow(own, question.question, pictures, on_event, record=file)

            return answer

        yield live


@dataclass(frozen=True, slots=True)
class Shown:
    """Shows the progress of a run: on its bar on a terminal, a line a question everywhere else."""

    bar: Bar
    label: str

    def __call__(self, now: Any) -> None:
        left = f", about {lasting(now.left)} left" if now.left is not None else ""
        failed = f", {now.failed} failed" if now.failed else ""
        if on_terminal():
            self.bar.at(now.done, now.total, f"{failed.lstrip(', ')}{left}".strip(" ,"))
        elif now.prediction is not None:
            row, run = now.prediction, f"{self.label} " if self.label != "asking" else ""
            note(f"{run}[{now.done}/{now.total}] {row.id}: {row.status}, {row.seconds:.1f} s{failed}{left}")


def versions() -> dict[str, str]:
    """Return the versions that answers may depend on."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": platform.python_version()}
    for name in ("foveal", "torch", "transformers", "langgraph", "chromadb", "xllamacpp", "rapidocr"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
