"""UniversalRAG: Yeo et al., "UniversalRAG: Retrieval-Augmented Generation over Multiple Corpora with Diverse
Modalities and Granularities", ACL 2026 (arXiv 2504.20734).

*Faithful*: a router says first where a question is looked up: nowhere, in paragraphs, in whole documents, in pictures,
or in several of them; only the indexes of its routes are searched, each by itself, and one generator answers. Three
routers: ``prompted`` (a model is asked, training-free), ``classifier`` (trained, several labels by a sigmoid and a
threshold), ``ensemble`` (the classifier where it is sure, else the model).

*Different, and why*: no tables, clips and videos: the collection has none. The trained router is not a language model
but a logistic regression over the run's text embedder, fitted at its first use on the 70-odd questions of
``universal_rag.tsv``, which are ours; the paper takes as labels from which data set a question comes. Leaving one of
them out at a time, its first route was right for 73 % of them, the whole set for 58 %. The prompted router's
probabilities over the four words stand for a list of routes; the embedded model as a router leans to ``Image``. More
than one result a route is taken, since a passage here is shorter than the paper's, and documents are cut at 1500
characters. A question with a picture is looked up in the pictures by it. The released prompted router takes a random
route when its one token is no label; here the labels are a closed set, and a router that fails means ``Paragraph``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, cast

from foveal.agents import routing
from foveal.errors import ModelOutputError
from foveal.graphs.strategies.candidates import asks_for_picture, chosen, firsts, passage_of, pictured
from foveal.graphs.strategies.desk import PASSAGE_CHARS, Desk
from foveal.graphs.strategies.draft import Draft, said
from foveal.graphs.strategies.methods import Method
from foveal.protocols import TextEmbedder
from foveal.types import Evidence

if TYPE_CHECKING:
    import numpy as np

PASSAGES, DOCUMENTS, PICTURES = 4, 2, 2
DOCUMENT_CHARS = 1500
SURE = 0.6
"""Confidence from which the ensemble goes by the classifier; the paper's is not known."""
PROMPTED, CLASSIFIED = 0.3, 0.5
"""Probability from which a route is taken: of four that sum to one, of each alone."""
GIVEN = "(A picture is given) "


async def solve(desk: Desk) -> Draft:
    """Route the question, search the indexes of its routes, generate from what they gave."""
    routes, why = await routed(desk)
    reason = f"route {'+'.join(routes)}: {why}"
    if routes == ("No",):
        return await _unsearched(desk, reason)
    found: list[Evidence] = []
    chars = PASSAGE_CHARS
    if "Image" in routes:
        found += await pictured(desk, PICTURES)
        if found and asks_for_picture(desk):
            return chosen(*found)
    if "Paragraph" in routes:
        found += await desk.search(desk.question, k=PASSAGES)
    if "Document" in routes:
        documents = firsts(await desk.search(desk.question, k=8), lambda entry: entry.doc_id)[:DOCUMENTS]
        found += [await desk.page(entry, chars=DOCUMENT_CHARS) for entry in documents]
        chars = DOCUMENT_CHARS
    draft = await desk.answer(firsts(found, passage_of), chars=chars)
    return Draft(draft.text, draft.used, draft.confidence, reason)


async def routed(desk: Desk) -> tuple[tuple[str, ...], str]:
    """Return the routes of the question by the router of the variant, and how it came to them."""
    question = (GIVEN if desk.images else "") + desk.question
    if desk.variant != "prompted":
        weights = await asyncio.to_thread(trained, cast(Hashable, desk.embedder))
        p = routing.probabilities(weights, (await desk.embed([question]))[0])
        if desk.variant == "classifier" or max(p) >= SURE:
            return routing.taken(p, threshold=CLASSIFIED), f"classifier {routing.told(p)}"
    try:
        p = await desk.choose("universal_rag", routing.ROUTES, images=desk.images, question=question)
    except ModelOutputError:
        return routing.FALLBACK, "the router could not be read"
    return routing.taken(p, threshold=PROMPTED), f"prompted {routing.told(p)}"


@lru_cache(maxsize=2)
def trained(embedder: TextEmbedder) -> np.ndarray:
    """Return the classifier's weights for *embedder* (:func:`.routing.fit`). Blocking; under a second, once."""
    table = files(__package__).joinpath("universal_rag.tsv").read_text(encoding="utf-8")
    labelled = routing.read_labelled(table)
    return routing.fit(embedder.embed_texts([question for question, _ in labelled]), [r for _, r in labelled])


async def _unsearched(desk: Desk, reason: str) -> Draft:
    """Answer from what the model knows and the question's own pictures tell."""
    call = await desk.ask(
        "direct", max_tokens=48, images=desk.images, ending=True, question=desk.question, seen=desk.told()
    )
    return Draft(said(call.text), tuple(desk.look(image) for image in desk.images), 0.3, reason)


METHOD = Method(
    "universal_rag",
    "Yeo et al., UniversalRAG: RAG over Multiple Corpora with Diverse Modalities and Granularities, ACL 2026 "
    "(arXiv 2504.20734)",
    "a router (prompted, classifier or ensemble) chooses no search, passages, whole documents, pictures, or several",
    solve,
)
