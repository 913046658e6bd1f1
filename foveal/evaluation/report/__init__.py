"""Runs as one HTML page that needs nothing else: read (runs, views), counted (model), drawn (plots), written (page)."""

from __future__ import annotations

from foveal.evaluation.report.page import Written, write_report
from foveal.evaluation.report.runs import Loaded, load_runs

__all__ = ["Loaded", "Written", "load_runs", "write_report"]
