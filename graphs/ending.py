"""The end of every run: compose the answer or say what is missing, check it, and add the ledger and the usage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from langgraph.runtime import Runtime

from foveal.agents import answerer, checker, fence, perceiver
from foveal.agents.freshness import is_fresh
from foveal.agents.markdown import is_plain, safe_markdown
from foveal.errors import ENDING, FovealError
from foveal.graphs import progress
from foveal.graphs.assess import NO_PROGRESS
from foveal.graphs.state import Perception, Research, ResearchState
from foveal.prompts.loader import render
from foveal.types import Answer, Citation, Hypothesis, Plan, SubQuestion

SUPPORTED = 0.5
"""How probable a judge must find it that the sources support an answer."""
BLIND = "The model cannot see: pictures were read by image search, labels and OCR."
READ = "The model cannot see: words in the pictures that are cited were read by OCR."


async def conclude(state: ResearchState, runtime: Runtime[Research]) -> dict[str, Any]:
    """Synthesize the answer from what was found so far, check it, and finalize it: every path ends here.

    One node, for none of the three waits for anything worth a checkpoint. An answer that triage gave is only finalized.
    """
    ended: dict[str, Any] = dict(state)
    for stage in (finalize,) if state.get("answer") else (synthesize, check, finalize):
        new = await stage(cast(ResearchState, ended), runtime.context)
        ended |= {**new, "warnings": [*ended.get("warnings", []), *new.get("warnings", [])]}
    return {"answer": ended["answer"]}


async def synthesize(state: ResearchState, work: Research) -> dict[str, Any]:
    """Compose the answer from the last step, or say honestly what is missing."""
    plan = progress.told(state["plan"])
    steps, final = plan.steps, plan.steps[-1]
    ledger = state.get("evidence", {})
    used = (*progress.support(plan), *_said_otherwise(state))
    citations = answerer.cite(used, ledger)
    notes: tuple[str, ...] = ()
    if premise := progress.failed_premise(state["plan"]):
        text, status, reason = answerer.denied(premise, citations), "premise_false", "premise_false"
    elif final.status == "answered" and final.answer:
        (text, notes), status, reason = await _worded(state, work, final, citations), "answered", "answered"
        text = f"{text}{_as_of(state, work, citations)}"
    else:
        text, status = answerer.unable(steps, citations), "insufficient"
        reason = _why_unanswered(state, work)
    confidence = min(s.confidence for s in progress.chain(plan)) if status == "answered" else 0.0
    return {
        "answer": _answer(state, work, text, status, reason, confidence, citations),
        "warnings": list(notes),
    }


async def _worded(
    state: ResearchState, work: Research, final: SubQuestion, citations: Sequence[Citation]
) -> tuple[str, tuple[str, ...]]:
    """Return the answer as code composes it, or as a strong model writes it when that holds, and warnings.

    Words are told as they are written (``answer.delta``), up to the first that may be markup: who shows them may
    follow it. What counts is the final answer.
    """
    composed = answerer.compose(final, citations)
    writer = work.answerer.at(final.id, ending=True)
    if not writer.capabilities.plans_freely or final.tool == "picture_search":
        return composed, ()

    written: list[str] = []

    def tell(piece: str) -> None:
        written.append(piece)
        if is_plain("".join(written)):
            work.emit("answer.delta", {"text": piece})

    try:
        text, faults = await answerer.write(writer, state["question"], _led(state), citations, on_text=tell)
    except ENDING:
        raise
    except FovealError as problem:
        return composed, (f"The answer is as it was found, in no sentence: {problem}",)
    if faults:
        return composed, (f"The answer that {writer.name} wrote was not taken: {'; '.join(faults)}.",)
    return text, ()


def _said_otherwise(state: ResearchState) -> list[str]:
    """Return the entries of values in dispute where the web is one of the sides: all sides are cited."""
    ledger, resting = state.get("evidence", {}), {s.id for s in progress.chain(progress.told(state["plan"]))}
    sides = [v["evidence_ids"] for c in state.get("conflicts", []) if c["step"] in resting for v in c["values"]]
    shown = [i for ids in sides for i in ids[:1] if i in ledger]
    return shown if any(ledger[i].tool == "web" for i in shown) else []


def _as_of(state: ResearchState, work: Research, citations: Sequence[Citation]) -> str:
    """Return what an answer about the present says of its date; nothing for others, or without the web."""
    fresh = is_fresh(state["question"]) or any(is_fresh(s.text) for s in _led(state))
    cited = [e for c in citations if (e := state.get("evidence", {}).get(c.evidence_id)) and e.tool == "web"]
    if work.web is None or not fresh or not cited:
        return ""
    dates = [e.published_at[:10] for e in cited if e.published_at]
    source = f"source dated {max(dates)}" if dates else "the source has no date"
    return f" (as of {work.now()[:10]}, {source})"


def _led(state: ResearchState) -> list[SubQuestion]:
    """Return the steps that led to the answer, the last one last."""
    return progress.chain(progress.told(state["plan"]))[::-1]


def _why_unanswered(state: ResearchState, work: Research) -> str:
    if limit := work.meter.exhausted():
        return f"budget:{limit}"
    if progress.ready(state["plan"]) and state.get("stale_rounds", 0) >= NO_PROGRESS:
        return "no_progress"
    if work.strategy == "adaptive" and state.get("rounds", 0) >= work.meter.budget.rounds:
        return "rounds"
    return "insufficient_evidence"


async def check(state: ResearchState, work: Research) -> dict[str, Any]:
    """Verify the citations in code, and ask a judge that is another model than the solver.

    An answer whose citations fail becomes an abstention; one that the judge doubts is told to be doubted.
    """
    answer, ledger = state["answer"], state.get("evidence", {})
    if answer.status != "answered":
        return {}
    broken = checker.unresolved(answer.answer, answer.citations, ledger)
    steps = progress.told(state["plan"]).steps if "plan" in state else ()
    missing = checker.unsupported(steps[-1], answer.citations, ledger) if steps else []
    notes = [f"citation {b} does not resolve" for b in broken] + [f"{m} is not in the cited text" for m in missing]
    if broken:
        text = answerer.unable(state["plan"].steps, answer.citations)
        return {
            "answer": replace(answer, answer=text, status="insufficient", stop_reason="check_failed"),
            "warnings": notes,
        }
    return await _judged(state, work, notes)


async def _judged(state: ResearchState, work: Research, notes: list[str]) -> dict[str, Any]:
    """Return *notes*, and what the judge makes of the answer."""
    answer = state["answer"]
    if "plan" not in state or work.judge.is_same(work.solver):
        return {"warnings": notes}
    steps = _led(state)
    asked = {**answerer.shown(answer.question, steps, answer.citations), "answer": answer.answer}
    try:
        judge = work.judge.at(steps[-1].id, ending=True)
        supported, _ = await judge.yes_probability(render("support", code=fence.of(judge), **asked), task="support")
    except ENDING:
        raise
    except FovealError as problem:
        return {"warnings": [*notes, f"The answer was not judged: {problem}"]}
    if supported >= SUPPORTED:
        return {"warnings": notes}
    doubted = replace(answer, confidence=round(min(answer.confidence, supported), 3))
    told = f"The judge, {judge.name}, doubts that the sources support this answer ({supported:.2f})."
    return {"answer": doubted, "warnings": [*notes, told]}


async def finalize(state: ResearchState, work: Research) -> dict[str, Any]:
    """Add to the answer its ledger, plan, warnings and usage; nothing is left in its text that a viewer would fetch."""
    answer = state["answer"]
    plan_ = state.get("plan", Plan())
    findings = state.get("findings", {})
    ranked = progress.merged_ranking(findings, plan_)
    eyes = work.answerer if work.strategy == "direct" else work.solver
    blind = not eyes.capabilities.vision
    notes = [BLIND] if blind and state["images"] else [READ] if blind and _read_in_pictures(state) else []
    notes += [f"Picture {n}: {', '.join(seen.flaws)}." for n, seen in enumerate(_seen(state), 1) if seen.flaws]
    shown = {s.image: findings[s.id].hypotheses for s in plan_.steps if s.image and s.id in findings}
    notes += [told for n, i in enumerate(state["images"], 1) if (told := _other(n, shown.get(i.sha256, ())))]
    cited = answer.citations
    if work.calibrated is not None and answer.status == "answered":
        answer = replace(answer, confidence=round(work.calibrated(answer.confidence), 3))
    answer = replace(
        answer,
        answer=safe_markdown(
            answer.answer, links=[c.url for c in cited if c.url], pictures=[c.image for c in cited if c.image]
        ),
        evidence=tuple(state.get("evidence", {}).values()),
        plan=plan_.steps,
        plan_log=tuple(state.get("plan_log", [])),
        conflicts=tuple(progress.resolved(c, plan_) for c in state.get("conflicts", [])),
        hypotheses=shown,
        warnings=(*notes, *dict.fromkeys([*state.get("warnings", []), *work.meter.notes])),
        usage=work.meter.total(),
        retrieved=ranked,
    )
    work.emit("answer.final", {"answer": answer})
    return {"answer": answer}


def _other(number: int, hypotheses: Sequence[Hypothesis]) -> str:
    """Say what else a picture may show, when sight does not tell two things apart."""
    close = len(hypotheses) > 1 and hypotheses[0].score - hypotheses[1].score < perceiver.CLOSE
    return f"Picture {number} was taken for {hypotheses[0].name}; it may be {hypotheses[1].name}." if close else ""


def _read_in_pictures(state: ResearchState) -> bool:
    """Say whether the answer rests on words that were read in a picture."""
    ledger = state.get("evidence", {})
    cited = (ledger.get(c.evidence_id) for c in state["answer"].citations)
    return any(e is not None and e.image and e.part == "ocr" for e in cited)


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
