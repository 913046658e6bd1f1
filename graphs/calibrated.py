"""A fit in use: what confidences of a model are worth, and the gates that were fitted for it.

``foveal eval calibrate`` writes it, with the model and the questions it is of; it serves that model alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from foveal.errors import BadConfig, BadInput

SCHEMA = "foveal.calibration/1"
ANSWERING = ("model", "planner_model", "solver_model", "answer_model")
"""Settings that name the models that confidences come from."""
Method = Literal["isotonic", "platt"]


@dataclass(frozen=True, slots=True)
class ConfidenceMap:
    """A monotone map of confidences: linear between ``knots`` (confidence, probability), level outside them."""

    method: Method
    knots: tuple[tuple[float, float], ...]

    def __call__(self, confidence: float) -> float:
        """Return the share of answers of this confidence that should be right, 0 to 1."""
        return float(np.interp(confidence, [at for at, _ in self.knots], [to for _, to in self.knots]))


@dataclass(frozen=True, slots=True)
class Calibration:
    """A fit and what it is of. ``sufficiency`` is the fitted gate, None when none was; ``record`` is the file."""

    confidence: ConfidenceMap
    model: str
    sufficiency: float | None
    record: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Calibration:
        """Read what the file says. Raises ValueError, KeyError or TypeError for what is no fit."""
        if record["schema"] != SCHEMA:
            raise ValueError("schema")
        knots = tuple((float(at), float(to)) for at, to in record["knots"])
        if not knots or list(knots) != sorted(knots) or not all(0 <= at <= 1 and 0 <= to <= 1 for at, to in knots):
            raise ValueError("knots")
        gate = (record.get("gates") or {}).get("sufficiency")
        threshold = None if gate is None else float(gate["threshold"])
        if threshold is not None and not 0 <= threshold <= 1:
            raise ValueError("threshold")
        return cls(ConfidenceMap(record["method"], knots), str(record["model"]), threshold, dict(record))

    def config(self) -> dict[str, Any]:
        """Return what a run's configuration says of it: the model, the data it was fitted on, and a digest of it."""
        digest = hashlib.sha256(json.dumps(self.record, sort_keys=True).encode()).hexdigest()[:16]
        data = {"questions_sha256": self.record.get("questions_sha256", ""), "n": self.record.get("n", 0)}
        return {"model": self.model, **data, "sufficiency": self.sufficiency, "sha256": digest}

    def check(self, model: str) -> None:
        """Refuse to serve another model than the one it was fitted for. Raises BadConfig."""
        if model != self.model:
            raise BadConfig(
                f"The calibration is of the model {self.model}, and {model} answers.",
                remedy=f"Fit one for {model}: `foveal eval calibrate` over a run of it. Or leave `calibration` out.",
            )


def load_calibration(path: Path) -> Calibration:
    """Return the fit that is kept in the file *path*. Raises BadInput for a file that is none."""
    try:
        return Calibration.of(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(f"{path} holds no calibration.", remedy="`foveal eval calibrate` writes them.") from None


def model_of(config: Mapping[str, Any]) -> str:
    """Return one name for the models of *config*, by :data:`ANSWERING`."""
    named = (config.get(key) for key in ANSWERING)
    return "+".join(dict.fromkeys(str(name) for name in named if name)) or "unknown"
