"""After each round: take over what was found, re-plan where something is in the way, unfold lists and compute."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from foveal.agents.freshness import is_fresh
from foveal.agents.typed_plan import OF_TEXTS
from foveal.graphs import progress, replan
from foveal.graphs.resort import last_resort
from foveal.graphs.state import Attempt, Research, ResearchState
from foveal.types import Plan, SubQuestion, Tool, Trouble

NO_PROGRESS = 2
"""Rounds without new evidence or an answer after which a run stops."""


async def assess(state: ResearchState, work: Research) -> dict[str, Any]:
    """Take over what the branches found, re-plan where something is in the way, unfold lists and compute."""
    before = state["plan"]
    taken = progress.take(before, state["findings"])
    was = {s.id: s.status for s in before.steps}
    ended = [s for s in taken.steps if s.id in state["findings"] and s.status != was.get(s.id)]
    situation = replan.Situation(
        question=state["question"],
        findings=state["findings"],
        evidence=state.get("evidence", {}),
        tried=(*state.get("tried", []), *(Attempt(s.id, s.tool, s.query or _asked(s, state)) for s in ended)),
        tools=_tools(work),
        codes=work.codes,
    )
    after, changes = replan.settle(taken, situation.evidence)
    rounds = state.get("rounds", 0)
    troubles = [t for s in ended for t in _troubles(s, state, work)]
    if _may_replan(work, rounds):
        after, mended = replan.replan(after, troubles, situation)
        changes += mended
    after, unfolded = progress.advance(after)
    changes += unfolded
    if "DUPLICATE" in work.codes and work.strategy == "adaptive":
        after, reused = replan.reuse(after, lambda s: progress.fill(s.text, {p.id: p for p in after.steps}))
        after, more = progress.advance(after) if reused else (after, [])
        changes += [*reused, *more]
    unanswered = progress.told(after).steps[-1].status != "answered"
    if _may_replan(work, rounds) and not progress.ready(after) and unanswered:
        after, other = last_resort(after, situation)
        changes += other
    for change in changes:
        told = {"code": change.code, "detail": change.detail, "version": change.version, "step": change.step}
        work.emit("plan.changed", {**told, "steps": after.steps})
    size = len(state.get("evidence", {}))
    moved = size > state.get("ledger_size", 0) or any(s.status == "answered" for s in ended)
    return {
        "plan": after,
        "plan_log": changes,
        "tried": list(situation.tried[len(state.get("tried", [])) :]),
        "conflicts": [*_conflicts(troubles, state, work), *_contradictions(taken, ended, state, work)],
        "rounds": rounds + any(c.code not in ("NEW_HOP", "DUPLICATE") for c in changes),
        "ledger_size": size,
        "stale_rounds": 0 if moved else state.get("stale_rounds", 0) + 1,
        "warnings": [
            *(w for s in ended for w in state["findings"][s.id].warnings),
            *(f"{t.step}: {t.detail}" for s in ended for t in state["findings"][s.id].troubles if t.code == "STALE"),
        ],
    }


def _may_replan(work: Research, rounds: int) -> bool:
    return work.strategy == "adaptive" and rounds < work.meter.budget.rounds and not work.meter.exhausted()


def _asked(step: SubQuestion, state: ResearchState) -> str:
    """Return the step's question as it was asked, with the answers it rests on."""
    return state["findings"][step.id].step.text


def _tools(work: Research) -> frozenset[Tool]:
    local: tuple[Tool, ...] = ("image_search", "crop", "picture_search", "collection", "visit")
    return frozenset((*(local if work.collection is not None else ()), *(("web",) if work.web is not None else ())))


def _troubles(step: SubQuestion, state: ResearchState, work: Research) -> list[Trouble]:
    """Return what a branch reported of *step*, and what only the plan, the picture and the web's being there tell."""
    found = list(state["findings"][step.id].troubles)
    seen = state.get("perceptions", {}).get(step.image or "")
    if seen and seen.flaws and any(t.code in ("EMPTY", "AMBIGUOUS_ID") for t in found):
        found.insert(0, Trouble("LOW_QUALITY_IMAGE", step.id, f"the picture is {', '.join(seen.flaws)}"))
    alone = step.status == "answered" and step.tool in OF_TEXTS and not any(t.code == "STALE" for t in found)
    if work.web is not None and alone and is_fresh(step.text):
        told = f"the collection alone says so, and it may change; it is {work.now()[:4]}"
        found.append(Trouble("STALE", step.id, told))
    if premise := progress.broken_premise(step):
        found.insert(0, Trouble("PREMISE", step.id, premise))
    return found


def _conflicts(troubles: Sequence[Trouble], state: ResearchState, work: Research) -> list[dict[str, Any]]:
    """Return conflicts that were found in this round, and tell of them."""
    told = []
    for trouble in troubles:
        if trouble.code != "CONFLICT":
            continue
        finding = state["findings"][trouble.step]
        values = [
            {
                "value": value,
                "evidence_ids": [e.id for e in backing],
                "title": backing[0].title if backing else "",
                "published_at": backing[0].published_at if backing else None,
            }
            for value, backing in progress.backing(finding, state.get("evidence", {})).items()
        ]
        conflict = {"step": trouble.step, "question": finding.step.text, "values": values, "detail": trouble.detail}
        work.emit("conflict.found", conflict)
        told.append(conflict)
    return told


def _contradictions(
    plan: Plan, ended: Sequence[SubQuestion], state: ResearchState, work: Research
) -> list[dict[str, Any]]:
    """Return where the web, asked whether an answer still holds, says something else, and tell of it."""
    ledger, told = state.get("evidence", {}), []
    for first, check in progress.contradicted(plan, ended):
        values = []
        for step in (first, check):
            entries = [ledger[i] for i in step.evidence_ids if i in ledger]
            newest = max((e.published_at or "" for e in entries), default="")
            title = entries[0].title if entries else ""
            said = {"value": step.answer, "evidence_ids": [e.id for e in entries], "title": title}
            values.append({**said, "published_at": newest or None})
        detail = f"the web says {check.answer}, not {first.answer}"
        conflict = {"step": first.id, "question": first.text, "values": values, "detail": detail}
        work.emit("conflict.found", conflict)
        told.append(conflict)
    return told
