from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.perceiver import CLOSE, SURE, UNKNOWN, alike, doubt, names_in, pixels_suffice, weigh
from foveal.types import Document, ImageHit, Label, Region

NONE: frozenset[str] = frozenset()


def hit(title: str, score: float, text: str = "", region: Region | None = None) -> ImageHit:
    return ImageHit(title.lower(), title, text, "sha", score, 0.0, region=region)


def crowd(score: float, count: int = 6) -> list[ImageHit]:
    return [hit(f"Other {n}", score - n / 100) for n in range(count)]


def test_the_noun_of_the_question_breaks_close_scores() -> None:
    hits = [hit("Skyline", 0.52), hit("Ridge Park", 0.50, "A national park.")]
    best, second = weigh("national park", hits, [], titled={}, generic=NONE)
    assert best.name == "Ridge Park" and "is called national park" in best.pros
    assert "is not called national park" in second.cons


def test_titles_that_many_share_name_nothing() -> None:
    hits = [hit("photograph", 0.9), hit("Old Mill", 0.4)]
    found = weigh("", hits, [], titled={}, generic=frozenset({"photograph"}))
    assert [h.name for h in found] == ["Old Mill"]


def test_living_things_are_named_by_their_label_and_its_document() -> None:
    labels = [Label("ice bear", "a white bear", 0.8, ("polar bear", "Ursus Maritimus"))]
    titled = {"polar bear": Document("doc7", "Polar bear", "")}
    best = weigh("animal", [hit("Iceberg", 0.5), *crowd(0.45)], labels, titled=titled, generic=NONE)[0]
    assert (best.name, best.doc_id, best.probability) == ("polar bear", "doc7", 0.8) and "ice bear" in best.aliases


def test_a_look_alike_and_a_label_of_one_name_are_one_hypothesis() -> None:
    hits = [hit("Lighthouse", 0.5, region=Region(0, 0, 9, 9)), *crowd(0.3)]
    alone = weigh("", hits, [], titled={}, generic=NONE)[0]
    labelled = weigh("", hits, [Label("lighthouse", "a beacon", 0.6)], titled={}, generic=NONE)[0]
    assert labelled.probability == pytest.approx(1 - (1 - alone.probability) * 0.4)
    assert labelled.pros == ("looks like Lighthouse (0.50)", "labelled lighthouse (0.60)")
    assert labelled.image == "sha" and labelled.region == Region(0, 0, 9, 9)


def test_behaviour_4_both_of_two_look_alikes_are_kept_and_doubted() -> None:
    found = weigh("", [hit("Ida", 0.90), hit("Bel", 0.90 - CLOSE / 2), *crowd(0.2)], [], titled={}, generic=NONE)
    assert [h.name for h in found[:2]] == ["Ida", "Bel"]
    assert doubt(found) == "Ida and Bel look almost equally alike"
    assert "next best, Bel, is only 0.03 behind" in found[0].cons and found[1].cons[0].endswith("behind Ida")


def test_what_looks_about_as_much_like_several_is_unknown() -> None:
    unknown = weigh("", [hit("Ida", 0.70), *crowd(0.66)], [], titled={}, generic=NONE)[0]
    known = weigh("", [hit("Ida", 0.70), *crowd(0.30)], [], titled={}, generic=NONE)[0]
    assert unknown.probability < UNKNOWN < SURE < known.probability
    assert doubt([unknown]) and not doubt([known])


def test_things_of_another_kind_are_no_rivals() -> None:
    others = crowd(0.4)
    parks = [hit("Ridge Park", 0.42, "A park."), hit("Vale Park", 0.1, "A park."), hit("Dune Park", 0.0, "A park.")]
    hits = sorted([*parks, *others], key=lambda h: -h.score)
    asked, unasked = (weigh(noun, hits, [], titled={}, generic=NONE)[0] for noun in ("park", ""))
    assert asked.name == unasked.name == "Ridge Park" and asked.probability > unasked.probability


def test_a_name_that_stands_in_the_picture_speaks_for_it() -> None:
    written = [Document("m", "Matterhorn", "A mountain of the Alps.")]
    best = weigh("mountain", crowd(0.3), [], titled={}, generic=NONE, written=written)[0]
    assert best.name == "Matterhorn" and best.pros == ("its name stands in the picture",)
    other = weigh("river", crowd(0.3), [], titled={}, generic=NONE, written=written)[0]
    assert UNKNOWN < other.probability < best.probability < SURE, "by itself it asks for a second look"
    hits = [hit("Matterhorn", 0.45, "A mountain."), *crowd(0.3)]
    seen = weigh("mountain", hits, [], titled={}, generic=NONE, written=written)[0]
    assert seen.probability > SURE and len(seen.pros) == 3


def test_behaviour_5_names_are_read_off_the_picture() -> None:
    assert "Eph Tower" in names_in(["WELCOME TO Eph Tower", "12:30 h"])


@given(st.lists(st.text(max_size=30), max_size=6), st.integers(0, 20))
def test_names_are_at_least_a_short_word_and_not_more_than_asked(lines: list[str], most: int) -> None:
    found = names_in(lines, most=most)
    assert len(found) <= most and len(set(found)) == len(found)
    assert all(len(n) >= 4 and any(c.isalpha() for c in n) for n in found)


@given(st.floats(-1, 1), st.lists(st.floats(-1, 1), max_size=5), st.floats(0.01, 0.5))
def test_a_greater_lead_is_never_less_likely(score: float, rivals: list[float], more: float) -> None:
    assert 0 < alike(score, rivals) < alike(score + more, rivals) < 1


def test_only_pictures_full_of_text_and_numbers_answer_by_themselves() -> None:
    chart = "Sales by year 2015 2016 2017 Apples 34 27 12 Pears 9 8 7 source: us"
    assert pixels_suffice("What is the highest value?", chart)
    assert not pixels_suffice("Which flag is this?", "STATE OF IDA 1848")
