"""Pictures of the web: those that words describe, and what pages that show the same picture call it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace

from foveal.agents import queries
from foveal.agents.values import fold
from foveal.graphs import online
from foveal.graphs.state import BranchState, Research, entry_id
from foveal.tools.read.sites import at_most, site_of
from foveal.types import Evidence, Hypothesis, ImageHit, ImageRef, SubQuestion, ToolOutcome, WebHit, WebQuery

FETCHED = 4
"""Pictures of one search that are fetched, side by side."""
LIKE = 20
"""Pages with a picture like the question's that a search is asked for."""
TRUST = 0.7
ONE_SITE = 0.3
"""How probable it makes a name that one site calls such a picture so; sites that agree add up as 1 - Π(1 - p)."""
_SITE = re.compile(r"\s[-–—|›·:]\s.*$")


def is_of_web(hit: ImageHit) -> bool:
    """Say whether a picture was found on the web."""
    return bool(hit.meta.get("web"))


async def search(state: BranchState, work: Research) -> tuple[BranchState, ToolOutcome]:
    """Return the pictures that the step describes, fetched and kept, as image hits. Raises what is ENDING."""
    step = state["step"]
    query = queries.write(step.query or step.text)
    outcome = await online.search(WebQuery(query, "images"), state, work)
    notes = tuple(f"{step.id}: {note}" for note in outcome.notes)
    if outcome.error:
        return {**state, "notes": notes}, replace(outcome, notes=())
    hits = at_most(outcome.items)[:FETCHED]
    state = {**state, "leads": tuple(hits)}
    outcomes = await asyncio.gather(*(_fetched(hit, state, work) for hit in hits))
    fetched = list(zip(hits, outcomes, strict=True))
    problems = (f"{step.id}: a picture of {site_of(h.url)} was not read: {o}" for h, o in fetched if isinstance(o, str))
    shown = [_as_hit(h, ref, n) for n, (h, ref) in enumerate(fetched, 1) if isinstance(ref, ImageRef)]
    return {**state, "notes": (*notes, *problems)}, ToolOutcome("ok" if shown else "empty", tuple(shown))


async def _fetched(hit: WebHit, state: BranchState, work: Research) -> ImageRef | str:
    """Return the picture of *hit*, its thumbnail when that is all there is; else why not."""
    said = "it has no address"
    for url in filter(None, (hit.image, hit.thumbnail)):
        outcome = await online.picture(url, state, work)
        if outcome.items:
            return outcome.items[0]
        said = outcome.error or said
    return said


def _as_hit(hit: WebHit, ref: ImageRef, rank: int) -> ImageHit:
    title = hit.title or site_of(hit.url)
    return ImageHit(hit.url, title, hit.snippet or title, ref.sha256, 1 / rank, 0.0, url=hit.url, meta={"web": True})


async def lookalikes(state: BranchState, work: Research, *, first: int) -> tuple[list[Hypothesis], dict[str, Evidence]]:
    """Return what pages with such a picture call it, each name with its sites, and an entry of the ledger for each.

    Entries are numbered from *first*.
    Nothing when no backend takes pictures, or it failed. Raises what is ENDING.
    """
    step, image = state["step"], state.get("image")
    if work.web is None or image is None or "lookalikes" not in work.web.kinds:
        return [], {}
    outcome = await online.search(WebQuery(kind="lookalikes", image=image.sha256, k=LIKE), state, work)
    named: dict[str, list[WebHit]] = {}
    for hit in outcome.items:
        if name := fold(_SITE.sub("", hit.title)):
            named.setdefault(name, []).append(hit)
    found = [_hypothesis(hits) for hits in named.values()]
    entries = (_entry(step, first + n, hits[0], work.now()) for n, hits in enumerate(named.values()))
    return found, {e.id: e for e in entries}


def _hypothesis(hits: Sequence[WebHit]) -> Hypothesis:
    best = hits[0]
    sites = list(dict.fromkeys(site_of(hit.url) for hit in hits))
    surest = max((hit.score or 0.0) for hit in hits)
    probability = 1 - (1 - ONE_SITE * (1 + surest)) * (1 - ONE_SITE) ** (len(sites) - 1)
    return Hypothesis(
        _SITE.sub("", best.title).strip(), probability, best.url, probability=round(probability, 3),
        pros=(f"such a picture is called so by {', '.join(sites[:3])}",),
    )  # fmt: skip


def _entry(step: SubQuestion, rank: int, hit: WebHit, now: str) -> Evidence:
    quote = hit.snippet or hit.title
    return Evidence(
        entry_id(step, rank), "text", hit.url, hit.title, quote, end=len(quote), url=hit.url, tool="web",
        score=round(hit.score or 1 / max(hit.rank, 1), 4), sub_question=step.id, retrieved_at=now,
        published_at=hit.published_at, trust=TRUST,
    )  # fmt: skip
