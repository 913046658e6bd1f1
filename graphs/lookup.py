"""Looking a fact up: which passages the solver reads, whole pages, and lists whose members are documents."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from foveal.agents import cited, perceiver, reader
from foveal.agents.values import fold
from foveal.graphs import sight
from foveal.graphs.charted import corrected, read_off
from foveal.graphs.dispute import dated, decide, stale
from foveal.graphs.state import BranchState, Finding, Research, entry_id
from foveal.tools.read.sites import site_of
from foveal.types import Evidence, Part, SubQuestion, TextHit, Trouble

PAGE_CHARS = 2200
"""Characters of a page that are read at once: about 500 tokens."""
LEAST_TEXT = 40
"""A text layer shorter than this says nothing; the words read in the picture are taken."""


async def look_up(state: BranchState, work: Research) -> tuple[Finding, dict[str, Evidence]]:
    """Return what was found and, when it answers, the used entry narrowed to the words that answer."""
    step = state["step"]
    evidence = in_order(state.get("evidence", {}))
    if not evidence:
        rejected = state.get("rejected")
        return _without(step, *(("IRRELEVANT", rejected) if rejected else ("EMPTY", "nothing was found"))), {}
    if step.purpose == "verify" and step.values:
        return await decide(state, evidence, work), {}
    names = state.get("names", ())
    if state.get("listing") and (members := _members(step.noun, names, evidence)):
        listed = step.having(
            status="answered",
            answer=", ".join(e.title for e in members),
            values=tuple(e.title for e in members),
            confidence=0.8,
            evidence_ids=tuple(e.id for e in members),
            reason="documents of that kind that name it",
        )
        return Finding(listed), {}
    about = set(state.get("about", ()))
    passages = [
        reader.Passage(
            e.id,
            e.doc_id,
            e.title,
            e.quote,
            e.part,
            e.start,
            trusted=e.doc_id in about,
            pictured=bool(e.image) and e.page is None and perceiver.pixels_suffice(step.text, e.quote),
            site=site_of(e.url or "") if e.tool == "web" else "",
        )
        for e in evidence
    ]
    scope = state.get("scope")
    charted = await read_off(step.text, evidence, work, given=bool(scope and scope.page is not None))
    solver = work.solver.capabilities
    notes: tuple[str, ...] = ()
    pictured = solver.vision and charted is None and await sight.is_picture(step.text, evidence[0], work)
    if pictured:
        seen, entries, notes = await sight.look_up(step, evidence, work)
        if seen is not None:
            return seen, entries
    solved = reader.Solved(charted, charted.confidence if charted else 0.0)
    sole = scope is not None and scope.page is not None
    first = _first_found(state, evidence)
    if charted is None and scope and (page := await _page(first, work, whole=solver.plans_freely)):
        if solver.plans_freely:
            solved = await cited.solve(work.solver, step.text, [page], scoped=True, avoid=step.avoid)
        else:
            solved = await reader.view(work.solver, step.text, page, sole=sole)
        notes += solved.warnings
    if solved.reading is None and not sole:
        enough = reader.ENOUGH_SCOPED if scope else reader.ENOUGH
        enough = enough if work.sufficiency is None else work.sufficiency
        solved = await cited.solve(
            work.solver, step.text, passages, names=names, enough=enough, scoped=scope is not None, avoid=step.avoid
        )
        notes += solved.warnings
    if solved.reading is None and solved.beside:
        solved = await _elsewhere(solved.beside[0], solved.beside[1], solved, state, work)
    if solved.reading is None and solver.vision and not pictured:
        seen, entries, more = await sight.look_up(step, evidence, work)
        notes += more
        if seen is not None:
            return replace(seen, warnings=(*notes, *seen.warnings)), entries
    if solved.reading is None:
        detail = f"no passage tells {solved.missing}" if solved.missing else ""
        detail = detail or f"the best passage answers it with {solved.best:.2f}"
        return replace(_without(step, "IRRELEVANT", detail, solved.best), warnings=notes), {}
    reading = solved.reading if charted else await corrected(step.text, solved.reading, evidence, work)
    answered = step.having(
        status="answered",
        answer=reading.answer,
        values=reading.values,
        confidence=round(reading.confidence, 3),
        evidence_ids=(reading.passage.evidence_id,),
        reason=f"{reading.how}: {reading.quote[:160]}",
    )
    entries = {r.passage.evidence_id: await _narrowed(state, r, work) for r in (reading, *solved.rivals)}
    troubles: tuple[Trouble, ...] = ()
    if solved.rivals:
        told = "; ".join(f"{r.answer} ({r.passage.title})" for r in (reading, *solved.rivals))
        troubles = (Trouble("CONFLICT", step.id, f"documents disagree: {told}"),)
    elif age := stale(step.text, entries[reading.passage.evidence_id], work):
        troubles = (Trouble("STALE", step.id, age),)
    rivals = (reading.answer, *(r.answer for r in solved.rivals)) if solved.rivals else ()
    return Finding(answered, rivals=rivals, troubles=troubles, warnings=notes), entries


async def _elsewhere(
    answer: str, passage: reader.Passage, solved: reader.Solved, state: BranchState, work: Research
) -> reader.Solved:
    """Look for words that the model gave in the rest of the passage's document: evidence must hold the answer."""
    document = state.get("pages", {}).get(passage.doc_id) or await work.document(passage.doc_id)
    if document is None or passage.part != "text":
        return solved
    whole = replace(passage, text=document.text, start=0)
    return replace(solved, reading=reader.grounded(whole, answer, solved.best))


