"""``foveal eval compare``: runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from foveal.cli import options
from foveal.cli.judged import Questions, judged_of, number
from foveal.cli.output import note, print_json, say, table
from foveal.errors import BadInput

Runs = Annotated[
    list[Path],
    typer.Argument(
        metavar="DIR...", show_default=False,
        help="Folders of runs, or one that holds them; the first run is what others are measured against.",
    ),
]  # fmt: skip
LEGEND = (
    "better: accuracy less that of the first run. p: McNemar's exact test; p F1, p s: Wilcoxon's signed-rank test, "
    "each corrected for the number of runs (Holm). front: no other run is as good and as cheap in calls, or seconds."
)


def compare_(
    questions: Questions,
    runs: Runs,
    overall: Annotated[bool, typer.Option("--overall", help="All categories in one, and nothing else.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print tables in Markdown, for a README.")] = False,
    json: options.Json = False,
) -> None:
    """Set runs side by side: accuracy with 95 % intervals, calls, seconds, and what differs from the first run.

    Only questions that every run was asked count. Runs made with --closed-book and --no-image get a table of their own
    beside: what pictures and searching added, and what was known without.
    """
    from foveal.evaluation.ablations import figures
    from foveal.evaluation.compare import Run, compare, model_calls, shared
    from foveal.evaluation.folder import read_record, run_folders
    from foveal.evaluation.score import ALL

    found = []
    for name, folder in run_folders(runs).items():
        rows, traces = judged_of(questions, folder, 10)
        config = read_record(folder if folder.is_dir() else folder.parent).get("config")
        found.append(Run(name, rows, model_calls(traces), config))
    common = len(shared(found)[0].judged)
    if not common:
        raise BadInput("No question was asked in every run.", remedy="Compare runs of the same questions.")
    asked = {run.name: sum(row.prediction is not None for row in run.judged) for run in found}
    table_rows = [row for row in compare(found) if not overall or row.category == ALL]
    added = figures(found)
    if json:
        rows_ = [asdict(row) for row in table_rows]
        told = {"questions": common, "asked": asked, "rows": rows_, "ablations": asdict(added) if added else None}
        print_json({"schema": "foveal.compare/1", **told})
        return
    if any(n != common for n in asked.values()):
        counts = ", ".join(f"{name} {n}" for name, n in asked.items())
        note(f"warning: {common} questions were asked in every run and count; asked were: {counts}")
    show = _markdown if markdown else table
    if markdown:
        whole = ("run", "n", "accuracy (95 %)", "calls", "s", "p", "front")
        say(show(whole, [_short(row) for row in table_rows if row.category == ALL]))
        if not overall:
            say()
            say(show(*_by_category([row for row in table_rows if row.category != ALL])))
    else:
        names = "category,run,n,acc,95 %,chain,model,tools,s/q,needl,f.abst,better,95 %,p,p F1,p s,front"
        say(show(names.split(","), [_compared(row) for row in table_rows]))
    for head, cells in _added(added) if added else ():
        say()
        say(show(head, cells))
    say()
    say(LEGEND)


def _interval(pair: tuple[float, float] | None) -> str:
    return f"{pair[0]:.2f}..{pair[1]:.2f}" if pair else "-"


def _p(value: float | None) -> str:
    return "-" if value is None else "<.001" if value < 0.001 else f"{value:.3f}"


def _compared(row: Any) -> tuple[str, ...]:
    return (
        row.category, row.run, str(row.n), number(row.accuracy, 3), _interval(row.interval), number(row.chain, 2),
        number(row.model_calls, 1), number(row.tool_calls, 1), number(row.seconds, 1), number(row.needless, 2),
        number(row.false_abstention, 2), number(row.better, 3), _interval(row.better_interval), _p(row.p), _p(row.p_f1),
        _p(row.p_seconds), ",".join(row.front) or "-",
    )  # fmt: skip


def _short(row: Any) -> tuple[str, ...]:
    return (
        row.run, str(row.n), f"{row.accuracy:.3f} ({_interval(row.interval)})", number(row.calls, 1),
        number(row.seconds, 1), _p(row.p), ", ".join(row.front) or "-",
    )  # fmt: skip


def _by_category(rows: Sequence[Any]) -> tuple[list[str], list[list[str]]]:
    """Return a head and a row a run: of each category the accuracy with its interval, the calls and the seconds."""
    sizes = {row.category: row.n for row in rows}
    cells = {
        (row.run, row.category): f"{row.accuracy:.2f} ({_interval(row.interval)})<br/>"
        f"{number(row.calls, 1)} calls, {number(row.seconds, 1)} s"
        for row in rows
    }
    runs = dict.fromkeys(row.run for row in rows)
    head = ["run", *(f"{category} ({n})" for category, n in sizes.items())]
    return head, [[run, *(cells[run, category] for category in sizes)] for run in runs]


def _added(added: Any) -> list[tuple[Sequence[str], Sequence[Sequence[str]]]]:
    """Return the tables of the ablations: heads and rows."""
    pictures = [
        (row.model, str(row.n), number(row.with_pictures, 3), number(row.without_pictures, 3), number(row.gain, 3),
         _interval(row.gain_interval), row.language_model or "-", number(row.language_model_alone, 3),
         number(row.leaked, 3))
        for row in added.pictures
    ]  # fmt: skip
    searching = [
        (row.run, str(row.n), number(row.accuracy, 3), number(row.closed_book, 3), number(row.gain, 3),
         _interval(row.gain_interval))
        for row in added.searching
    ]  # fmt: skip
    tables: list[tuple[Sequence[str], Sequence[Sequence[str]]]] = [
        (("pictures: model", "n", "with", "without", "gain", "95 %", "language model", "alone", "leaked"), pictures),
        (("searching: run", "n", "acc", "closed book", "gain", "95 %"), searching),
    ]
    return [(head, rows) for head, rows in tables if rows]


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---" if n < 1 else "---:" for n in range(len(head))], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
