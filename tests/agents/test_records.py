from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.records import entries, read_record

TEXT = """Elevation:
  highest point: Mount Ida 2,456 m
  lowest point: Sea 0 m
Capital:
  name: Arx (since 1821)
  time difference: UTC+2"""
LINE = "Ida is a country. Capital: Arx. Area: 8,336 square kilometres. Land borders: Bel, Cor. Currency: idan (IDN)."


def value(question: str, text: str) -> str | None:
    entry = read_record(question, text, names=("Ida",))
    return entry.value if entry else None


def test_keys_answer_questions_that_hold_their_words() -> None:
    assert value("What is the highest point of Ida?", TEXT) == "Mount Ida 2,456 m"
    assert value("What is the capital of Ida?", TEXT) == "Arx (since 1821)"
    assert value("What is the area of Ida?", LINE) == "8,336 square kilometres"
    assert value("Which countries share a land border with Ida?", LINE) == "Bel, Cor"
    assert value("Which currency is used in Ida?", LINE) == "idan (IDN)"
    assert value("Who rules Ida?", LINE) is None


@given(st.text(max_size=400))
def test_offsets_point_at_the_value(text: str) -> None:
    for entry in entries(text):
        assert text[entry.start : entry.end].strip() == entry.value
