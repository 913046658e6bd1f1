"""The scripts of ``benchmarks/``, for tests of them and for the models and plans that they make."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "benchmarks"


def script(name: str) -> Any:
    """Return ``benchmarks/<name>.py`` as a module of its own, in which a test may put what it likes."""
    spec = importlib.util.spec_from_file_location(f"{name}_benchmark", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
