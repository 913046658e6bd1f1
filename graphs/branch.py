"""One sub-question: execute → read → solve. Branches run side by side and never raise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, cast

from foveal.agents import chart, fence
from foveal.agents.names import long_names
from foveal.agents.perceiver import SEARCHED
from foveal.agents.values import fold
from foveal.errors import ENDING, BudgetExceeded, FovealError
from foveal.graphs import composed, sight, webbed, webpics
from foveal.graphs.identify import identify, picture_entry
from foveal.graphs.lookup import in_order, look_up, passage_entry
from foveal.graphs.regions import search_regions
from foveal.graphs.reranking import LISTED, Ranked, order, rerank
from foveal.graphs.state import BranchResult, BranchState, Finding, Research, entry_id
from foveal.prompts.loader import render
from foveal.tools.runs.journal import same_words
from foveal.types import Evidence, ImageHit, Scope, SubQuestion, TextHit, ToolOutcome, Trouble

SHOWN = 10
"""Look-alikes that are entered in the ledger."""


async def branch(state: BranchState, work: Research) -> BranchResult:
    """One ready sub-question, from its tool to its answer. What it had done by an interruption is in the journal."""
    work = work.at(state["step"].id)
    work.meter.pace.enter(state["step"].id)
    ended: dict[str, Any] = dict(state)
    for stage in (execute, read, solve):
        new = await stage(cast(BranchState, ended), work)
        ended |= {**new, "evidence": {**ended["evidence"], **new.get("evidence", {})}}
        if new.get("findings"):
            break
    return BranchResult(evidence=ended["evidence"], findings=ended["findings"])


async def execute(state: BranchState, work: Research) -> dict[str, Any]:
    """Call the step's tool; what goes wrong becomes a failed finding, not an exception."""
    step = state["step"]
    work.emit("subquestion.started", {"step": step})
    if step.tool == "none":
        return {"found": []}
    state = {**state, "names": await _titles(state, work)}
    state, outcome = await _sought(state, work)
    step, notes = state["step"], state.get("notes", ())
    if outcome.status == "blocked":
        return _failed(work, step, "skipped", outcome.error or "", notes=notes)
    if outcome.error:
        trouble = Trouble("TOOL_DOWN", step.id, outcome.error)
        return _failed(work, step, "failed", outcome.error, trouble, notes=notes)
    return {**state, "found": list(outcome.items)}


async def _sought(state: BranchState, work: Research) -> tuple[BranchState, ToolOutcome]:
    """Return what the step's tool finds; for pictures that the collection has not, what the web has."""
    tool = state["step"].tool
    if tool == "web" and work.web is not None:
        return await webbed.search(state, work)
    outcome = await _called(state, work) if work.collection is not None else ToolOutcome("empty")
    sought = tool == "picture_search" and not outcome.items and not outcome.error
    if sought and not composed.is_composed(state) and work.web is not None and "images" in work.web.kinds:
        return await webpics.search(state, work)
    return state, outcome


async def _titles(state: BranchState, work: Research) -> tuple[str, ...]:
    """Return the names that the question holds; a longer run of words that is a title stands for the names in it."""
    names = list(state.get("names", ()))
    if work.collection is None or state["step"].tool not in ("collection", "visit"):
        return tuple(names)
    for run in long_names(state["step"].text):
        titled = await work.collection.find_title(run, k=1)
        if titled and fold(titled[0].title) == fold(run):
            names = [run, *(n for n in names if fold(n) not in fold(run))]
    return tuple(names)


async def _called(state: BranchState, work: Research) -> ToolOutcome:
    """Make one tool call within the budget and the time that is left. Raises only what is :data:`ENDING`."""
    if composed.is_composed(state):
        state = await composed.edit(state, work)
    step = state["step"]
    work.emit("tool.called", {"tool": step.tool, "step": step.id, "query": step.query or step.text})
    outcome = await work.meter.tool_call(step.tool, _request(state), step.id, lambda: _TOOLS[step.tool](state, work))
    told = {"tool": step.tool, "step": step.id, "status": outcome.status, "n": len(outcome.items)}
    work.emit("tool.returned", {**told, "elapsed": outcome.elapsed, "error": outcome.error})
    return outcome


