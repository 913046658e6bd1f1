from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.decompose import decompose
from foveal.agents.drafting import MAX_STEPS
from foveal.agents.nesting import described, innermost
from foveal.agents.words import base, tokens


@pytest.mark.parametrize(
    ("form", "infinitive"),
    [("hosts", "host"), ("won", "win"), ("containing", "contain"), ("carries", "carry"), ("emigrated", "emigrate"),
     ("defeated", "defeat"), ("stopped", "stop"), ("died", "die"), ("river", None), ("united", None)],
)  # fmt: skip
def test_verbs_are_known_by_their_form(form: str, infinitive: str | None) -> None:
    assert base(form) == infinitive


def test_names_are_one_token() -> None:
    found = [
        t.text for t in tokens('Who sang "Let it be" for the Lord of the Isles of Orm in 1970?') if t.kind == "name"
    ]
    assert found == ['"Let it be"', "Lord of the Isles of Orm"]


@pytest.mark.parametrize(
    ("question", "span"),
    [
        ("In which area of the land where the mouth of the Tarn is located did jazz begin?", "the mouth of the Tarn"),
        ("When did the country that hosts Grand Prix Orm start?", "the country that hosts Grand Prix Orm"),
        ("When was the institute that owned The Crier founded?", "the institute that owned The Crier"),
        ("What did the place where the 26th Derby occurs handle in 2010?", "the place where the 26th Derby occurs"),
        ("Where did the king who built Fort Ash die?", "the king who built Fort Ash"),
    ],
)
def test_a_clause_ends_where_the_main_clause_goes_on(question: str, span: str) -> None:
    nested = innermost(question)
    assert nested is not None
    assert nested.text == span


@pytest.mark.parametrize(
    "question",
    [
        "Where was the band formed in Oslo?",
        "What is the capital of Chile?",
        "On the plains of which continent do they live?",
        "Who was the king of Norland in 1950?",
    ],
)
def test_what_is_asked_for_is_not_nested(question: str) -> None:
    assert innermost(question) is None


_WORDS = st.sampled_from(
    "the a which who whose where in of by is was did and or , Oslo Bo #s1 1974 city king born founded that "
    "located with largest 's ? . films died than older between".split()
)


@given(st.lists(_WORDS, max_size=25).map(" ".join))
def test_any_words_give_spans_that_stand_in_the_question(text: str) -> None:
    for nested in described(text):
        assert text[nested.start : nested.end] == nested.text
        assert nested.question.endswith("?")


@given(st.lists(_WORDS, max_size=25).map(" ".join))
def test_any_words_give_a_plan_that_ends(text: str) -> None:
    steps = decompose(text or "x").steps
    assert 1 <= len(steps) <= MAX_STEPS + 6
    assert all(set(s.depends_on) <= {p.id for p in steps[:n]} for n, s in enumerate(steps))
