"""The research graph: perceive → triage → plan → dispatch ⇉ branch ⇉ assess → synthesize → check → finalize.

``assess`` looks over what came back, re-plans (see :mod:`foveal.graphs.replan`) and goes round again while a
sub-question is ready and the budget lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from foveal.agents import answerer, checker, perceiver, planner
from foveal.agents.names import proper_names
from foveal.agents.values import fold
from foveal.graphs import progress, replan
from foveal.graphs.branch import branch
from foveal.graphs.resort import last_resort
from foveal.graphs.state import Attempt, BranchState, Perception, Research, ResearchState
from foveal.graphs.strategies.direct import answer_directly
from foveal.tools.images.quality import flaws
from foveal.tools.layout.text import picture_text
from foveal.types import Answer, ImageRef, Plan, PlanChange, SubQuestion, Tool, Trouble

BLIND = "The model cannot see: pictures were read by image search, labels and OCR."
NO_PROGRESS = 2
"""Rounds without new evidence or an answer after which a run stops."""


def build_graph(checkpointer: Any = None) -> Any:
    """Return the compiled research graph. A server that brings its own checkpointer passes none."""
    graph = StateGraph(ResearchState, context_schema=Research)
    for name, node in {
        "perceive": perceive,
        "triage": triage,
        "plan": plan,
        "dispatch": dispatch,
        "branch": branch,
        "assess": assess,
        "synthesize": synthesize,
        "check": check,
        "finalize": finalize,
    }.items():
        graph.add_node(name, node)
    graph.add_edge(START, "perceive")
    graph.add_edge("perceive", "triage")
    graph.add_conditional_edges("triage", after_triage, ["plan", "dispatch", "finalize"])
    graph.add_edge("plan", "dispatch")
    graph.add_conditional_edges("dispatch", send_ready, ["branch", "synthesize"])
    graph.add_edge("branch", "assess")
    graph.add_conditional_edges("assess", after_assess, ["dispatch", "synthesize"])
    graph.add_edge("synthesize", "check")
    graph.add_edge("check", "finalize")
    graph.add_edge("finalize", END)
    return graph.compile(checkpointer=checkpointer)


async def perceive(state: ResearchState, runtime: Runtime[Research]) -> dict[str, Any]:
    """Say what is visible in each picture before anything is searched."""
    work = runtime.context

    def see(image: ImageRef) -> Perception:
        pixels = work.blobs.open(image.sha256)
        labels = tuple(work.eye.label_images([pixels], k=5)[0])
        lines = tuple(work.ocr.read(pixels)) if work.ocr else ()
        return Perception(image.sha256, labels, picture_text(lines, pixels), lines, flaws(pixels))

    seen = {image.sha256: await asyncio.to_thread(see, image) for image in state["images"]}
    scope = None
    if work.collection is not None and work.strategy != "direct":
        scope = await work.collection.scope_of(state["question"])
    return {"perceptions": seen, "scope": scope}


async def triage(state: ResearchState, runtime: Runtime[Research]) -> dict[str, Any]:
    """Search nothing when the strategy forbids it or the pixels hold the answer."""
    work, question = runtime.context, state["question"]
    if work.strategy == "direct":
        return await answer_directly(state, work)
    texts = [p for p in state["perceptions"].values() if perceiver.pixels_suffice(question, p.ocr)]
    if state["images"] and len(texts) == len(state["images"]):
        step = SubQuestion("s1", question, purpose="lookup", tool="none", image=texts[0].image)
        return _created(work, Plan((step,), source="triage"), "the picture itself holds text that may answer")
    return {}


def after_triage(state: ResearchState) -> Literal["plan", "dispatch", "finalize"]:
    """Go on to planning unless triage already decided."""
    if state.get("answer"):
        return "finalize"
    return "dispatch" if state.get("plan") else "plan"


async def plan(state: ResearchState, runtime: Runtime[Research]) -> dict[str, Any]:
    """Make the typed plan."""
    work = runtime.context
    question = state["question"]
    if state.get("scope"):
        question = planner.without_scope(question)
    if work.strategy == "two_step":
        made = planner.two_step(question, state["images"])
    else:
        made = await planner.make_plan(question, state["images"], work.planner)
    if known := state.get("known"):
        made = replace(made, steps=tuple(_recalled(s, known) for s in made.steps))
    return _created(work, made, "; ".join((f"{len(made.steps)} steps ({made.source})", *made.notes)))


def _recalled(step: SubQuestion, known: Mapping[str, SubQuestion]) -> SubQuestion:
    """Return an ``identify`` step with the answer that an earlier turn of the session gave it."""
    earlier = known.get(step.image or "")
    if step.purpose != "identify" or earlier is None:
        return step
    return earlier.having(id=step.id, text=step.text, depends_on=(), reason=f"known from before: {earlier.reason}")


async def dispatch(state: ResearchState, runtime: Runtime[Research]) -> dict[str, Any]:
    """A junction: the conditional edge after it sends every ready sub-question at once."""
    return {}


def send_ready(state: ResearchState, runtime: Runtime[Research]) -> list[Send] | Literal["synthesize"]:
    """Send all ready sub-questions, at most as many as the budget runs in parallel at once."""
    ready = progress.ready(state["plan"])
    if not ready or runtime.context.meter.exhausted():
        return "synthesize"
    return [Send("branch", branch_input(state, step)) for step in ready]


def branch_input(state: ResearchState, step: SubQuestion) -> BranchState:
    """Return what a branch needs of the state: its question with the parents' answers in it, and the names."""
    steps = {s.id: s for s in state["plan"].steps}
    parents = [steps[d] for d in step.depends_on if d in steps]
    text = progress.fill(step.text, steps)
    asked = [p for p in parents if p.answer and f"#{p.id}" in step.text]
    names = [n for p in asked for n in (p.values if p.purpose == "identify" else (progress.name_of(p),))]
    if not state.get("scope"):
        names += [n for n in proper_names(text) if not any(fold(n) in fold(m) or fold(m) in fold(n) for m in names)]
    about = [
        state["evidence"][e].doc_id
        for p in parents
        if p.purpose == "identify"
        for e in p.evidence_ids
        if e in state.get("evidence", {})
    ]
    listing = any(s.each == step.id for s in state["plan"].steps)
    return BranchState(
        step=step.having(text=text, template=step.text, status="running"),
        question=state["question"],
        names=tuple(names),
        about=tuple(about),
        scope=state.get("scope"),
        listing=listing,
        perception=state["perceptions"].get(step.image or ""),
        image=next((i for i in state["images"] if i.sha256 == step.image), None),
        evidence={},
        findings={},
    )


