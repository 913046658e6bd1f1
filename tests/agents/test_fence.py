from __future__ import annotations

from dataclasses import replace

from foveal.agents import fence
from foveal.graphs.budget import Meter, MeteredModel
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import Budget, Capabilities


def model(*, strong: bool) -> MeteredModel:
    meter = Meter(Budget())
    meter.fence = "k3f9"
    return MeteredModel(ScriptedModel([], capabilities=replace(Capabilities(), plans_freely=strong)), meter)


def test_row_42_a_run_has_one_code_that_only_its_id_tells() -> None:
    codes = {fence.code(f"run{n}") for n in range(1000)}
    assert len(codes) == 1000 and all(len(c) == 10 for c in codes)
    assert fence.code("run1") == fence.code("run1") and "run1" not in fence.code("run1")


def test_strong_models_in_a_run_are_given_the_code_and_others_are_not() -> None:
    assert fence.of(model(strong=True)) == fence.of(model(strong=True).at("s1")) == "k3f9"
    assert fence.of(model(strong=False)) == ""
    assert fence.of(ScriptedModel([], capabilities=Capabilities(plans_freely=True))) == ""
