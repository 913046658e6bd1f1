"""Charts and posters with their words and values drawn in, for OCR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pictures.canvas import Canvas, Look

Bars = Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Paper:
    """Colours of ground, words, bars and rules."""

    ground: str
    ink: str
    bar: str
    rule: str


LIGHT = Paper("#ffffff", "#1d2530", "#2f6db3", "#c9d1da")
DIM = Paper("#f6efdf", "#33261a", "#b5622c", "#d9c9a8")


def _paper(look: Look) -> Paper:
    return DIM if look.night else LIGHT


@dataclass(frozen=True, slots=True)
class BarChart:
    """Lying bars with the value behind each."""

    title: str
    bars: Bars

    def draw(self, look: Look) -> Canvas:
        paper = _paper(look)
        canvas = Canvas(look, paper.ground)
        canvas.text(0.05, 0.09, self.title, 0.062, paper.ink)
        canvas.line([(0.05, 0.15), (look.aspect - 0.05, 0.15)], paper.rule, 0.004)
        left, most = 0.5, max(value for _, value in self.bars)
        reach = look.aspect - left - 0.3
        pitch = 0.8 / len(self.bars)
        for row, (name, value) in enumerate(self.bars):
            y = 0.19 + (row + 0.5) * pitch
            canvas.text(left - 0.03, y, name, 0.047, paper.ink, "rm")
            end = left + reach * value / most
            canvas.rect(left, y - pitch * 0.33, end, y + pitch * 0.33, paper.bar)
            canvas.text(end + 0.025, y, f"{value:,}", 0.047, paper.ink)
        return canvas


@dataclass(frozen=True, slots=True)
class ColumnChart:
    """Standing bars with the value on each."""

    title: str
    bars: Bars

    def draw(self, look: Look) -> Canvas:
        paper = _paper(look)
        canvas = Canvas(look, paper.ground)
        canvas.text(0.05, 0.09, self.title, 0.062, paper.ink)
        low, high, left = 0.85, 0.26, 0.08
        pitch, most = (look.aspect - 2 * left) / len(self.bars), max(value for _, value in self.bars)
        for level in range(5):
            y = low - (low - high) * level / 4
            canvas.line([(left, y), (look.aspect - left, y)], paper.rule, 0.004)
        for place, (name, value) in enumerate(self.bars):
            x, top = left + (place + 0.5) * pitch, low - (low - high) * value / most
            canvas.rect(x - pitch * 0.3, top, x + pitch * 0.3, low, paper.bar)
            canvas.text(x, top - 0.045, f"{value:,}", 0.047, paper.ink, "mm")
            canvas.text(x, low + 0.06, name, 0.047, paper.ink, "mm")
        return canvas


@dataclass(frozen=True, slots=True)
class LineChart:
    """Values over years, each point labelled."""

    title: str
    points: Bars

    def draw(self, look: Look) -> Canvas:
        paper = _paper(look)
        canvas = Canvas(look, paper.ground)
        canvas.text(0.05, 0.09, self.title, 0.062, paper.ink)
        low, high, left, right = 0.84, 0.27, 0.12, look.aspect - 0.12
        most = max(value for _, value in self.points)
        canvas.line([(left - 0.05, low), (right + 0.05, low)], paper.ink, 0.005)
        spots = []
        for place, (_, value) in enumerate(self.points):
            x = left + (right - left) * place / (len(self.points) - 1)
            spots.append((x, low - (low - high) * value / most))
        canvas.line(spots, paper.bar, 0.01)
        for (x, y), (name, value) in zip(spots, self.points, strict=True):
            canvas.line([(x, low), (x, low + 0.02)], paper.ink, 0.005)
            canvas.text(x, low + 0.07, name, 0.047, paper.ink, "mm")
            canvas.disc(x, y, 0.016, paper.bar)
            canvas.text(x, y - 0.055, str(value), 0.05, paper.ink, "mm")
        return canvas


@dataclass(frozen=True, slots=True)
class RiverPoster:
    """A river from left to right with the capitals on it and the countries it passes."""

    title: str
    stops: Sequence[str]
    lines: Sequence[str]

    def draw(self, look: Look) -> Canvas:
        paper = _paper(look)
        canvas = Canvas(look, paper.ground)
        canvas.text(look.aspect / 2, 0.1, self.title, 0.07, paper.ink, "mm")
        steps = len(self.stops)
        spots = []
        for place in range(steps):
            x = 0.16 + (look.aspect - 0.32) * place / (steps - 1)
            spots.append((x, 0.36 + (0.05 if place % 2 else -0.03)))
        canvas.line([(0.03, 0.4), *spots, (look.aspect - 0.03, 0.36)], "#3f8fc4", 0.03)
        for (x, y), name in zip(spots, self.stops, strict=True):
            canvas.disc(x, y, 0.026, paper.bar)
            canvas.text(x, y + 0.085, name, 0.046, paper.ink, "mm")
        for row, words in enumerate(self.lines):
            canvas.text(look.aspect / 2, 0.64 + row * 0.085, words, 0.047, paper.ink, "mm")
        return canvas


@dataclass(frozen=True, slots=True)
class EarthPoster:
    """Nested shells with a legend: (name, down to how many kilometres, colour)."""

    title: str
    shells: Sequence[tuple[str, str, str]]

    def draw(self, look: Look) -> Canvas:
        paper = _paper(look)
        canvas = Canvas(look, paper.ground)
        canvas.text(0.05, 0.09, self.title, 0.062, paper.ink)
        sizes = (0.38, 0.355, 0.2, 0.08)
        for radius, (_, _, colour) in zip(sizes, self.shells, strict=True):
            canvas.disc(0.45, 0.56, radius, colour)
        for row, (name, depth, colour) in enumerate(self.shells):
            y = 0.34 + row * 0.15
            canvas.rect(0.9, y - 0.03, 0.96, y + 0.03, colour)
            canvas.text(0.99, y, f"{name}: {depth}", 0.043, paper.ink)
        return canvas


CHARTS: Mapping[str, BarChart | ColumnChart | LineChart | RiverPoster | EarthPoster] = {
    "chart_rivers": ColumnChart(
        "Long rivers of Europe, length in km",
        (
            ("Volga", 3530),
            ("Danube", 2850),
            ("Dnieper", 2201),
            ("Rhine", 1230),
            ("Elbe", 1094),
            ("Vistula", 1047),
        ),
    ),
    "chart_peaks": BarChart(
        "Highest points, height in metres",
        (
            ("Elbrus", 5642),
            ("Dufourspitze", 4634),
            ("Grossglockner", 3798),
            ("Zugspitze", 2962),
            ("Rysy", 2499),
            ("Galdhopiggen", 2469),
        ),
    ),
    "chart_nordic_areas": BarChart(
        "Area of the Nordic countries, square km",
        (
            ("Sweden", 450295),
            ("Finland", 338145),
            ("Norway", 323802),
            ("Iceland", 103000),
            ("Denmark", 43094),
        ),
    ),
    "chart_structures": BarChart(
        "Height of structures in metres",
        (
            ("Eiffel Tower", 330),
            ("Gateway Arch", 192),
            ("Atomium", 102),
            ("Elizabeth Tower", 96),
            ("Tower of Pisa", 56),
        ),
    ),
    "chart_union_members": LineChart(
        "Members of the European Union and its forerunner",
        (
            ("1958", 6),
            ("1973", 9),
            ("1981", 10),
            ("1986", 12),
            ("1995", 15),
            ("2004", 25),
            ("2007", 27),
            ("2013", 28),
            ("2020", 27),
        ),
    ),
    "poster_danube": RiverPoster(
        "The Danube and its four capitals",
        ("Vienna", "Bratislava", "Budapest", "Belgrade"),
        (
            "Source: Black Forest, Germany",
            "Mouth: Black Sea",
            "Length: 2,850 km",
            "Countries on its course: 10",
        ),
    ),
    "poster_earth": EarthPoster(
        "Inside the Earth",
        (
            ("Crust", "to about 35 km", "#6b4a2f"),
            ("Mantle", "to 2,890 km", "#c8502d"),
            ("Outer core", "to 5,150 km", "#f0a030"),
            ("Inner core", "to 6,371 km", "#ffe38a"),
        ),
    ),
}
