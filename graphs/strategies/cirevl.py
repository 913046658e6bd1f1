"""CIReVL: a picture and a change to it become words, and the words find the picture that is meant.

Karthik et al., "Vision-by-Language for Training-Free Compositional Image Retrieval", ICLR 2024 (arXiv 2310.09291).

*Faithful*: the picture is put into words, a language model rewrites them as the instruction says ("Edited
Description:"), and the pictures of the collection are searched with what it wrote; a reply that cannot be read leaves
the raw instruction as the query; nothing is trained, and the description stands in the trace to be read.

*Different, and why*: a model that sees describes the picture; for a blind one the labels and the words read in it
stand in. Pictures are compared with the description by the collection's own search (captions and label words, and
looks where a model puts both into one space) instead of by CLIP alone, since the embedded eye does not read. The
picture that was given is never among the results. The paper only retrieves: a question that asks for something else
than a picture is answered by the shared generator from the pictures that were found, and one without a picture is
searched with its own description, for there is nothing to edit.
"""

from __future__ import annotations

from foveal.agents.decompose import described, is_picture_search
from foveal.agents.edited import MOST, read_edited
from foveal.graphs.strategies.desk import Desk
from foveal.graphs.strategies.draft import Draft
from foveal.graphs.strategies.methods import Method
from foveal.types import Evidence

FOUND = 5
"""Pictures of a search that are read."""


async def solve(desk: Desk) -> Draft:
    """Describe, edit, search, and name the best picture or answer from what was found."""
    found = others(desk, await desk.pictures(await description(desk), k=FOUND + len(desk.images)))
    return await concluded(desk, found[:FOUND])


async def description(desk: Desk) -> str:
    """Return what the picture shows that is looked for."""
    change = described(desk.question)
    if not desk.images:
        return change
    caption = desk.words(desk.images[0])[:MOST]
    call = await desk.ask("edit", role="planner", images=desk.images[:1], caption=caption, change=change)
    return read_edited(call.text) or change


def others(desk: Desk, found: list[Evidence]) -> list[Evidence]:
    """Return *found* without the question's own pictures."""
    own = {image.sha256 for image in desk.images}
    return [e for e in found if e.image not in own]


async def concluded(desk: Desk, found: list[Evidence]) -> Draft:
    """Return the id of the best picture to a question that looks for one, else an answer from all of them."""
    if not found:
        return Draft(None, reason="no picture was found")
    best = found[0]
    if is_picture_search(desk.question, len(desk.images)):
        called = best.title if best.tool == "web" else best.doc_id
        order = tuple(dict.fromkeys(e.doc_id for e in found))
        return Draft(called, (best,), max(0.0, min(1.0, best.score)), f"found first: {best.title}", order)
    shown = [e.image for e in found[:3] if e.image]
    return await desk.answer(found, images=shown)


METHOD = Method(
    "cirevl",
    "Karthik et al., Vision-by-Language for Training-Free Compositional Image Retrieval, ICLR 2024 (arXiv 2310.09291)",
    "puts the picture into words, edits the words as asked, and searches the pictures with what comes out",
    solve,
)
