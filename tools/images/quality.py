"""What is wrong with a picture, told from its pixels alone, and a copy in which more can be recognised."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter, ImageOps

TINY = 96
"""Pixels of the longer side below which details are gone."""
LOW, HIGH = 60, 195
"""Brightness of 255 that 99 % of a dark picture do not reach, and that 99 % of a washed-out one exceed."""
FLAT = 12
"""Range of brightness and of each colour, from the 1st to the 99th percentile, within which nothing is drawn."""
SHARP = 0.3
"""Least ratio of second to first derivative at the strongest edges. On flags and photos: 0.8 and more as they are
(2nd percentile), 0.3 and less (98th) blurred by 1.5 % of the shorter side."""
_LOOKED_AT = 512
_IMPROVED_SIDE = 384


def flaws(image: Image.Image) -> tuple[str, ...]:
    """Return why *image* may not be recognised, of ``tiny, flat, dark, washed out, blurred``; empty when it is good."""
    small = image.convert("YCbCr")
    small.thumbnail((_LOOKED_AT, _LOOKED_AT), Image.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float32)
    low, high = np.percentile(pixels.reshape(-1, 3), [1, 99], axis=0)
    found = ["tiny"] if max(image.size) < TINY else []
    if (high - low).max() < FLAT:
        return (*found, "flat")
    if high[0] < LOW:
        found.append("dark")
    # many drawings are white with a little ink: it is the ink that a washed-out picture has lost
    if low[0] > HIGH and (high - low)[1:].max() < 4 * FLAT:
        found.append("washed out")
    if _sharpness(pixels[..., 0]) < SHARP:
        found.append("blurred")
    return tuple(found)


def improved(image: Image.Image) -> Image.Image:
    """Return *image* with its range of brightness stretched, enlarged if it is small, and sharpened if blurred."""
    better = ImageOps.autocontrast(image.convert("RGB"), cutoff=1, preserve_tone=True)
    scale = _IMPROVED_SIDE / max(image.size)
    if scale > 1:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        better = better.resize(size, Image.Resampling.LANCZOS)
    if "blurred" in flaws(image):
        radius = max(2.0, 0.01 * min(better.size))
        better = better.filter(ImageFilter.UnsharpMask(radius, percent=180, threshold=2))
    return better


def _sharpness(grey: np.ndarray) -> float:
    """Return the deviation of the Laplacian over the mean gradient, both at the strongest 1 % of edges.

    The ratio of a step to its slope does not depend on contrast, nor on how much of the picture is even. A picture
    without an edge is as sharp as it can be: 1.
    """
    if min(grey.shape) < 3:
        return 1.0
    middle = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * middle
    gradient = np.hypot(grey[1:-1, 2:] - grey[1:-1, :-2], grey[2:, 1:-1] - grey[:-2, 1:-1]) / 2
    edges = gradient >= max(float(np.percentile(gradient, 99)), 1.0)
    return float(laplacian[edges].std() / gradient[edges].mean()) if edges.any() else 1.0
