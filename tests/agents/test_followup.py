"""Follow-ups by form: what is put in, what is left alone, and which pictures a question looks at."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.entities import Past, entities_of
from foveal.agents.followup import Rewrite, rewrite, rewrite_with
from foveal.errors import ModelOutputError
from foveal.types import Capabilities, Generation

A, B = "a" * 64, "b" * 64


def seen(name: str, noun: str = "", image: str = A) -> dict[str, Any]:
    step = {"purpose": "identify", "status": "answered", "answer": name, "values": [name]}
    return {**step, "image": image, "noun": noun, "text": "What is in picture 1?"}


def found(question: str, *values: str) -> dict[str, Any]:
    step = {"purpose": "lookup", "status": "answered", "answer": ", ".join(values), "values": list(values)}
    return {**step, "image": None, "noun": "", "text": question}


def turn(question: str, *steps: dict[str, Any], images: tuple[str, ...] = (), read: tuple[str, ...] = ()) -> Past:
    answer = steps[-1]["answer"] if steps else ""
    return Past(question, answer, images, read, entities_of(question, answer, steps))


def asked(question: str, *values: str) -> Past:
    return turn(question, found(question, *values))


TOWER = turn("What is this?", seen("Eph Tower"), images=(A,))
FLAG_QUESTION = "What is the capital of the country whose flag is shown?"
FLAG = turn(FLAG_QUESTION, seen("Ida", "country flag"), found("What is the capital of #s1?", "Arx"), images=(A,))
BUILDER = asked("Who built the Eph Tower?", "Bo Ek")
CURIE = asked("Who discovered radium?", "Marie Curie")
CAPITAL = asked("What is the capital of Peru?", "Lima")
CROWD = asked("What was the population of Peru in 1990?", "22 million")
BORDERS = asked("Which countries border Ida?", "Bel", "Cor")
WHERE = asked("Where does the Eph Tower stand?", "Eph")


@pytest.mark.parametrize(
    ("before", "question", "standalone"),
    [
        (TOWER, "and when was it built?", "When was Eph Tower built?"),
        (TOWER, "who designed the building?", "Who designed Eph Tower?"),
        (TOWER, "and how tall?", "How tall is Eph Tower?"),
        (TOWER, "When was this tower opened?", "When was Eph Tower opened?"),
        (TOWER, "who is its architect?", "Who is the architect of Eph Tower?"),
        (FLAG, "what about its capital?", "What is the capital of Ida?"),
        (FLAG, "how many people live there?", "How many people live in Arx?"),
        (FLAG, "and the currency?", "What is the currency of Ida?"),
        (FLAG, "And Peru?", "What is the capital of Peru?"),
        (FLAG, "which river flows through that country?", "Which river flows through Ida?"),
        (BUILDER, "when was it built?", "When was Eph Tower built?"),
        (BUILDER, "and when was he born?", "When was Bo Ek born?"),
        (BUILDER, "and the Dun Tower?", "Who built the Dun Tower?"),
        (CURIE, "who was her husband?", "Who was the husband of Marie Curie?"),
        (CURIE, "what about her daughter?", "Who is the daughter of Marie Curie?"),
        (CROWD, "and in 1950?", "What was the population of Peru in 1950?"),
        (CROWD, "and Chile?", "What was the population of Chile in 1990?"),
        (CROWD, "and for the Netherlands?", "What was the population of the Netherlands in 1990?"),
        (CAPITAL, "the same for Chile", "What is the capital of Chile?"),
        (CAPITAL, "And Chile's?", "What is the capital of Chile?"),
        (CAPITAL, "what is its population?", "What is the population of Lima?"),
        (CAPITAL, "and what is its currency?", "What is the currency of Peru?"),
        (CAPITAL, "and who wrote Hamlet?", "Who wrote Hamlet?"),
        (CAPITAL, "Is there a river there?", "Is there a river in Lima?"),
        (BORDERS, "what are their capitals?", "What are the capitals of Bel and Cor?"),
        (WHERE, "and when was it built?", "When was Eph Tower built?"),
        (WHERE, "How many people live there?", "How many people live in Eph?"),
    ],
)
def test_behaviour_32_a_follow_up_names_what_it_left_out(before: Past, question: str, standalone: str) -> None:
    made = rewrite(question, [before], before.images)
    assert (made.standalone, made.changed, made.warnings) == (standalone, True, ())
    assert made.images == (), "what is known by its name is not looked at again"


@pytest.mark.parametrize(
    "question",
    [
        "Who wrote It?",
        "Who wrote Hamlet?",
        "Which animal eats its own young?",
        "And Quiet Flows the Don was written by whom?",
        "Is it true that Lima is big?",
        "Are there any two bars of the same height?",
        "When was Barack Obama born and who is his wife?",
        'Who sang "What about her?"',
        "How many directed edges are there in a chain-type graph?",
        "What is the population of the state where Dodge City lies?",
        "Who directed the film in which the actor lost his leg?",
        "秘鲁的首都是哪里?",
    ],
)
def test_a_question_that_stands_alone_is_left_alone(question: str) -> None:
    for before in (TOWER, FLAG, BUILDER, CURIE, CAPITAL, BORDERS):
        assert rewrite(question, [before]) == Rewrite(question)


def test_nothing_is_rewritten_without_a_turn_before() -> None:
    assert rewrite("and when was it built?", [], [A, B], [0, 1]) == Rewrite("and when was it built?", images=(0, 1))


def test_what_fits_nothing_is_asked_as_it_stands_and_said() -> None:
    made = rewrite("and who painted it?", [CAPITAL])
    assert made.standalone == "and who painted it?" and not made.changed
    assert "“it”" in made.warnings[0]


def test_the_turn_before_the_last_is_meant_when_the_last_does_not_fit() -> None:
    assert rewrite("When was he born?", [BUILDER, CAPITAL]).standalone == "When was Bo Ek born?"


@pytest.mark.parametrize(
    ("question", "standalone", "images"),
    [
        ("and the second picture?", FLAG_QUESTION, (1,)),
        ("and the second one?", FLAG_QUESTION, (1,)),
        ("and this one?", FLAG_QUESTION, (1,)),
        ("the same for this one", FLAG_QUESTION, (1,)),
        ("and the first picture?", FLAG_QUESTION, (0,)),
        ("what is its currency?", "What is the currency of the country whose flag is shown?", (1,)),
        ("Which tower is in the second picture?", "Which tower is in the picture?", (1,)),
        ("What is this?", "What is this?", (1,)),
        ("Which of the two is larger?", "Which of the two is larger?", (0, 1)),
    ],
)
def test_a_picture_that_just_came_is_what_is_meant(question: str, standalone: str, images: tuple[int, ...]) -> None:
    made = rewrite(question, [FLAG], [A, B], [1])
    assert (made.standalone, made.images) == (standalone, images)


def test_the_question_of_a_name_is_asked_of_a_picture_in_its_words() -> None:
    area = asked("What is the area of Ida?", "8,336")
    made = rewrite("and the second picture?", [FLAG, area], [A, B], [1])
    assert made.standalone == "What is the area of the country whose flag is shown?" and made.images == (1,)


def test_a_chart_goes_on_being_looked_at_and_an_identified_picture_does_not() -> None:
    chart = turn("How many plums in 2015?", {**seen("27"), "purpose": "lookup"}, images=(A,), read=(A,))
    assert rewrite("How many pears in 2016?", [chart], [A]).images == (0,)
    assert rewrite("How many people speak Quechua?", [FLAG], [A]).images == ()
    assert rewrite("Which colours are in the picture?", [FLAG], [A]).images == (0,)
    assert rewrite("In the document a.pdf: which figure is last?", [chart], [A]).images == ()


@given(st.text(max_size=80), st.sampled_from([TOWER, FLAG, BUILDER, CROWD, BORDERS]), st.integers(0, 2))
def test_no_question_is_emptied_or_sent_a_picture_that_is_not_there(question: str, before: Past, pictures: int) -> None:
    made = rewrite(question, [before], [A, B][:pictures], range(pictures))
    assert bool(made.standalone.strip()) == bool(question.strip()) or made.changed
    assert set(made.images) <= set(range(pictures))
    assert made.changed or made.standalone == question.strip()


WORDS = (
    "and it its he her the that building country one second 1950 Peru what is was who of there picture built ? when "
    "how tall same for about"
)


@given(st.lists(st.sampled_from(WORDS.split()), min_size=1, max_size=9))
def test_words_that_point_back_in_any_order_break_nothing(words: list[str]) -> None:
    for before in (FLAG, BUILDER, BORDERS):
        made = rewrite(" ".join(words), [before, CAPITAL], [A, B], [1])
        assert made.standalone and (made.changed or made.standalone == " ".join(words))


class Writer:
    """A model that plans freely and rewrites as told."""

    name = "writer"

    def __init__(self, reply: Any, free: bool = True) -> None:
        self.reply, self.capabilities, self.asked = reply, Capabilities(plans_freely=free), 0

    async def generate(self, messages: Any, **options: Any) -> Generation:
        self.asked += 1
        if isinstance(self.reply, Exception):
            raise self.reply
        return Generation("", parsed=self.reply)


async def test_a_strong_model_rewrites_what_form_cannot() -> None:
    model = Writer({"standalone": "Why was Lima founded where it is, in Peru?"})
    made = await rewrite_with(model, "why just at that spot?", [CAPITAL])  # type: ignore[arg-type]
    assert made.standalone == "Why was Lima founded where it is, in Peru?" and made.changed
    assert [e.name for e in made.uses] == ["Lima", "Peru"]


@pytest.mark.parametrize(
    "reply",
    [
        {"standalone": ""},
        {"standalone": "?"},
        {"standalone": "What is the capital of Atlantis?"},
        {"other": 1},
        None,
        ModelOutputError("no JSON"),
    ],
)
async def test_a_model_that_loses_or_invents_names_is_not_followed(reply: Any) -> None:
    made = await rewrite_with(Writer(reply), "and Chile?", [CAPITAL])  # type: ignore[arg-type]
    assert made == rewrite("and Chile?", [CAPITAL])


async def test_a_weak_model_is_not_asked_nor_a_strong_one_at_the_first_turn() -> None:
    weak, strong = Writer({"standalone": "x y"}, free=False), Writer({"standalone": "x y"})
    await rewrite_with(weak, "and Chile?", [CAPITAL])  # type: ignore[arg-type]
    await rewrite_with(strong, "What is the capital of Chile?", [])  # type: ignore[arg-type]
    assert (weak.asked, strong.asked) == (0, 0)
