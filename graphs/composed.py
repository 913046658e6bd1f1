"""Pictures like one that was given, but different: the edited words are searched and, where pictures and texts are in
one space, the weighted vectors too."""

from __future__ import annotations

from typing import Any

from foveal.agents.decompose import described
from foveal.agents.edited import edited_description
from foveal.graphs.state import BranchState, Perception, Research
from foveal.tools.index.fuse import reciprocal_rank_fusion
from foveal.types import ImageHit

SEARCHED = 20
SHOWN = 10


def is_composed(state: BranchState) -> bool:
    """Say whether a picture is looked for by another one and words."""
    return state["step"].tool == "picture_search" and state.get("image") is not None


async def edit(state: BranchState, work: Research) -> BranchState:
    """Return *state* with what the picture that is looked for would show as its query."""
    step = state["step"]
    caption = caption_of(state.get("perception"))
    query = await edited_description(work.planner, caption, step.query or step.text) if caption else step.query
    return {**state, "step": step.having(query=query)}


def caption_of(seen: Perception | None) -> str:
    """Return what a picture shows: in the words of a model that sees, else what the eye and OCR made out."""
    if seen is None:
        return ""
    labels = ", ".join(label.name for label in seen.labels[:3])
    return "; ".join(
        part for part in (seen.description or labels, f"text in it: {seen.ocr}" if seen.ocr else "") if part
    )


async def search(state: BranchState, work: Research) -> list[Any]:
    """Return the pictures found, best first, without the one that was given."""
    step, image = state["step"], state.get("image")
    assert work.collection is not None and image is not None
    words = step.query or step.text
    lists = [await work.collection.search_pictures(words, k=SEARCHED)]
    if work.collection.composes:
        caption = caption_of(state.get("perception"))
        change = described(step.text)
        lists.append(await work.collection.search_composed(image, change, caption=caption, k=SEARCHED))
    hits: dict[str, ImageHit] = {hit.doc_id: hit for found in reversed(lists) for hit in found}
    fused = reciprocal_rank_fusion([[hit.doc_id for hit in found] for found in lists])
    return [hits[doc] for doc, _ in fused if hits[doc].image != image.sha256][:SHOWN]
