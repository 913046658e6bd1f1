from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from foveal.tools.read.bands import KEPT, LONGEST, tiles, without_bands
from foveal.types import Region


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)


def sheet(*heights: int, width: int = 60) -> Image.Image:
    """Bands of *heights* rows: noise, white, noise, white, …"""
    bands = [noise(h, width) if i % 2 == 0 else np.full((h, width, 3), 255, np.uint8) for i, h in enumerate(heights)]
    return Image.fromarray(np.concatenate(bands))


def test_long_bands_are_cut_and_short_ones_kept() -> None:
    short = without_bands(sheet(50, 500, 30, LONGEST, 20))
    assert short.image.height == 50 + KEPT + 30 + LONGEST + 20
    assert [short.rows.original(y) for y in (0, 49, 65, 66, 96)] == [0, 49, 65, 550, 580]


def test_every_row_that_stays_is_the_row_it_says() -> None:
    image = sheet(10, 200, 40, 300, 7)
    pixels, short = np.asarray(image), without_bands(image)
    kept = np.asarray(short.image)
    for y in range(short.image.height):
        assert (kept[y] == pixels[short.rows.original(y)]).all()


def test_bands_of_other_colours_and_two_that_meet() -> None:
    grey, blue = (np.full((200, 40, 3), colour, np.uint8) for colour in ([90, 90, 90], [0, 0, 200]))
    short = without_bands(Image.fromarray(np.concatenate([noise(20, 40), grey, blue, noise(20, 40)])))
    assert short.image.height == 20 + KEPT + KEPT + 20
    faint = np.full((300, 40, 3), 250, np.uint8)
    faint[::2] += 3
    assert without_bands(Image.fromarray(faint)).image.size == (40, KEPT), "noise of a compressed white"


def test_margins_are_cut_too_and_boxes_lead_back() -> None:
    pixels = np.full((300, 500, 3), 255, np.uint8)
    pixels[100:140, 200:260] = noise(40, 60)
    short = without_bands(Image.fromarray(pixels))
    assert short.image.size == (KEPT + 60 + KEPT, KEPT + 40 + KEPT)
    assert short.original(Region(KEPT, KEPT, KEPT + 60, KEPT + 40)) == Region(200, 100, 260, 140)
    assert short.original(Region(0, 0, 999, 999)).x1 <= 500


@given(st.lists(st.integers(1, 120), min_size=1, max_size=8), st.integers(1, 48))
def test_nothing_but_bands_is_lost(heights: list[int], kept: int) -> None:
    short = without_bands(sheet(*heights, width=12), kept=kept)
    wanted = [h if i % 2 == 0 or h <= LONGEST else kept for i, h in enumerate(heights)]
    assert short.image.height == sum(wanted)
    rows = [short.rows.original(y) for y in range(short.image.height)]
    assert rows == sorted(set(rows)) and rows[-1] < sum(heights)


@given(st.integers(1, 20_000), st.integers(200, 2000), st.integers(0, 150))
def test_tiles_cover_all_with_overlap(height: int, size: int, overlap: int) -> None:
    boxes = tiles(100, height, size=size, overlap=overlap)
    assert boxes[0].y0 == 0 and boxes[-1].y1 == height
    assert all(box.y1 - box.y0 <= size for box in boxes)
    assert all(one.y1 - two.y0 >= overlap for one, two in pairwise(boxes))
    assert len(boxes) == 1 or len(boxes) - 1 < (height - overlap) / (size - overlap) <= len(boxes)
