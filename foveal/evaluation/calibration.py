"""What a confidence is worth: reliability of a run's answers, and a map from what a model says to what it should.

The map is fitted on one run and kept as JSON with the model and the sha256 of its questions, so that nobody takes a
map of another model, or believes one on the data it was fitted to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from foveal.errors import BadInput, StorageFull
from foveal.evaluation.folder import read_record
from foveal.evaluation.gates import Gate
from foveal.evaluation.metrics import calibration as measure
from foveal.evaluation.score import Judged
from foveal.graphs.calibrated import SCHEMA, ConfidenceMap, Method, load_calibration, model_of

FOLDS = 5
SEED = 7
RISKS = (0.01, 0.05, 0.1, 0.2)
LEAST = 10
"""Answers that a threshold must keep to be believed."""


@dataclass(frozen=True, slots=True)
class Sure:
    """Answers that were given: how sure each was, 0 to 1, and whether it was right."""

    confidences: tuple[float, ...]
    right: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.right)


@dataclass(frozen=True, slots=True)
class Figures:
    """How far confidences are off. Each 0 to 1, lower is better."""

    ece_width: float
    ece_mass: float
    brier: float


@dataclass(frozen=True, slots=True)
class Report:
    """``fitted`` are the figures under maps fitted without the answers they are measured on (:data:`FOLDS` folds).

    ``aurc`` is the area under ``curve``; a monotone map leaves it as it is. ``thresholds``: for each risk the lowest
    confidence from which on no more answers than that are wrong, of at least :data:`LEAST`.
    """

    n: int
    accuracy: float
    confidence: float
    aurc: float
    raw: Figures
    fitted: Figures
    table: tuple[measure.Bin, ...]
    curve: tuple[measure.Point, ...]
    thresholds: Mapping[float, float | None]

    @property
    def helps(self) -> bool:
        """Whether the map is nearer to the truth than what was said, on answers it was not fitted to (Brier score)."""
        return self.fitted.brier < self.raw.brier

    def figures(self) -> dict[str, Figures]:
        """Return the figures by name."""
        return {"as said": self.raw, f"fitted ({FOLDS} folds)": self.fitted}


@dataclass(frozen=True, slots=True)
class Origin:
    """What a fit is of: the model, the sha256 of the questions, and the configuration of the run.

    ``gate`` is the sufficiency gate that the run was given, None when it had its own.
    """

    model: str
    questions_sha256: str
    config_hash: str
    warnings: tuple[str, ...] = ()
    strategy: str = ""
    gate: float | None = None


def origin(folder: Path, questions_sha256: str) -> Origin:
    """Read who answered in the run in *folder*; a run without a record is of the model ``unknown``.

    Raises BadInput for a run whose confidences were mapped already.
    """
    record = read_record(folder)
    config = record.get("config")
    if not isinstance(config, dict):
        return Origin("unknown", questions_sha256, "", (f"{folder} does not say which model answered",))
    if config.get("calibration"):
        raise BadInput(
            f"The confidences in {folder} went through a calibration already.",
            remedy="Fit to a run that was made without `calibration`.",
        )
    warnings = []
    if config.get("questions") != questions_sha256:
        warnings.append(f"the run in {folder} was made with another state of these questions")
    return Origin(
        model_of(config), questions_sha256, str(record.get("config_hash", "")), tuple(warnings),
        strategy=str(config.get("strategy") or ""), gate=config.get("sufficiency"),
    )  # fmt: skip


def sure_answers(judged: Iterable[Judged], traces: Mapping[str, Mapping[str, Any]]) -> Sure:
    """Return what was answered, with the confidences of *traces*; failed and declined questions give no answer."""
    pairs = [
        (float(answer["confidence"]), row.correct)
        for row in judged
        if row.prediction and row.prediction.status != "failed" and not row.declined
        if "confidence" in (answer := traces.get(row.question.id, {}).get("answer") or {})
    ]
    return Sure(tuple(confidence for confidence, _ in pairs), tuple(right for _, right in pairs))


def fit(confidences: Sequence[float], right: Sequence[bool], *, method: Method = "isotonic") -> ConfidenceMap:
    """Return the map fitted to these answers. Raises BadInput when there is none.

    ``isotonic``: the non-decreasing step function of least squares, by pooling adjacent violators (Zadrozny and
    Elkan 2002). ``platt``: a logistic curve with targets drawn in by one answer of each kind (Platt 1999), for few
    answers; a curve that falls is made level.
    """
    if not len(confidences):
        raise BadInput("There is no answer to fit a confidence to.", remedy="Give a run with answered questions.")
    given, truth = np.asarray(confidences, float), np.asarray(right, float)
    return ConfidenceMap(method, _isotonic(given, truth) if method == "isotonic" else _platt(given, truth))


def report(sure: Sure, *, method: Method = "isotonic", bins: int = measure.BINS) -> Report:
    """Return how reliable the confidences are, before and after a fit. Raises BadInput when there is none."""
    fit(sure.confidences, sure.right, method=method)
    return Report(
        n=len(sure),
        accuracy=float(np.mean(sure.right)),
        confidence=float(np.mean(sure.confidences)),
        aurc=measure.aurc(sure.confidences, sure.right),
        raw=_figures(sure.confidences, sure.right, bins),
        fitted=_figures(_held_out(sure, method), sure.right, bins),
        table=tuple(measure.reliability(sure.confidences, sure.right, bins=bins, by="mass")),
        curve=tuple(measure.risk_coverage(sure.confidences, sure.right)),
        thresholds={
            risk: measure.threshold_for(sure.confidences, sure.right, risk=risk, least=LEAST) for risk in RISKS
        },
    )


def save(folder: Path, found: Report, fitted: ConfidenceMap, of: Origin, gate: Gate | None = None) -> Path:
    """Write the map, the *gate* if one was fitted, and what they were fitted on to ``calibration-MODEL-SHA.json``.

    Returns its path. Raises StorageFull when it cannot be written.
    """
    name = re.sub(r"[^A-Za-z0-9._]+", "-", of.model).strip("-.")[:80] or "model"
    path = folder / f"calibration-{name}-{of.questions_sha256[:12]}.json"
    record = {
        "schema": SCHEMA,
        "model": of.model,
        "questions_sha256": of.questions_sha256,
        "config_hash": of.config_hash,
        "strategy": of.strategy,
        "n": found.n,
        "helps": found.helps,
        "method": fitted.method,
        "knots": fitted.knots,
        "raw": asdict(found.raw),
        "fitted": asdict(found.fitted),
        "thresholds": found.thresholds,
        "gates": {"sufficiency": {**asdict(gate), "questions_sha256": of.questions_sha256}} if gate else {},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise StorageFull(f"{path} cannot be written: {error.strerror or error}.") from error
    return path


def load(path: Path) -> tuple[ConfidenceMap, dict[str, Any]]:
    """Return the map of a file and its record. Raises BadInput for a file that is none."""
    found = load_calibration(path)
    return found.confidence, dict(found.record)


def _figures(confidences: Sequence[float], right: Sequence[bool], bins: int) -> Figures:
    return Figures(
        ece_width=measure.ece(confidences, right, bins=bins),
        ece_mass=measure.ece(confidences, right, bins=bins, by="mass"),
        brier=measure.brier(confidences, right),
    )


def _held_out(sure: Sure, method: Method) -> list[float]:
    """Return each confidence under a map that was fitted on the other folds."""
    folds = np.random.default_rng(SEED).permutation(len(sure)) % FOLDS
    mapped = list(sure.confidences)
    for fold in set(folds.tolist()):
        others = [i for i, other in enumerate(folds) if other != fold]
        if others:
            given, right = [sure.confidences[i] for i in others], [sure.right[i] for i in others]
            of = fit(given, right, method=method)
            for i in np.flatnonzero(folds == fold):
                mapped[i] = of(sure.confidences[i])
    return mapped


def _isotonic(given: np.ndarray, truth: np.ndarray) -> tuple[tuple[float, float], ...]:
    blocks: list[tuple[float, float, float, int]] = []  # first and last confidence, share right, answers
    for value in np.unique(given):
        mine = truth[given == value]
        block = (float(value), float(value), float(mine.mean()), len(mine))
        while blocks and blocks[-1][2] >= block[2]:
            low, _, share, n = blocks.pop()
            total = n + block[3]
            block = (low, block[1], (share * n + block[2] * block[3]) / total, total)
        blocks.append(block)
    knots = ((edge, share) for low, high, share, _ in blocks for edge in (low, high))
    return tuple(dict.fromkeys(knots))


def _platt(given: np.ndarray, truth: np.ndarray) -> tuple[tuple[float, float], ...]:
    wins = float(truth.sum())
    losses = len(truth) - wins
    target = np.where(truth > 0, (wins + 1) / (wins + 2), 1 / (losses + 2))
    inputs = np.stack([given, np.ones_like(given)])
    weights = np.zeros(2)
    for _ in range(100):
        said = 1 / (1 + np.exp(-weights @ inputs))
        # a touch of ridge, that confidences which are all the same have a solution too
        curvature = (inputs * (said * (1 - said))) @ inputs.T + 1e-6 * np.eye(2)
        step = np.linalg.solve(curvature, inputs @ (target - said) - 1e-6 * weights)
        weights += step * min(1.0, 5 / max(1e-12, float(np.abs(step).max())))
        if np.abs(step).max() < 1e-9:
            break
    if weights[0] < 0:
        return ((0.0, float(target.mean())),)
    grid = np.linspace(0, 1, 21)
    return tuple(zip(grid.tolist(), (1 / (1 + np.exp(-(weights[0] * grid + weights[1])))).tolist(), strict=True))
