"""RagVL: Chen et al., "MLLM Is a Strong Reranker: Advancing Multimodal Retrieval-augmented Generation via
Knowledge-enhanced Reranking and Noise-injected Training", 2024 (arXiv 2407.21439).

*Faithful*: candidates are retrieved widely, each is scored by a call of its own with
p = softmax([logit Yes, logit No])[0] of the first token of "is it relevant to the question?", its caption in the
prompt; those with p ≥ η = 0.5 (the natural threshold, which the paper recommends in the end), at most two, go to the
generator, and it may be none. No second search.

*Different, and why*: eight candidates instead of twenty, since each costs a call and a search of the desk returns no
more. A question about a text has passages for candidates, whose pictures a model that sees is shown; a blind model
judges pictures by their words. The reranker is the run's model as it is: the fine-tuning and the noise injected in
training are not part of an inference. The adaptive η was fitted on the questions it was reported on, so it is not
offered; the released default of 0, which keeps everything, is not taken; nor are token ids by position, which take the
wrong token with some tokenizers: the model adapter knows its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from foveal.agents.selectors import absolute
from foveal.errors import BudgetExceeded
from foveal.graphs.strategies.candidates import asks_for_picture, chosen, pictured
from foveal.graphs.strategies.desk import PASSAGE_CHARS, Desk
from foveal.graphs.strategies.draft import Draft
from foveal.graphs.strategies.methods import Method
from foveal.types import Evidence

POOL = 8
ETA = 0.5
TOP = 2


async def solve(desk: Desk) -> Draft:
    """Retrieve, score each candidate, generate from the two best that pass."""
    wanted = asks_for_picture(desk)
    found = await (pictured(desk, POOL) if wanted or desk.images else desk.search(desk.question, k=POOL))
    if wanted and found:
        desk.standing = chosen(found[0])
    ranked = await scored(desk, found)
    passed = absolute([p for p, _ in ranked], ETA, TOP).kept
    kept = [ranked[n][1] for n in passed]
    if wanted:
        return chosen(*kept, confidence=ranked[0][0]) if kept else Draft(None, reason=f"no picture has p ≥ {ETA}")
    draft = await desk.answer(kept, images=[e.image for e in kept if e.image] if desk.sees else ())
    return draft if kept else Draft(draft.text, draft.used, draft.confidence, f"no candidate has p ≥ {ETA}")


async def scored(desk: Desk, found: Sequence[Evidence]) -> list[tuple[float, Evidence]]:
    """Return *found* with p of each, the most probable first, equal ones as they were found.

    What the budget has no room for is left out: the reserve is for generating from the others.
    """

    async def probability(entry: Evidence) -> float:
        shown = (entry.image,) if desk.sees and entry.image else ()
        kind = "picture" if shown else "passage"
        passage = entry.quote[:PASSAGE_CHARS]
        return await desk.yes(
            "relevant", images=shown, question=desk.question, title=entry.title, passage=passage, kind=kind
        )

    results = await asyncio.gather(*map(probability, found), return_exceptions=True)
    told = [(p, entry) for p, entry in zip(results, found, strict=True) if not isinstance(p, BaseException)]
    if problems := [p for p in results if isinstance(p, BaseException)]:
        if not told or not all(isinstance(p, BudgetExceeded) for p in problems):
            raise problems[0]
        desk.warnings.append(f"Judged were {len(told)} of {len(found)} candidates. {problems[0]}")
    return sorted(told, key=lambda row: -row[0])


METHOD = Method(
    "ragvl",
    "Chen et al., MLLM Is a Strong Reranker, 2024 (arXiv 2407.21439)",
    "the model says yes or no of each candidate; the two most probable that pass one half are generated from",
    solve,
)
