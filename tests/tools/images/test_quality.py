from __future__ import annotations

import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from foveal.tools.images.quality import flaws, improved


def drawing(size: tuple[int, int] = (400, 260)) -> Image.Image:
    image = Image.new("RGB", size, "skyblue")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, size[1] * 0.7, *size), fill="darkgreen")
    for n in range(5):
        pen.ellipse((n * size[0] // 5, 20, n * size[0] // 5 + size[0] // 8, 20 + size[1] // 3), fill="firebrick")
    return image


def faded(image: Image.Image) -> Image.Image:
    return Image.blend(image, Image.new("RGB", image.size, (250, 250, 250)), 0.85)


FLAWED = {
    "tiny": drawing((48, 30)),
    "dark": ImageEnhance.Brightness(drawing()).enhance(0.15),
    "washed out": faded(drawing()),
    "flat": Image.new("RGB", (300, 200), (90, 120, 90)),
    "blurred": drawing().filter(ImageFilter.GaussianBlur(5)),
}


@pytest.mark.parametrize("flaw", FLAWED)
def test_each_flaw_is_named(flaw: str) -> None:
    assert flaws(FLAWED[flaw]) == (flaw,)


@pytest.mark.parametrize("stripes", [("white", "red"), ("black", "gold"), ("white", "white", "ivory", "navy")])
def test_a_flag_of_few_colours_has_none(stripes: tuple[str, ...]) -> None:
    image = Image.new("RGB", (300, 200))
    for n, colour in enumerate(stripes):
        image.paste(colour, (0, n * 200 // len(stripes), 300, 200))
    assert flaws(image) == ()


def test_black_text_on_white_is_not_washed_out() -> None:
    image = Image.new("RGB", (500, 300), "white")
    ImageDraw.Draw(image).text((20, 20), "Fruit sales by year\n2015 34\n2016 27", fill="black", font_size=40)
    assert flaws(image) == ()


@pytest.mark.parametrize("flaw", ["tiny", "dark", "washed out"])
def test_an_improved_picture_has_lost_its_flaw(flaw: str) -> None:
    assert flaw not in flaws(improved(FLAWED[flaw]))


def test_an_improved_blurred_picture_has_steeper_edges() -> None:
    before, after = FLAWED["blurred"], improved(FLAWED["blurred"])
    edges = [i.convert("L").filter(ImageFilter.FIND_EDGES).getextrema()[1] for i in (before, after)]
    assert after.size == before.size and edges[1] > 1.1 * edges[0]


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (500, 1)])
def test_row_37_tiny_and_thin_pictures(size: tuple[int, int]) -> None:
    image = Image.new("L", size, 128)
    assert "flat" in flaws(image) and min(improved(image).size) >= 1
