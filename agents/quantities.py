"""Units of measurement as they stand after a number, so that a mile is never compared with a kilometre."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FACTORS: dict[str, dict[str, float]] = {
    "length": {"km": 1000, "kilometre": 1000, "m": 1, "metre": 1, "cm": 0.01, "centimetre": 0.01, "mm": 0.001,
               "millimetre": 0.001, "mi": 1609.344, "mile": 1609.344, "ft": 0.3048, "foot": 0.3048, "feet": 0.3048,
               "yd": 0.9144, "yard": 0.9144, "inch": 0.0254, "inches": 0.0254},
    "area": {"km2": 1e6, "m2": 1, "ha": 1e4, "hectare": 1e4, "acre": 4046.856, "mi2": 2589988.1, "ft2": 0.092903},
    "mass": {"kg": 1, "kilogram": 1, "g": 0.001, "gram": 0.001, "t": 1000, "tonne": 1000, "ton": 1000, "lb": 0.45359,
             "pound": 0.45359},
    "time": {"year": 31557600, "month": 2629800, "week": 604800, "day": 86400, "hour": 3600, "minute": 60, "second": 1,
             "h": 3600, "min": 60, "s": 1},
}  # fmt: skip
_SQUARE = re.compile(r"^(?:sq(?:uare|\.)?\s*(?P<before>[a-z]+)|(?P<after>[a-z]+)\s?(?:²|2\b|\^2))", re.I)
_WORD = re.compile(r"^[a-z]+", re.I)
_SHORT = {"kilometre": "km", "kilometer": "km", "metre": "m", "meter": "m", "mile": "mi", "foot": "ft", "feet": "ft"}
_AFTER_NUMBER = re.compile(r"\d[\d.,]*\s*(?:thousand|million|billion|trillion)?[\s-]*(?P<rest>\S.*)?$", re.I | re.S)


@dataclass(frozen=True, slots=True)
class Unit:
    """What a number counts: *kind* ("length"), *factor* to the base unit of that kind, and the word in the text."""

    kind: str
    factor: float
    word: str


def unit(text: str) -> Unit | None:
    """Return the unit that follows the first number of *text*; None when it has none that is known."""
    match = _AFTER_NUMBER.search(text)
    rest = (match["rest"] or "") if match else ""
    if square := _SQUARE.match(rest):
        name = _plain(square["before"] or square["after"])
        name = _SHORT.get(name, name) + "2"
        factor = _FACTORS["area"].get(name)
        return Unit("area", factor, name.replace("2", "²")) if factor else None
    word = _WORD.match(rest)
    name = _plain(word[0]) if word else ""
    return next((Unit(kind, f[name], word[0]) for kind, f in _FACTORS.items() if word and name in f), None)


def _plain(word: str) -> str:
    low = word.lower().replace("meter", "metre")
    known = any(low in factors for factors in _FACTORS.values())
    return low if known or not low.endswith("s") else low[:-1]
