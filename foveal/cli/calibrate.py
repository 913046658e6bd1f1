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
LOW_GATE = 0.1
"""A gate that lets through what a higher one would decline, so that gates can be compared."""


def calibrate(
    questions: Questions,
    run: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run, with its traces.", show_default=False)],
    method: Annotated[
        Fit, typer.Option("--method", help="The curve that is fitted: steps, or for few answers a logistic curve.")
    ] = "isotonic",
    bins: Annotated[int, typer.Option("--bins", min=1, max=100, help="Bins of the calibration error.")] = 10,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the fit is kept, if not in the run's folder.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Say how far confidences can be trusted, and keep a fit with the model and the questions it is of.

    Other runs of that model use the file with --calibration FILE or the setting `calibration`. A run that was made
    with a low gate (FOVEAL_SUFFICIENCY=0.1) has the gate of sufficient evidence fitted too.
    """
    from foveal.evaluation import calibration, gates
    from foveal.evaluation.questions import load_questions

    judged, traces = judged_of(questions, run, 10)
    of = calibration.origin(run, load_questions(questions).sha256)
    sure = calibration.sure_answers(judged, traces)
    found = calibration.report(sure, method=method, bins=bins)
    for warning in of.warnings:
        note(f"warning: {warning}")
    fitted = calibration.fit(sure.confidences, sure.right, method=method)
    gate = None
    if of.gate is not None:
        asked = [row for row in judged if row.prediction is not None]
        gate = gates.fitted_gate(gates.cases_of(asked, traces), of.gate)
        if of.gate > LOW_GATE:
            note(f"warning: the run had a gate of {of.gate}: lower ones could not be tried")
        if not gate.helps:
            note("warning: on questions it was not fitted to, the gate is no better than that of the run")
    else:
        note(f"note: no gate is fitted; for that, make the run with FOVEAL_SUFFICIENCY={LOW_GATE}")
    kept = calibration.save(out or run, found, fitted, of, gate)
    if not found.helps:
        note("warning: on answers it was not fitted to, the map is no better than what the model said")
    if json:
        of_gate = {"sufficiency": asdict(gate)} if gate else {}
        of_data = {"questions_sha256": of.questions_sha256, "strategy": of.strategy}
        print_json(
            {"schema": calibration.SCHEMA, "kept": str(kept), "model": of.model, **of_data, **asdict(found),
             "gates": of_gate}
        )  # fmt: skip
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
    if gate:
        say()
        cells = (f"{v:.3f}" for v in (gate.threshold, gate.before, gate.accuracy, gate.held_out))
        say(table(("gate", "fitted", "acc before", "acc with", "acc held out", "n"), [(
            "sufficiency", *cells, str(gate.n)
        )]))  # fmt: skip
    say(str(kept))


def _bin(row: Any) -> tuple[str, ...]:
    return (f"{row.low:.3f}..{row.high:.3f}", str(row.n), f"{row.confidence:.3f}", f"{row.accuracy:.3f}")