def _request(state: BranchState) -> dict[str, Any]:
    """Return all that a tool's result depends on: two calls that agree in it are one."""
    step, scope, image = state["step"], state.get("scope"), state.get("image")
    if step.tool == "image_search":
        return {"image": image.sha256 if image else None}
    return {
        "words": same_words(step.query or step.text),
        "names": state.get("names", ()),
        "about": state.get("about", ()),
        "scope": asdict(scope) if scope else None,
        "listing": state.get("listing", False),
        "image": image.sha256 if image else None,
        "region": asdict(step.region) if step.region else None,
    }


async def _collection(state: BranchState, work: Research) -> list[Any]:
    """Text search, widened by the documents that are titled like what the question names."""
    assert work.collection is not None
    step = state["step"]
    query = step.query or step.text
    depth = max(12, work.reranking.pool)
    if state.get("scope"):
        return list(await work.collection.search_text(query, k=depth, scope=state["scope"]))
    titled: list[str] = list(state.get("about", ()))
    for name in state.get("names", ()):
        titled += [d.id for d in await work.collection.find_title(name, k=12)]
    hits: list[TextHit] = []
    if titled:
        hits += await work.collection.search_text(query, k=8, scope=Scope(doc_ids=tuple(dict.fromkeys(titled))))
    hits += await work.collection.search_text(query, k=LISTED if state.get("listing") else depth)
    return _once(hits)


async def _visit(state: BranchState, work: Research) -> list[Any]:
    """Everything in the documents that are titled like what the question names, the best passage first."""
    assert work.collection is not None
    step = state["step"]
    opened: list[str] = list(state.get("about", ()))
    for name in state.get("names", ()):
        opened += [d.id for d in await work.collection.find_title(name, k=3)]
    if not opened:
        return []
    scope = Scope(doc_ids=tuple(dict.fromkeys(opened)))
    return _once(await work.collection.search_text(step.query or step.text, k=40, scope=scope))


def _once(hits: Sequence[TextHit]) -> list[Any]:
    """Return each passage once, where it comes first."""
    first: dict[tuple[str, str, int], TextHit] = {}
    for hit in hits:
        first.setdefault((hit.doc_id, hit.part, hit.start), hit)
    return list(first.values())


async def _crop(state: BranchState, work: Research) -> list[Any]:
    regions = [state["step"].region] if state["step"].region else None
    return list(await search_regions(state, work, regions))


async def _image_search(state: BranchState, work: Research) -> list[Any]:
    image = state.get("image")
    assert work.collection is not None and image is not None
    return list(await work.collection.search_image(image, k=SEARCHED))


async def _picture_search(state: BranchState, work: Research) -> list[Any]:
    assert work.collection is not None
    if composed.is_composed(state):
        return await composed.search(state, work)
    return list(await work.collection.search_pictures(state["step"].query or state["step"].text, k=10))


_TOOLS = {
    "collection": _collection,
    "visit": _visit,
    "image_search": _image_search,
    "crop": _crop,
    "picture_search": _picture_search,
}


async def read(state: BranchState, work: Research) -> dict[str, Any]:
    """Put what was found in order, keep what is worth reading and enter it in the ledger."""
    step = state["step"]
    found = state.get("found", [])
    now = work.now()
    ledger: dict[str, Evidence] = {}
    ranked = Ranked(found)
    if step.tool in ("collection", "visit", "web"):
        ranked = await rerank(order(found, state), state, work)
    elif step.tool == "picture_search" and work.reranking.make is not None:
        ranked = await rerank(found, state, work)
    if step.tool in ("image_search", "crop", "picture_search"):
        found = ranked.hits
        for n, hit in enumerate(found[:SHOWN], 1):
            ledger[entry_id(step, n)] = picture_entry(step, n, hit, now)
    elif step.tool in ("collection", "visit", "web"):
        for n, hit in enumerate(ranked.hits, 1):
            trust = webbed.SNIPPET_TRUST if step.tool == "web" else 1.0
            ledger[entry_id(step, n)] = passage_entry(step, n, hit, now, trust=trust)
    elif state.get("perception") and state["perception"]:
        ledger[entry_id(step, 1)] = sight.itself(step, 1, state["perception"], now)
    sight.told(ledger.values(), step, work)
    return {"evidence": ledger, "found": ranked.hits if ranked.reordered else found, "rejected": ranked.rejected,
            "notes": (*state.get("notes", ()), *ranked.warnings)}  # fmt: skip


