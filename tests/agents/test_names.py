from __future__ import annotations

import pytest

from foveal.agents.names import long_names, proper_names
from foveal.agents.reader import Passage, headed, names_thing


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("What is the area of Democratic Republic of the Congo?", ["Democratic Republic of the Congo"]),
        ("In which year did Bo Ek build the Eph Tower?", ["Bo Ek", "Eph Tower"]),
        ('Who sang "Night Owl"?', ["Night Owl"]),
        ("What is Ida's capital?", ["Ida"]),
        ("Is it 42?", []),
    ],
)
def test_proper_names(text: str, names: list[str]) -> None:
    assert proper_names(text) == names


def test_a_longer_run_may_be_a_title() -> None:
    assert long_names("Who is the producer of Songs I Wrote with Amy?") == ["Songs I Wrote with Amy"]
    assert long_names("Who is the king of Ida?") == []


def test_of_two_things_of_like_name_the_one_that_is_called_so_goes_first() -> None:
    small = Passage("e1", "d1", "Ida", "Ida (Republic of Ida) is a country.", "text", 0)
    large = Passage("e2", "d2", "DR Ida", "DR Ida (Democratic Republic of Ida) is a country.", "text", 0)
    part = Passage("e3", "d1", "Ida - Geography", "Area: 3 km²", "text", 0)
    name = ("Democratic Republic of Ida",)
    assert headed(large, name) and names_thing(large, name) and not headed(small, name)
    assert headed(small, ("Ida",)) and headed(part, ("Ida",)) and not headed(large, ("Ida",))
