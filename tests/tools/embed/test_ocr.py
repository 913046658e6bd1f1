from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from foveal.tools.embed.ocr import PaddleOcr, in_reading_order
from foveal.types import OcrLine, Region


@pytest.fixture(scope="module")
def ocr() -> PaddleOcr:
    return PaddleOcr(threads=1)


def sheet(size: tuple[int, int], *words: tuple[str, int, int], height: int = 28) -> Image.Image:
    image = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(image)
    for text, x, y in words:
        draw.text((x, y), text, fill="black", font=ImageFont.load_default(height))
    return image


def test_lines_boxes_and_order(ocr: PaddleOcr) -> None:
    lines = ocr.read(sheet((640, 300), ("Exports 2019", 40, 200), ("Peru", 400, 42), ("Country", 40, 40)))
    assert [line.text for line in lines] == ["Country", "Peru", "Exports 2019"]
    box = lines[1].box
    assert 385 <= box.x0 <= 402 and 455 <= box.x1 <= 480 and 30 <= box.y0 <= 52 and 62 <= box.y1 <= 85
    assert all(0.5 <= line.confidence <= 1 for line in lines)


@pytest.mark.parametrize("scale", [5, 8])
def test_boxes_are_in_pixels_of_a_large_original(ocr: PaddleOcr, scale: int) -> None:
    size = (640 * scale, 300 * scale)
    lines = ocr.read(sheet(size, ("Volcano", 40 * scale, 100 * scale), height=28 * scale))
    assert [line.text for line in lines] == ["Volcano"]
    box = lines[0].box
    assert abs(box.x0 - 40 * scale) < 12 * scale and abs(box.y0 - 100 * scale) < 14 * scale
    assert 110 * scale < box.x1 < 175 * scale


def test_small_print_on_a_large_page_is_looked_at_again(ocr: PaddleOcr) -> None:
    words = [(f"entry number {n}", 60 + 700 * (n % 2), 40 + 40 * n) for n in range(12)]
    lines = ocr.read(sheet((1500, 600), *words, height=15))
    assert sum("entry number" in line.text for line in lines) >= 11


def test_a_picture_without_text_runs_the_detector_once(ocr: PaddleOcr, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    detect = ocr._detect_at
    monkeypatch.setattr(ocr, "_detect_at", lambda bgr, side: calls.append(side) or detect(bgr, side))
    assert ocr.read(Image.linear_gradient("L").resize((500, 375))) == []
    assert len(calls) == 1


@pytest.mark.parametrize("size", [(1, 1), (2, 3000), (3000, 2), (20, 20)])
def test_row_37_tiny_and_thin_pictures(ocr: PaddleOcr, size: tuple[int, int]) -> None:
    assert ocr.read(Image.new("RGB", size, "red")) == []


def test_no_noise_on_the_terminal(ocr: PaddleOcr, capfd: pytest.CaptureFixture[str]) -> None:
    PaddleOcr(threads=1).read(Image.new("RGB", (64, 64), "white"))
    assert capfd.readouterr() == ("", "")


boxes = st.tuples(st.integers(0, 900), st.integers(0, 900), st.integers(1, 99), st.integers(1, 99))


@given(st.lists(boxes, max_size=30))
def test_reading_order_loses_nothing(corners: list[tuple[int, int, int, int]]) -> None:
    lines = [OcrLine(str(n), Region(x, y, x + w, y + h), 1.0) for n, (x, y, w, h) in enumerate(corners)]
    assert sorted(in_reading_order(lines), key=lambda line: line.text) == sorted(lines, key=lambda line: line.text)


def test_reading_order_of_a_slanted_row() -> None:
    lines = [OcrLine(text, Region(x, y, x + 50, y + 20), 1.0) for text, x, y in
             [("c", 200, 8), ("a", 0, 0), ("d", 0, 40), ("b", 100, 4)]]  # fmt: skip
    assert [line.text for line in in_reading_order(lines)] == ["a", "b", "c", "d"]
