"""MIRAGE: of a haystack of pictures only those are shown to the model that a filter finds relevant, at least one.

Wu et al., "Visual Haystacks: A Vision-Centric Needle In A Haystack Benchmark", ICLR 2025 (arXiv 2407.13766).

*Faithful*: every picture and passage of the haystack is judged for itself against the question, as a probability;
those of at least 0.5 are kept, best first and at most three (the paper's number where several are needed, RETVQA; it
is one on Visual Haystacks); when none is, the single best one is kept, so that there is always something to answer
from. The model answers once, from what was kept.

*Different, and why*: the published filter is a head trained inside the model; here it is the probability of "Yes",
for pictures that a blind model cannot see over their captions and the words in them. The haystack is first cut down
by search, since a call each for a whole collection is out of any budget; pictures are not compressed to 32 tokens,
which takes training. The released code forgets the threshold once something has passed it and fills up with what is
below; here what is kept has passed. An answer from the last resort is as unsure as its filter was.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from foveal.agents.selectors import keep_argmax
from foveal.graphs.strategies.desk import Desk
from foveal.graphs.strategies.draft import Draft
from foveal.graphs.strategies.haystack import gather
from foveal.graphs.strategies.methods import Method
from foveal.types import Evidence

KEPT = 3
ETA = 0.5
JUDGED_CHARS = 300
"""Characters of a passage that the filter is shown."""


async def solve(desk: Desk) -> Draft:
    """Filter what was found, and answer from the rest."""
    gathered = await gather(desk)
    hay = gathered.found
    if not hay:
        return Draft(None, reason="nothing was found")
    scores = await asyncio.gather(*(_relevance(desk, entry, gathered.seen(desk)) for entry in hay))
    ranked = sorted(zip(scores, hay, strict=True), key=lambda pair: -pair[0])
    kept = keep_argmax([p for p, _ in ranked], KEPT, ETA).kept
    passed = sum(p >= ETA for p in scores)
    draft = await desk.answer([ranked[n][1] for n in kept], images=_pictures(desk, [ranked[n][1] for n in kept]))
    told = f"{passed} of {len(hay)} passed the filter" if passed else f"none of {len(hay)} passed: the best one stays"
    confidence = min(draft.confidence, ranked[0][0])
    order = tuple(dict.fromkeys(e.doc_id for _, e in ranked))
    return replace(draft, confidence=confidence, reason=told, retrieved=order)


async def _relevance(desk: Desk, entry: Evidence, seen: str) -> float:
    """Return how probable it is that *entry* helps to answer the question."""
    [row] = desk.rows([entry], chars=JUDGED_CHARS)
    asked = {"question": desk.question, "seen": seen, "title": row["title"], "passage": row["text"]}
    return await desk.yes("mirage", images=(*desk.images, *_pictures(desk, [entry])), **asked)


def _pictures(desk: Desk, entries: list[Evidence]) -> tuple[str, ...]:
    """Return the digests of the pictures that were found, without the question's own."""
    own = {image.sha256 for image in desk.images}
    return tuple(e.image for e in entries if e.image and e.image not in own)


METHOD = Method(
    "mirage",
    "Wu et al., Visual Haystacks: A Vision-Centric Needle In A Haystack Benchmark, ICLR 2025 (arXiv 2407.13766)",
    "judges each picture and passage alone and answers from those that pass, or from the best one when none does",
    solve,
)
