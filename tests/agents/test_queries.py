"""What the web is asked: never with a pointing finger, never empty, always with the names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents import queries
from foveal.agents.queries import POINTING, WORDS, addresses, faults, other, write
from foveal.agents.values import fold
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import Capabilities


@pytest.mark.parametrize(
    ("question", "first", "second"),
    [
        ("Who built the Eph Tower?", "built Eph Tower", "Eph Tower construction"),
        ("How tall is the Dun Dome?", "tall Dun Dome", "Dun Dome height"),
        ("When was Bo Ek born?", "Bo Ek born", "Bo Ek birth date"),
        ('Who wrote "Songs I Wrote with Amy"?', 'wrote "Songs I Wrote with Amy"', '"Songs I Wrote with Amy" author'),
        ("Who is the mayor of Arx?", "mayor Arx", "Arx mayor"),
        ("What does the Eph Tower in this photo cost?", "Eph Tower cost", "Eph Tower cost"),
    ],
)
def test_a_query_has_the_names_and_the_content_words(question: str, first: str, second: str) -> None:
    assert (write(question), other(question)) == (first, second)


def test_the_year_is_said_of_what_changes_unless_the_question_has_one() -> None:
    assert write("Who is the mayor of Arx?", year="2026") == "mayor Arx 2026"
    assert write("Who was the mayor of Arx in 1990?", year="2026") == "mayor Arx 1990"


def test_names_that_the_question_does_not_hold_come_first() -> None:
    assert write("What is this?", ("Eph Tower",)) == "Eph Tower"
    assert write("Who built the Eph Tower?", ("Eph Tower", "Tower of Eph")) == "Tower of Eph built Eph Tower"


WORD = st.sampled_from(
    "this image shows that photo picture pictured here who built the tower when was of in what height and these it "
    "old song river is shown above depicted screenshot".split()
)
NAME = st.lists(st.sampled_from("Eph Arx Dun Bo Ek Ida Tower Dome".split()), min_size=1, max_size=3, unique=True)


@given(st.lists(WORD, min_size=1, max_size=30), st.lists(NAME.map(" ".join), max_size=2), st.booleans())
def test_a_query_never_points_is_never_empty_and_keeps_the_names(
    words: list[str], names: list[str], again: bool
) -> None:
    question = " ".join([*words[:5], *names[:1], *words[5:]]) + "?"
    query = (other if again else write)(question, tuple(names))
    assert fold(query) and not POINTING.search(query)
    assert len(query.split()) <= max(WORDS, sum(len(n.split()) for n in names))
    assert all(f" {fold(n)} " in f" {fold(query)} " for n in names)


@given(st.text(max_size=200), st.lists(st.text(max_size=30), max_size=3))
def test_any_text_gives_a_query(text: str, names: list[str]) -> None:
    for made in (write(text, names), other(text, names, year="2026")):
        assert made.strip() and not addresses(made)


def test_addresses_of_a_question_are_no_words_of_its_query() -> None:
    question = "According to (https://a.test/x?y=1), and http://b.test/z., who built the Eph Tower?"
    assert addresses(question) == ["https://a.test/x?y=1", "http://b.test/z"]
    assert "test" not in write(question)


@pytest.mark.parametrize(
    "wrong", ["this tower", "the tower in the photo", "", "#s1 builder", "see https://a.test", "w " * 13]
)
def test_a_model_that_breaks_the_rules_is_not_followed(wrong: str) -> None:
    assert faults(wrong)
    assert faults("builder", ("Eph Tower",)) and not faults("eph tower builder", ("Eph Tower",))
    assert not faults('"This Photo" author', ("This Photo",)), "a name may point"


async def test_a_strong_model_writes_and_a_weak_one_is_not_asked() -> None:
    weak = ScriptedModel([])
    assert await queries.asked(weak, "Who built the Eph Tower?") == "built Eph Tower" and weak.calls == []
    for reply, made in (({"query": "Eph Tower  architect"}, "Eph Tower architect"), ({"q": 1}, "built Eph Tower")):
        strong = ScriptedModel([{"task": "query", "reply": reply}], capabilities=Capabilities(plans_freely=True))
        assert await queries.asked(strong, "Who built the Eph Tower?", ("Eph Tower",)) == made
    same = ScriptedModel([{"reply": {"query": "tower Eph built"}}], capabilities=Capabilities(plans_freely=True))
    again = await queries.asked(same, "Who built the Eph Tower?", ("Eph Tower",), again="built Eph Tower")
    assert again == "Eph Tower construction", "the same words are no other words"
