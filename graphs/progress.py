"""How a plan moves on: which steps are ready, what lists unfold into, what code computes, what is lost."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from foveal.agents import reckoning
from foveal.agents.values import agree, fold
from foveal.graphs.state import Finding, ResearchState, Told
from foveal.types import Evidence, Plan, PlanChange, SubQuestion

MAX_MEMBERS = 10
"""Members of a list that are looked up one by one."""
REFERENCE = r"#(s\d+(?:\.\d+)*[bv]*)"
"""How a text names a step: ``#s2``, a member's ``#s2.1``, a check's ``#s2v``, another line of enquiry's ``#s2b``."""
NAME = re.compile(r"[^\W\d_]+(?:[ .,'’-]{1,2}[^\W\d_]+){0,5}\.?")
"""What may be the name of something: up to six words, without a number."""
_DONE = ("answered", "insufficient", "failed", "skipped")


def ready(plan: Plan) -> list[SubQuestion]:
    """Return the pending steps whose parents are all answered, in plan order; templates and sums are not sent."""
    done = {s.id for s in plan.steps if s.status == "answered"}
    return [
        s
        for s in plan.steps
        if s.status == "pending" and not s.each and s.purpose != "compute" and set(s.depends_on) <= done
    ]


def name_of(step: SubQuestion) -> str:
    """Return a step's answer as a name to ask about: without brackets, quotes and further members."""
    value = step.values[0] if len(step.values) == 1 else (step.answer or "")
    plain = re.sub(r"\s*\([^)]*\)", "", value).strip(" \"“”'.,;")
    return plain or (step.answer or "")


def fill(text: str, steps: Mapping[str, SubQuestion]) -> str:
    """Put the parents' answers in place of ``#sN``."""
    return re.sub(
        REFERENCE,
        lambda m: name_of(steps[m[1]]) if m[1] in steps and steps[m[1]].answer else m[0],
        text,
    )


def take(plan: Plan, findings: Mapping[str, Finding]) -> Plan:
    """Return the plan with what was found for the steps that were out; answered steps are immutable."""
    steps = [
        findings[s.id].step.having(depends_on=s.depends_on)
        if s.status in ("pending", "running") and s.id in findings and findings[s.id].attempt == s.attempts
        else s
        for s in plan.steps
    ]
    return replace(plan, steps=tuple(steps))


def advance(plan: Plan) -> tuple[Plan, list[PlanChange]]:
    """Return the plan as far as code can bring it, with the changes made to it.

    A step whose list is known becomes one step a member (code NEW_HOP); what can be computed is; steps that
    depend on one without an answer are skipped.
    """
    steps = list(plan.steps)
    changes: list[PlanChange] = []
    version = plan.version
    moved = True
    while moved:
        moved = False
        by_id = {s.id: s for s in steps}
        for position, step in enumerate(steps):
            if step.status != "pending":
                continue
            parents = [by_id[d] for d in step.depends_on if d in by_id]
            if step.each and by_id[step.each].status == "answered":
                members = by_id[step.each].values[:MAX_MEMBERS]
                unfolded = [
                    step.having(
                        id=f"{step.id}.{n}",
                        text=step.text.replace("#each", member),
                        each="",
                        noun=member,
                        depends_on=(step.each,),
                    )
                    for n, member in enumerate(members, 1)
                ]
                ids = tuple(u.id for u in unfolded)
                steps = [
                    *steps[:position],
                    *unfolded,
                    *(
                        s.having(depends_on=tuple(x for d in s.depends_on for x in (ids if d == step.id else (d,))))
                        for s in steps[position + 1 :]
                    ),
                ]
                version += 1
                changes.append(
                    PlanChange(
                        version,
                        "NEW_HOP",
                        f"one look-up for each of {len(members)} members of #{step.each}",
                        step.id,
                    )
                )
                moved = True
                break
            lost = next((p for p in parents if p.status in _DONE and p.status != "answered"), None)
            if step.purpose == "compute" and all(p.status in _DONE for p in parents):
                steps[position] = _computed(step, parents, by_id)
                moved = True
                break
            if lost and step.purpose != "compute":
                steps[position] = step.having(status="skipped", reason=f"#{lost.id} has no answer")
                moved = True
                break
    return replace(plan, steps=tuple(steps), version=version), changes


