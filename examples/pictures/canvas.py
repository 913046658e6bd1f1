"""A drawing surface in units of its own height, drawn larger than asked and scaled down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]
Point = tuple[float, float]
OVERSAMPLE = 3


def rgb(code: str) -> Colour:
    """``"#ce1126"`` as three numbers."""
    return int(code[1:3], 16), int(code[3:5], 16), int(code[5:7], 16)


@dataclass(frozen=True, slots=True)
class Look:
    """What differs between two drawings of one thing: height in pixels, width / height, paints, layout."""

    height: int
    aspect: float
    night: bool = False
    """Landmarks: another sky, other proportions. Charts: a dark ground."""


class Canvas:
    """Coordinates: x from 0 to ``aspect``, y from 0 (top) to 1."""

    def __init__(self, look: Look, ground: str) -> None:
        self.look = look
        self.aspect = look.aspect
        self._unit = look.height * OVERSAMPLE
        size = (round(look.height * look.aspect) * OVERSAMPLE, self._unit)
        self.image = Image.new("RGB", size, rgb(ground))
        self._draw = ImageDraw.Draw(self.image)
        self._left, self._top, self._zoom, self._up = 0.0, 0.0, 1.0, 1.0

    def frame(self, x: float, base: float, zoom: float) -> None:
        """From here on (0, 0) is the point (x, base), y grows upwards, and lengths are times ``zoom``."""
        self._left, self._top, self._zoom, self._up = x, base, zoom, -1.0

    def _scaled(self, points: Sequence[Point]) -> list[Point]:
        zoom, unit = self._zoom, self._unit
        return [((self._left + x * zoom) * unit, (self._top + y * zoom * self._up) * unit) for x, y in points]

    def rect(self, x0: float, y0: float, x1: float, y1: float, colour: str) -> None:
        """A filled rectangle. Its far edges are drawn up to, not over, so that stripes meet."""
        (xa, ya), (xb, yb) = self._scaled([(x0, y0), (x1, y1)])
        left, top, right, bottom = (
            round(min(xa, xb)),
            round(min(ya, yb)),
            round(max(xa, xb)),
            round(max(ya, yb)),
        )
        self._draw.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), fill=rgb(colour))

    def poly(self, points: Sequence[Point], colour: str) -> None:
        self._draw.polygon(self._scaled(points), fill=rgb(colour))

    def disc(self, x: float, y: float, radius: float, colour: str, squash: float = 1.0) -> None:
        """A filled circle, or an ellipse ``squash`` times as high as wide."""
        centre = self._scaled([(x, y)])[0]
        wide = radius * self._zoom * self._unit
        box = (centre[0] - wide, centre[1] - wide * squash, centre[0] + wide, centre[1] + wide * squash)
        self._draw.ellipse(box, fill=rgb(colour))

    def line(self, points: Sequence[Point], colour: str, width: float) -> None:
        thick = max(1, round(width * self._zoom * self._unit))
        self._draw.line(self._scaled(points), fill=rgb(colour), width=thick, joint="curve")

    def star(self, x: float, y: float, radius: float, colour: str) -> None:
        """A five-pointed star, one point up; the inner radius of a pentagram is 0.382 of the outer."""
        corners = []
        for step in range(10):
            reach = radius if step % 2 == 0 else radius * 0.382
            angle = math.pi * (step / 5 - 0.5)
            corners.append((x + reach * math.cos(angle), y + reach * math.sin(angle)))
        self.poly(corners, colour)

    def sky(self, top: str, bottom: str, until: float = 1.0) -> None:
        """A vertical gradient from the top edge down to ``until``."""
        first, last = rgb(top), rgb(bottom)
        rows = max(1, round(until * self._unit))
        for row in range(rows):
            share = row / rows
            colour = tuple(round(a + (b - a) * share) for a, b in zip(first, last, strict=True))
            self._draw.line([(0, row), (self.image.width, row)], fill=colour)

    def text(self, x: float, y: float, words: str, size: float, colour: str, anchor: str = "lm") -> None:
        """Words in Pillow's own font (ASCII only), ``size`` in heights of the canvas."""
        font = ImageFont.load_default(size=round(size * self._unit))
        self._draw.text((x * self._unit, y * self._unit), words, rgb(colour), font=font, anchor=anchor)

    def finish(self) -> Image.Image:
        """The picture at its real size."""
        size = (self.image.width // OVERSAMPLE, self.image.height // OVERSAMPLE)
        return self.image.resize(size, Image.Resampling.BOX)
