"""Citations against spans, and the way of a run against its question's hops."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.evaluation.metrics.citations import Support, claims_of, holds, support
from foveal.evaluation.metrics.trajectory import count_redundant, fitting_tools, follow, tool_choice

SPANS = {1: "Lake Chad\nLake Chad lies in Chad and is 1,350 km2.", 2: "Mali\nMali has a river.", 3: "its depth is 7 m"}
PIECES = st.lists(
    st.sampled_from(["Lake Chad [1]", "Yes.", " [2]", "It is 7 m", "\n", "St. Kitts", "!", "[9]"]), max_size=8
)


def test_an_answer_is_cut_into_claims_with_their_marks() -> None:
    found = claims_of("Yes. It lies in St. Kitts, near Mt. Hope. [1] It is 1.5 km high [2][3]! No")
    assert [(claim.text, claim.marks) for claim in found] == [
        ("It lies in St. Kitts, near Mt. Hope.", (1,)),
        ("It is 1.5 km high!", (2, 3)),
    ]
    assert claims_of("Chad [1]\nMali [2]")[1].marks == (2,)


@pytest.mark.parametrize(
    ("claim", "span", "held"),
    [
        ("Lake Chad is 1350 km2", "Lake Chad\nIt is 1,350 km2 large.", True),
        ("Lake Chad is 1351 km2", "Lake Chad\nIt is 1,350 km2 large.", False),
        ("The capital is N'Djamena", "Capital: N'Djamena.", True),
        ("The capital is Bamako", "Capital: N'Djamena.", False),
        ("It is the", "it is the", False),
        ("São Tomé", "sao tome and principe", True),
        ("12", "122", False),
    ],
)
def test_a_span_holds_a_claims_numbers_and_most_of_its_words(claim: str, span: str, held: bool) -> None:
    assert holds(claim, span) is held


def test_support_by_hand() -> None:
    # both claims supported; [2] says nothing of the first
    assert support("Lake Chad is 1,350 km2 [1][2]. Its depth is 7 m [3].", SPANS) == Support(2, 2, 3, 2)
    # without a citation, or with one that leads nowhere, a claim is unsupported
    assert support("Lake Chad. Its depth is 7 m [9].", SPANS) == Support(2, 0, 1, 0)
    # two spans that only together support are both needed
    both = {1: "Lake Chad lies north", 2: "and holds fish"}
    assert support("Lake Chad north holds fish [1][2]", both, supports=_every_word) == Support(1, 1, 2, 2)
    assert support("", SPANS) == Support() and Support().recall is None is Support().precision


def test_a_citation_of_an_earlier_hop_is_right() -> None:
    answer, spans = "Mount Liamuiga 1,156 m [1][2]", {1: "highest point: Mount Liamuiga 1,156 m", 2: "Saint Kitts"}
    assert support(answer, spans).precision == 0.5
    assert support(answer, spans, bridges=["Saint Kitts"]).precision == 1.0


def _every_word(claim: str, span: str) -> bool:
    return set(claim.split()) <= set(span.split())


@given(PIECES, PIECES)
def test_support_is_bounded_and_grows_with_what_holds(one: list[str], other: list[str]) -> None:
    answer = " ".join(one)
    none, words, every = (support(answer, SPANS, supports=of) for of in (_never, holds, _always))
    assert 0 <= words.supported <= words.claims and 0 <= words.right <= words.citations
    assert none.supported == 0 == none.right and none.claims == words.claims == every.claims
    assert none.supported <= words.supported <= every.supported
    total = words + support(" ".join(other), SPANS)
    assert total.claims >= words.claims and (total.recall is None or 0 <= total.recall <= 1)


def _never(claim: str, span: str) -> bool:
    return False


def _always(claim: str, span: str) -> bool:
    return True


def trace(*happened: tuple[str, str, str], **answer: Any) -> dict[str, Any]:
    """Make a trace: ("call", step, "tool query") and ("doc", step, document), found by the last call of the step."""
    events, ledger, tools = [], [], dict[str, str]()
    for n, (kind, step, what) in enumerate(happened):
        if kind == "call":
            tool, _, query = what.partition(" ")
            tools[step] = tool
            events.append({"type": "tool.called", "data": {"tool": tool, "step": step, "query": query}})
        else:
            events.append({"type": "evidence.added", "data": {"id": f"e{n}", "doc_id": what, "step": step}})
            ledger.append({"id": f"e{n}", "doc_id": what, "tool": tools[step]})
    usage = {"model_calls": 3, "prompt_tokens": 100, "completion_tokens": 20, "usd": 0.5, "seconds": 2.0}
    return {"answer": {"evidence": ledger, "usage": usage, **answer}, "events": events}


def test_the_way_of_a_two_hop_question() -> None:
    way = follow(
        trace(
            ("call", "s1", "image_search which flag"),
            ("doc", "s1", "flag"),
            ("call", "s2", "collection capital of Chad"),
            ("call", "s3", "collection river of Mali"),
            ("doc", "s2", "capital"),
            ("call", "s4", "collection CAPITAL, chad of?"),
            ("doc", "s4", "capital"),
        ),
        evidence=("flag", "capital", "other"),
        steps=(("flag",), ("capital",), ("other",)),
        pictured=True,
    )
    assert way is not None
    assert (way.calls, way.redundant, way.idle) == (4, 1, 2)  # s3 found nothing, s4 nothing new
    assert way.tool_choice == pytest.approx(2 / 3) == way.coverage
    assert (way.model_calls, way.tokens, way.usd, way.seconds) == (3, 120, 0.5, 2.0)
    assert way.tools == {"image_search": 1, "collection": 3}


def test_a_picture_that_was_only_read_about_was_the_wrong_tool() -> None:
    ran = trace(("call", "s1", "collection flag"), ("doc", "s1", "flag"))
    way = follow(ran, steps=(("flag",),), pictured=True)
    assert way is not None and way.tool_choice == 0.0
    way = follow(ran, steps=(("flag",),))
    assert way is not None and way.tool_choice == 1.0 and way.coverage is None


def test_a_hop_is_credited_to_the_tool_that_found_it_first() -> None:
    ran = trace(("call", "s1", "image_search x"), ("doc", "s1", "flag"), ("call", "s2", "web x"), ("doc", "s2", "flag"))
    way = follow(ran, steps=(("flag",),), pictured=True, expected_searches=2)
    assert way is not None and way.tool_choice == 1.0 and way.idle == 1


def test_where_no_search_is_needed_none_is_the_right_choice() -> None:
    none, one = follow(trace(), expected_searches=0), follow(trace(("call", "s1", "web x")), expected_searches=0)
    assert none is not None and none.tool_choice == 1.0
    assert one is not None and one.tool_choice == 0.0
    assert follow({"answer": None, "events": []}) is None


def test_repeats_are_of_one_tool_and_nearly_the_same_words() -> None:
    calls = [
        ("web", "capital of Chad", "s1"),
        ("collection", "capital of Chad", "s2"),
        ("web", "Chad: of capital", "s3"),
        ("web", "capital of Mali", "s4"),
        ("image_search", "which flag", "s5"),
        ("image_search", "which flag", "s6"),  # another picture
        ("crop", "which flag", "s6"),
    ]
    assert count_redundant(calls) == 1
    assert count_redundant([]) == 0


@given(
    st.lists(
        st.tuples(st.sampled_from(["web", "crop"]), st.sampled_from(["a b", "b a", "c", ""]), st.just("s")), max_size=8
    )
)
def test_there_are_fewer_repeats_than_calls(calls: list[tuple[str, str, str]]) -> None:
    repeats = count_redundant(calls)
    assert 0 <= repeats <= max(0, len(calls) - 1)
    assert count_redundant(calls + calls) == repeats + len(calls)


@given(st.integers(0, 4), st.booleans())
def test_only_the_first_hop_of_a_picture_is_seen(hops: int, pictured: bool) -> None:
    fitting = fitting_tools(hops, pictured=pictured)
    assert len(fitting) == hops and ["image_search" in tools for tools in fitting] == [
        pictured and at == 0 for at in range(hops)
    ]
    assert tool_choice({}, [], []) is None
