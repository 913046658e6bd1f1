"""``foveal eval report``: where questions were lost, or all there is to see of runs as one page."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from foveal.cli import options
from foveal.cli.judged import Questions, TopK, judged_of
from foveal.cli.output import note, print_json, say, table

Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN...", show_default=False,
        help="Folders of runs, or one that holds them; the first run is what others are measured against.",
    ),
]  # fmt: skip


def report_(
    questions: Questions,
    runs: Runs,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write one page with everything in it.", show_default=False),
    ] = None,
    pictures: Annotated[
        bool, typer.Option("--pictures/--no-pictures", help="Small copies of the questions' pictures in the page.")
    ] = True,
    k: TopK = 10,
    json: options.Json = False,
) -> None:
    """Count where questions were lost, by category; with --html write a page to look at.

    The page needs nothing else and loads nothing: tables with intervals and tests, accuracy against calls, seconds and
    money, errors, what confidences are worth, and every question with its plan, calls and evidence, runs side by side.
    """
    if html is not None:
        _page(questions, runs, html, pictures=pictures, k=k, json=json)
        return
    from foveal.evaluation.failures import LOSSES, count_losses
    from foveal.evaluation.folder import run_folders

    counts = {name: count_losses(*judged_of(questions, run, k)) for name, run in run_folders(runs).items()}
    if json:
        told: dict[str, Any] = {"schema": "foveal.losses/1", "meaning": LOSSES, "runs": counts}
        print_json({**told, "counts": next(iter(counts.values()))} if len(counts) == 1 else told)
        return
    head = ("category", "right", *LOSSES)
    for name, categories in counts.items():
        rows = [(category, *(str(n) for n in row.values())) for category, row in categories.items()]
        if len(counts) > 1:
            say(f"{name}:")
        say(table(head, rows))


def _page(questions: Path, runs: list[Path], html: Path, *, pictures: bool, k: int, json: bool) -> None:
    from foveal.evaluation.questions import load_questions
    from foveal.evaluation.report import load_runs, write_report

    asked = load_questions(questions)
    for problem in asked.bad_rows:
        note(f"warning: {questions}: {problem}")
    loaded = load_runs(asked, runs, k=k)
    for run in loaded:
        for warning in run.warnings:
            note(f"warning: {warning}")
    name = f"{questions.name}/questions.jsonl" if questions.is_dir() else questions.name
    done = write_report(asked, loaded, html, name=name, pictures=pictures)
    if json:
        print_json(
            {"schema": "foveal.report/1", **asdict(done), "path": str(done.path), "runs": [r.name for r in loaded]}
        )
        return
    sizes = f"{done.bytes / 1e6:.1f} MB: traces {done.traces / 1e6:.1f}, pictures {done.pictures / 1e6:.1f}"
    say(f"{html}: {len(loaded)} runs, {done.questions} questions ({sizes})")
