from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from foveal.tools.images.regions import LEAST_SIDE, MOST, distinct, iou, propose, salient, text_blocks, tiles
from foveal.types import OcrLine, Region

sizes = st.tuples(st.integers(1, 500), st.integers(1, 500))


@st.composite
def pictures(draw: st.DrawFn) -> Image.Image:
    image = Image.new("RGB", draw(sizes), draw(st.sampled_from(["white", "grey", "navy"])))
    pen = ImageDraw.Draw(image)
    for _ in range(draw(st.integers(0, 4))):
        x, y = draw(st.integers(-50, 500)), draw(st.integers(-50, 500))
        width, height = draw(st.integers(1, 400)), draw(st.integers(1, 400))
        pen.rectangle((x, y, x + width, y + height), fill=draw(st.sampled_from(["red", "green", "white", "black"])))
    return image


@st.composite
def lines(draw: st.DrawFn) -> OcrLine:
    x, y = draw(st.integers(-20, 500)), draw(st.integers(-20, 500))
    return OcrLine("word", Region(x, y, x + draw(st.integers(1, 200)), y + draw(st.integers(1, 40))), 0.9)


@settings(max_examples=60, deadline=None)
@given(pictures(), st.lists(lines(), max_size=8))
def test_behaviour_26_proposals_lie_in_the_picture_and_are_told_apart(image: Image.Image, text: list[OcrLine]) -> None:
    found = propose(image, text)
    assert len(found) <= MOST and list(found) == sorted(found, key=lambda r: (r.y0, r.x0, r.y1, r.x1))
    for r in found:
        assert 0 <= r.x0 < r.x1 <= image.width and 0 <= r.y0 < r.y1 <= image.height
        assert min(r.x1 - r.x0, r.y1 - r.y0) >= LEAST_SIDE
    assert all(iou(a, b) <= 0.7 for a, b in itertools.combinations(found, 2))


@settings(max_examples=100)
@given(st.lists(st.tuples(*[st.integers(-100, 300)] * 4), max_size=12), st.tuples(*[st.integers(1, 250)] * 2))
def test_behaviour_26_boxes_are_clipped_and_inverted_ones_are_no_boxes(
    corners: list[tuple[int, int, int, int]], size: tuple[int, int]
) -> None:
    kept = distinct([Region(*c) for c in corners], size, most=100)
    for r in kept:
        assert 0 <= r.x0 < r.x1 <= size[0] and 0 <= r.y0 < r.y1 <= size[1]
    assert all(any(r.x0 == max(c[0], 0) and r.y1 == min(c[3], size[1]) for c in corners) for r in kept)


def test_two_things_on_a_ground_are_two_boxes() -> None:
    image = Image.new("RGB", (600, 300), (205, 205, 200))
    boxes = [Region(40, 50, 240, 200), Region(320, 80, 560, 240)]
    for box, colour in zip(boxes, ["red", "navy"], strict=True):
        image.paste(colour, (box.x0, box.y0, box.x1, box.y1))
    found = propose(image)
    assert len(found) == 2 and all(iou(a, b) > 0.9 for a, b in zip(found, boxes, strict=True))


def test_what_stands_out_of_an_uneven_ground_is_boxed() -> None:
    image = Image.new("RGB", (400, 400), (100, 120, 100))
    image.paste((150, 150, 140), (200, 0, 400, 400))
    image.paste("red", (150, 120, 230, 190))
    assert [iou(box, Region(150, 120, 230, 190)) > 0.6 for box in salient(image)] == [True]


@pytest.mark.parametrize(("size", "count"), [((300, 200), 5), ((900, 200), 3), ((100, 700), 3)])
def test_tiles_when_nothing_stands_out(size: tuple[int, int], count: int) -> None:
    assert len(tiles(size)) == count
    assert set(propose(Image.new("RGB", size, "grey"))) <= set(tiles(size))


def test_lines_near_each_other_are_one_block() -> None:
    near = [OcrLine("a", Region(10, 10, 100, 30), 1.0), OcrLine("b", Region(10, 35, 120, 55), 1.0)]
    far = OcrLine("c", Region(10, 300, 90, 320), 1.0)
    blocks = text_blocks([near[0], far, near[1]])
    assert blocks == [Region(-10, -10, 140, 75), Region(-10, 280, 110, 340)]


@pytest.mark.parametrize("size", [(1, 1), (20, 20), (2000, 3)])
def test_row_37_a_picture_too_small_to_cut_has_no_regions(size: tuple[int, int]) -> None:
    assert propose(Image.new("RGB", size, "red")) == ()
