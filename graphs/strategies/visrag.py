"""VisRAG: Yu et al., "VisRAG: Vision-based Retrieval-augmented Generation on Multi-modality Documents", ICLR 2025
(arXiv 2410.10594).

*Faithful*: pages are retrieved and answered from whole, in one of three ways. ``pages``: set side by side at the
height of the highest, as one picture. ``images``: all in one call, one by one. ``weighted``: each page is answered
from alone, and the answer of i* = argmax_i softmax(score)_i · exp(mean log probability)_i is taken.

*Different, and why*: pages are found by the collection's words for them, not by an embedding of their looks, and three
are taken. A blind model reads what stands on a page (its text, or what was read in it) where one that sees is shown
it; ``pages`` is then one text. What has no picture of its own is read as text too, where the paper would print it.
Cosines of question and page divided by 0.05 are the scores of the softmax: the released code takes bare retrieval
scores, on which it is nearly flat. Answers are written greedily, not with three beams, and a page that cannot tell
drops out of the choice instead of winning with "unable".
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING

from foveal.graphs.strategies.candidates import firsts, picture_asked_for, pictured
from foveal.graphs.strategies.desk import Desk
from foveal.graphs.strategies.draft import Draft
from foveal.graphs.strategies.methods import Method
from foveal.types import Evidence

if TYPE_CHECKING:
    from PIL.Image import Image

PAGES = 3
FOUND = 8
CHARS = 1200
"""Characters of a page that a blind model reads: about 270 tokens."""
TEMPERATURE = 0.05


async def solve(desk: Desk) -> Draft:
    """Retrieve pages and generate from them in the way of the variant."""
    if wanted := await picture_asked_for(desk, PAGES):
        return wanted
    found = await desk.search(desk.question, k=FOUND)
    if desk.images:
        # the question's picture is half of the query: what looks like it is retrieved beside what reads like the words
        found = [e for pair in zip_longest(await pictured(desk, PAGES), found) for e in pair if e]
    pages = [await desk.page(e, chars=CHARS) for e in firsts(found, lambda entry: entry.doc_id)[:PAGES]]
    if desk.variant == "weighted" and pages:
        return await _weighted(desk, pages)
    if desk.variant == "images" or not pages:
        return await _from(desk, pages)
    return await _joined(desk, pages)


async def _from(desk: Desk, pages: Sequence[Evidence], *, logprobs: bool = False) -> Draft:
    """Generate from *pages*: shown to a model that sees, in words to another."""
    shown = [e.image for e in pages if e.image] if desk.sees else []
    told = [e for e in pages if not (desk.sees and e.image)]
    draft = await desk.answer(told, images=shown, chars=CHARS, logprobs=logprobs)
    return replace(draft, used=(*pages, *draft.used[len(told) :]))


async def _joined(desk: Desk, pages: Sequence[Evidence]) -> Draft:
    """Generate from all *pages* as one."""
    shown = [e.image for e in pages if e.image] if desk.sees else []
    told = [e for e in pages if not (desk.sees and e.image)]
    words = "\n\n".join(e.quote for e in told)
    one = [replace(told[0], title="; ".join(dict.fromkeys(e.title for e in told)), quote=words)] if told else []
    images = [await desk.drawn(shown, side_by_side)] if shown else []
    draft = await desk.answer(one, images=images, chars=PAGES * CHARS)
    return replace(draft, used=(*pages, *draft.used[len(one) :]))


async def _weighted(desk: Desk, pages: Sequence[Evidence]) -> Draft:
    """Generate from each of *pages* alone and take the answer of the greatest weight; what failed counts as unable."""
    vectors = await desk.embed([desk.question, *(e.quote or e.title for e in pages)])
    cosines = [float(c) for c in vectors[1:] @ vectors[0]]
    results = await asyncio.gather(*(_from(desk, [e], logprobs=True) for e in pages), return_exceptions=True)
    drafts = [(n, draft) for n, draft in enumerate(results) if isinstance(draft, Draft)]
    weights = weighed([cosines[n] for n, _ in drafts], [draft.confidence for _, draft in drafts])
    if any(weights):
        n, best = drafts[max(range(len(drafts)), key=weights.__getitem__)]
        desk.standing = replace(best, reason=f"page {n + 1} of {len(pages)} weighs most")
    if problems := [r for r in results if isinstance(r, BaseException)]:
        raise problems[0]
    return desk.standing


def weighed(scores: Sequence[float], certainties: Sequence[float]) -> list[float]:
    """Return softmax(score / τ)_i · certainty_i; a certainty is exp(mean log probability) of an answer, 0 of none."""
    top = max(scores, default=0.0)
    shares = [math.exp((score - top) / TEMPERATURE) for score in scores]
    return [share / sum(shares) * certainty for share, certainty in zip(shares, certainties, strict=True)]


def side_by_side(pages: Sequence[Image]) -> Image:
    """Return *pages* from left to right in one picture, each as high as the highest and as wide as that makes it."""
    from PIL import Image as Pillow

    height = max(page.height for page in pages)
    scaled = [page.convert("RGB").resize((max(1, round(page.width * height / page.height)), height)) for page in pages]
    whole = Pillow.new("RGB", (sum(page.width for page in scaled), height), "white")
    left = 0
    for page in scaled:
        whole.paste(page, (left, 0))
        left += page.width
    return whole


METHOD = Method(
    "visrag",
    "Yu et al., VisRAG: Vision-based Retrieval-augmented Generation on Multi-modality Documents, ICLR 2025 "
    "(arXiv 2410.10594)",
    "whole pages are retrieved and answered from: joined to one, all at once, or each alone with the best weight taken",
    solve,
)
