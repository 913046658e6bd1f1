"""Which series a number belongs to is told by colour, where a legend has marks."""

from __future__ import annotations

import pytest
from fakes.charts import INKS, box, columns, ticks
from PIL import Image, ImageDraw

from foveal.tools.layout.colours import colour_name
from foveal.tools.layout.text import as_text, picture_text
from foveal.types import OcrLine, Region

YEARS = ["2015", "2016", "2017", "2018"]


def stacked(names: list[str]) -> tuple[list[OcrLine], Image.Image]:
    """Two parts of each column, the *second* series of the legend at the bottom."""
    image = Image.new("RGB", (800, 500), "white")
    draw = ImageDraw.Draw(image)
    lines = ticks(50, 5)
    for n, (low, high) in enumerate([(10, 20), (12, 25), (15, 18), (9, 30)]):
        x, middle, top = 160 + 150 * n, 400 - 7.2 * low, 400 - 7.2 * (low + high)
        draw.rectangle((x - 20, middle, x + 20, 400), fill=INKS[1])
        draw.rectangle((x - 20, top, x + 20, middle), fill=INKS[0])
        lines.append(box(str(low), x, (middle + 400) / 2, anchor="middle"))
        lines.append(box(str(high), x, (top + middle) / 2, anchor="middle"))
        lines.append(box(YEARS[n], x, 420, anchor="middle"))
    for k, name in enumerate(names):
        draw.ellipse((120 + 200 * k, 454, 132 + 200 * k, 466), fill=INKS[k])
        lines.append(box(name, 138 + 200 * k, 460))
    return lines, image


def test_colours_go_before_the_order_of_the_legend() -> None:
    lines, image = stacked(["Imports", "Exports"])
    assert as_text(lines).split("\n")[0] == "2015 | Imports: 10 | Exports: 20"
    assert picture_text(lines, image).split("\n")[0] == "2015 | Imports: 20 | Exports: 10"


def test_the_colours_are_told_by_name() -> None:
    lines, image = columns(YEARS, [[10, 20, 30, 40], [15, 12, 33, 21]], ["Men", "Women"])
    assert "Colours: Men: blue | Women: dark blue" in picture_text(lines, image).split("\n")


def test_names_that_were_read_as_one_word_are_told_apart_by_their_marks() -> None:
    lines, image = columns(YEARS, [[10, 20, 30, 40], [15, 12, 33, 21], [5, 6, 7, 8]], ["Too many", "Enough", "Few"])
    legend = lines[-3:]
    whole = OcrLine("Too manyEnoughFew", Region(legend[0].box.x0, 452, legend[2].box.x1, 468), 0.9)
    assert picture_text([*lines[:-3], whole], image).split("\n")[3] == "2018 | Too many: 40 | Enough: 21 | Few: 8"


def test_crossing_lines_are_told_row_by_row_and_an_unclear_row_stays_without_names() -> None:
    image = Image.new("RGB", (800, 500), "white")
    draw = ImageDraw.Draw(image)
    rows = [(10, 30), (20, 40), (35, 15), (24, 24)]
    lines = ticks(50, 5)
    for k in (0, 1):
        draw.line([(160 + 150 * n, 400 - 7.2 * row[k]) for n, row in enumerate(rows)], fill=INKS[3 * k], width=4)
        draw.rectangle((120 + 200 * k, 456, 140 + 200 * k, 464), fill=INKS[3 * k])
        lines.append(box(("Chad", "Peru")[k], 146 + 200 * k, 460))
    for n, row in enumerate(rows):
        lines.append(box(YEARS[n], 160 + 150 * n, 420, anchor="middle"))
        lines += [box(str(v), 160 + 150 * n, 400 - 7.2 * v - 11 - 3 * k, anchor="middle") for k, v in enumerate(row)]
    told = picture_text(lines, image).split("\n")
    assert told[0] == "2015 | Chad: 10 | Peru: 30" and told[2] == "2017 | Chad: 35 | Peru: 15"
    assert told[3] == "2018 | 24 | 24"


def test_names_without_marks_are_not_told_by_colour() -> None:
    lines, image = columns(YEARS, [[10, 20, 30, 40], [15, 12, 33, 21]])
    assert "Colours" not in picture_text([*lines, box("Men", 138, 460), box("Women", 338, 460)], image)


@pytest.mark.parametrize(
    ("rgb", "name"),
    [((41, 117, 217), "blue"), ((20, 39, 56), "dark blue"), ((160, 12, 12), "red"), ((186, 186, 186), "grey"),
     ((255, 165, 0), "orange"), ((139, 69, 19), "brown"), ((0, 100, 0), "dark green"), ((0, 0, 0), "black"),
     ((255, 192, 203), "pink"), ((255, 255, 255), "white"), ((300, -4, 0), "red")],
)  # fmt: skip
def test_colours_have_the_names_that_people_use(rgb: tuple[int, int, int], name: str) -> None:
    assert colour_name(rgb) == name
