"""RoRA-VLM: Qi et al., "RoRA-VLM: Robust Retrieval-Augmented Vision Language Models", 2024 (arXiv 2410.08876).

*Faithful*: two stages. The whole picture of the question is searched by likeness, which gives entities, each a name
and a description; then each entity has a text search of its own with question ⊕ name ⊕ description. What is generated
from is one snippet an entity: its description and what its search found, the entities apart and the likest first.
A model that sees first says of each entity whether both pictures show the same, as the paper's later version does.

*Different, and why*: the search by likeness is that of the collection, and the text search too, or the web's (the
paper: WIT and Google). Three entities a question, of which each name counts once: more are more calls of a tool that
is right about four times in ten. Keeping only the parts of a picture that fit the question, and the noise injected in
training, need the inside of the model. A blind model cannot compare pictures, so the likeness alone counts. A question
without a picture has no first stage: it is searched as it is.
"""

from __future__ import annotations

from dataclasses import replace

from foveal.agents.values import fold
from foveal.errors import ModelOutputError
from foveal.graphs.strategies.candidates import firsts, passage_of, picture_asked_for
from foveal.graphs.strategies.desk import Desk
from foveal.graphs.strategies.draft import Draft
from foveal.graphs.strategies.methods import Method
from foveal.types import Evidence, ImageRef

ENTITIES = 3
SNIPPETS = 2
DESCRIPTION = 160
"""Characters of an entity's description, in its query and in what is generated from."""
PLAIN = 5
"""Passages for a question without a picture."""


async def solve(desk: Desk) -> Draft:
    """Name what the picture shows, search the question with each name, generate from what each one gave."""
    if wanted := await picture_asked_for(desk, ENTITIES):
        return wanted
    if not desk.images:
        return await desk.answer(await desk.search(desk.question, k=PLAIN))
    context: list[Evidence] = []
    told: dict[str, str] = {}
    for image in desk.images:
        for entity in await _entities(desk, image, max(1, ENTITIES // len(desk.images))):
            told[entity.id] = f"Looks like the picture: {entity.title}"
            query = expanded(desk.question, entity.title, entity.quote)
            context += [entity, *await desk.search(query, k=SNIPPETS, everywhere=True)]
    context = firsts(context, lambda entry: (entry.id in told, passage_of(entry)))
    draft = await desk.answer([replace(e, title=told.get(e.id, e.title)) for e in context])
    return replace(draft, used=(*context, *draft.used[len(context) :]))


async def _entities(desk: Desk, image: ImageRef, most: int) -> list[Evidence]:
    """Return what *image* may show, the likest first, each name once; what a model that sees denies is left out."""
    named = firsts(await desk.lookalikes(image, k=2 * most), lambda entry: fold(entry.title))
    likest = [await desk.page(e, chars=DESCRIPTION) for e in named[:most]]
    if not desk.sees:
        return likest
    return [e for e in likest if await _same(desk, image, e)] or likest[:1]


async def _same(desk: Desk, image: ImageRef, entity: Evidence) -> bool:
    """Say whether both pictures show the same entity; True where that cannot be asked."""
    if entity.image is None:
        return True
    try:
        return await desk.yes("rora", images=(image, entity.image), entity=entity.title) >= 0.5
    except ModelOutputError:
        return True


def expanded(question: str, name: str, description: str) -> str:
    """Return question ⊕ entity name ⊕ description (RoRA-VLM, stage 2), each once: the name often opens the rest."""
    told = " ".join(description.split())[:DESCRIPTION]
    return " ".join(part for part in (question, "" if fold(told).startswith(fold(name)) else name, told) if part)


METHOD = Method(
    "rora",
    "Qi et al., RoRA-VLM: Robust Retrieval-Augmented Vision Language Models, 2024 (arXiv 2410.08876)",
    "look-alikes name entities; each entity's name and description expand the question for a text search of its own",
    solve,
)
