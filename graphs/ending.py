"""The end of every run: compose the answer or say what is missing, check it, and add the ledger and the usage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from langgraph.runtime import Runtime

from foveal.agents import answerer, checker, perceiver
from foveal.graphs import progress
from foveal.graphs.assess import NO_PROGRESS
from foveal.graphs.state import Perception, Research, ResearchState
from foveal.types import Answer, Hypothesis, Plan

BLIND = "The model cannot see: pictures were read by image search, labels and OCR."


async def synthesize(state: ResearchState, runtime: Runtime[Research]) -> dict[str, Any]:
    """Compose the answer from the last step, or say honestly what is missing."""
    work, plan = runtime.context, progress.told(state["plan"])
    steps, final = plan.steps, plan.steps[-1]
    ledger = state.get("evidence", {})
    used = progress.support(plan)
    citations = answerer.cite(used, ledger)
    if premise := progress.failed_premise(state["plan"]):
        text, status, reason = answerer.denied(premise, citations), "premise_false", "premise_false"
    elif final.status == "answered" and final.answer:
        text, status, reason = answerer.compose(final, citations), "answered", "answered"
    else:
        text, status = answerer.unable(steps, citations), "insufficient"
        reason = _why_unanswered(state, work)
    confidence = min(s.confidence for s in progress.chain(plan)) if status == "answered" else 0.0
    return {
        "answer": _answer(state, work, text, status, reason, confidence, citations),
        "stop_reason": reason,
    }


def _why_unanswered(state: ResearchState, work: Research) -> str:
    if limit := work.meter.exhausted():
        return f"budget:{limit}"
    if progress.ready(state["plan"]) and state.get("stale_rounds", 0) >= NO_PROGRESS:
        return "no_progress"
    if work.strategy == "adaptive" and state.get("rounds", 0) >= work.meter.budget.rounds:
        return "rounds"
    return "insufficient_evidence"


async def check(state: ResearchState, runtime: Runtime[Research]) -> dict[str, Any]:
    """Verify the citations in code; an answer that fails becomes an abstention."""
    answer, ledger = state["answer"], state.get("evidence", {})
    if answer.status != "answered":
        return {}
    broken = checker.unresolved(answer.answer, answer.citations, ledger)
    missing = checker.unsupported(state["plan"].steps[-1], answer.citations, ledger) if "plan" in state else []
    notes = [f"citation {b} does not resolve" for b in broken] + [f"{m} is not in the cited text" for m in missing]
    if broken:
        text = answerer.unable(state["plan"].steps, answer.citations)
        return {
            "answer": replace(answer, answer=text, status="insufficient", stop_reason="check_failed"),
            "warnings": notes,
        }
    return {"warnings": notes}


async def finalize(state: ResearchState, runtime: Runtime[Research]) -> dict[str, Any]:
    """Every path ends here: the answer with its ledger, plan and usage."""
    work = runtime.context
    answer = state["answer"]
    plan_ = state.get("plan", Plan())
    findings = state.get("findings", {})
    ranked = progress.merged_ranking(findings, plan_)
    notes = [] if work.solver.capabilities.vision or not state["images"] else [BLIND]
    notes += [f"Picture {n}: {', '.join(seen.flaws)}." for n, seen in enumerate(_seen(state), 1) if seen.flaws]
    shown = {s.image: findings[s.id].hypotheses for s in plan_.steps if s.image and s.id in findings}
    notes += [told for n, i in enumerate(state["images"], 1) if (told := _other(n, shown.get(i.sha256, ())))]
    answer = replace(
        answer,
        evidence=tuple(state.get("evidence", {}).values()),
        plan=plan_.steps,
        plan_log=tuple(state.get("plan_log", [])),
        conflicts=tuple(progress.resolved(c, plan_) for c in state.get("conflicts", [])),
        hypotheses=shown,
        warnings=(*notes, *dict.fromkeys(state.get("warnings", []))),
        usage=work.meter.total(),
        retrieved=ranked,
    )
    work.emit("answer.final", {"answer": answer})
    return {"answer": answer}


async def conclude(state: Mapping[str, Any], work: Research) -> Answer:
    """Return the answer of a run that has no superstep left, from what it has found so far."""
    ended: dict[str, Any] = dict(state)
    runtime = Runtime(context=work)
    for node in (synthesize, check, finalize):
        new = await node(cast(ResearchState, ended), runtime)
        ended |= {**new, "warnings": [*ended.get("warnings", []), *new.get("warnings", [])]}
    return ended["answer"]


def _other(number: int, hypotheses: Sequence[Hypothesis]) -> str:
    """Say what else a picture may show, when sight does not tell two things apart."""
    close = len(hypotheses) > 1 and hypotheses[0].score - hypotheses[1].score < perceiver.CLOSE
    return f"Picture {number} was taken for {hypotheses[0].name}; it may be {hypotheses[1].name}." if close else ""


def _seen(state: ResearchState) -> list[Perception]:
    return [seen for i in state["images"] if (seen := state.get("perceptions", {}).get(i.sha256))]


def _answer(
    state: ResearchState,
    work: Research,
    text: str,
    status: Any,
    reason: str,
    confidence: float,
    citations: Sequence[Any],
) -> Answer:
    return Answer(
        run_id=state["run_id"],
        question=state["question"],
        answer=text,
        status=status,
        stop_reason=reason,
        confidence=round(confidence, 3),
        citations=tuple(citations),
        config=work.config,
    )
