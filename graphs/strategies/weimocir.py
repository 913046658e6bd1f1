"""WeiMoCIR: a picture and words about how another differs from it are one weighted query over looks and captions.

Wu et al., "Training-free Zero-shot Composed Image Retrieval via Weighted Modality Fusion and Similarity", 2024
(arXiv 2409.04918).

*Faithful*: ``q = (1 - α) f(picture) + α f(words)`` against the looks of every picture, the same with the reference's
caption against its captions, and ``s = (1 - β) s_looks + β s_captions`` with the α = 0.8 and β = 0.1 published for
CLIP. No model call is made to search. With an embedder that puts pictures and words into one space (``clip:…``) the
search is that of :mod:`foveal.tools.index.compose`, formula by formula.

*Different, and why*: the embedded eye reads no words, so that its looks cannot be mixed with them before they are
compared. The same weights are then put on the cosines instead, ``(1 - α) cos(picture, v) + α cos(words, caption of
v)`` for s_looks, over the pictures that either search finds; for unit vectors in one space the two differ by a factor
that is the same for all pictures. A picture has the one caption that the collection holds, instead of three by a
model. The picture that was given is left out. The paper only retrieves: other questions are answered by the shared
generator from what was found. The released defaults (α = 0.65, β = 0.5) are not those published and not used.
"""

from __future__ import annotations

import numpy as np

from foveal.agents.decompose import described
from foveal.agents.edited import MOST
from foveal.graphs.strategies.cirevl import FOUND, concluded, others
from foveal.graphs.strategies.desk import Desk
from foveal.graphs.strategies.draft import Draft
from foveal.graphs.strategies.haystack import distinct
from foveal.graphs.strategies.methods import Method
from foveal.tools.index.compose import ALPHA, BETA, composed_query, composed_scores
from foveal.types import Evidence

POOL = 10
"""Pictures that each of the two searches brings."""


async def solve(desk: Desk) -> Draft:
    """Search with the weighted query, and name the best picture or answer from what was found."""
    change = described(desk.question)
    if not desk.images:
        return await concluded(desk, await desk.pictures(change, k=FOUND))
    image = desk.images[0]
    caption = desk.words(image)[:MOST]
    found = await desk.composed(image, change, caption=caption, k=FOUND + 1)
    if found is None:
        found = await _apart(desk, change, caption)
    return await concluded(desk, others(desk, found)[:FOUND])


async def _apart(desk: Desk, change: str, caption: str) -> list[Evidence]:
    """Return what both searches find, by the weighted cosines of two spaces, best first."""
    alike = await desk.lookalikes(desk.images[0], k=POOL)
    told = await desk.pictures(change, k=POOL)
    looks = {e.doc_id: e.score for e in alike}
    found = list({e.doc_id: e for e in reversed(distinct([*alike, *told]))}.values())[::-1]
    if not found:
        return []
    vectors = await desk.embed([change, caption or change, *(f"{e.title} {e.quote}" for e in found)])
    scores = weighted(np.array([looks.get(e.doc_id, 0.0) for e in found]), vectors[0], vectors[1], vectors[2:])
    return [found[n] for n in np.argsort(-scores, kind="stable")]


def weighted(
    looks: np.ndarray, words: np.ndarray, reference: np.ndarray, captions: np.ndarray,
    alpha: float = ALPHA, beta: float = BETA,
) -> np.ndarray:  # fmt: skip
    """Return ``s = (1 - β) ((1 - α) cos(picture, v) + α cos(words, t)) + β cos(q_c, t)`` [n].

    *looks* [n] are the cosines of the given picture with each v; *words* and *reference* [dim] and *captions* t
    [n, dim] are unit vectors of texts, ``q_c = normalize((1 - α) reference + α words)``.
    """
    mixed = (1 - alpha) * looks + alpha * (captions @ words)
    return composed_scores(mixed, captions @ composed_query(reference, words, alpha), beta)


METHOD = Method(
    "weimocir",
    "Wu et al., Training-free Zero-shot Composed Image Retrieval via Weighted Modality Fusion and Similarity, "
    "2024 (arXiv 2409.04918)",
    "searches with picture and words as one weighted query, over the looks and the captions of pictures",
    solve,
)
