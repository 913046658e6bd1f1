"""``foveal eval export``: a run as other programs read it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from foveal.cli import options
from foveal.cli.judged import Predictions, Questions, TopK, judged_of
from foveal.cli.output import print_json, say

Format = Literal["csv", "trec", "trec-qrels", "ragas", "deepeval"]


def export_(
    questions: Questions,
    run: Predictions,
    format: Annotated[Format, typer.Option("--format", help="What it is written as.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where it is written.", show_default=False)],
    k: TopK = 10,
    json: options.Json = False,
) -> None:
    """Write a run for other programs: a table, TREC files, or rows that ragas and deepeval read.

    csv: a row a question with all scores and costs. trec: what was retrieved; trec-qrels: the documents that ought to
    be. ragas, deepeval: JSON lines with question, answer, quotes of the evidence and the expected answer.
    """
    from foveal.evaluation.export import FORMATS
    from foveal.outfile import write

    judged, traces = judged_of(questions, run, k)
    name = (run if run.is_dir() else run.parent).resolve().name
    text = FORMATS[format](judged, traces, name)
    write(text, out)
    lines = len(judged) if format == "csv" else text.count("\n")
    if json:
        print_json({"schema": "foveal.export/1", "format": format, "out": str(out), "rows": lines})
        return
    say(f"{out}: {lines} rows")
