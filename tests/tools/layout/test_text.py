"""From boxes to text: rows of charts and tables, and nothing lost of what is none."""

from __future__ import annotations

import re

from fakes.charts import box, columns, lying, ticks
from hypothesis import given, settings
from hypothesis import strategies as st

from foveal.tools.layout.cells import cells_of
from foveal.tools.layout.text import as_text
from foveal.types import OcrLine, Region

YEARS = ["2015", "2016", "2017", "2018"]


def rows(lines: list[OcrLine]) -> list[str]:
    return as_text(lines).split("\n")


def test_each_column_gets_the_label_below_it_and_the_axis_is_told_as_axis() -> None:
    lines, _ = columns(YEARS, [[10, 35.5, 7, 48]])
    assert rows(lines) == ["2015: 10", "2016: 35.5", "2017: 7", "2018: 48", "Axis: 50 40 30 20 10 0"]


def test_values_that_grow_evenly_from_left_to_right_are_no_axis() -> None:
    lines, _ = columns(YEARS, [[11, 12, 13, 14]])
    assert rows(lines)[:4] == ["2015: 11", "2016: 12", "2017: 13", "2018: 14"]


def test_grouped_columns_get_the_names_of_the_legend_from_left_to_right() -> None:
    lines, _ = columns(YEARS, [[10, 20, 30, 40], [15, 12, 33, 21]], ["Men", "Women"])
    assert rows(lines)[2] == "2017 | Men: 30 | Women: 33"


def test_bars_that_lie_get_the_label_on_their_left() -> None:
    lines = lying(["Chad", "Peru", "Togo"], [12, 50, 31])
    assert rows(lines) == ["Chad: 12", "Peru: 50", "Togo: 31", "Axis: 0 10 20 30 40 50"]


def test_a_label_of_two_lines_is_one_label() -> None:
    lines = [box("Democratic Republic", 190, 42, anchor="right"), box("of the Congo", 190, 58, anchor="right"),
             box("30", 400, 50), box("Peru", 190, 110, anchor="right"), box("12", 300, 110),
             box("Togo", 190, 170, anchor="right"), box("8", 280, 170)]  # fmt: skip
    assert rows(lines) == ["Democratic Republic of the Congo: 30", "Peru: 12", "Togo: 8"]


def test_a_number_that_is_not_as_far_along_the_axis_as_its_value_is_no_value() -> None:
    lines = [*lying(["Chad", "Peru", "Togo", "Mali"], [12, 50, 31, 4]), box("99", 751, 90)]
    assert "Peru: 50" in rows(lines) and "99" not in as_text(lines)


def test_a_piece_of_a_longer_number_is_no_value_even_if_it_stands_nearer_to_the_label() -> None:
    lines, _ = columns(YEARS, [[10, 35.5, 7, 48]])
    moved = [box("35.5", 345, 132, anchor="middle") if line.text == "35.5" else line for line in lines]
    assert "2016: 35.5" in rows([*moved, box("72", 340, 250, anchor="middle")])


def test_numbers_in_groups_are_closed_up_so_that_they_stay_one_number() -> None:
    lines = [box("Chad", 190, 50, anchor="right"), box("140 300", 400, 50), box("Peru", 190, 90, anchor="right"),
             box("7 526", 300, 90), box("Togo", 190, 130, anchor="right"), box("400", 250, 130)]  # fmt: skip
    assert rows(lines) == ["Chad: 140300", "Peru: 7526", "Togo: 400"]


def test_a_year_stands_for_a_value_where_words_are_the_labels() -> None:
    lines = [box("Chad", 190, 50, anchor="right"), box("1935", 400, 50), box("Peru", 190, 90, anchor="right"),
             box("1206", 300, 90), box("Togo", 190, 130, anchor="right"), box("460", 250, 130)]  # fmt: skip
    assert rows(lines)[0] == "Chad: 1935"


def test_a_table_keeps_its_columns_under_their_heads() -> None:
    lines = [box(head, x, 20, anchor="middle") for head, x in (("Gold", 300), ("Silver", 400), ("Bronze", 500))]
    for n, (team, cells) in enumerate({"Chad": (3, 10, 2), "Peru": (14, 9, 0), "Togo": (1, 0, 5)}.items()):
        lines.append(box(team, 50, 60 + 40 * n))
        lines += [box(str(c), x, 60 + 40 * n, anchor="middle") for c, x in zip(cells, (300, 400, 500), strict=True)]
    assert rows(lines) == [
        "Chad | Gold: 3 | Silver: 10 | Bronze: 2",
        "Peru | Gold: 14 | Silver: 9 | Bronze: 0",
        "Togo | Gold: 1 | Silver: 0 | Bronze: 5",
    ]


