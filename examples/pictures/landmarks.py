"""Landmarks and mountains as stylised silhouettes; y grows up from the ground, 1 is the whole height."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pictures.canvas import Canvas, Look

DARK = "#2e2a28"


@dataclass(frozen=True, slots=True)
class Scene:
    """Colours of sky (top, horizon) and ground by day and in the other drawing, and what stands there."""

    paint: Callable[[Canvas], None]
    sky: tuple[str, str] = ("#7db7e8", "#e6f2fa")
    ground: str = "#7a9a52"
    night_sky: tuple[str, str] = ("#5b78b8", "#f3cfa8")
    night_ground: str = "#5f7f4a"
    horizon: float = 0.14
    """Share of the picture's height that is ground."""

    def draw(self, look: Look) -> Canvas:
        """The scene on a new canvas."""
        canvas = Canvas(look, self.night_ground if look.night else self.ground)
        canvas.sky(*(self.night_sky if look.night else self.sky), until=1 - self.horizon)
        if look.night:
            canvas.disc(look.aspect * 0.9, 0.13, 0.06, "#fff3d0")
            canvas.frame(look.aspect * 0.47, 1 - self.horizon, 0.92)
        else:
            canvas.frame(look.aspect * 0.5, 1 - self.horizon, 1.0)
        self.paint(canvas)
        return canvas


def _eiffel_tower(c: Canvas) -> None:
    iron = "#6b4f3a"
    for side in (-1, 1):
        c.poly([(side * 0.27, 0), (side * 0.17, 0), (side * 0.09, 0.2), (side * 0.14, 0.2)], iron)
        c.poly([(side * 0.125, 0.22), (side * 0.055, 0.22), (side * 0.03, 0.38), (side * 0.068, 0.38)], iron)
    c.poly([(-0.055, 0.4), (-0.022, 0.62), (-0.009, 0.74), (0.009, 0.74), (0.022, 0.62), (0.055, 0.4)], iron)
    c.rect(-0.155, 0.195, 0.155, 0.225, iron)
    c.rect(-0.08, 0.375, 0.08, 0.402, iron)
    c.rect(-0.016, 0.73, 0.016, 0.75, iron)
    arch = [(0.17 * math.cos(math.pi * step / 20), 0.17 * math.sin(math.pi * step / 20)) for step in range(21)]
    c.line(arch, iron, 0.014)
    c.line([(0, 0.74), (0, 0.81)], iron, 0.008)


def _leaning_tower(c: Canvas) -> None:
    lean, marble, shade = 0.13, "#f2ece0", "#b9ad98"

    def storey(low: float, high: float, half: float, colour: str) -> None:
        c.poly([(-half + low * lean, low), (half + low * lean, low),
                (half + high * lean, high), (-half + high * lean, high)], colour)  # fmt: skip

    storey(0, 0.13, 0.135, marble)
    for level in range(6):
        low = 0.13 + level * 0.085
        storey(low, low + 0.085, 0.125, marble)
        storey(low, low + 0.014, 0.14, shade)
        for arch in range(-3, 4):
            x = arch * 0.034 + (low + 0.04) * lean
            c.poly([(x - 0.011, low + 0.018), (x + 0.011, low + 0.018),
                    (x + 0.013, low + 0.07), (x - 0.009, low + 0.07)], "#6d6354")  # fmt: skip
    storey(0.64, 0.655, 0.14, shade)
    storey(0.655, 0.735, 0.09, marble)
    for x in (-0.045, 0.0, 0.045):
        c.rect(x + 0.075, 0.665, x + 0.1, 0.715, "#6d6354")


