"""Evidence that disagrees or is old: how a dispute between values is decided, and what counts as stale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from foveal.agents.freshness import is_fresh
from foveal.agents.values import date, fold
from foveal.graphs.state import BranchState, Finding, Research
from foveal.types import Evidence


async def dated(entry: Evidence, work: Research) -> Evidence:
    """Return *entry* with the date that its document states of itself (``meta.published_at`` or ``meta.date``)."""
    assert work.collection is not None
    document = await work.collection.document(entry.doc_id)
    written = document.meta.get("published_at") or document.meta.get("date") if document else None
    return replace(entry, published_at=str(written)) if written else entry


def stale(question: str, entry: Evidence, work: Research) -> str:
    """Say that the answer to a question about the present is known to be old; empty when it is not."""
    year = int(work.now()[:4])
    written = date(entry.published_at or "")
    if not is_fresh(question) or written is None or written[0] >= year:
        return ""
    return f"the newest evidence is of {written[0]}, it is {year}"


async def decide(state: BranchState, evidence: Sequence[Evidence], work: Research) -> Finding:
    """Decide between the values of a conflict.

    The newest wins if all of them are dated, and differently; else the value that most documents give, each
    document once, and only those that name the thing. Without a majority the first value stays.
    """
    step = state["step"]
    named = [fold(n) for n in state.get("names", ()) if n not in step.values]
    backing: dict[str, list[Evidence]] = {}
    for value in step.values:
        saying = {e.doc_id: e for e in reversed(evidence) if _says(e, value, named)}
        backing[value] = [await dated(e, work) for e in reversed(saying.values())]
    newest = {value: max((e.published_at or "" for e in entries), default="") for value, entries in backing.items()}
    if all(newest.values()) and len(set(newest.values())) == len(newest):
        chosen = max(step.values, key=lambda v: newest[v])
        told = ", ".join(f"{value}: {newest[value]}" for value in step.values)
        return _decided(state, chosen, backing[chosen], 0.85, f"the newest holds ({told})")
    counted = {value: len(entries) for value, entries in backing.items()}
    most = max(counted.values(), default=0)
    chosen = next((v for v in step.values if counted[v] == most), step.values[0])
    told = ", ".join(f"{value}: {n} document{'s' if n != 1 else ''}" for value, n in counted.items())
    if sum(n == most for n in counted.values()) == 1:
        return _decided(state, chosen, backing[chosen], 0.8, f"most documents say so ({told})")
    return _decided(state, step.values[0], backing[step.values[0]], 0.5, f"not decided ({told}); the first stands")


def _says(entry: Evidence, value: str, named: Sequence[str]) -> bool:
    words = f" {fold(entry.title)} {fold(entry.quote)} "
    return f" {fold(value)} " in words and (not named or any(f" {n} " in words for n in named))


def _decided(state: BranchState, value: str, entries: Sequence[Evidence], confidence: float, reason: str) -> Finding:
    return Finding(
        state["step"].having(
            status="answered",
            answer=value,
            values=(value,),
            confidence=confidence,
            evidence_ids=tuple(e.id for e in entries[:2]),
            reason=reason,
        )
    )
