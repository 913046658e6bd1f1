"""The benchmark of orchestration, for its models and plans of any size."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "overhead.py"


def overhead() -> Any:
    """Return ``benchmarks/overhead.py`` as a module of its own, in which a test may put what it likes."""
    spec = importlib.util.spec_from_file_location("overhead", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
