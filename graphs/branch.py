"""One sub-question: execute → read → solve. Branches run side by side and never raise."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from foveal.agents.values import fold, same_thing
from foveal.errors import BudgetExceeded, Cancelled, FovealError, ModelUnavailable
from foveal.graphs.identify import identify, picture_entry
from foveal.graphs.lookup import in_order, look_up
from foveal.graphs.state import BranchResult, BranchState, Finding, Research
from foveal.prompts.loader import render
from foveal.types import Evidence, ImageHit, OutcomeStatus, Scope, SubQuestion, TextHit, ToolOutcome

PASSAGES = 8
"""Passages that are put in order for the solver; it judges the first few."""
SHOWN = 10
"""Look-alikes that are entered in the ledger."""


def build_branch() -> Any:
    """Return the compiled sub-graph that is sent one ready sub-question."""
    graph = StateGraph(BranchState, context_schema=Research, output_schema=BranchResult)
    graph.add_node("execute", execute)
    graph.add_node("read", read)
    graph.add_node("solve", solve)
    graph.add_edge(START, "execute")
    graph.add_conditional_edges("execute", lambda state: END if state.get("findings") else "read", ["read", END])
    graph.add_edge("read", "solve")
    graph.add_edge("solve", END)
    return graph.compile()


async def execute(state: BranchState, runtime: Runtime[Research]) -> dict[str, Any]:
    """Call the step's tool; what goes wrong becomes a failed finding, not an exception."""
    work, step = runtime.context, state["step"]
    work.emit("subquestion.started", {"step": step})
    if step.tool == "none":
        return {"found": []}
    outcome = await _called(state, work)
    if outcome.status == "blocked":
        return _failed(work, step, "skipped", outcome.error or "")
    if outcome.error:
        return _failed(work, step, "failed", outcome.error)
    return {"found": list(outcome.items)}


async def _called(state: BranchState, work: Research) -> ToolOutcome:
    """Make one tool call within the budget and the time that is left. Raises only ModelUnavailable."""
    step = state["step"]
    try:
        work.meter.begin_tool_call(step.tool)
    except BudgetExceeded as problem:
        return ToolOutcome("blocked", error=problem.message)
    work.emit("tool.called", {"tool": step.tool, "step": step.id, "query": step.query or step.text})
    started = time.monotonic()
    found: tuple[Any, ...] = ()
    status: OutcomeStatus
    error = None
    try:
        async with asyncio.timeout(work.meter.seconds_left()):
            found = tuple(await _TOOLS[step.tool](state, work))
        status = "ok" if found else "empty"
    except TimeoutError:
        status, error = "timeout", f"{step.tool} did not answer in time"
    except ModelUnavailable:
        raise  # no branch can go on without the weights: the caller is told what to do
    except FovealError as problem:
        status, error = "error", str(problem)
    outcome = ToolOutcome(status, found, error, round(time.monotonic() - started, 3))
    told = {"tool": step.tool, "step": step.id, "status": status, "n": len(found), "elapsed": outcome.elapsed}
    work.emit("tool.returned", {**told, "error": error})
    return outcome


async def _collection(state: BranchState, work: Research) -> list[Any]:
    """Text search, widened by the documents that are titled like what the question names."""
    assert work.collection is not None
    step = state["step"]
    query = step.query or step.text
    if state.get("scope"):
        return list(await work.collection.search_text(query, k=12, scope=state["scope"]))
    titled: list[str] = list(state.get("about", ()))
    for name in state.get("names", ()):
        titled += [d.id for d in await work.collection.find_title(name, k=12)]
    hits: list[TextHit] = []
    if titled:
        hits += await work.collection.search_text(query, k=8, scope=Scope(doc_ids=tuple(dict.fromkeys(titled))))
    hits += await work.collection.search_text(query, k=30 if state.get("listing") else 12)
    return list({(h.doc_id, h.part, h.start): h for h in reversed(hits)}.values())[::-1]


async def _image_search(state: BranchState, work: Research) -> list[Any]:
    image = state.get("image")
    assert work.collection is not None and image is not None
    return list(await work.collection.search_image(image, k=60))


async def _picture_search(state: BranchState, work: Research) -> list[Any]:
    assert work.collection is not None
    return list(await work.collection.search_pictures(state["step"].query or state["step"].text, k=10))


_TOOLS = {"collection": _collection, "image_search": _image_search, "picture_search": _picture_search}