def _brandenburg_gate(c: Canvas) -> None:
    stone, dark = "#d8c39a", "#8a744f"
    c.rect(-0.46, 0.0, 0.46, 0.03, dark)
    for step in range(6):
        x = -0.4 + step * 0.16
        c.rect(x - 0.032, 0.03, x + 0.032, 0.36, stone)
        c.rect(x + 0.012, 0.03, x + 0.032, 0.36, dark)
    c.rect(-0.47, 0.36, 0.47, 0.44, stone)
    c.rect(-0.48, 0.44, 0.48, 0.455, dark)
    c.rect(-0.36, 0.455, 0.36, 0.52, stone)
    c.rect(-0.12, 0.52, 0.12, 0.55, dark)
    for step in range(4):
        x = -0.09 + step * 0.045
        c.disc(x, 0.585, 0.02, "#3f7a63")
        c.rect(x - 0.02, 0.55, x - 0.012, 0.58, "#3f7a63")
        c.rect(x + 0.01, 0.55, x + 0.018, 0.58, "#3f7a63")
        c.poly([(x - 0.02, 0.6), (x - 0.03, 0.635), (x - 0.005, 0.6)], "#3f7a63")
    c.rect(0.085, 0.55, 0.125, 0.6, "#3f7a63")
    c.rect(0.1, 0.6, 0.118, 0.68, "#3f7a63")
    c.line([(0.12, 0.58), (0.12, 0.74)], "#3f7a63", 0.008)


def _atomium(c: Canvas) -> None:
    steel, light, tube = "#a9b4bf", "#e9eef2", "#78838d"
    balls = {
        "mid": (0.0, 0.42), "low": (0.0, 0.1), "top": (0.0, 0.76),
        "a": (-0.27, 0.26), "b": (0.27, 0.26), "c": (-0.27, 0.58), "d": (0.27, 0.58),
        "e": (-0.1, 0.3), "f": (0.1, 0.55),
    }  # fmt: skip
    tubes = ("low a", "low b", "a c", "b d", "c top", "d top", "mid low", "mid top", "mid a", "mid b",
             "mid c", "mid d", "e a", "e low", "e c", "f d", "f top", "f b")  # fmt: skip
    for side in (-1, 1):
        c.line([(side * 0.25, 0.0), (side * 0.27, 0.26)], tube, 0.016)
    c.rect(-0.1, 0.0, 0.1, 0.05, tube)
    for pair in tubes:
        first, second = pair.split()
        c.line([balls[first], balls[second]], tube, 0.02)
    for x, y in balls.values():
        c.disc(x, y, 0.075, steel)
        c.disc(x - 0.018, y + 0.02, 0.035, light)


def _windmill(c: Canvas) -> None:
    c.poly([(-0.8, -0.05), (0.8, -0.05), (0.8, -0.14), (-0.8, -0.14)], "#6f9fc0")
    c.poly([(-0.17, 0), (0.17, 0), (0.1, 0.42), (-0.1, 0.42)], "#7b5a3c")
    c.poly([(-0.15, 0.0), (0.15, 0.0), (0.142, 0.06), (-0.142, 0.06)], "#a9452f")
    c.poly([(-0.12, 0.42), (0.12, 0.42), (0.06, 0.52), (-0.06, 0.52)], "#4a3728")
    c.rect(-0.03, 0.0, 0.03, 0.09, "#f2efe6")
    c.rect(-0.025, 0.2, 0.025, 0.25, "#f2efe6")
    turn = 0.5 if c.look.night else 0.72
    for arm in range(4):
        angle = turn + arm * math.pi / 2
        along, wide = (math.cos(angle), math.sin(angle)), (-math.sin(angle), math.cos(angle))

        def spot(
            a: float, b: float, along: tuple[float, float] = along, wide: tuple[float, float] = wide
        ) -> tuple[float, float]:
            return a * along[0] + b * wide[0], 0.47 + a * along[1] + b * wide[1]

        c.poly([spot(0.06, 0.0), spot(0.36, 0.0), spot(0.36, 0.075), spot(0.06, 0.075)], "#e9dcc0")
        for rung in range(6):
            c.line([spot(0.06 + rung * 0.06, 0.0), spot(0.06 + rung * 0.06, 0.075)], DARK, 0.005)
        c.line([spot(0, 0), spot(0.37, 0)], DARK, 0.014)
    c.disc(0, 0.47, 0.022, DARK)


