"""Between search and reading: what was found is put in order by a reranker, and a selector says how much is read.

Nothing kept is a result: the step is told that its search found nothing relevant, and the plan may change. A
reranker that fails leaves the order of the search, with a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from foveal.agents import reader
from foveal.agents.listwise import Listwise
from foveal.agents.relevance import YesNo
from foveal.agents.selectors import Selector
from foveal.agents.values import fold, same_thing
from foveal.errors import ENDING, BadConfig, FovealError, ModelError
from foveal.graphs.state import BranchState, Reranking, Research
from foveal.protocols import ChatModel, PictureReader, Reranker
from foveal.tools.rerank.registry import make_local
from foveal.types import Candidate, Scored, TextHit

PASSAGES = 8
"""Passages that are read where a reranker was not asked, or failed."""
LISTED = 30
"""Passages that are looked through for the members of a list."""
SHARE = 4
"""One reranking may ask for a candidate each at most this part of the run's model calls."""
FROM_MODEL: dict[str, Callable[[ChatModel], Reranker]] = {
    "model": YesNo,
    "listwise": Listwise,
    "listwise:full": lambda model: Listwise(model, strategy="full"),
    "listwise:sliding": lambda model: Listwise(model, strategy="sliding"),
}
"""Rerankers that ask the solver's model."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """What is read, best first. ``rejected`` says why nothing is, when something was found."""

    hits: list[Any]
    reordered: bool = False
    rejected: str = ""
    warnings: tuple[str, ...] = ()


def make_reranking(reranker: str, selector: str, pool: int, pictures: PictureReader | None = None) -> Reranking:
    """Return what the settings say. Raises BadConfig for an unknown one, and for a pair that means nothing."""
    rule = Selector.parse(selector)
    if reranker == "none":
        if rule.name != "fixed":
            raise BadConfig(f"The selector {rule} needs scores.", remedy="Choose a reranker, or fixed:K.")
        return Reranking(None, rule, rule.k)
    make = FROM_MODEL.get(reranker)
    scale = {"model": YesNo.scale}.get(reranker, Listwise.scale)
    if make is None:
        local = make_local(reranker, pictures)
        make, scale = (lambda model: local), local.scale
    if not rule.fits(scale):
        raise BadConfig(
            f"The selector {rule} means nothing on the scores of {reranker}, which are no more than a {scale}.",
            remedy="Use fixed:K with it, or a reranker that gives probabilities: model or cross-encoder:DIR_OR_ID.",
        )
    return Reranking(make, rule, pool)


def order(hits: Sequence[TextHit], state: BranchState) -> list[TextHit]:
    """Return the passages, best first: about the thing named, alike in meaning, found by words."""
    names, about = state.get("names", ()), set(state.get("about", ()))
    folded = [fold(n) for n in names if fold(n)]
    as_words = [f" {n} " for n in folded]

    def rating(hit: TextHit) -> float:
        title, text = fold(hit.title), f" {fold(hit.text)} "
        score = hit.cosine if hit.cosine is not None else 0.3
        if title in folded or hit.doc_id in about:
            score += 0.2
        elif any(same_thing(hit.title, n) for n in names):
            score += 0.15
        elif any(n in text for n in as_words):
            score += 0.1
        return score + (0.05 if hit.lexical_rank is not None and hit.lexical_rank <= 5 else 0.0)

    if state["step"].tool == "web":
        return sorted(hits, key=lambda h: -rating(h))  # the search's own order tells more than the address
    return sorted(hits, key=lambda h: (-rating(h), h.doc_id, h.start))


async def rerank(hits: Sequence[Any], state: BranchState, work: Research) -> Ranked:
    """Put *hits* (of texts or of pictures, best first by the search) in order and keep what is worth reading."""
    chosen = work.reranking
    k = PASSAGES if chosen.make else chosen.selector.k
    kept = list(hits[: LISTED if state.get("listing") else k])
    if chosen.make is None or not hits or _needless(kept, state):
        return Ranked(kept)
    reranker, step = chosen.make(work.solver), state["step"]
    began = await work.meter.pace.moment(f"reranking {step.id}")
    limit = work.meter.budget.model_calls
    affordable = max(1, limit // SHARE) if reranker.per_candidate and limit is not None else chosen.pool
    pool = list(hits[: min(chosen.pool, affordable)])
    candidates = [Candidate(hit.text, hit.title, hit.image, hit.doc_id) for hit in pool]
    try:
        scored = await _scored(reranker, step.text, candidates, state, work)
        scores, concept = [s.score for s in scored], []
        if chosen.selector.of_concept:
            about = ", ".join(state.get("names", ())) or step.text
            against = {s.index: s.score for s in await _scored(reranker, about, candidates, state, work)}
            concept = [against[s.index] for s in scored]
        selection = chosen.selector(scores, concept)
    except ENDING:
        raise
    except FovealError as problem:
        return Ranked(kept, warnings=(f"{step.id}: passages are in the order of the search: {problem}",))
    shown = [{"doc_id": pool[s.index].doc_id, "title": pool[s.index].title, "score": round(s.score, 4)} for s in scored]
    told = {"step": step.id, "reranker": reranker.name, "selector": str(chosen.selector), "scores": shown}
    ended = await work.meter.pace.moment(f"reranked {step.id}")
    counts = {"kept": len(selection.kept), "of": len(pool), "fired": selection.fired}
    work.emit("rerank", {**told, **counts, "elapsed": round(ended - began, 3)})
    if not selection.kept:
        return Ranked([], True, f"the best of {len(pool)} passages is relevant with {scores[0]:.2f}")
    return Ranked([pool[scored[i].index] for i in selection.kept], True)


def _needless(hits: Sequence[Any], state: BranchState) -> bool:
    """Say whether order changes nothing: the page is named, every source counts, or a record answers by its key."""
    step, scope = state["step"], state.get("scope")
    if step.tool == "picture_search":
        return False
    if state.get("listing") or (scope and scope.page is not None) or (step.purpose == "verify" and step.values):
        return True
    about = set(state.get("about", ()))
    passages = [reader.Passage("", h.doc_id, h.title, h.text, h.part, h.start, trusted=h.doc_id in about) for h in hits]
    return reader.read_by_key(step.text, passages, state.get("names", ()), scoped=scope is not None) is not None


async def _scored(
    reranker: Reranker, query: str, candidates: Sequence[Candidate], state: BranchState, work: Research
) -> Sequence[Scored]:
    """Ask the reranker, within the budget and kept in the journal. Raises FovealError."""
    if reranker.metered:
        return await reranker.rerank(query, candidates)
    asked = {"query": query, "candidates": [(c.title, c.text, c.image) for c in candidates]}
    request = {"reranker": reranker.name, **asked}
    outcome = await work.meter.tool_call(
        "rerank", request, state["step"].id, lambda: reranker.rerank(query, candidates)
    )
    if outcome.error:
        raise ModelError(outcome.error)
    return outcome.items
