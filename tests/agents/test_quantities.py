from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents import reckoning
from foveal.agents.quantities import unit


@pytest.mark.parametrize(
    ("text", "kind", "word"),
    [
        ("6,893 m (22,615 ft)", "length", "m"),
        ("9.98 million square kilometers", "area", "km²"),
        ("120 sq mi", "area", "mi²"),
        ("12 km2", "area", "km²"),
        ("29,029 feet", "length", "feet"),
        ("76 years", "time", "years"),
    ],
)
def test_the_unit_after_the_first_number(text: str, kind: str, word: str) -> None:
    found = unit(text)
    assert found is not None
    assert (found.kind, found.word) == (kind, word)


@pytest.mark.parametrize("text", ["", "1876", "25 March 1930", "1.2 billion people", "Oslo", "many metres"])
def test_what_has_no_unit(text: str) -> None:
    assert unit(text) is None


def test_a_mile_is_longer_than_a_kilometre() -> None:
    assert reckoning.judge("larger", ["1 mile", "1.2 km"]) == "yes"
    assert reckoning.select(["a", "b"], ["3,900 ft", "1,200 m"], "argmax") == "b"


def test_units_that_do_not_fit_decide_nothing() -> None:
    assert reckoning.judge("larger", ["5 km", "3 kg"]) is None
    assert reckoning.select(["a", "b"], ["5 km", "3 kg"], "argmax") is None
    assert reckoning.judge("sum", ["5 km", "7"]) is None
    assert reckoning.judge("difference", ["5 km", "7"]) is None


@given(st.integers(1, 10**6), st.integers(1, 10**6))
def test_order_does_not_depend_on_the_unit(a: int, b: int) -> None:
    plain = reckoning.judge("larger", [f"{a} km", f"{b} km"])
    assert reckoning.judge("larger", [f"{a} km", f"{b * 1000} m"]) == plain
    assert reckoning.judge("difference", [f"{a} km", f"{b} km"]) == f"{abs(a - b):.10g} km"


@pytest.mark.parametrize(
    ("op", "given_", "result"),
    [
        ("either", ["no", "Yes, since 1901"], "yes"),
        ("either", ["no", "no"], "no"),
        ("count", ["yes", "no", "Yes."], "2"),
        ("sum", ["12,000", "1.5 million"], "1512000"),
        ("sum", ["2 km", "500 m"], "2.5 km"),
        ("difference", ["8,848 m", "6,893 m"], "1955 m"),
        ("difference", ["1 mile", "1 km"], "0.38 mile"),
        ("difference", ["1789", "1815"], "26"),
        ("difference", ["14 March 1879", "18 April 1955"], "76"),
        ("difference", ["18 April 1879", "14 March 1955"], "75"),
        ("difference", ["18 April 1955", "1879"], "76"),
        ("days", ["2 January 2000", "1 March 2000"], "59"),
        ("days", ["2000", "1 March 2000"], None),
        ("difference", ["red", "1955"], None),
        ("shared", ["Norwegian, Danish", "danish and Finnish"], "Danish"),
        ("shared", ["Norwegian", "Finnish"], None),
        ("same", ["Oman", "Romania"], "no"),
        ("before", ["1901", "5 May 1901"], None),
        ("before", ["1900", "5 May 1901"], "yes"),
        ("larger", ["12", "12"], "no"),
        ("sum", ["12", ""], None),
        ("before", [], None),
    ],
)
def test_results_are_computed_from_values_or_not_at_all(op: str, given_: list[str], result: str | None) -> None:
    assert reckoning.judge(op, given_) == result


def test_a_choice_by_yes_needs_exactly_one_yes() -> None:
    assert reckoning.select(["a", "b"], ["no", "Yes"], "holds") == "b"
    assert reckoning.select(["a", "b"], ["yes", "Yes"], "holds") is None
    assert reckoning.select(["a", "b"], ["yes", ""], "holds") is None


def test_dates_that_cannot_be_told_apart_choose_nothing() -> None:
    assert reckoning.select(["a", "b"], ["1901", "5 May 1901"], "argmin") is None
    assert reckoning.select(["a", "b", "c"], ["1901", "5 May 1901", "1890"], "argmin") == "c"
