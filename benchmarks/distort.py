"""Another photo of the same picture, made up: what hands, lenses, screens and messengers do to a picture.

Every distortion takes RGB and a random generator and gives RGB; the same seed gives the same pixels.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

Distortion = Callable[[Image.Image, np.random.Generator], Image.Image]
_GREY = (128, 128, 128)


def wave(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Cloth in the wind: columns shifted by a sine of 2 % of the height, lit on its slopes."""
    pixels = np.asarray(image).copy()
    height, width = pixels.shape[:2]
    phase = 2 * np.pi * (np.arange(width) / width * rng.uniform(1.5, 3.0) + rng.uniform())
    shift = (0.02 * height * np.sin(phase)).round().astype(int)
    rows = (np.arange(height)[:, None] + shift[None, :]).clip(0, height - 1)
    light = 1 + 0.15 * np.cos(phase)
    return Image.fromarray((pixels[rows, np.arange(width)] * light[None, :, None]).clip(0, 255).astype(np.uint8))


def tilt(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Seen from the side: each corner moved inwards by up to 12 % of the side, grey around."""
    width, height = image.size
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=float)
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * rng.uniform(0, 0.12, (4, 2)) * (width, height)
    return image.transform(
        image.size, Image.Transform.PERSPECTIVE, _perspective(corners + inwards, corners),
        Image.Resampling.BICUBIC, fillcolor=_GREY,
    )  # fmt: skip


def turn(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Held askew by up to 8 degrees."""
    return image.rotate(float(rng.uniform(-8, 8)), Image.Resampling.BICUBIC, expand=False, fillcolor=_GREY)


def part(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """A window of 80 % of the width and of the height."""
    width, height = (int(0.8 * side) for side in image.size)
    left, top = rng.integers(0, image.width - width + 1), rng.integers(0, image.height - height + 1)
    return image.crop((int(left), int(top), int(left) + width, int(top) + height))


def blur(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Out of focus by 1.5 % of the shorter side."""
    return image.filter(ImageFilter.GaussianBlur(0.015 * min(image.size)))


def jpeg(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Sent through a messenger: 300 pixels wide, JPEG of quality 30."""
    buffer = io.BytesIO()
    small = image.copy()
    small.thumbnail((300, 300))
    small.save(buffer, "JPEG", quality=30)
    return Image.open(buffer).convert("RGB")


def light(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Too dark or too bright, in light that is too warm or too cold."""
    lit = ImageEnhance.Brightness(image).enhance(float(rng.choice([0.55, 0.7, 1.3, 1.45])))
    warm = float(rng.uniform(-0.08, 0.08))
    tint = np.array([1 + warm, 1.0, 1 - warm])
    return Image.fromarray((np.asarray(lit) * tint).clip(0, 255).astype(np.uint8))


def screen(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Photographed from a screen: a dark frame, tilted, fine stripes, a glare, washed out."""
    width, height = image.size
    frame = Image.new("RGB", (int(width * 1.16), int(height * 1.16)), (24, 24, 26))
    frame.paste(image, (int(width * 0.08), int(height * 0.08)))
    pixels = np.asarray(tilt(frame, rng)).astype(float)
    ys, xs = np.mgrid[: pixels.shape[0], : pixels.shape[1]]
    stripes = 1 + 0.05 * np.sin(2 * np.pi * (xs * 0.31 + ys * 0.07))
    far = np.hypot(xs / pixels.shape[1] - rng.uniform(), ys / pixels.shape[0] - rng.uniform())
    glare = 60 * np.exp(-(far**2) / 0.03)
    return Image.fromarray((20 + 0.88 * pixels * stripes[..., None] + glare[..., None]).clip(0, 255).astype(np.uint8))


def rough(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Several at once: a window of a window, tilted, badly lit, sent through a messenger."""
    for distortion in (part, part, tilt, light, jpeg):
        image = distortion(image, rng)
    return image


def near(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Taken from nearer by, in another light: a window of half the width and half the height."""
    width, height = max(1, image.width // 2), max(1, image.height // 2)
    left, top = rng.integers(0, image.width - width + 1), rng.integers(0, image.height - height + 1)
    return light(image.crop((int(left), int(top), int(left) + width, int(top) + height)), rng)


DISTORTIONS: Mapping[str, Distortion] = {
    "wave": wave, "tilt": tilt, "turn": turn, "part": part, "blur": blur,
    "jpeg": jpeg, "light": light, "screen": screen, "rough": rough, "near": near,
}  # fmt: skip


def _perspective(seen: np.ndarray, flat: np.ndarray) -> tuple[float, ...]:
    """The eight coefficients that take corners *seen* [4, 2] back to *flat* [4, 2]."""
    rows, right = [], []
    for (x, y), (u, v) in zip(seen, flat, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
        right += [u, v]
    return tuple(float(c) for c in np.linalg.solve(np.array(rows), np.array(right)))
