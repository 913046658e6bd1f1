from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from foveal.graphs.budget import Meter, MeteredModel
from foveal.graphs.ending import check
from foveal.graphs.state import ResearchState
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import Answer, Budget, Citation, Evidence, Plan, SubQuestion


def state(text: str, *citations: Citation) -> ResearchState:
    answer = Answer("r", "q", text, "answered", "answered", 0.9, citations)
    evidence = {"s1e1": Evidence("s1e1", "text", "d1", "Ida", quote="Ida has 12 towns.")}
    step = SubQuestion("s1", "How many towns?", status="answered", answer=text.split(" [")[0])
    return ResearchState(question="q", run_id="r", answer=answer, evidence=evidence, plan=Plan((step,)))


MODEL = MeteredModel(ScriptedModel([]), Meter(Budget()))
WORK: Any = SimpleNamespace(solver=MODEL, judge=MODEL)
"""A judge that is the solver itself is not asked."""


async def test_row_46_a_citation_that_does_not_resolve_becomes_an_abstention() -> None:
    changed = await check(state("12 [1]", Citation(1, "made-up", "d9", "Nowhere")), WORK)
    assert changed["answer"].status == "insufficient" and changed["answer"].stop_reason == "check_failed"
    changed = await check(state("12 [2]", Citation(1, "s1e1", "d1", "Ida")), WORK)
    assert changed["answer"].status == "insufficient"


async def test_row_46_a_number_that_is_not_in_the_cited_words_is_told() -> None:
    good = await check(state("12 [1]", Citation(1, "s1e1", "d1", "Ida")), WORK)
    assert good["warnings"] == [] and "answer" not in good
    bad = await check(state("13 [1]", Citation(1, "s1e1", "d1", "Ida")), WORK)
    assert bad["warnings"] == ["13 is not in the cited text"]
