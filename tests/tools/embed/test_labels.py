from __future__ import annotations

from importlib import resources

from foveal.tools.embed.labels import LabelTable
from foveal.types import Label


def test_a_thousand_classes_in_order() -> None:
    table = LabelTable.load()
    assert len(table) == 1000
    wnids = [entry.wnid for entry in table.classes]
    assert wnids == sorted(wnids) and len(set(wnids)) == 1000
    assert table[0].names == ("tench", "Tinca tinca")
    assert table[207].names[0] == "golden retriever"
    assert table[483].names[0] == "castle"
    assert table[999].names[0] == "toilet tissue"
    assert all(entry.gloss and entry.kind and entry.names[0] for entry in table.classes)


def test_living_things_are_known() -> None:
    table = LabelTable.load()
    # the first 398 classes are the animals
    assert {entry.living for entry in table.classes[:398]} == {"animal"}
    assert {entry.living for entry in table.classes} == {"animal", "plant", "fungus", "person", ""}
    assert table[985].names[0] == "daisy" and table[985].living == "plant"
    assert table[483].living == ""


def test_class_of_tells_two_cranes_apart() -> None:
    table = LabelTable.load()
    cranes = [entry for entry in table.classes if entry.names[0] == "crane"]
    assert [table.class_of(entry.label(0.5)) for entry in cranes] == cranes
    assert {entry.living for entry in cranes} == {"animal", ""}
    assert table.class_of(Label("crane", "something else", 1.0)) is None
    assert table[0].words == "tench, Tinca tinca, cyprinid"


def test_the_wordnet_notice_stands_in_the_file() -> None:
    text = resources.files("foveal.tools.embed").joinpath("imagenet_labels.tsv").read_text("utf-8")
    assert "WordNet 3.0 Copyright 2006 by Princeton University" in text
    assert "without fee or" in text and "WARRANTIES" in text