def test_a_row_that_lacks_a_number_is_not_given_names_it_may_not_have() -> None:
    """Parts of a bar stand where the ones before them end: the second of two numbers may be of the third series."""
    lines = [box("Agree", 250, 20), box("Neutral", 380, 20), box("Disagree", 520, 20)]
    for n, places in enumerate([(260, 350, 470), (280, 390, 480), (255, 420, 500), (300, 460)]):
        lines.append(box(f"Group {'ABCD'[n]}", 180, 60 + 40 * n, anchor="right"))
        lines += [box(str(10 + x // 10), x, 60 + 40 * n) for x in places]
    assert rows(lines)[0] == "Group A | Agree: 36 | Neutral: 45 | Disagree: 57"
    assert rows(lines)[3] == "Group D | 40 | 56"


def test_parts_of_a_pie_carry_their_share_with_them() -> None:
    assert rows([box("· Less 22%", 40, 40), box("- Same: 54%", 300, 90), box("24% More", 90, 200)]) == [
        "Less: 22%", "Same: 54%", "More: 24%",
    ]  # fmt: skip


def test_turned_text_that_was_read_badly_is_dropped_and_well_read_text_is_kept() -> None:
    lines, _ = columns(YEARS, [[10, 35, 7, 48]])
    lines.append(OcrLine("Shpuddsa o ts", Region(10, 100, 30, 216), 0.6))
    lines.append(OcrLine("Tonnes", Region(34, 240, 50, 310), 0.97))
    assert "Shpuddsa" not in as_text(lines) and "Tonnes" in as_text(lines)


def test_several_numbers_read_as_one_are_told_apart() -> None:
    lines = [*ticks(50, 5), box("10%", 150, 316), box("25% 24%", 240, 208), box("12%", 330, 302),
             *(box(year, x, 420) for year, x in zip(YEARS, (150, 240, 270, 330), strict=True))]  # fmt: skip
    assert "2016: 25%" in rows(lines) and "2017: 24%" in rows(lines)


def test_names_at_the_ends_of_lines_get_what_the_axis_says_there() -> None:
    lines = [*ticks(100, 5), *(box(y, 120 + 150 * n, 420, anchor="middle") for n, y in enumerate(YEARS))]
    lines += [box("Chad", 590, 130), box("Peru", 590, 310)]
    assert "Chad: about 75 (2018)" in rows(lines) and "Peru: about 25 (2018)" in rows(lines)


def test_two_columns_of_prose_are_read_one_after_the_other() -> None:
    left = [box(f"the left column says this in line {n}", 20, 40 + 20 * n) for n in range(5)]
    right = [box(f"the right column says that in line {n}", 400, 44 + 20 * n) for n in range(5)]
    assert rows([line for pair in zip(left, right, strict=True) for line in pair]) == [
        *(line.text for line in left), *(line.text for line in right),
    ]  # fmt: skip


def test_lines_of_prose_with_numbers_beside_them_are_no_table() -> None:
    prose = [box(f"of the many things that were said on day {n}", 20, 40 + 30 * n) for n in range(5)]
    beside = [box(f"{n}4", 500, 40 + 30 * n) for n in range(5)]
    assert rows([*prose, *beside])[0] == "of the many things that were said on day 0  04"


def test_title_and_source_stay_before_and_after_the_rows() -> None:
    lines = [box("Rainfall in Ida", 20, 10), *columns(YEARS, [[10, 35, 7, 48]])[0], box("Source: Ida Office", 20, 480)]
    assert rows(lines)[0] == "Rainfall in Ida" and rows(lines)[-1] == "Source: Ida Office"


words = st.one_of(
    st.from_regex(r"[A-Z][a-z]{2,8}(?: [a-z]{3,8}){0,2}", fullmatch=True),
    st.from_regex(r"[1-9]\d{2,4}(?:\.\d)?%?", fullmatch=True),
    st.sampled_from(["2015", "18-29", "Q1 2019", "1 234 567", "5.7%5.8%", "12:23 CET 13:05 CET"]),
)
lines_anywhere = st.lists(
    st.builds(
        lambda text, x, y, w, h: OcrLine(text, Region(x, y, x + w, y + h), 0.99),
        words, st.integers(0, 600), st.integers(0, 600), st.integers(1, 300), st.integers(1, 60),
    ),
    max_size=25,
)  # fmt: skip


@settings(max_examples=50)
@given(lines_anywhere)
def test_no_word_that_was_read_well_is_lost_and_nothing_is_made_up(lines: list[OcrLine]) -> None:
    text = as_text(lines)
    for line in lines:
        assert all(piece in text for piece in re.findall(r"[^\s%]+%?", line.text))
    if "about" not in text:
        # the name of a series stands in every row
        read = {word for cell in cells_of(lines) for word in re.findall(r"\w+", cell.text)}
        assert set(re.findall(r"\w+", re.sub(r"Axis:", "", text))) <= read


@settings(max_examples=50)
@given(lines_anywhere)
def test_the_order_in_which_lines_come_does_not_matter(lines: list[OcrLine]) -> None:
    assert as_text(lines) == as_text(lines[::-1])


def test_nothing_read_is_no_text() -> None:
    assert as_text([]) == ""