def broken_premise(step: SubQuestion) -> str | None:
    """Return what a step took for granted and what was found instead; None when it holds.

    "The only neighbour of X" holds when there is one; a premise that was asked for by itself holds unless "no".
    """
    if step.status != "answered" or not step.answer:
        return None
    if step.op == "only" and len(step.values) > 1:
        return f"{step.text.rstrip('?')}: there is more than one ({', '.join(step.values)})"
    if step.op == "two" and len(step.values) > 2:
        return f"{step.text.rstrip('?')}: there are {len(step.values)} ({', '.join(step.values)})"
    if step.op == "premise" and fold(step.answer).startswith("no"):
        return f"{step.text.rstrip('?')}: no"
    return None


def failed_premise(plan: Plan) -> str | None:
    """Return in words what the question takes for granted and the evidence denies."""
    return next((told for s in plan.steps if (told := broken_premise(s))), None)


def backing(finding: Finding, ledger: Mapping[str, Evidence]) -> dict[str, list[Evidence]]:
    """Return the evidence of each of a finding's rival values."""
    own = [e for e in ledger.values() if e.sub_question == finding.step.id]
    return {v: [e for e in own if f" {fold(v)} " in f" {fold(e.quote)} "] for v in finding.rivals}


def may_be_told(state: ResearchState) -> Told:
    """Return what stands in the collection as far as it was found, and what is known without it.

    Known are the question, what its pictures were found to show, and what stands on the web. A name with which a step
    was answered may be told too: without it nothing could be asked about what it names.
    """
    entries = state.get("evidence", {}).values()
    found = [e for e in entries if e.tool not in ("web", "none")]
    own = tuple(f"{e.title}\n{e.quote}" for e in found)
    web = tuple(f"{e.title}\n{e.quote}" for e in entries if e.tool == "web")
    seen = tuple(name for s in state["plan"].steps if s.purpose == "identify" for name in (*s.values, s.answer or ""))
    names = tuple(n for s in state["plan"].steps for n in (*s.values, s.answer or "") if NAME.fullmatch(n))
    documents = tuple(dict.fromkeys(e.doc_id for e in found))
    return Told(own, (state["question"], *seen, *names, *web), documents)


def doubted(state: ResearchState, step: SubQuestion) -> tuple[Evidence, ...]:
    """Return the evidence for the values that *step* decides between, when it asks others than before."""
    first = state.get("findings", {}).get(step.id.removesuffix("v"))
    if step.tool != "web" or step.purpose != "verify" or first is None or not step.id.endswith("v"):
        return ()
    ledger = state.get("evidence", {})
    found = {e.id: e for entries in backing(first, ledger).values() for e in entries}
    return tuple(found.values())


def contradicted(plan: Plan, ended: Sequence[SubQuestion]) -> list[tuple[SubQuestion, SubQuestion]]:
    """Return each answer whose check on the web, one of *ended*, came to another one, and that check."""
    steps = {s.id: s for s in plan.steps}
    checks = [s for s in ended if s.id.endswith("v") and s.tool == "web" and s.purpose == "lookup" and s.answer]
    pairs = ((steps[s.id.removesuffix("v")], s) for s in checks if s.id.removesuffix("v") in steps)
    return [(first, check) for first, check in pairs if not agree(first.answer or "", check.answer or "")]


