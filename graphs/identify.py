"""What a picture shows: look-alikes of the collection and label words, weighed against the question's noun."""

from __future__ import annotations

from collections import Counter

from foveal.agents import perceiver
from foveal.agents.values import fold
from foveal.graphs.state import BranchState, Research
from foveal.types import Document, Evidence, ImageHit, Label, SubQuestion

IDENTIFIED = 0.2
"""Least score of a hypothesis that is taken for what the picture shows."""
SEVERAL = 3
"""So many documents of one title make the title say nothing."""


def picture_entry(step: SubQuestion, rank: int, hit: ImageHit, now: str) -> Evidence:
    """Return the ledger's entry of the look-alike at *rank* (from 1)."""
    quote = hit.text[:300]
    return Evidence(
        id=f"{step.id}e{rank}",
        kind="image",
        doc_id=hit.doc_id,
        title=hit.title,
        quote=quote,
        end=len(quote),
        url=hit.url,
        image=hit.image,
        page=hit.page,
        score=round(hit.score, 4),
        margin=round(hit.margin, 4),
        tool=step.tool,
        sub_question=step.id,
        retrieved_at=now,
    )


async def identify(state: BranchState, work: Research) -> tuple[SubQuestion, dict[str, Evidence]]:
    """Weigh look-alikes and labels; return the step and the ledger's entry of what was chosen."""
    assert work.collection is not None
    step, seen = state["step"], state.get("perception")
    hits: list[ImageHit] = state.get("found", [])
    labels: tuple[Label, ...] = seen.labels if seen else ()
    titled: dict[str, str] = {}
    for label in labels:
        for name in label.name.split(","):
            documents = await work.collection.find_title(name.strip(), k=1)
            if documents and fold(documents[0].title) == fold(name):
                titled.setdefault(fold(name), documents[0].id)
    counted = Counter(h.title for h in hits)
    generic = frozenset([t for t in counted if await _is_generic(t, work)])
    weighed = perceiver.weigh(step.noun, hits, labels, titled=titled, generic=generic)
    work.emit(
        "perceived",
        {
            "image": step.image,
            "candidates": [{"title": h.name, "score": round(h.score, 3), "why": h.why} for h in weighed[:5]],
            "labels": [{"name": label.name, "probability": round(label.probability, 3)} for label in labels],
            "ocr": seen.ocr[:300] if seen else "",
        },
    )
    if not weighed or weighed[0].score < IDENTIFIED:
        return step.having(status="insufficient", reason="nothing in the collection looks like it"), {}
    best = weighed[0]
    chosen = next((n for n, h in enumerate(hits, 1) if best.image and h.doc_id == best.doc_id), None)
    entry = {f"{step.id}e{chosen}": picture_entry(step, chosen, hits[chosen - 1], work.now())} if chosen else {}
    margin = best.score - (weighed[1].score if len(weighed) > 1 else 0.0)
    reason = best.why + (f"; close to {weighed[1].name}" if len(weighed) > 1 and margin < perceiver.CLOSE else "")
    answered = step.having(
        status="answered",
        answer=best.name,
        values=(best.name, *(a for a in best.aliases if a != best.name)),
        confidence=round(min(1.0, best.score), 3),
        evidence_ids=tuple(entry),
        reason=reason,
    )
    return answered, entry


async def _is_generic(title: str, work: Research) -> bool:
    assert work.collection is not None
    same: list[Document] = await work.collection.find_title(title, k=SEVERAL)
    return len(same) >= SEVERAL and all(fold(d.title) == fold(title) for d in same)
