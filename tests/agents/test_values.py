from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents import reckoning, values


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("6,893 m", 6893.0),
        ("about 3.4 million people", 3.4e6),
        ("-12.5 °C", -12.5),
        ("seven", 7.0),
        ("none", None),
        ("1 000 km", 1000.0),
    ],
)
def test_number(text: str, number: float | None) -> None:
    assert values.number(text) == number


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("August 1, 1876", (1876, 8, 1)),
        ("on 3 May 1921", (1921, 5, 3)),
        ("2021-02-08", (2021, 2, 8)),
        ("October 1886", (1886, 10, 0)),
        ("built 1889", (1889, 0, 0)),
        ("no date", None),
    ],
)
def test_date(text: str, date: tuple[int, int, int] | None) -> None:
    assert values.date(text) == date


def test_valued_list_with_thousands() -> None:
    listed = values.valued("Borders:\n  with: Arda 6,691 km; Bel 942 km; Cor 168 km")
    assert [(v.name, v.value) for v in listed] == [("Arda", 6691.0), ("Bel", 942.0), ("Cor", 168.0)]
    assert values.extreme(listed, "argmin").name == "Cor"  # type: ignore[union-attr]
    assert values.extreme([], "argmax") is None


@given(
    st.lists(
        st.tuples(st.text("abcdefgh", min_size=2, max_size=8), st.integers(1, 99999)),
        min_size=2,
        max_size=8,
        unique_by=lambda t: t[0],
    )
)
def test_written_lists_are_read_back(pairs: list[tuple[str, int]]) -> None:
    text = "; ".join(f"{name.capitalize()} {value:,} km" for name, value in pairs)
    assert [(v.name.lower(), v.value) for v in values.valued(text)] == [(n, float(v)) for n, v in pairs]


@given(st.lists(st.integers(1, 10**7), min_size=2, max_size=6, unique=True))
def test_select_is_the_extreme(numbers: list[int]) -> None:
    members = [f"m{i}" for i in range(len(numbers))]
    written = [f"{n:,} km²" for n in numbers]
    assert reckoning.select(members, written, "argmax") == members[numbers.index(max(numbers))]
    assert reckoning.select(members, written, "argmin") == members[numbers.index(min(numbers))]


def test_a_member_without_a_value_leaves_the_choice_open() -> None:
    assert reckoning.select(["a", "b"], ["12 km", "unknown"], "argmax") is None


@pytest.mark.parametrize(
    ("op", "given_", "result"),
    [
        ("before", ["December 7, 1787", "May 23, 1788"], "yes"),
        ("after", ["December 7, 1787", "May 23, 1788"], "no"),
        ("larger", ["12,000", "900"], "yes"),
        ("same", ["The Beatles", "Beatles"], "yes"),
        ("both", ["yes", "no"], "no"),
        ("count", ["a", "b", "c"], "3"),
        ("before", ["red", "blue"], None),
    ],
)
def test_judge(op: str, given_: list[str], result: str | None) -> None:
    assert reckoning.judge(op, given_) == result


def test_items_drop_numbers_and_brackets() -> None:
    assert values.items("Kenya 317 km, Uganda (south) 475 km and South Sudan") == ("Kenya", "Uganda", "South Sudan")
