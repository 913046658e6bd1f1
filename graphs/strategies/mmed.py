"""MMed-RAG: the domain of a question chooses its retriever, and how alike the results are chooses how many are read.

Xia et al., "MMed-RAG: Versatile Multimodal RAG System for Medical Vision Language Models", ICLR 2025 (arXiv
2410.13085).

*Faithful*: a classifier names the domain before anything is searched, each domain has a retriever of its own, and no
other is asked; of its results those are kept whose similarity is within a ratio of the best one's (``s_1 / s_i < 1.5``,
as the released code does), then at most five; the model answers from those.

*Different, and why*: the domains are not radiology, pathology and ophthalmology but the kinds that a general collection
holds: things in photographs (found by their looks), charts and diagrams (found by description) and texts (found by
words, with what a given picture looks most like before them). The classifier is the probability of the domain's name
instead of a fine-tuned CLIP, and there is one encoder for a kind, for fine-tuning is training; so is the preference
tuning that most of the paper's gain comes from. Given pictures without a word are no charts. The paper cuts at the
first ``log(s_i / s_i+1)`` above a threshold it does not give (rule ``adjacent-gap`` of the setting ``selector``). The
code's quotient also takes negative similarities for near; here they are never kept. Similarities of one encoder lie
close together, so that the rule seldom fires: whether it did is told in the answer's reason.
"""

from __future__ import annotations

from dataclasses import replace

from foveal.agents.selectors import ratio_to_top
from foveal.graphs.strategies.desk import Desk
from foveal.graphs.strategies.draft import Draft
from foveal.graphs.strategies.haystack import gather
from foveal.graphs.strategies.methods import Method
from foveal.types import Evidence

GAMMA, FOUND = 1.5, 5
DOMAINS = ("photograph", "chart", "text")


async def solve(desk: Desk) -> Draft:
    """Route, retrieve, cut, and answer."""
    domain = await _domain(desk)
    scored = sorted(await _retrieved(desk, domain), key=lambda pair: -pair[0])
    if not scored:
        return Draft(None, reason=f"{domain}: nothing was found")
    selection = ratio_to_top([score for score, _ in scored], GAMMA, FOUND)
    kept = [scored[n][1] for n in selection.kept] or [scored[0][1]]
    told = f"{domain}: kept {len(kept)} of {len(scored)}, the ratio {'fired' if selection.fired else 'did not fire'}"
    shown = [e.image for e in kept if e.image and e.kind != "text" and e.image not in {i.sha256 for i in desk.images}]
    draft = await desk.answer(kept, images=shown)
    return replace(draft, reason=told, retrieved=tuple(dict.fromkeys(e.doc_id for _, e in scored)))


async def _domain(desk: Desk) -> str:
    """Return the most probable domain; given pictures without a word in them are no charts."""
    wordless = desk.images and not any(desk.seen[image.sha256].ocr.strip() for image in desk.images)
    offered = tuple(domain for domain in DOMAINS if domain != "chart" or not wordless)
    asked = {"question": desk.question, "seen": desk.told()}
    weights = await desk.choose("mmed", offered, images=desk.images, **asked)
    return max(zip(weights, offered, strict=True), key=lambda pair: pair[0])[1]


async def _retrieved(desk: Desk, domain: str) -> list[tuple[float, Evidence]]:
    """Return what the domain's own retriever finds, with its similarities."""
    if domain == "photograph" and desk.images:
        return [(e.score, e) for image in desk.images for e in await desk.lookalikes(image, k=FOUND)]
    if domain == "chart" and desk.images:
        # what is asked about was handed in: it is its own nearest neighbour
        return [(e.score, e) for e in map(desk.look, desk.images)]
    if domain != "text":
        return [(e.score, e) for e in await desk.pictures(desk.question, k=FOUND)]
    hay = await gather(desk, k=FOUND)
    vectors = await desk.embed([hay.about(desk.question), *(f"{e.title}. {e.quote}" for e in hay.found)])
    return list(zip((vectors[1:] @ vectors[0]).tolist(), hay.found, strict=True))


METHOD = Method(
    "mmed",
    "Xia et al., MMed-RAG: Versatile Multimodal RAG System for Medical Vision Language Models, ICLR 2025 "
    "(arXiv 2410.13085)",
    "routes the question to the retriever of its domain and keeps results within a ratio of the best",
    solve,
)