async def solve(state: BranchState, work: Research) -> dict[str, Any]:
    """Answer the sub-question from its evidence alone."""
    step = state["step"]
    entry: dict[str, Evidence] = {}
    try:
        if step.tool in ("image_search", "crop"):
            finding, entry = await identify(state, work)
        elif step.tool == "picture_search":
            finding = _best_picture(state)
        elif step.tool == "none":
            finding = await _look(state, work)
        elif step.tool == "web":
            finding, entry = await webbed.solve(state, work)
        else:
            finding, entry = await look_up(state, work)
    except BudgetExceeded as problem:
        return _failed(work, step, "skipped", problem.message)
    except ENDING:
        raise
    except FovealError as problem:
        return _failed(work, step, "failed", str(problem))
    ledger = {**state.get("evidence", {}), **entry}
    used = [ledger[i].doc_id for i in finding.step.evidence_ids if i in ledger]
    retrieved = tuple(dict.fromkeys([*used, *(e.doc_id for e in in_order(ledger))]))
    work.emit("subquestion.finished", {"step": finding.step})
    return {
        "findings": {
            step.id: replace(
                finding,
                retrieved=retrieved,
                attempt=step.attempts,
                warnings=(*finding.warnings, *state.get("notes", ())),
            )
        },
        "evidence": entry,
    }


def _best_picture(state: BranchState) -> Finding:
    step, found = state["step"], state.get("found", [])
    if not found:
        rejected = state.get("rejected")
        code, reason = ("IRRELEVANT", rejected) if rejected else ("EMPTY", "no picture matches the description")
        return Finding(step.having(status="insufficient", reason=reason), troubles=(Trouble(code, step.id, reason),))
    best: ImageHit = found[0]
    called = best.title if webpics.is_of_web(best) else best.doc_id
    answered = step.having(
        status="answered",
        answer=called,
        values=(called,),
        confidence=round(min(1.0, best.score), 3),
        evidence_ids=(entry_id(step, 1),),
        reason=best.text[:120],
    )
    return Finding(answered)


async def _look(state: BranchState, work: Research) -> Finding:
    """Look at the picture, or read the answer off the text in it."""
    step, seen = state["step"], state.get("perception")
    assert seen is not None
    if computed := chart.answer(step.text, seen.ocr):
        return Finding(
            step.having(
                status="answered",
                answer=computed.answer,
                values=(computed.answer,),
                confidence=0.9,
                evidence_ids=(entry_id(step, 1),),
                reason=f"chart, {computed.reason}",
            )
        )
    notes: tuple[str, ...] = ()
    if work.solver.capabilities.vision:
        found, notes = await sight.look(step, seen, work)
        if found is not None:
            return found
    call = await work.solver.generate(
        render("look", code=fence.of(work.solver), question=step.text, picture_text=seen.ocr[:3000]),
        max_tokens=48,
        stop=("\n",),
        task="look",
    )
    answer = call.text.strip().rstrip(".")
    if not answer or "answerable" in answer.lower():
        return Finding(step.having(status="insufficient", reason="the picture's text does not tell"), warnings=notes)
    return Finding(
        step.having(
            status="answered", answer=answer, values=(answer,), confidence=0.6, evidence_ids=(entry_id(step, 1),)
        ),
        warnings=notes,
    )


def _failed(
    work: Research, step: SubQuestion, status: str, reason: str, *troubles: Trouble, notes: Sequence[str] = ()
) -> dict[str, Any]:
    ended = step.having(status=status, reason=reason)
    work.emit("subquestion.finished", {"step": ended})
    warnings = (f"{step.id}: {reason}", *notes)
    finding = Finding(ended, warnings=warnings, troubles=troubles, attempt=step.attempts)
    return {"findings": {step.id: finding}}
