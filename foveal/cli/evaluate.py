"""``foveal eval``: ask many questions, score the answers, set runs side by side, say where answers were lost."""

from __future__ import annotations

import typer

from foveal.cli.asking import run
from foveal.cli.calibrate import calibrate
from foveal.cli.comparing import compare_
from foveal.cli.convert import convert_
from foveal.cli.export import export_
from foveal.cli.report import report_
from foveal.cli.scoring import score_
from foveal.cli.strategies import strategies_

app = typer.Typer(
    help="Evaluation: ask the questions of a file, score the answers, compare runs.", no_args_is_help=True
)
app.command("convert")(convert_)
app.command("run")(run)
app.command("score")(score_)
app.command("compare")(compare_)
app.command("report")(report_)
app.command("export")(export_)
app.command("calibrate")(calibrate)
app.command("strategies")(strategies_)
