from __future__ import annotations

from typing import Any

from foveal.graphs.ending import check
from foveal.graphs.state import ResearchState
from foveal.types import Answer, Citation, Evidence, Plan, SubQuestion


def state(text: str, *citations: Citation) -> ResearchState:
    answer = Answer("r", "q", text, "answered", "answered", 0.9, citations)
    evidence = {"s1e1": Evidence("s1e1", "text", "d1", "Ida", quote="Ida has 12 towns.")}
    step = SubQuestion("s1", "How many towns?", status="answered", answer=text.split(" [")[0])
    return ResearchState(question="q", run_id="r", answer=answer, evidence=evidence, plan=Plan((step,)))


RUNTIME: Any = None
"""The check is pure: it needs no tools."""


async def test_row_46_a_citation_that_does_not_resolve_becomes_an_abstention() -> None:
    changed = await check(state("12 [1]", Citation(1, "made-up", "d9", "Nowhere")), RUNTIME)
    assert changed["answer"].status == "insufficient" and changed["answer"].stop_reason == "check_failed"
    changed = await check(state("12 [2]", Citation(1, "s1e1", "d1", "Ida")), RUNTIME)
    assert changed["answer"].status == "insufficient"


async def test_row_46_a_number_that_is_not_in_the_cited_words_is_told() -> None:
    good = await check(state("12 [1]", Citation(1, "s1e1", "d1", "Ida")), RUNTIME)
    assert good["warnings"] == [] and "answer" not in good
    bad = await check(state("13 [1]", Citation(1, "s1e1", "d1", "Ida")), RUNTIME)
    assert bad["warnings"] == ["13 is not in the cited text"]
