"""The research graph: perceive → plan (triage first) → dispatch → round (branch ⇉ assess) → conclude.

A round sends out every sub-question that is ready, looks over what came back and re-plans
(:mod:`foveal.graphs.replan`); ``dispatch`` goes round again while the budget lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Literal, cast

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from foveal.agents import chart, perceiver, planner
from foveal.agents.names import proper_names
from foveal.agents.typed_plan import OF_TEXTS, TOOLS
from foveal.agents.values import fold
from foveal.graphs import progress, sight
from foveal.graphs.assess import NO_PROGRESS, assess
from foveal.graphs.branch import branch
from foveal.graphs.ending import conclude
from foveal.graphs.state import BranchState, Perception, Research, ResearchState, Told, merge
from foveal.graphs.strategies import methods
from foveal.graphs.strategies.direct import answer_directly
from foveal.settings import METHODS
from foveal.tools.images.quality import flaws
from foveal.tools.layout.text import picture_text
from foveal.tools.limits.together import together
from foveal.types import ImageRef, Plan, PlanChange, SubQuestion, Tool

Onward = Command[Literal["round", "conclude"]]


def build_graph(checkpointer: Any = None) -> Any:
    """Return the compiled research graph. A server that brings its own checkpointer passes none."""
    graph = StateGraph(ResearchState, context_schema=Research)
    for name, node in {
        "perceive": perceive,
        "plan": plan,
        "round": go_round,
        "conclude": conclude,
    }.items():
        graph.add_node(name, node)
    graph.add_edge(START, "perceive")
    graph.add_edge("perceive", "plan")
    graph.add_edge("conclude", END)
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


async def triage(state: ResearchState, work: Research) -> dict[str, Any]:
    """Return a plan or an answer when the strategy forbids to search or the pixels suffice; else what was seen."""
    question = state["question"]
    if work.strategy == "direct":
        return await answer_directly(state, work)
    seen = state["perceptions"]
    # what code reads off a chart is exact: there is nothing better to be seen
    if work.solver.capabilities.vision and seen and not any(chart.answer(question, p.ocr) for p in seen.values()):
        glanced, looked = await sight.glance(state, work)
        if looked and "plan" not in glanced:
            known = await sight.recognise(state, work)
            return {**known, "warnings": [*glanced["warnings"], *known["warnings"]]}
        if looked:
            return glanced
    else:
        glanced = {}
    texts = [p for p in seen.values() if perceiver.pixels_suffice(question, p.ocr)]
    if state["images"] and len(texts) == len(state["images"]):
        step = SubQuestion("s1", question, purpose="lookup", tool="none", image=texts[0].image)
        plan = Plan((step,), source="triage")
        return {**glanced, **_created(work, plan, "the picture itself holds text that may answer")}
    return glanced


async def plan(state: ResearchState, runtime: Runtime[Research]) -> Onward:
    """Make the typed plan, unless triage already decided."""
    return dispatch(state, await _planned(state, runtime.context), runtime.context)


async def _planned(state: ResearchState, work: Research) -> dict[str, Any]:
    if work.strategy.partition(":")[0] in METHODS:
        return await methods.run(state, work)
    seen = await triage(state, work)
    if "plan" in seen or "answer" in seen:
        return seen
    question, perceptions = state["question"], seen.get("perceptions", state["perceptions"])
    if state.get("scope"):
        question = planner.without_scope(question)
    if work.strategy == "two_step":
        made = planner.two_step(question, state["images"])
    else:
        shown = {image: p.description for image, p in perceptions.items()}
        made = await planner.make_plan(question, state["images"], work.planner, tools=_may_use(work), shown=shown)
    if work.collection is None:
        made = replace(made, steps=tuple(_of_the_web(s) for s in made.steps))
    if known := state.get("known"):
        made = replace(made, steps=tuple(_recalled(s, known) for s in made.steps))
    return {**seen, **_created(work, made, "; ".join((f"{len(made.steps)} steps ({made.source})", *made.notes)))}


def _may_use(work: Research) -> tuple[Tool, ...]:
    """Return the tools that a plan may name."""
    if work.web is None:
        return TOOLS
    return (*(t for t in TOOLS if work.collection is not None or t not in OF_TEXTS), "web")


def _of_the_web(step: SubQuestion) -> SubQuestion:
    """Return *step* for a run that has the web alone."""
    return step.having(tool="web") if step.tool in OF_TEXTS else step


def _recalled(step: SubQuestion, known: Mapping[str, SubQuestion]) -> SubQuestion:
    """Return an ``identify`` step with the answer that an earlier turn of the session gave it."""
    earlier = known.get(step.image or "")
    if step.purpose != "identify" or earlier is None:
        return step
    return earlier.having(id=step.id, text=step.text, depends_on=(), reason=f"known from before: {earlier.reason}")


def dispatch(state: ResearchState, found: dict[str, Any], work: Research) -> Onward:
    """Return what a node found, and go on while something is ready and moves and the budget lasts.

    A premise that fails ends it. Said by the node itself: for an edge of its own the state would be read once more.
    """
    now = cast(ResearchState, {**state, **found})
    ended = (
        "answer" in now
        or now.get("stale_rounds", 0) >= NO_PROGRESS
        or not progress.ready(now["plan"])
        or work.meter.exhausted() is not None
        or progress.failed_premise(now["plan"]) is not None
    )
    return Command(update=found, goto="conclude" if ended else "round")


async def go_round(state: ResearchState, runtime: Runtime[Research]) -> Onward:
    """Send out every ready sub-question, as many at a time as the budget lets work side by side; then assess.

    One node, and not a task of LangGraph's for each branch and a superstep for what comes after: these cost more than
    all else between the calls, and of a superstep that is not over nothing would be kept anyway.
    """
    work = runtime.context
    told = progress.may_be_told(state) if work.web is not None else None
    ready = [branch_input(state, step, told) for step in progress.ready(state["plan"])]
    sent = [partial(branch, given, work) for given in ready]
    evidence, findings = state.get("evidence", {}), state.get("findings", {})
    for result in await together(sent, at_once=work.meter.budget.parallel):
        evidence, findings = merge(evidence, result["evidence"]), merge(findings, result["findings"])
    found = ResearchState(evidence=evidence, findings=findings)
    return dispatch(state, {**found, **await assess({**state, **found}, work)}, work)


def branch_input(state: ResearchState, step: SubQuestion, told: Told | None = None) -> BranchState:
    """Return what a branch needs of the state: its question with the parents' answers in it, and the names.

    *told* is what the web may be told, where there is one; a check needs to know whose word it checks there.
    """
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
    outside = BranchState() if told is None else BranchState(told=told, doubted=progress.doubted(state, step))
    return BranchState(
        **outside,
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


def _created(work: Research, made: Plan, detail: str) -> dict[str, Any]:
    work.emit("plan.created", {"steps": made.steps, "source": made.source})
    return {"plan": made, "plan_log": [PlanChange(made.version, "created", detail)]}