def _mount_fuji(c: Canvas) -> None:
    c.poly([(-0.78, 0), (-0.4, 0.16), (-0.2, 0.36), (-0.09, 0.55), (-0.04, 0.54), (0.0, 0.56), (0.05, 0.54),
            (0.09, 0.55), (0.2, 0.36), (0.4, 0.16), (0.78, 0)], "#5a6f94")  # fmt: skip
    c.poly([(-0.2, 0.36), (-0.09, 0.55), (-0.04, 0.54), (0.0, 0.56), (0.05, 0.54), (0.09, 0.55), (0.2, 0.36),
            (0.14, 0.39), (0.1, 0.33), (0.05, 0.4), (0.0, 0.32), (-0.06, 0.4), (-0.1, 0.34),
            (-0.15, 0.4)], "#ffffff")  # fmt: skip
    c.rect(-0.9, -0.06, 0.9, 0.0, "#3c6b58")
    for x, tall in ((-0.55, 0.09), (-0.48, 0.07), (0.5, 0.08), (0.58, 0.1), (0.66, 0.07)):
        c.poly([(x - 0.035, -0.04), (x + 0.035, -0.04), (x, tall)], "#274d3d")


def _great_pyramid(c: Canvas) -> None:
    c.poly([(-0.52, 0), (0.08, 0), (-0.06, 0.56)], "#d9b36c")
    c.poly([(0.08, 0), (0.5, 0), (-0.06, 0.56)], "#a97f3f")
    for row in range(1, 13):
        y = row * 0.56 / 14
        share = y / 0.56
        left, right = -0.52 + share * 0.46, 0.5 - share * 0.56
        c.line([(left, y), (right, y)], "#94703a", 0.004)
    c.poly([(0.42, 0), (0.72, 0), (0.57, 0.17)], "#c79f5b")


def _matterhorn(c: Canvas) -> None:
    c.poly([(-0.85, 0), (-0.5, 0.14), (-0.3, 0.2), (0.3, 0.18), (0.6, 0.1), (0.85, 0)], "#8fa3b5")
    c.poly([(-0.42, 0.0), (-0.2, 0.26), (-0.13, 0.4), (-0.02, 0.62), (0.05, 0.7), (0.085, 0.69), (0.1, 0.6),
            (0.17, 0.42), (0.3, 0.22), (0.44, 0.0)], "#6a6f7a")  # fmt: skip
    c.poly([(0.05, 0.7), (0.085, 0.69), (0.1, 0.6), (0.17, 0.42), (0.3, 0.22), (0.44, 0.0), (0.1, 0.0),
            (0.02, 0.3)], "#454a55")  # fmt: skip
    c.poly([(-0.2, 0.26), (-0.13, 0.4), (-0.02, 0.62), (0.05, 0.7), (0.03, 0.52), (-0.04, 0.44), (-0.06, 0.3),
            (-0.16, 0.2)], "#f4f7fa")  # fmt: skip
    c.poly([(0.12, 0.3), (0.2, 0.35), (0.32, 0.16), (0.2, 0.12)], "#e3e9ef")
    c.poly([(-0.42, 0.0), (-0.3, 0.13), (-0.1, 0.08), (0.1, 0.12), (0.3, 0.07), (0.44, 0)], "#ffffff")


def _oresund_bridge(c: Canvas) -> None:
    steel = "#3d4752"
    half = c.aspect / 2 / 0.9
    c.rect(-half, 0.2, half, 0.235, steel)
    c.rect(-half, 0.16, half, 0.175, steel)
    for step in range(-14, 15):
        c.line([(step * 0.07, 0.17), (step * 0.07 + 0.035, 0.21)], steel, 0.007)
    for x in (-0.26, 0.26):
        for side in (-0.022, 0.022):
            c.rect(x + side - 0.011, -0.03, x + side + 0.011, 0.72, "#8b8f94")
        for step in range(1, 9):
            top, reach = 0.3 + step * 0.048, step * 0.03
            c.line([(x - reach, 0.235), (x, top)], "#5b6168", 0.005)
            c.line([(x + reach, 0.235), (x, top)], "#5b6168", 0.005)
    for x in (-0.75, -0.52, 0.0, 0.52, 0.75):
        c.rect(x - 0.018, -0.03, x + 0.018, 0.17, "#8b8f94")


