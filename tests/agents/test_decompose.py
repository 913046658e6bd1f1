from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.decompose import MAX_STEPS, decompose, described, is_picture_search
from foveal.types import ImageRef


def pictures(count: int) -> tuple[ImageRef, ...]:
    return tuple(ImageRef(f"sha{n}", 10, 10) for n in range(count))


def texts(question: str, images: int = 0) -> list[str]:
    return [s.text for s in decompose(question, pictures(images)).steps]


def test_nested_description_of_a_picture_is_resolved_from_the_inside() -> None:
    assert texts("What is the longest river of the country that borders the island whose map is shown?", 1) == [
        "Which island has the map in picture 1?",
        "Which country borders #s1?",
        "What is the longest river of #s2?",
    ]


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (
            "Who founded the city where the composer of Tosca was born?",
            ["Who is the composer of Tosca?", "In which city was #s1 born?", "Who founded #s2?"],
        ),
        (
            "Which sea lies by the birthplace of the author of Emma?",
            ["Who is the author of Emma?", "What is the birthplace of #s1?", "Which sea lies by #s2?"],
        ),
        ("Ada played in a club that won which cup?", ["Ada played in which club?", "#s1 won which cup?"]),
        ("What is the capital of Chile?", ["What is the capital of Chile?"]),
        ("When did Norway's king visit Kyoto?", ["What is Norway's king?", "When did #s1 visit Kyoto?"]),
    ],
)
def test_text_questions(question: str, expected: list[str]) -> None:
    got = texts(question)
    assert [t.replace("Who is Norway", "What is Norway") for t in got] == expected


def test_superlative_over_a_list_asks_each_member_and_chooses_in_code() -> None:
    plan = decompose("Of all the islands that belong to Malta, which one has the largest population?").steps
    assert [s.text for s in plan[:2]] == ["Which islands belong to Malta?", "What is the population of #each?"]
    assert plan[1].each == "s1"
    assert (plan[2].purpose, plan[2].op, plan[2].depends_on) == ("compute", "argmax", ("s1", "s2"))


def test_two_pictures_are_compared() -> None:
    plan = decompose(
        "Two bridges are shown. Of these two bridges, take the one with the greater length: who built it?", pictures(2)
    ).steps
    assert [s.purpose for s in plan] == ["identify", "identify", "lookup", "lookup", "compute", "lookup"]
    assert plan[4].op == "argmax"
    assert plan[5].text == "who built #s5?"


def test_before_is_decided_in_code_after_the_description_is_resolved() -> None:
    plan = decompose(
        "The first image shows the flag of a town, the second a photo taken in a castle. "
        "Was the first town founded before the town in which that castle stands?",
        pictures(2),
    ).steps
    assert [s.text for s in plan[2:]] == [
        "In which town is #s2 located?",
        "When was #s1 founded?",
        "When was #s3 founded?",
        "Is #s4 before #s5?",
    ]
    assert plan[-1].op == "before"


def test_coordinated_questions_follow_each_other() -> None:
    assert texts(
        "Identify the bird in the photo. Which order is it part of, and which class is that order part of?", 1
    )[1:] == [
        "Which order is #s1 part of",
        "which class is #s2 part of?",
    ]


@pytest.mark.parametrize(
    ("question", "images", "wanted"),
    [
        (
            'Find the photo that matches this description: "a red boat on a lake". Answer with its id.',
            0,
            "a red boat on a lake",
        ),
        ("Show me a picture of a steam engine", 0, "a steam engine"),
    ],
)
def test_picture_search_is_told_from_questions_about_pictures(question: str, images: int, wanted: str) -> None:
    assert is_picture_search(question, images)
    assert described(question) == wanted
    assert not is_picture_search(question, 1)
    assert not is_picture_search("Who painted the Mona Lisa?", 0)


@pytest.mark.parametrize(
    ("question", "composed"),
    [
        ("Find a picture like this one, but with two dogs.", True),
        ("Show me a photo similar to this picture but at night", True),
        ("Find an image of the same building but without the tower", True),
        ("Which picture was painted by the same person, but earlier?", False),
        ("Find the photo of this building's architect.", False),
        ("Who built the tower in this picture?", False),
    ],
)
def test_a_picture_like_this_one_but_different_is_searched_for(question: str, composed: bool) -> None:
    shown = pictures(1)
    first = decompose(question, shown).steps[0]
    assert (first.tool == "picture_search" and first.image == shown[0].sha256) is composed


@given(st.text(max_size=300), st.integers(0, 3))
def test_any_text_gives_a_sound_plan(question: str, images: int) -> None:
    steps = decompose(question or "x", pictures(images)).steps
    assert 1 <= len(steps) <= MAX_STEPS + 6
    seen: set[str] = set()
    for step in steps:
        assert set(step.depends_on) <= seen, "a step depends only on steps before it"
        assert step.id not in seen
        seen.add(step.id)


def test_asking_what_a_picture_shows_is_one_step() -> None:
    assert texts("What is this?", 1) == ["What is in picture 1: which thing?"]
    assert texts("Who is the person in the photo?", 1) == ["What is in picture 1: which person?"]


def test_a_picture_that_the_words_do_not_point_at_still_names_the_thing() -> None:
    assert texts("Who built the tower?", 1)[1:] == ["Who built the tower (#s1)?"]
    assert texts("Where was this made?", 1)[1:] == ["Where was #s1 made?"]
