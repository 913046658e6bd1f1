"""What a picture shows: look-alikes, label words and text in it, weighed against the question's noun and doubted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial

from foveal.agents import perceiver
from foveal.agents.values import fold
from foveal.graphs import webpics
from foveal.graphs.state import BranchState, Finding, Perception, Research, entry_id
from foveal.types import Document, Evidence, Hypothesis, ImageHit, Label, SubQuestion, Trouble

SEVERAL = 3
"""So many documents of one title make the title say nothing."""
KEPT = 5
"""Hypotheses that are kept, each with its evidence."""
_QUOTE = 300


def picture_entry(step: SubQuestion, rank: int, hit: ImageHit, now: str) -> Evidence:
    """Return the ledger's entry of the look-alike at *rank* (from 1)."""
    quote = hit.text[:_QUOTE]
    return Evidence(
        id=entry_id(step, rank),
        kind="region" if hit.region else "image",
        doc_id=hit.doc_id,
        title=hit.title,
        quote=quote,
        end=len(quote),
        url=hit.url,
        image=hit.image,
        page=hit.page,
        score=round(hit.score, 4),
        margin=round(hit.margin, 4),
        tool="web" if webpics.is_of_web(hit) else step.tool,
        sub_question=step.id,
        retrieved_at=now,
        trust=webpics.TRUST if webpics.is_of_web(hit) else 1.0,
        region=hit.region,
    )


def document_entry(step: SubQuestion, rank: int, document: Document, now: str) -> Evidence:
    """Return the ledger's entry of a document that a label or the text in the picture names."""
    quote = document.text[:_QUOTE]
    return Evidence(
        id=entry_id(step, rank),
        kind="text",
        doc_id=document.id,
        title=document.title,
        quote=quote,
        end=len(quote),
        url=document.url,
        image=document.image,
        page=document.page,
        tool=step.tool,
        sub_question=step.id,
        retrieved_at=now,
    )


async def identify(state: BranchState, work: Research) -> tuple[Finding, dict[str, Evidence]]:
    """Weigh what the picture may show; return what was found and the ledger's entries of the hypotheses.

    A first look at the whole picture that leaves a doubt answers nothing where a re-plan can look at its regions;
    what regions leave in doubt is answered with its probability. What is probably not in the collection is unknown.
    """
    step, seen = state["step"], state.get("perception")
    hits: list[ImageHit] = state.get("found", [])
    labels: tuple[Label, ...] = seen.labels if seen else ()
    titled = await _titled([n for label in labels for n in label.names], work)
    written = await _titled(perceiver.names_in([line.text for line in seen.lines]) if seen else [], work)
    generic = frozenset([t for t in Counter(h.title for h in hits) if await _is_generic(t, work)])
    recognised = await _titled(seen.names, work) if seen else {}
    named = [d for d in {d.id: d for d in written.values()}.values() if not await _is_generic(d.title, work)]
    told = [(name, recognised.get(fold(name))) for name in (seen.names if seen else ())]
    weigh = partial(
        perceiver.weigh, step.noun, hits, labels, titled=titled, generic=generic, written=named, recognised=told
    )
    weighed = weigh()[:KEPT]
    elsewhere: dict[str, Evidence] = {}
    if work.web is not None and perceiver.doubt(weighed) and not _looks_closer(step, work):
        called, elsewhere = await webpics.lookalikes(state, work, first=len(hits) + KEPT + 1)
        weighed = weigh(elsewhere=called)[:KEPT]
    _tell(step, weighed, labels, seen, work)
    documents = {d.id: d for d in (*titled.values(), *named, *recognised.values())}
    kept = {h.doc_id for h in weighed}
    entries = _entries(step, weighed, hits, documents, work.now())
    entries |= {e.id: e for e in elsewhere.values() if e.doc_id in kept}
    doubt = perceiver.doubt(weighed)
    trouble: tuple[Trouble, ...] = ()
    if not weighed or weighed[0].probability < perceiver.UNKNOWN:
        where = "in the collection" if work.collection is not None else "that is known"
        reason = f"nothing {where} looks like it" + (f": {doubt}" if weighed else "")
        step, trouble = step.having(status="insufficient", reason=reason), (Trouble("EMPTY", step.id, reason),)
    elif doubt and _looks_closer(step, work):
        step, trouble = step.having(status="insufficient", reason=doubt), (Trouble("AMBIGUOUS_ID", step.id, doubt),)
    else:
        best = weighed[0]
        trouble = (Trouble("AMBIGUOUS_ID", step.id, doubt),) if doubt else ()
        step = step.having(
            status="answered",
            answer=best.name,
            values=(best.name, *(a for a in best.aliases if a != best.name)),
            confidence=round(best.probability, 3),
            evidence_ids=tuple(e.id for e in entries.values() if e.doc_id == best.doc_id)[:1],
            reason="; ".join((*best.pros, *best.cons)),
        )
    return Finding(step, hypotheses=tuple(weighed), troubles=trouble), entries


def _looks_closer(step: SubQuestion, work: Research) -> bool:
    """Say whether a re-plan will search the picture's regions when this step leaves its answer open."""
    first = step.tool == "image_search" and not step.attempts and work.collection is not None
    return first and work.strategy == "adaptive" and "AMBIGUOUS_ID" in work.codes and not work.meter.exhausted()


def _tell(
    step: SubQuestion, weighed: Sequence[Hypothesis], labels: Sequence[Label], seen: Perception | None, work: Research
) -> None:
    work.emit(
        "perceived",
        {
            "image": step.image,
            "candidates": [
                {
                    "title": h.name,
                    "score": round(h.score, 3),
                    "probability": round(h.probability, 3),
                    "why": "; ".join(h.pros),
                    "against": "; ".join(h.cons),
                }
                for h in weighed
            ],
            "labels": [{"name": label.name, "probability": round(label.probability, 3)} for label in labels],
            "ocr": seen.ocr[:300] if seen else "",
            **({"description": seen.description} if seen and seen.description else {}),
        },
    )


def _entries(
    step: SubQuestion,
    weighed: Sequence[Hypothesis],
    hits: Sequence[ImageHit],
    named: Mapping[str, Document],
    now: str,
) -> dict[str, Evidence]:
    """Return an entry for each hypothesis that has a document: its look-alike, else the document that was named."""
    ranks = {hit.doc_id: rank for rank, hit in reversed(list(enumerate(hits, 1)))}
    entries: list[Evidence] = []
    for place, hypothesis in enumerate(weighed, 1):
        if rank := ranks.get(hypothesis.doc_id or ""):
            entries.append(picture_entry(step, rank, hits[rank - 1], now))
        elif document := named.get(hypothesis.doc_id or ""):
            entries.append(document_entry(step, len(hits) + place, document, now))
    return {entry.id: entry for entry in entries}


async def _titled(names: Sequence[str], work: Research) -> dict[str, Document]:
    """Return the documents whose title is one of *names*, by the folded name."""
    found: dict[str, Document] = {}
    for name in dict.fromkeys(n.strip() for n in names if n.strip()):
        documents = await work.titled(name)
        if documents and fold(documents[0].title) == fold(name):
            found.setdefault(fold(name), documents[0])
    return found


async def _is_generic(title: str, work: Research) -> bool:
    same = await work.titled(title, k=SEVERAL)
    return len(same) >= SEVERAL and all(fold(d.title) == fold(title) for d in same)