def _parthenon(c: Canvas) -> None:
    marble, shade = "#efe4c9", "#b7a37b"
    c.poly([(-0.75, -0.02), (-0.6, 0.07), (0.6, 0.07), (0.75, -0.02)], "#9c8a66")
    for step in range(3):
        c.rect(-0.5 + step * 0.015, 0.07 + step * 0.02, 0.5 - step * 0.015, 0.09 + step * 0.02, shade)
    for step in range(8):
        x = -0.42 + step * 0.12
        c.rect(x - 0.028, 0.13, x + 0.028, 0.42, marble)
        c.rect(x + 0.008, 0.13, x + 0.028, 0.42, shade)
        c.rect(x - 0.038, 0.41, x + 0.038, 0.43, shade)
    c.rect(-0.48, 0.43, 0.48, 0.5, marble)
    c.rect(-0.49, 0.5, 0.49, 0.515, shade)
    c.poly([(-0.49, 0.515), (0.49, 0.515), (0, 0.66)], marble)
    c.poly([(-0.34, 0.53), (0.34, 0.53), (0, 0.63)], shade)


def _colosseum(c: Canvas) -> None:
    stone, hole = "#d9b98a", "#5b4631"
    c.disc(0, 0.46, 0.52, "#b89463", 0.16)
    c.poly([(-0.52, 0.04), (0.52, 0.04), (0.52, 0.3), (0.22, 0.32), (0.16, 0.46), (-0.52, 0.46)], stone)
    c.poly([(0.16, 0.46), (0.22, 0.32), (0.52, 0.3), (0.52, 0.46)], "#8f7047")
    c.disc(0, 0.04, 0.52, stone, 0.12)
    for row, count in ((0.04, 13), (0.17, 13), (0.3, 9)):
        c.rect(-0.52, row + 0.11, 0.52 if row < 0.3 else 0.18, row + 0.122, "#a8854f")
        for step in range(count):
            x = -0.46 + step * 0.077
            c.rect(x - 0.018, row, x + 0.018, row + 0.06, hole)
            c.disc(x, row + 0.06, 0.018, hole)
    for step in range(7):
        x = -0.44 + step * 0.09
        c.rect(x - 0.01, 0.43, x + 0.01, 0.45, hole)


def _elizabeth_tower(c: Canvas) -> None:
    stone, dark = "#c9a667", "#8a6c39"
    c.rect(-0.085, 0, 0.085, 0.5, stone)
    for x in (-0.055, -0.02, 0.015, 0.05):
        c.rect(x - 0.004, 0.02, x + 0.008, 0.46, dark)
    c.rect(-0.1, 0.47, 0.1, 0.64, stone)
    c.rect(-0.108, 0.635, 0.108, 0.655, dark)
    c.disc(0, 0.555, 0.07, "#1f2a44")
    c.disc(0, 0.555, 0.06, "#fbf7ea")
    c.line([(0, 0.555), (0, 0.605)], DARK, 0.008)
    c.line([(0, 0.555), (0.034, 0.54)], DARK, 0.01)
    c.poly([(-0.09, 0.655), (0.09, 0.655), (0.055, 0.72), (-0.055, 0.72)], "#3c4a4e")
    c.rect(-0.05, 0.72, 0.05, 0.745, stone)
    c.poly([(-0.05, 0.745), (0.05, 0.745), (0, 0.84)], "#3c4a4e")
    for x in (0.12, 0.22, 0.32, 0.42, 0.52, 0.62):
        c.rect(x, 0, x + 0.085, 0.17, stone)
        c.rect(x + 0.025, 0.04, x + 0.055, 0.13, dark)
        c.poly([(x + 0.03, 0.17), (x + 0.055, 0.17), (x + 0.042, 0.22)], dark)