async def read(state: BranchState, runtime: Runtime[Research]) -> dict[str, Any]:
    """Put what was found in order and enter it in the ledger."""
    work, step = runtime.context, state["step"]
    found = state.get("found", [])
    now = work.now()
    ledger: dict[str, Evidence] = {}
    if step.tool in ("image_search", "picture_search"):
        for n, hit in enumerate(found[:SHOWN], 1):
            ledger[f"{step.id}e{n}"] = picture_entry(step, n, hit, now)
    elif step.tool == "collection":
        for n, hit in enumerate(order(found, state), 1):
            ledger[f"{step.id}e{n}"] = Evidence(
                id=f"{step.id}e{n}",
                kind="page" if hit.page is not None else "text",
                doc_id=hit.doc_id,
                title=hit.title,
                quote=hit.text,
                part=hit.part,
                start=hit.start,
                end=hit.end,
                url=hit.url,
                image=hit.image,
                page=hit.page,
                score=round(hit.score, 4),
                tool=step.tool,
                sub_question=step.id,
                retrieved_at=now,
            )
    elif state.get("perception") and state["perception"]:
        seen = state["perception"]
        ledger[f"{step.id}e1"] = Evidence(
            id=f"{step.id}e1",
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
    for item in ledger.values():
        work.emit(
            "evidence.added",
            {"id": item.id, "title": item.title, "doc_id": item.doc_id, "step": step.id, "score": item.score},
        )
    return {"evidence": ledger}


def order(hits: Sequence[TextHit], state: BranchState) -> list[TextHit]:
    """Return the passages worth reading, best first: about the thing named, alike in meaning, found by words."""
    names, about = state.get("names", ()), set(state.get("about", ()))
    folded = [fold(n) for n in names if fold(n)]

    def rating(hit: TextHit) -> float:
        title, text = fold(hit.title), fold(hit.text)
        score = hit.cosine if hit.cosine is not None else 0.3
        if any(n == title for n in folded) or hit.doc_id in about:
            score += 0.2
        elif any(same_thing(hit.title, n) for n in names):
            score += 0.15
        elif any(f" {n} " in f" {text} " for n in folded):
            score += 0.1
        return score + (0.05 if hit.lexical_rank is not None and hit.lexical_rank <= 5 else 0.0)

    ranked = sorted(hits, key=lambda h: (-rating(h), h.doc_id, h.start))
    return ranked[: 30 if state.get("listing") else PASSAGES]


async def solve(state: BranchState, runtime: Runtime[Research]) -> dict[str, Any]:
    """Answer the sub-question from its evidence alone."""
    work, step = runtime.context, state["step"]
    entry: dict[str, Evidence] = {}
    try:
        if step.tool == "image_search":
            solved, entry = await identify(state, work)
        elif step.tool == "picture_search":
            solved = _best_picture(state)
        elif step.tool == "none":
            solved = await _look(state, work)
        else:
            solved, entry = await look_up(state, work)
    except BudgetExceeded as problem:
        return _failed(work, step, "skipped", problem.message)
    except (Cancelled, ModelUnavailable):
        raise
    except FovealError as problem:
        return _failed(work, step, "failed", str(problem))
    ledger = {**state.get("evidence", {}), **entry}
    used = [ledger[i].doc_id for i in solved.evidence_ids if i in ledger]
    retrieved = tuple(dict.fromkeys([*used, *(e.doc_id for e in in_order(ledger))]))
    work.emit("subquestion.finished", {"step": solved})
    return {"findings": {step.id: Finding(solved, retrieved)}, "evidence": entry}


def _best_picture(state: BranchState) -> SubQuestion:
    step, found = state["step"], state.get("found", [])
    if not found:
        return step.having(status="insufficient", reason="no picture matches the description")
    best: ImageHit = found[0]
    return step.having(
        status="answered",
        answer=best.doc_id,
        values=(best.doc_id,),
        confidence=round(min(1.0, best.score), 3),
        evidence_ids=(f"{step.id}e1",),
        reason=best.text[:120],
    )


async def _look(state: BranchState, work: Research) -> SubQuestion:
    """Read the answer off the text in the picture."""
    step, seen = state["step"], state.get("perception")
    assert seen is not None
    call = await work.solver.generate(
        render("look", question=step.text, picture_text=seen.ocr[:3000]),
        max_tokens=48,
        stop=("\n",),
        task="look",
    )
    answer = call.text.strip().rstrip(".")
    if not answer or "answerable" in answer.lower():
        return step.having(status="insufficient", reason="the picture's text does not tell")
    return step.having(
        status="answered", answer=answer, values=(answer,), confidence=0.6, evidence_ids=(f"{step.id}e1",)
    )


def _failed(work: Research, step: SubQuestion, status: str, reason: str) -> dict[str, Any]:
    ended = step.having(status=status, reason=reason)
    work.emit("subquestion.finished", {"step": ended})
    return {"findings": {step.id: Finding(ended, warnings=(f"{step.id}: {reason}",))}}
