"""``foveal eval strategies``: every way to go about a question, and the paper that it is from."""

from __future__ import annotations

from typing import Any

from foveal.cli import options
from foveal.cli.output import print_json, say
from foveal.settings import METHODS, PLANNED

OWN = {
    "adaptive": "makes a typed plan of sub-questions and changes it, each time for a reason, as results come in",
    "guided": "fills in a plan of fixed steps: what a small model can do",
    "two_step": "searches once for what the picture shows and once for the question about it",
    "direct": "searches nothing: the model answers from its memory and the pictures",
}
"""What those of :data:`foveal.settings.PLANNED` do."""


def strategies_(json: options.Json = False) -> None:
    """List the strategies: ours, and the published methods with their papers and variants."""
    from foveal.graphs.strategies.methods import method

    rows: list[dict[str, Any]] = [{"name": n, "variants": (), "paper": None, "idea": OWN[n]} for n in PLANNED]
    for name, ways in METHODS.items():
        found = method(name)
        rows.append({"name": name, "variants": ways, "paper": found.paper, "idea": found.idea})
    if json:
        print_json({"schema": "foveal.strategies/1", "strategies": rows})
        return
    for row in rows:
        variants = ", ".join(f"{row['name']}:{variant}" for variant in row["variants"])
        say(f"{row['name']} ({variants})" if variants else f"{row['name']}")
        say(f"    {row['idea']}")
        if row["paper"]:
            say(f"    {row['paper']}")
