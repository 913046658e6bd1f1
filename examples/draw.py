"""Draws every picture of the example collection, in three ways.

``python examples/draw.py OUT`` writes the pictures that are indexed. ``--style query`` writes other drawings
of the same things, to ask about: another size and shape, other dyes, uneven light, another sky.
``--style photo`` is harder: the cloth waves, a wall shows around it, the camera is tilted and the picture has
grain. The same command gives the same pixels every time.
"""

from __future__ import annotations

import argparse
import math
import random
import zlib
from collections.abc import Sequence
from pathlib import Path

from pictures.canvas import Canvas, Look
from pictures.charts import CHARTS
from pictures.flags import FLAGS
from pictures.landmarks import LANDMARKS
from PIL import Image, ImageChops, ImageFilter

STYLES = ("collection", "query", "photo")
WALL = (172, 178, 186)
NAMES = (*(f"flag_{name}" for name in FLAGS), *LANDMARKS, *CHARTS)


def draw(name: str, style: str) -> Image.Image:
    """The picture *name* (one of :data:`NAMES`) in *style*. Raises :class:`KeyError` for another name."""
    chance = random.Random(zlib.crc32(name.encode()))
    other = style != "collection"
    if name in CHARTS:
        look = Look(440, 1.5, night=True) if other else Look(400, 1.6)
        picture = CHARTS[name].draw(look).finish()
    elif name in LANDMARKS:
        look = Look(280, 1.38, night=True) if other else Look(320, 1.25)
        picture = LANDMARKS[name].draw(look).finish()
    else:
        flag = FLAGS[name.removeprefix("flag_")]
        shape = max(1.0, flag.aspect * chance.uniform(0.9, 1.1)) if other else flag.aspect
        canvas = Canvas(Look(250 if other else 240, shape), "#ffffff")
        flag.paint(canvas)
        picture = canvas.finish()
    if not other:
        return picture
    lit = _light(_fade(picture, chance, 8), chance, 4)
    if style == "query":
        return lit
    cloth = name not in CHARTS and name not in LANDMARKS
    return _photograph(_wave(lit, chance) if cloth else lit, chance, margin=0.05 if cloth else 0.0)


def _fade(picture: Image.Image, chance: random.Random, most: float) -> Image.Image:
    """Other dyes: each colour channel squeezed by up to *most* levels at both ends."""
    tables: list[int] = []
    for _ in range(3):
        low, high = chance.uniform(0, most), 255 - chance.uniform(0, most)
        tables += [round(low + (high - low) * value / 255) for value in range(256)]
    return picture.point(tables)


def _light(picture: Image.Image, chance: random.Random, most: int) -> Image.Image:
    """Uneven light: each corner up to *most* levels darker, blended between."""
    corners = Image.frombytes("L", (2, 2), bytes(chance.randint(255 - most, 255) for _ in range(4)))
    light = corners.resize(picture.size, Image.Resampling.BILINEAR)
    return ImageChops.multiply(picture, Image.merge("RGB", [light] * 3))


def _wave(cloth: Image.Image, chance: random.Random) -> Image.Image:
    """Columns moved up and down by a sine, and darker where the cloth turns away."""
    width, height = cloth.size
    swing, turns, start = height * 0.02, chance.uniform(1.2, 2.0), chance.uniform(0, math.tau)
    stretched = cloth.resize((width, height + round(4 * swing)))
    waved = Image.new("RGB", (width, height))
    shade = Image.new("L", (width, 1))
    for x in range(width):
        phase = start + math.tau * turns * x / width
        drop = round(2 * swing + swing * math.sin(phase))
        waved.paste(stretched.crop((x, drop, x + 1, drop + height)), (x, 0))
        shade.putpixel((x, 0), round(232 + 22 * math.cos(phase)))
    return ImageChops.multiply(waved, Image.merge("RGB", [shade.resize((width, height))] * 3))


def _photograph(picture: Image.Image, chance: random.Random, *, margin: float) -> Image.Image:
    """As a camera sees it: up to 3 degrees tilted, with grain, and a wall around it.

    ``margin`` is the width of that wall in heights.
    The values are cut to 32 levels, so that the files stay small.
    """
    width, height = picture.size
    edge = round(height * margin)
    scene = Image.new("RGB", (width + 2 * edge, height + 2 * edge), WALL)
    scene.paste(picture, (edge, edge))
    angle = chance.choice((-1, 1)) * chance.uniform(1.5, 3)
    bleed = 0 if edge else math.ceil(height * math.sin(math.radians(abs(angle))) * 0.75)
    scene = scene.rotate(angle, Image.Resampling.BILINEAR, fillcolor=WALL)
    scene = _light(scene.crop((bleed, bleed, scene.width - bleed, scene.height - bleed)), chance, 40)
    small = (scene.width // 3, scene.height // 3)
    grain = Image.frombytes("L", small, chance.randbytes(small[0] * small[1]))
    grain = grain.filter(ImageFilter.BoxBlur(1)).resize(scene.size, Image.Resampling.BILINEAR)
    grain = grain.point([round((value - 128) * 0.22) + 128 for value in range(256)])
    rough = ImageChops.add(scene, Image.merge("RGB", [grain] * 3), offset=-128)
    return rough.point([value // 8 * 8 + 4 for value in range(256)] * 3)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Draw the pictures of the example collection.")
    parser.add_argument("out", type=Path, help="folder to write PNG files to")
    parser.add_argument("--style", choices=STYLES, default="collection")
    parser.add_argument("--only", nargs="*", choices=NAMES, metavar="NAME", help="only these pictures")
    asked = parser.parse_args(arguments)
    asked.out.mkdir(parents=True, exist_ok=True)
    for name in asked.only or NAMES:
        draw(name, asked.style).save(asked.out / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
