from __future__ import annotations

from types import ModuleType

import pytest
from fakes.bench import script


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    return script("sufficiency")


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
