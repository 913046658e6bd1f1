"""Charts with known numbers: drawn pictures and the boxes that OCR would give for them."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from foveal.types import OcrLine, Region

INKS = ((40, 116, 220), (18, 39, 56), (186, 186, 186), (160, 12, 12))
HEIGHT = 16


def box(text: str, x: float, y: float, *, confidence: float = 0.98, anchor: str = "left") -> OcrLine:
    """Return a line of text 7 pixels a letter; *x* is its left edge, middle or right edge, *y* its middle."""
    width = 7 * len(text) + 4
    left = round(x - {"left": 0, "middle": width / 2, "right": width}[anchor])
    top = round(y - HEIGHT / 2)
    return OcrLine(text, Region(max(0, left), top, max(0, left) + width, top + HEIGHT), confidence)


def ticks(highest: int, count: int, *, x: float = 60, top: float = 40, bottom: float = 400) -> list[OcrLine]:
    """Return an upright axis from *highest* down to 0."""
    step = (bottom - top) / count
    return [box(str(highest - n * highest // count), x, top + n * step, anchor="right") for n in range(count + 1)]


def columns(
    labels: Sequence[str], series: Sequence[Sequence[float]], names: Sequence[str] = (), *, highest: int = 50
) -> tuple[list[OcrLine], Image.Image]:
    """Return grouped columns: each number over its column, labels below, a legend with marks under these."""
    image = Image.new("RGB", (800, 500), "white")
    draw = ImageDraw.Draw(image)
    lines = ticks(highest, 5)
    pitch = 640 / len(labels)
    for n, label in enumerate(labels):
        middle = 100 + pitch * (n + 0.5)
        lines.append(box(label, middle, 420, anchor="middle"))
        for k, values in enumerate(series):
            x = middle + (k - (len(series) - 1) / 2) * pitch / (len(series) + 1)
            y = 400 - 360 * values[n] / highest
            draw.rectangle((x - 14, y, x + 14, 400), fill=INKS[k])
            lines.append(box(f"{values[n]:g}", x, y - 12, anchor="middle"))
    for k, name in enumerate(names):
        draw.ellipse((120 + 200 * k, 454, 132 + 200 * k, 466), fill=INKS[k])
        lines.append(box(name, 138 + 200 * k, 460))
    return lines, image


def lying(labels: Sequence[str], values: Sequence[float], *, highest: int = 50) -> list[OcrLine]:
    """Return bars from left to right: a label before and a number after each, an axis with round ticks below."""
    lines = [box(str(n * highest // 5), 200 + 500 * n / 5, 60 + 40 * len(labels), anchor="middle") for n in range(6)]
    for n, (label, value) in enumerate(zip(labels, values, strict=True)):
        lines.append(box(label, 190, 50 + 40 * n, anchor="right"))
        lines.append(box(f"{value:g}", 205 + 500 * value / highest, 50 + 40 * n))
    return lines
