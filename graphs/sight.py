"""Looking at pictures with a model that sees: the question's before anything is searched, and those of evidence.

Whatever goes wrong with it is told, and the words that others read in the pictures stand in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from foveal.agents import perceiver
from foveal.agents.cited import holds
from foveal.agents.observe import Observed, Picture, describe, observe
from foveal.errors import ENDING, FovealError
from foveal.graphs.dispute import dated
from foveal.graphs.state import Finding, Perception, Research, ResearchState, entry_id
from foveal.types import Document, Evidence, ImageRef, Plan, PlanChange, SubQuestion

CONFIDENCE = 0.7
"""Of an answer that a model saw."""
CONFIRMED = 0.9
"""The same, when the words that were read in the picture hold it too."""
LOOKED_AT = 3
"""Pictures of evidence that are looked at for one step."""


async def recognise(state: ResearchState, work: Research) -> dict[str, Any]:
    """Return the perceptions with what the solver says of each picture that is not known yet, and warnings."""

    async def of(image: ImageRef) -> tuple[Perception, list[str]]:
        seen = state["perceptions"][image.sha256]
        if image.sha256 in state.get("known", {}):
            return seen, []
        try:
            shown = await describe(work.solver, state["question"], image)
        except ENDING:
            raise
        except FovealError as problem:
            return seen, [f"A picture could not be described: {problem}"]
        return replace(seen, description=shown.description, names=shown.names, regions=shown.regions), []

    found = await asyncio.gather(*map(of, state["images"]))
    return {"perceptions": {p.image: p for p, _ in found}, "warnings": [w for _, warnings in found for w in warnings]}


async def glance(state: ResearchState, work: Research) -> tuple[dict[str, Any], bool]:
    """Return what a question comes to that its pictures answer by themselves, and whether they could be looked at.

    Without a plan in it the pictures do not show the answer.
    """
    question, images, seen = state["question"], state["images"], state["perceptions"]
    pictures = [Picture(i.sha256, i.name, seen[i.sha256].ocr) for i in images]
    observed, warnings = await _observed(question, pictures, (), work)
    if observed is None or observed.answer is None:
        return {"warnings": warnings}, observed is not None
    shown = [seen[images[n].sha256] for n in sorted(observed.seen)]
    step = SubQuestion("s1", question, tool="none", image=shown[0].image)
    entries = [itself(step, rank, picture, work.now()) for rank, picture in enumerate(shown, 1)]
    answered = _answered(step, observed, entries, CONFIDENCE)
    plan = Plan((answered,), source="triage")
    work.emit("plan.created", {"steps": (step,), "source": plan.source})
    work.emit("subquestion.started", {"step": step})
    told(entries, step, work)
    work.emit("subquestion.finished", {"step": answered})
    return {
        "plan": plan,
        "plan_log": [PlanChange(plan.version, "created", "what is asked was seen in the picture itself")],
        "evidence": {e.id: e for e in entries},
        "findings": {step.id: Finding(answered, retrieved=tuple(e.doc_id for e in entries))},
        "warnings": warnings,
    }, True


async def look(step: SubQuestion, seen: Perception, work: Research) -> tuple[Finding | None, tuple[str, ...]]:
    """Return what looking at the step's picture comes to, None when it could not be looked at, and warnings."""
    observed, warnings = await _observed(step.text, [Picture(seen.image, "", seen.ocr)], step.avoid, work)
    if observed is None:
        return None, tuple(warnings)
    if observed.answer is None:
        ended = step.having(status="insufficient", reason="the picture does not show it")
    else:
        ended = _answered(step, observed, [itself(step, 1, seen, work.now())], CONFIDENCE)
    return Finding(ended, warnings=tuple(warnings)), ()


async def look_up(
    step: SubQuestion, evidence: Sequence[Evidence], work: Research
) -> tuple[Finding | None, dict[str, Evidence], tuple[str, ...]]:
    """Return what the pictures of *evidence*, best first, answer, the entries that it rests on, and warnings.

    None when they do not show it.
    """
    first: dict[str, Evidence] = {}
    for entry in evidence:
        if entry.image:
            first.setdefault(entry.image, entry)
    shown: list[tuple[Evidence, Document]] = []
    for entry in list(first.values())[:LOOKED_AT]:
        if document := await work.document(entry.doc_id):
            shown.append((entry, document))
    if not shown:
        return None, {}, ()
    pictures = [Picture(e.image or "", e.title, d.ocr) for e, d in shown]
    observed, warnings = await _observed(step.text, pictures, step.avoid, work)
    if observed is None or observed.answer is None:
        return None, {}, tuple(warnings)
    used = [shown[n] for n in sorted(observed.seen)]
    entries = [await dated(replace(e, kind="page" if e.page is not None else "image"), work) for e, _ in used]
    confirmed = any(holds(d.ocr, observed.answer) for _, d in used)
    answered = _answered(step, observed, entries, CONFIRMED if confirmed else CONFIDENCE)
    return Finding(answered, warnings=tuple(warnings)), {e.id: e for e in entries}, ()


async def is_picture(question: str, entry: Evidence, work: Research) -> bool:
    """Say whether *entry* is of a page, or of a picture full of text: what it tells is better seen than read."""
    if not entry.image or entry.page is not None:
        return bool(entry.image)
    document = await work.document(entry.doc_id)
    return document is not None and perceiver.pixels_suffice(question, document.ocr)


def itself(step: SubQuestion, rank: int, seen: Perception, now: str) -> Evidence:
    """Return the ledger's entry of a picture of the question, with the words that were read in it."""
    return Evidence(
        id=entry_id(step, rank),
        kind="image",
        doc_id=f"picture:{seen.image[:12]}",
        title="the picture itself",
        quote=seen.ocr,
        part="ocr",
        end=len(seen.ocr),
        image=seen.image,
        score=1.0,
        tool="none",
        sub_question=step.id,
        retrieved_at=now,
    )


def told(entries: Iterable[Evidence], step: SubQuestion, work: Research) -> None:
    """Tell what was entered in the ledger for *step*."""
    for e in entries:
        told_of = {"id": e.id, "title": e.title, "doc_id": e.doc_id, "step": step.id, "score": e.score}
        work.emit("evidence.added", told_of)


async def _observed(
    question: str, pictures: Sequence[Picture], avoid: Sequence[str], work: Research
) -> tuple[Observed | None, list[str]]:
    """Return what the solver sees, None when it could not look, and warnings."""
    try:
        observed = await observe(work.solver, question, pictures, avoid=avoid)
    except ENDING:
        raise
    except FovealError as problem:
        return None, [f"The pictures could not be looked at: {problem}"]
    return observed, list(observed.warnings)


def _answered(step: SubQuestion, observed: Observed, entries: Sequence[Evidence], confidence: float) -> SubQuestion:
    assert observed.answer is not None
    told = "; ".join(f"[{n}] {observed.seen[k]}" for n, k in enumerate(sorted(observed.seen), 1))
    return step.having(
        status="answered",
        answer=observed.answer,
        values=(observed.answer,),
        confidence=confidence,
        evidence_ids=tuple(e.id for e in entries),
        reason=f"seen, {told[:300]}",
    )
