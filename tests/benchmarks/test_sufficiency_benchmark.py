from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "sufficiency.py"


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sufficiency_benchmark", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_gate_falls_between_right_and_wrong(bench: ModuleType) -> None:
    right = [bench.Case(f"r{n}", 0.6 + n / 100, True, False) for n in range(10)]
    wrong = [bench.Case(f"w{n}", 0.2 + n / 100, False, True) for n in range(10)]
    gate = bench.fit([*right, *wrong])
    assert 0.3 <= gate <= 0.6
    result = bench.at(gate, [*right, *wrong])
    assert (result.accuracy, result.wrong, result.declined) == (1.0, 0.0, 0.0)
    assert bench.at(0.9, right).declined == 1.0 and bench.at(0.1, wrong).wrong == 1.0


def test_halves_do_not_overlap_and_depend_on_the_id_alone(bench: ModuleType) -> None:
    cases = [bench.Case(f"q{n}", None, False, False) for n in range(200)]
    sides = [bench.half(c) for c in cases]
    assert 70 < sum(sides) < 130 and sides == [bench.half(c) for c in cases]