async def assess(state: ResearchState, runtime: Runtime[Research]) -> dict[str, Any]:
    """Take over what the branches found, re-plan where something is in the way, unfold lists and compute."""
    work, before = runtime.context, state["plan"]
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
    troubles = [t for s in ended for t in _troubles(s, state)]
    if _may_replan(work, rounds):
        after, mended = replan.replan(after, troubles, situation)
        changes += mended
    after, unfolded = progress.advance(after)
    changes += unfolded
    if _may_replan(work, rounds) and not progress.ready(after) and after.steps[-1].status != "answered":
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
        "conflicts": _conflicts(troubles, after, state, work),
        "rounds": rounds + any(c.code not in ("NEW_HOP", "created") for c in changes),
        "ledger_size": size,
        "stale_rounds": 0 if moved else state.get("stale_rounds", 0) + 1,
        "warnings": [w for s in ended for w in state["findings"][s.id].warnings],
    }


def _may_replan(work: Research, rounds: int) -> bool:
    return work.strategy == "adaptive" and rounds < work.meter.budget.rounds and not work.meter.exhausted()


def _asked(step: SubQuestion, state: ResearchState) -> str:
    """Return the step's question as it was asked, with the answers it rests on."""
    return state["findings"][step.id].step.text


def _tools(work: Research) -> frozenset[Tool]:
    local: tuple[Tool, ...] = ("image_search", "crop", "picture_search", "collection", "visit")
    return frozenset((*(local if work.collection is not None else ()), *(("web",) if work.web is not None else ())))


def _troubles(step: SubQuestion, state: ResearchState) -> list[Trouble]:
    """Return what a branch reported of *step*, and what only the plan and the picture tell."""
    found = list(state["findings"][step.id].troubles)
    seen = state.get("perceptions", {}).get(step.image or "")
    if seen and seen.flaws and any(t.code in ("EMPTY", "AMBIGUOUS_ID") for t in found):
        found.insert(0, Trouble("LOW_QUALITY_IMAGE", step.id, f"the picture is {', '.join(seen.flaws)}"))
    if premise := progress.broken_premise(step):
        found.insert(0, Trouble("PREMISE", step.id, premise))
    return found


def _conflicts(troubles: Sequence[Trouble], plan: Plan, state: ResearchState, work: Research) -> list[dict[str, Any]]:
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


def after_assess(state: ResearchState, runtime: Runtime[Research]) -> Literal["dispatch", "synthesize"]:
    """Go round again while a sub-question is ready, something moves, and the budget lasts."""
    plan = state["plan"]
    if not progress.ready(plan) or runtime.context.meter.exhausted() or state["stale_rounds"] >= NO_PROGRESS:
        return "synthesize"
    return "synthesize" if _premise(state) else "dispatch"


def _premise(state: ResearchState) -> str | None:
    """Return in words what the question takes for granted and the evidence denies."""
    return next((p for s in state["plan"].steps if (p := progress.broken_premise(s))), None)


async def synthesize(state: ResearchState, runtime: Runtime[Research]) -> dict[str, Any]:
    """Compose the answer from the last step, or say honestly what is missing."""
    work, steps = runtime.context, state["plan"].steps
    ledger = state.get("evidence", {})
    final = steps[-1]
    used = progress.support(state["plan"])
    citations = answerer.cite(used, ledger)
    if premise := _premise(state):
        text, status, reason = answerer.denied(premise, citations), "premise_false", "premise_false"
    elif final.status == "answered" and final.answer:
        text, status, reason = answerer.compose(final, citations), "answered", "answered"
    else:
        text, status = answerer.unable(steps, citations), "insufficient"
        reason = _why_unanswered(state, work)
    confidence = (
        min((s.confidence for s in steps if s.status == "answered"), default=0.0) if status == "answered" else 0.0
    )
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
    answer = replace(
        answer,
        evidence=tuple(state.get("evidence", {}).values()),
        plan=plan_.steps,
        plan_log=tuple(state.get("plan_log", [])),
        conflicts=tuple(progress.resolved(c, plan_) for c in state.get("conflicts", [])),
        hypotheses={s.image: findings[s.id].hypotheses for s in plan_.steps if s.image and s.id in findings},
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
        new = await node(ended, runtime)  # type: ignore[arg-type]
        ended |= {**new, "warnings": [*ended.get("warnings", []), *new.get("warnings", [])]}
    return ended["answer"]


def _seen(state: ResearchState) -> list[Perception]:
    return [seen for i in state["images"] if (seen := state.get("perceptions", {}).get(i.sha256))]


def _created(work: Research, made: Plan, detail: str) -> dict[str, Any]:
    work.emit("plan.created", {"steps": made.steps, "source": made.source})
    return {"plan": made, "plan_log": [PlanChange(made.version, "created", detail)]}


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