def _without(step: SubQuestion, code: str, detail: str, best: float = 0.0) -> Finding:
    ended = step.having(status="insufficient", confidence=round(best, 3), reason=f"{code}: {detail}")
    return Finding(ended, troubles=(Trouble(code, step.id, detail),))


async def _narrowed(state: BranchState, reading: reader.Reading, work: Research) -> Evidence:
    """Return the used entry with the span that answers, and its document's date when it has one."""
    return replace(
        await dated(state["evidence"][reading.passage.evidence_id], work),
        quote=reading.quote,
        part=reading.passage.part,
        start=reading.start,
        end=reading.end,
    )


def _first_found(state: BranchState, evidence: Sequence[Evidence]) -> Evidence:
    """Return the entry on the page that the search itself put first."""
    found = state.get("found", [])
    return next((e for e in evidence if found and e.doc_id == found[0].doc_id), evidence[0])


async def _page(best: Evidence, work: Research, *, whole: bool = False) -> reader.Passage | None:
    """Return the page that the best passage stands on, as one passage: its beginning, or the *whole*; None when it is
    not a page."""
    document = await work.document(best.doc_id) if best.page is not None else None
    if document is None:
        return None
    part: Part = "text" if len(document.text.strip()) > LEAST_TEXT else "ocr"
    words = document.text if part == "text" else document.ocr
    words = words if whole else words[:PAGE_CHARS]
    return reader.Passage(best.id, best.doc_id, best.title, words, part, 0, pictured=True)


def _members(noun: str, names: Sequence[str], evidence: Sequence[Evidence]) -> list[Evidence]:
    """Return one entry for each document that *is* a member: titled like the noun and naming the thing asked about."""
    words = {re.sub(r"s$", "", w) for w in fold(noun).split()}
    folded = [fold(n) for n in names if fold(n)]
    members: dict[str, Evidence] = {}
    for item in evidence:
        title = {re.sub(r"s$", "", w) for w in fold(item.title).split()}
        if words and words <= title and any(n in fold(item.quote) for n in folded):
            members.setdefault(item.doc_id, item)
    return list(members.values())


def passage_entry(step: SubQuestion, rank: int, hit: TextHit, now: str, *, trust: float = 1.0) -> Evidence:
    """Return the ledger's entry of the passage at *rank* (from 1)."""
    return Evidence(
        id=entry_id(step, rank),
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
        published_at=hit.published_at,
        trust=trust,
    )


def in_order(ledger: Mapping[str, Evidence]) -> list[Evidence]:
    """Return a branch's entries in the order in which they were ranked: ``s2e10`` comes after ``s2e9``."""
    return sorted(ledger.values(), key=lambda e: int(e.id.rpartition("e")[2]))