def resolved(conflict: Mapping[str, Any], plan: Plan) -> dict[str, Any]:
    """Return *conflict* with the value that was chosen in the end, and why."""
    steps = {s.id: s for s in plan.steps}
    check = steps.get(f"{conflict['step']}v")
    first = steps.get(conflict["step"])
    if check and first and check.tool == "web" and check.purpose == "lookup":
        newer = check.answer == first.answer
        told = "the web's word is newer" if newer else "nothing says that the web's word is newer"
        return {**conflict, "chosen": first.answer, "reason": told}
    chosen = check if check and check.status == "answered" else steps.get(conflict["step"])
    reason = check.reason if check else "not verified"
    return {**conflict, "chosen": chosen.answer if chosen else None, "reason": reason}


def _computed(step: SubQuestion, parents: list[SubQuestion], steps: Mapping[str, SubQuestion]) -> SubQuestion:
    if step.op in ("argmax", "argmin", "holds"):
        listed = [p for p in parents if "." in p.id] or ([] if any(not p.noun for p in parents) else parents)
        if listed:
            members, asked = [fill(p.noun, steps) for p in listed], listed
        else:
            half = len(parents) // 2
            members, asked = [name_of(p) for p in parents[:half]], parents[half:]
        chosen = reckoning.select(members, [p.answer or "" for p in asked], step.op)
        if chosen is None:
            return step.having(status="insufficient", reason="not every member has a value that can be compared")
        told = "; ".join(f"{m}: {p.answer}" for m, p in zip(members, asked, strict=True))
        return step.having(
            status="answered",
            answer=chosen,
            values=(chosen,),
            confidence=min(p.confidence for p in asked),
            reason=f"{step.op} of {told}",
        )
    given = [p.answer or "" for p in parents]
    if step.op == "count" and len(parents) == 1 and parents[0].values:
        given = list(parents[0].values)
    result = reckoning.judge(step.op, given)
    if result is None:
        return step.having(status="insufficient", reason="the values cannot be compared")
    return step.having(
        status="answered",
        answer=result,
        values=(result,),
        confidence=min(p.confidence for p in parents),
        reason=f"{step.op} of {' and '.join(given)}",
    )


def chain(plan: Plan, step: SubQuestion | None = None) -> list[SubQuestion]:
    """Return what *step* (the last one when left out) rests on, itself first, nearest first."""
    by_id = {s.id: s for s in plan.steps}
    found: dict[str, SubQuestion] = {}
    queue = [(step or plan.steps[-1]).id] if plan.steps else []
    while queue:
        next_one = by_id.get(queue.pop(0))
        if next_one is not None and next_one.id not in found:
            found[next_one.id] = next_one
            queue += next_one.depends_on
    return list(found.values())


def told(plan: Plan) -> Plan:
    """Return the plan to tell of: without a last line of enquiry (steps ``sNb``) that led nowhere either.

    Where the last step only asks the web whether an answer still holds, that answer is the last one.
    """
    last = plan.steps[-1] if plan.steps else None
    if last and last.tool == "web" and last.purpose == "lookup" and last.id.endswith("v"):
        first = [s for s in plan.steps if s.id == last.id.removesuffix("v")]
        plan = replace(plan, steps=(*(s for s in plan.steps if s not in first), *first))
    if not plan.steps or plan.steps[-1].status == "answered":
        return plan
    return replace(plan, steps=tuple(s for s in plan.steps if not s.id.endswith("b")))


def support(plan: Plan) -> tuple[str, ...]:
    """Return the evidence the final step rests on: its own, then its parents', nearest first."""
    return tuple(dict.fromkeys(i for step in chain(plan) for i in step.evidence_ids))


def merged_ranking(findings: Mapping[str, Finding], plan: Plan) -> tuple[str, ...]:
    """Return document ids of all searches: what answered first, then the rest round by round."""
    ordered = [findings[s.id].retrieved for s in reversed(plan.steps) if s.id in findings]
    longest = max((len(r) for r in ordered), default=0)
    return tuple(dict.fromkeys(r[i] for i in range(longest) for r in ordered if i < len(r)))