def _chain_bridge(c: Canvas) -> None:
    stone, chain = "#cdbb98", "#46525c"
    half = c.aspect / 2 / 0.9
    c.rect(-half, 0.17, half, 0.2, chain)
    for x in (-0.34, 0.34):
        c.rect(x - 0.09, -0.05, x + 0.09, 0.13, "#a8966f")
        c.rect(x - 0.075, 0.1, x + 0.075, 0.52, stone)
        c.rect(x - 0.09, 0.5, x + 0.09, 0.54, "#a8966f")
        c.rect(x - 0.035, 0.2, x + 0.035, 0.34, DARK)
        c.disc(x, 0.34, 0.035, DARK)
    for start, end in ((-0.34, 0.34), (0.34, 1.02), (-1.02, -0.34)):
        bow = []
        for step in range(25):
            share = step / 24
            bow.append((start + (end - start) * share, 0.23 + 0.25 * (2 * share - 1) ** 2))
        c.line(bow, chain, 0.016)
        for x, y in bow[1:-1]:
            c.line([(x, 0.19), (x, y)], chain, 0.005)


def _gateway_arch(c: Canvas) -> None:
    outer, inner = [], []
    for step in range(61):
        t = step / 30 - 1
        fall = (math.cosh(2.9 * t) - 1) / (math.cosh(2.9) - 1)
        outer.append((t * 0.38, 0.72 * (1 - fall)))
        inner.append((t * 0.325, 0.69 * (1 - fall)))
    c.poly(outer + inner[::-1], "#b9c2ca")
    c.line(outer[30:], "#7f8a94", 0.01)
    for x, high in ((-0.2, 0.1), (-0.1, 0.14), (0.0, 0.08), (0.06, 0.17), (0.15, 0.11)):
        c.rect(x - 0.035, 0, x + 0.035, high, "#7d7f8c")


def _sydney_opera(c: Canvas) -> None:
    shell, shade = "#faf7ef", "#cfc8b8"
    c.rect(-0.62, 0.0, 0.62, 0.1, "#a3835f")
    c.rect(-0.56, 0.1, 0.56, 0.13, "#7c6145")
    shells = ((-0.42, 0.3, 0.22), (-0.2, 0.5, 0.3), (0.06, 0.38, 0.24), (0.3, 0.24, 0.18))
    for x, high, wide in shells:
        left, right = [], []
        for step in range(13):
            share = step / 12
            left.append((x - wide * 0.55 * (1 - share**1.6) + wide * 0.3 * share, 0.13 + high * share))
            right.append((x + wide * 0.3 + wide * 0.4 * (1 - share) ** 1.8, 0.13 + high * share))
        c.poly(left + right[::-1], shell)
        c.poly([left[12], *right[::-1], (x + wide * 0.25, 0.13)], shade)
    c.poly([(0.46, 0.13), (0.6, 0.13), (0.56, 0.26)], shell)


def _hallgrimskirkja(c: Canvas) -> None:
    stone, dark = "#c8c4ba", "#8d897f"
    for step in range(9, 0, -1):
        reach, high = 0.075 + step * 0.045, 0.62 - step * 0.062
        c.rect(-reach, 0, reach, high, stone if step % 2 else dark)
    c.rect(-0.075, 0, 0.075, 0.68, stone)
    for x in (-0.05, -0.018, 0.014, 0.046):
        c.rect(x - 0.004, 0.12, x + 0.008, 0.6, dark)
    c.poly([(-0.075, 0.68), (0.075, 0.68), (0, 0.8)], stone)
    c.line([(0, 0.79), (0, 0.85)], dark, 0.008)
    c.line([(-0.018, 0.83), (0.018, 0.83)], dark, 0.008)
    c.rect(-0.028, 0, 0.028, 0.1, "#4b4036")
    c.rect(-0.03, 0.62, 0.03, 0.66, "#4b4036")


