"""Rows of a chart out of a picture's text, and what a question names of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.figures import meant, mentioned, read_chart

TEXT = """Seen in the park
Deer | North: 1,200 | South: 30%
Hare | North: 4.5 | South: -2
Colours: North: blue | South: dark blue
Axis: 0 10 20
Source: Ida"""


def test_rows_keep_their_figures_and_where_they_stand() -> None:
    chart = read_chart(TEXT)
    assert chart and chart.labels == ("Deer", "Hare") and chart.series == ("North", "South")
    assert [f.value for row in chart.rows for f in row.figures] == [1200, 30, 4.5, -2]
    assert TEXT[chart.rows[1].start : chart.rows[1].end] == "Hare | North: 4.5 | South: -2"
    assert chart.colours == (("North", "blue"), ("South", "dark blue"))


def test_the_longest_run_of_rows_is_the_chart_and_lines_of_words_are_none() -> None:
    chart = read_chart("Fax: 12\nIn short: it rained\n2015: 7\n2016: 8\n2017: 9 t\nSource: Ida")
    assert chart and chart.labels == ("2015", "2016", "2017")


def test_a_label_that_stands_twice_makes_it_no_chart() -> None:
    assert read_chart("Item: 3\nItem: 4\nOther: 5") is None


def test_one_row_is_no_chart() -> None:
    assert read_chart("Tel: 5 4\nItem: 3") is None


@given(st.text(alphabet="ab:| 019.,%\n", max_size=120))
def test_any_text_is_read_and_rows_stand_where_they_say(text: str) -> None:
    chart = read_chart(text)
    for row in chart.rows if chart else ():
        assert text[row.start : row.end].startswith(row.label)


def test_names_are_found_in_order_the_longer_before_the_shorter() -> None:
    assert mentioned("Is South Ida above Ida?", ["Ida", "South Ida", "Bel"]) == ["South Ida", "Ida"]


def test_what_stands_in_brackets_may_be_left_out_unless_another_name_is_the_same_then() -> None:
    assert mentioned("How big is Bank of Bel?", ["Bank of Bel (hq: Arx)", "Ida Bank (hq: Ida)"]) == [
        "Bank of Bel (hq: Arx)"
    ]
    assert mentioned("How many Bel shops are there?", ["Bel (Ida)", "Bel (Cor)"]) == []


def test_a_common_word_names_a_row_only_in_quotes() -> None:
    assert mentioned("How many said more?", ["More", "Less"]) == []
    assert mentioned("How many said 'More'?", ["More", "Less"]) == ["More"]


def test_a_name_is_meant_by_half_of_its_words_unless_others_share_them() -> None:
    names = ["Grand Northern Mills (Bel)", "Southern Cotton Works", "Western Cotton Works"]
    assert meant("How much did the Northern mills make?", names) == ["Grand Northern Mills (Bel)"]
    assert meant("How much did the cotton works make?", names) == []
    assert meant("Which bank is largest?", ["Bank Bel", "Credit Cor"]) == []
    assert meant("How large is Bel?", ["Bank Bel", "Credit Cor"]) == ["Bank Bel"]
