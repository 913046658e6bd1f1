"""The published methods by name: each says its paper, what is as published and what is not; a run goes its way."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

import pytest

from foveal.graphs.strategies import methods
from foveal.graphs.strategies.desk import Desk
from foveal.graphs.strategies.draft import Draft
from foveal.graphs.strategies.methods import Method, method
from foveal.settings import METHODS
from foveal.types import Tool

SEARCHES: frozenset[Tool] = frozenset({"collection", "visit", "image_search", "picture_search", "crop"})


@pytest.mark.parametrize("name", METHODS)
def test_a_method_says_its_paper_and_what_is_faithful_and_what_differs(name: str) -> None:
    found = method(name)
    assert found.name == name and found.idea and "\n" not in found.idea
    assert re.search(r"et al\., .+ 20\d\d \(arXiv \d{4}\.\d{5}\)$", found.paper)
    told = import_module(f"foveal.graphs.strategies.{name}").__doc__ or ""
    assert "*Faithful*" in told and "*Different, and why*" in told
    assert re.findall(r"\d{4}\.\d{5}", found.paper)[0] in told, "the docstring names the same paper"


def test_all_methods_are_there_in_the_order_of_their_names() -> None:
    assert [m.name for m in methods.methods()] == list(METHODS)
    assert len({m.paper for m in methods.methods()}) == len(METHODS)


@pytest.mark.parametrize(("strategy", "variant"), [("visrag:weighted", "weighted"), ("visrag", "pages"), ("rmr", "")])
async def test_a_run_goes_the_way_of_its_strategy(going: Any, monkeypatch: Any, strategy: str, variant: str) -> None:
    gone: list[tuple[str, str]] = []

    def named(name: str) -> Method:
        async def solve(desk: Desk) -> Draft:
            gone.append((name, desk.variant))
            return Draft("Bo Ek", tuple(await desk.search("Eph Tower", k=1)))

        return Method(name, "", "", solve)

    monkeypatch.setattr(methods, "method", named)
    foveal, model = going(strategy, [])
    async with foveal:
        answer = await foveal.ask("Who built the Eph Tower?")
    assert gone == [(strategy.partition(":")[0], variant)]
    assert answer.config["strategy"] == strategy and answer.answer == "Bo Ek [1]" and model.calls == []
    assert {s.tool for s in answer.plan} - {"none"} <= SEARCHES


async def test_a_bug_in_a_method_is_no_answer(going: Any, monkeypatch: Any) -> None:
    async def solve(desk: Desk) -> Draft:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(methods, "method", lambda name: Method(name, "", "", solve))
    foveal, _ = going("rmr", [])
    with pytest.raises(ZeroDivisionError):
        async with foveal:
            await foveal.ask("Who built the Eph Tower?")
