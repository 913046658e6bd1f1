"""What tokens cost: a table that is shipped with its date, and a table of the user's own that goes before it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from foveal.errors import BadConfig

ANY_HOST = "*"
_DATED = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|\d{4}|latest)$")
FORM = 'Write it like: ["api.example.com"] on a line, then "model-name" = { in = 1.25, cached = 0.125, out = 10.0 }.'


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars a million tokens: new prompt tokens, prompt tokens from a cache, written tokens."""

    prompt: float = 0.0
    cached: float = 0.0
    written: float = 0.0

    def usd(self, prompt_tokens: int, cached_tokens: int, completion_tokens: int) -> float:
        """Return what a call cost; *cached_tokens* are part of *prompt_tokens*."""
        cached = min(max(cached_tokens, 0), prompt_tokens)
        new = prompt_tokens - cached
        return (new * self.prompt + cached * self.cached + completion_tokens * self.written) / 1e6


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Prices by host and model. ``as_of`` is the month of the shipped prices."""

    prices: Mapping[tuple[str, str], Price]
    as_of: str

    def of(self, host: str, model: str) -> Price | None:
        """Return the price of *model* at *host* (with or without its port), or None when it is not known.

        A model's date is left out when it has no price of its own: ``gpt-4o-2024-08-06`` costs what ``gpt-4o`` does.
        """
        for name in dict.fromkeys((model, _DATED.sub("", model))):
            for place in dict.fromkeys((host, host.rpartition(":")[0] or host, ANY_HOST)):
                if price := self.prices.get((place, name)):
                    return price
        return None


def load_prices(own: Path | None = None) -> PriceTable:
    """Return the shipped prices with those of the file *own* over them. Raises BadConfig when it cannot be read."""
    shipped = tomllib.loads((files("foveal.tools.models") / "prices.toml").read_text("utf-8"))
    prices = dict(_rows(shipped, "the shipped prices"))
    if own is not None:
        try:
            prices |= _rows(tomllib.loads(own.read_text("utf-8")), str(own))
        except (OSError, ValueError) as problem:
            reason = problem.strerror if isinstance(problem, OSError) else problem
            raise BadConfig(f"The price file {own} cannot be read: {reason}.", remedy=FORM) from None
    return PriceTable(prices, str(shipped["as_of"]))


def _rows(table: Mapping[str, Any], name: str) -> dict[tuple[str, str], Price]:
    rows = {}
    for host, models in table.items():
        if host == "as_of":
            continue
        if not isinstance(models, Mapping):
            raise BadConfig(f"{name}: {host!r} is no table of models.", remedy=FORM)
        for model, row in models.items():
            rows[host, model] = _price(row, f"{name}: {host}, {model}")
    return rows


def _price(row: Any, where: str) -> Price:
    numbers = isinstance(row, Mapping) and all(
        isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e6 for value in row.values()
    )
    if not numbers or set(row) - {"in", "cached", "out"} or not {"in", "out"} <= set(row):
        raise BadConfig(f"{where}: a price needs the numbers `in` and `out`, and may have `cached`.", remedy=FORM)
    return Price(float(row["in"]), float(row.get("cached", row["in"])), float(row["out"]))
