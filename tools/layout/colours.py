"""What people call a colour: few names, as they are used of the bars and lines of a chart."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence

_HUES = ((18, "red"), (42, "orange"), (68, "yellow"), (165, "green"), (195, "teal"), (255, "blue"), (290, "purple"),
         (340, "pink"), (361, "red"))  # fmt: skip
"""Up to which angle on the colour circle a name reaches."""
_GREY = 0.16
_BLACK, _DARK, _WHITE = 0.13, 0.5, 0.93
_PALE = 0.45


def colour_name(rgb: Sequence[float]) -> str:
    """Return a name such as "dark blue" for *rgb*, each 0 to 255."""
    hue, saturation, value = colorsys.rgb_to_hsv(*(min(255.0, max(0.0, c)) / 255 for c in rgb))
    if value < _BLACK:
        return "black"
    if saturation < _GREY:
        return "white" if value > _WHITE else "dark grey" if value < _DARK else "grey"
    name = next(name for reach, name in _HUES if hue * 360 < reach)
    if name == "orange" and value < 0.65:
        return "brown"
    if name == "red" and saturation < _PALE:
        return "pink"
    return f"dark {name}" if value < _DARK else f"light {name}" if saturation < _PALE else name
