"""``foveal eval calibrate``: what a run's confidences are worth."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from foveal.cli import options
from foveal.cli.judged import Questions, judged_of, number
from foveal.cli.output import note, print_json, say, table

Fit = Literal["isotonic", "platt"]


def calibrate(
    questions: Questions,
    run: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run, with its traces.", show_default=False)],
    method: Annotated[Fit, typer.Option("--method", help="The curve that is fitted.")] = "isotonic",
    bins: Annotated[int, typer.Option("--bins", min=1, max=100, help="Bins of the calibration error.")] = 10,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the fit is kept, if not in the run's folder.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Say how far confidences can be trusted, and keep a fitted map with the model and the questions it is of."""
    from foveal.evaluation import calibration
    from foveal.evaluation.questions import load_questions

    judged, traces = judged_of(questions, run, 10)
    sure = calibration.sure_answers(judged, traces)
    found = calibration.report(sure, method=method, bins=bins)
    of = calibration.origin(run, load_questions(questions).sha256)
    for warning in of.warnings:
        note(f"warning: {warning}")
    fitted = calibration.fit(sure.confidences, sure.right, method=method)
    kept = calibration.save(out or run, found, fitted, of)
    if not found.helps:
        note("warning: on answers it was not fitted to, the map is no better than what the model said")
    if json:
        print_json({"schema": calibration.SCHEMA, "kept": str(kept), "model": of.model, **asdict(found)})
        return
    said = f"{found.accuracy:.3f} right, mean confidence {found.confidence:.3f}, AURC {found.aurc:.3f}"
    say(f"{found.n} answers of {of.model}: {said}")
    figures = [(name, *(f"{v:.3f}" for v in asdict(row).values())) for name, row in found.figures().items()]
    say(table(("", "ECE width", "ECE mass", "Brier"), figures))
    say()
    say(table(("confidence", "n", "mean", "right"), [_bin(row) for row in found.table]))
    say()
    shown = [(f"{risk:.0%}", number(at, 3)) for risk, at in found.thresholds.items()]
    say(table(("at most wrong", "from confidence"), shown))
    say(str(kept))


def _bin(row: Any) -> tuple[str, ...]:
    return (f"{row.low:.3f}..{row.high:.3f}", str(row.n), f"{row.confidence:.3f}", f"{row.accuracy:.3f}")
