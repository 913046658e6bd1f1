"""How a collection is searched, beyond what is always done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

HubnessMode = Literal["off", "dualis", "dynamic"]
"""``dynamic`` corrects only queries whose best picture is found first by others too."""


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """``hubness`` is of searches by looks; ``document_means`` is how many documents are found by their mean, 0 none."""

    hubness: HubnessMode = "off"
    document_means: int = 0
