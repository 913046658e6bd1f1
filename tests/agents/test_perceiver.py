from __future__ import annotations

from foveal.agents.perceiver import pixels_suffice, weigh
from foveal.types import ImageHit, Label


def hit(title: str, score: float, text: str = "") -> ImageHit:
    return ImageHit(title.lower(), title, text, "sha", score, 0.0)


def test_the_noun_of_the_question_breaks_close_scores() -> None:
    hits = [hit("Skyline", 0.52), hit("Ridge Park", 0.50, "A national park.")]
    assert weigh("national park", hits, [], titled={}, generic=frozenset())[0].name == "Ridge Park"


def test_titles_that_many_share_name_nothing() -> None:
    hits = [hit("photograph", 0.9), hit("Old Mill", 0.4)]
    assert [h.name for h in weigh("", hits, [], titled={}, generic=frozenset({"photograph"}))] == ["Old Mill"]


def test_living_things_are_named_by_their_label_and_its_document() -> None:
    labels = [Label("ice bear, polar bear", "a white bear", 0.8)]
    best = weigh("animal", [hit("Iceberg", 0.5)], labels, titled={"polar bear": "doc7"}, generic=frozenset())[0]
    assert (best.name, best.doc_id) == ("polar bear", "doc7")


def test_only_pictures_full_of_text_and_numbers_answer_by_themselves() -> None:
    chart = "Sales by year 2015 2016 2017 Apples 34 27 12 Pears 9 8 7 source: us"
    assert pixels_suffice("What is the highest value?", chart)
    assert not pixels_suffice("Which flag is this?", "STATE OF IDA 1848")