def _torii(c: Canvas) -> None:
    red, black = "#d3412a", "#33261f"
    for side in (-1, 1):
        c.poly([(side * 0.3, -0.05), (side * 0.235, -0.05), (side * 0.215, 0.52), (side * 0.265, 0.52)], red)
        c.rect(side * 0.42 - 0.016, -0.05, side * 0.42 + 0.016, 0.26, red)
        c.rect(side * 0.22, 0.2, side * 0.44, 0.225, red)
    c.rect(-0.36, 0.4, 0.36, 0.445, red)
    c.rect(-0.035, 0.445, 0.035, 0.53, red)
    c.poly([(-0.46, 0.58), (-0.4, 0.52), (0.4, 0.52), (0.46, 0.58)], red)
    c.poly([(-0.52, 0.66), (-0.45, 0.58), (0.45, 0.58), (0.52, 0.66), (0.3, 0.625), (-0.3, 0.625)], black)
    for side in (-1, 1):
        c.line([(side * 0.5, -0.09), (side * 0.1, -0.09)], "#c98a7a", 0.008)


def _louvre_pyramid(c: Canvas) -> None:
    c.rect(-0.85, 0, 0.85, 0.3, "#d9c7a0")
    c.rect(-0.85, 0.3, 0.85, 0.37, "#6d7581")
    for step in range(-8, 9):
        c.rect(step * 0.1 - 0.022, 0.08, step * 0.1 + 0.022, 0.2, "#6b5c42")
    c.poly([(-0.46, -0.04), (0.46, -0.04), (0, 0.46)], "#a7d3e6")
    c.poly([(0.1, -0.04), (0.46, -0.04), (0, 0.46)], "#7fb4cf")
    for step in range(1, 12):
        share = step / 12
        bottom = -0.46 + 0.92 * share
        c.line([(bottom, -0.04), (-0.46 + 0.46 * share, -0.04 + 0.5 * share)], "#4e6c7c", 0.004)
        c.line([(bottom, -0.04), (0.46 * share, 0.46 - 0.5 * share)], "#4e6c7c", 0.004)
    c.line([(-0.46, -0.04), (0, 0.46), (0.46, -0.04)], "#3f5866", 0.009)


WATER, DUSK_WATER = "#4f86ad", "#44688f"
SAND_SKY, STEPPE = ("#8cc4ee", "#f7e7c3"), "#e0c083"

LANDMARKS: Mapping[str, Scene] = {
    "eiffel_tower": Scene(_eiffel_tower),
    "leaning_tower_of_pisa": Scene(_leaning_tower, ground="#6fa046"),
    "brandenburg_gate": Scene(_brandenburg_gate, ground="#a9a7a2", night_ground="#8f8c8a"),
    "atomium": Scene(_atomium),
    "kinderdijk_windmill": Scene(_windmill, ground="#86ad54"),
    "mount_fuji": Scene(_mount_fuji, ground=WATER, night_ground=DUSK_WATER, horizon=0.24),
    "great_pyramid": Scene(_great_pyramid, SAND_SKY, STEPPE, ("#e9a86a", "#fbe0b0"), "#cfa967", 0.22),
    "matterhorn": Scene(_matterhorn, ground="#eef3f6", night_ground="#dfe6ee"),
    "oresund_bridge": Scene(_oresund_bridge, ground=WATER, night_ground=DUSK_WATER),
    "parthenon": Scene(_parthenon, ground="#b9a877", night_ground="#a3935f"),
    "colosseum": Scene(_colosseum, ground="#9fa58a", night_ground="#8c8f76", horizon=0.2),
    "elizabeth_tower": Scene(_elizabeth_tower, ground="#7f9096", night_ground="#6b7b82", horizon=0.1),
    "chain_bridge": Scene(_chain_bridge, ground="#5c8f95", night_ground="#4f7b86", horizon=0.2),
    "gateway_arch": Scene(_gateway_arch),
    "sydney_opera_house": Scene(_sydney_opera, ground=WATER, night_ground=DUSK_WATER, horizon=0.22),
    "hallgrimskirkja": Scene(_hallgrimskirkja, ground="#9aa58c", night_ground="#87927c", horizon=0.1),
    "itsukushima_torii": Scene(_torii, ground="#6fa0b8", night_ground="#5f8aa8", horizon=0.22),
    "louvre_pyramid": Scene(_louvre_pyramid, ground="#c9c3b6", night_ground="#b3ada2", horizon=0.2),
}
