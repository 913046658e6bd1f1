"""The research graph: perceive → triage → plan → dispatch ⇉ branch ⇉ assess → synthesize → check → finalize."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Send

from foveal.agents import answerer, checker, perceiver, planner
from foveal.agents.values import fold
from foveal.graphs import progress
from foveal.graphs.branch import build_branch
from foveal.graphs.state import BranchState, Perception, Research, ResearchState
from foveal.graphs.strategies.direct import answer_directly
from foveal.types import Answer, ImageRef, Plan, PlanChange, SubQuestion

_NAMES = re.compile(
    r"\"([^\"]+)\"|“([^”]+)”|\b([A-Z0-9][\w.'’&-]*(?:\s(?:(?:of|the|de|la|and|in)\s)?[A-Z0-9][\w.'’&-]*)*)"
)
_ASKING = {
    "what",
    "which",
    "who",
    "when",
    "where",
    "how",
    "in",
    "on",
    "is",
    "are",
    "was",
    "were",
    "did",
    "does",
    "the",
    "from",
    "of",
    "at",
}


def build_graph(checkpointer: Any = None) -> Any:
    """Return the compiled research graph. A server that brings its own checkpointer passes none."""
    graph = StateGraph(ResearchState, context_schema=Research)
    for name, node in {
        "perceive": perceive,
        "triage": triage,
        "plan": plan,
        "dispatch": dispatch,
        "branch": build_branch(),
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
        lines = work.ocr.read(pixels) if work.ocr else []
        return Perception(image.sha256, labels, "\n".join(line.text for line in lines))

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
    made = await planner.make_plan(question, state["images"], work.planner)
    return _created(work, made, f"{len(made.steps)} steps ({made.source})")


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
        step=step.having(text=text, status="running"),
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


def proper_names(text: str) -> list[str]:
    """Return the names in *text*: quoted, or runs of capitalised words that are not the question word."""
    found: list[str] = []
    for match in _NAMES.finditer(text):
        name = next(g for g in match.groups() if g)
        words = name.split()
        while words and words[0].lower() in _ASKING:
            words = words[1:]
        if words and not re.fullmatch(r"[\d.,]+", " ".join(words)):
            found.append(re.sub(r"['’]s$", "", " ".join(words)))
    return list(dict.fromkeys(found))


async def assess(state: ResearchState, runtime: Runtime[Research]) -> dict[str, Any]:
    """Merge what the branches found, unfold lists, compute, and skip what can no longer be answered."""
    work = runtime.context
    before = state["plan"]
    after, changes = progress.advance(before, state["findings"])
    if changes:
        work.emit(
            "plan.changed",
            {
                "code": changes[-1].code,
                "detail": changes[-1].detail,
                "version": after.version,
                "steps": after.steps,
            },
        )
    warnings = [
        w
        for s in after.steps
        if s.id in state["findings"] and not _was(before, s)
        for w in state["findings"][s.id].warnings
    ]
    return {"plan": after, "plan_log": changes, "rounds": state.get("rounds", 0) + 1, "warnings": warnings}


def _was(before: Plan, step: SubQuestion) -> bool:
    return any(s.id == step.id and s.status == step.status for s in before.steps)


def after_assess(state: ResearchState, runtime: Runtime[Research]) -> Literal["dispatch", "synthesize"]:
    """Go round again while a sub-question is ready and the budget lasts. Re-planning will hook in here."""
    if not progress.ready(state["plan"]) or runtime.context.meter.exhausted():
        return "synthesize"
    return "dispatch"


async def synthesize(state: ResearchState, runtime: Runtime[Research]) -> dict[str, Any]:
    """Compose the answer from the last step, or say honestly what is missing."""
    work, steps = runtime.context, state["plan"].steps
    ledger = state.get("evidence", {})
    final = steps[-1]
    used = progress.support(state["plan"])
    citations = answerer.cite(used, ledger)
    if final.status == "answered" and final.answer:
        text, status = answerer.compose(final, citations), "answered"
        reason = "answered"
    else:
        text, status = answerer.unable(steps, citations), "insufficient"
        limit = work.meter.exhausted()
        reason = f"budget:{limit}" if limit else "insufficient_evidence"
    confidence = (
        min((s.confidence for s in steps if s.status == "answered"), default=0.0) if status == "answered" else 0.0
    )
    return {
        "answer": _answer(state, work, text, status, reason, confidence, citations),
        "stop_reason": reason,
    }


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
    ranked = progress.merged_ranking(state.get("findings", {}), plan_)
    blind = (
        []
        if work.solver.capabilities.vision or not state["images"]
        else ["The model cannot see: pictures were read by image search, labels and OCR."]
    )
    answer = replace(
        answer,
        evidence=tuple(state.get("evidence", {}).values()),
        plan=plan_.steps,
        plan_log=tuple(state.get("plan_log", [])),
        warnings=(*blind, *state.get("warnings", [])),
        usage=work.meter.total(),
        retrieved=ranked,
    )
    work.emit("answer.final", {"answer": answer})
    return {"answer": answer}


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
