"""The names of strategies on the command line, and what ``foveal eval strategies`` tells of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from foveal.settings import METHODS, PLANNED

from .conftest import FakeFoveal


def test_every_strategy_is_listed_with_its_paper_and_variants(foveal: Any) -> None:
    told = json.loads(foveal("eval", "strategies", "--json").out)
    rows = {row["name"]: row for row in told["strategies"]}
    assert told["schema"] == "foveal.strategies/1" and list(rows) == [*PLANNED, *METHODS]
    assert all(rows[name]["variants"] == list(variants) and rows[name]["paper"] for name, variants in METHODS.items())
    assert all(row["idea"] for row in rows.values()) and rows["adaptive"]["paper"] is None
    shown = foveal("eval", "strategies").out
    assert "visrag (visrag:pages, visrag:images, visrag:weighted)" in shown and "arXiv 2411.02937" in shown
    assert all(f"\n{name}" in f"\n{shown}" for name in rows)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("omnisaerch", "did you mean omnisearch?"),
        ("omnisearch:fast", "omnisearch"),
        ("visrag:weigthed", "visrag:pages or visrag:images or visrag:weighted"),
        ("guidde:x", "did you mean guided?"),
        ("", "adaptive"),
    ],
)
def test_row_77_a_wrong_strategy_names_the_one_that_was_meant(
    foveal: Any, fake: FakeFoveal, given: str, told: str
) -> None:
    done = foveal("ask", "Which city?", "--index", "x", "--strategy", given)
    assert done.code == 2 and told in done.err and fake.asked == []


@pytest.mark.parametrize("strategy", [*METHODS, "universal_rag:ensemble", "mramg:matching"])
def test_a_strategy_reaches_the_settings(foveal: Any, fake: FakeFoveal, strategy: str) -> None:
    foveal("ask", "Which city?", "--index", "x", "--strategy", strategy)
    assert fake.settings.strategy == strategy and len(fake.asked) == 1
