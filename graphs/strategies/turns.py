"""A turn of the methods whose model says for itself what is done next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from foveal.agents import moves
from foveal.errors import ModelOutputError
from foveal.graphs.strategies.desk import Desk
from foveal.types import Evidence, ImageRef


async def turn(
    desk: Desk, prompt: str, tools: Sequence[str], texts: Mapping[str, int], **asked: Any
) -> dict[str, str] | None:
    """Ask the planner for a turn with one of *tools* (:mod:`foveal.agents.moves`); None when it cannot be read.

    *asked* are arguments of :meth:`.Desk.ask`. Raises BudgetExceeded, ModelError.
    """
    try:
        reply = await desk.ask(
            prompt, schema=moves.schema(tools, **texts), stop=(), role="planner", tools=", ".join(tools),
            question=desk.question, seen=desk.told(), **asked,
        )  # fmt: skip
    except ModelOutputError as problem:
        desk.warnings.append(f"A turn could not be read: {problem.message}")
        return None
    return moves.read(reply.parsed, tools, *texts)


def pictures(desk: Desk, found: Iterable[Evidence]) -> list[ImageRef | str]:
    """Return the question's pictures and then those that were *found*, each once."""
    own = {image.sha256 for image in desk.images}
    alike = dict.fromkeys(e.image for e in found if e.image and e.kind in ("image", "region") and e.image not in own)
    return [*desk.images, *alike]
