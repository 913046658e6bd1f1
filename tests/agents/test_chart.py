"""Questions that code answers from a chart's numbers: right or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.chart import answer

VISITORS = """Number of visitors, by country
Albania: 12
Bolivia: 30.5
Chad: 7
Denmark: 45
Estonia: 30.5
Axis: 0 10 20 30 40 50
Visitors in thousands"""
SHARES = """2015 | Men: 10% | Women: 14%
2016 | Men: 12% | Women: 15%
2017 | Men: 20% | Women: 18%
2018 | Men: 9% | Women: 30%
Axis: 40% 30% 20% 10% 0%
Colours: Men: blue | Women: dark blue"""
PLAN = """Support for the plan
Favor | Republicans: 31 | Democrats: 72 | Independents: 50
Oppose | Republicans: 60 | Democrats: 20 | Independents: 44
Don't know | Republicans: 9 | Democrats: 8 | Independents: 6"""
YEARS = "2009: 26.66\n2010: 27.06\n2011: 27.44\n2012: 27.8"
PIE = "Yes: 55%\nNo: 38%\nDon't know: 7%"
SUMMED = "Chad: 10\nPeru: 14\nTogo: 6\nTotal: 30"
LINES = "Peru: about 85 (2012)\nTogo: about 62 (2012)"

ASKED = [
    (VISITORS, "Which country has the highest number of visitors?", "Denmark"),
    (VISITORS, "What is the lowest value?", "7"),
    (VISITORS, "What is the third largest value?", "12"),
    (VISITORS, "Which country has the second lowest value?", "Albania"),
    (VISITORS, "How many countries are shown in the chart?", "5"),
    (VISITORS, "How many bars are there?", "5"),
    (VISITORS, "How many countries have more than 20 visitors?", "3"),
    (VISITORS, "What is the difference between Denmark and Chad?", "38"),
    (VISITORS, "How many more visitors does Denmark have than Albania?", "33"),
    (VISITORS, "What is the difference between the largest and the smallest value?", "38"),
    (VISITORS, "What is the sum of the highest and lowest value?", "52"),
    (VISITORS, "What's the ratio of Denmark to Albania?", "3.75"),
    (VISITORS, "What is the average of Albania and Chad?", "9.5"),
    (VISITORS, "What is the average of all the values?", "25"),
    (VISITORS, "What is the median value?", "30.5"),
    (VISITORS, "Is the value of Chad more than Albania?", "No"),
    (VISITORS, "Which has more visitors, Chad or Denmark?", "Denmark"),
    (VISITORS, "Which country had 45 thousand visitors?", "Denmark"),
    (VISITORS, "Are there any two bars having the same value?", "Yes"),
    (VISITORS, "Is there a bar with the value 12?", "Yes"),
    (VISITORS, "How many visitors did Bolivia have?", "30.5"),
    (SHARES, "What was the percentage of men in 2016?", "12%"),
    (SHARES, "In which year was the percentage of women highest?", "2018"),
    (SHARES, "What is the highest value of the navy blue bar?", "30%"),
    (SHARES, "In which year was the gap between men and women the largest?", "2018"),
    (SHARES, "In which year do the two have a difference of 3%?", "2016"),
    (SHARES, "What is the difference between men and women in 2017?", "2%"),
    (SHARES, "What is the sum of women in 2015 and 2016?", "29%"),
    (SHARES, "In 2017, who had the higher share, men or women?", "Men"),
    (SHARES, "When did the men line peak?", "2017"),
    (SHARES, "What is the median of women?", "16.5%"),
    (PLAN, "What percentage of Democrats favor the plan?", "72"),
    (PLAN, "What percentage of Republicans favor or oppose the plan?", None),
    (PLAN, "What is the total of favor and oppose among Democrats?", "92"),
    (PLAN, "Which opinion is highest among Republicans?", "Oppose"),
    (YEARS, "What value do we get if we add the values of 2011 and 2012?", "55.24"),
    (YEARS, "In what year was the value 27.44?", "2011"),
    (YEARS, "Was the value in 2012 higher than in 2010?", "Yes"),
    (PIE, "What is the share of 'No'?", "38%"),
    (PIE, "What percentage do 'Yes' and 'No' make up?", "93%"),
    (SUMMED, "Which country has the highest value?", "Peru"),
    (SUMMED, "What is the average of all countries?", "10"),
    (SUMMED, "What was the value of 'Total'?", "30"),
    (LINES, "Which is higher, Peru or Togo?", "Peru"),
]
LEFT_TO_THE_MODEL = [
    (VISITORS, "What is the sum of all bars except Denmark?"),
    (VISITORS, "What is the sum of the two smallest values?"),
    (VISITORS, "What is the total of the top three countries?"),
    (VISITORS, "Is the sum of Albania and Chad greater than Bolivia?"),
    (VISITORS, "Which two countries have the same value?"),
    (VISITORS, "Which country has the second highest value?"),  # two are second
    (VISITORS, "What was the value in France?"),
    (VISITORS, "Is there a bar with the value 13?"),  # or was it not read?
    (SHARES, "What was the percentage in 2019?"),
    (SHARES, "What was the percentage of men in 2014?"),
    (SHARES, "By how much did the share of men increase between 2015 and 2017?"),
    (SHARES, "How many times did women exceed men?"),
    (SHARES, "What is the value of the green bar in 2015?"),
    (SHARES, "What was the percentage in 2016?"),  # of whom?
    (YEARS, "What is the value of the last year?"),
    (YEARS, "What was the change from 2009 to 2010?"),
    (LINES, "What is the value of Peru?"),  # only about
    ("Rain fell in Ida.\nIt was a wet year: 30 days of it.", "What is the highest value?"),
]


@pytest.mark.parametrize(("text", "question", "expected"), ASKED)
def test_the_answer_is_computed(text: str, question: str, expected: str | None) -> None:
    found = answer(question, text)
    assert (found.answer if found else None) == expected


@pytest.mark.parametrize(("text", "question"), LEFT_TO_THE_MODEL)
def test_what_is_not_wholly_understood_is_left_to_the_model(text: str, question: str) -> None:
    assert answer(question, text) is None


def test_the_reason_names_the_figures_and_the_offsets_are_their_rows() -> None:
    found = answer("What is the difference between Denmark and Chad?", VISITORS)
    assert found and found.reason == "difference of Denmark: 45; Chad: 7" and found.names == ("Denmark", "Chad")
    assert VISITORS[found.start : found.end] == "Chad: 7\nDenmark: 45"


def test_a_year_alone_says_nothing_of_which_chart_is_meant() -> None:
    found = answer("What was the value in 2010?", YEARS)
    assert found and found.answer == "27.06" and found.names == ()


@given(st.text(max_size=80))
def test_any_question_is_taken(question: str) -> None:
    for text in (VISITORS, SHARES, PIE):
        found = answer(question, text)
        assert found is None or found.answer
