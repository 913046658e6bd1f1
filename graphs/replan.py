"""Re-planning: what is done about each :data:`~foveal.types.PLAN_CODES`, as edits of a plan.

Troubles are found in code (branches report them, assess adds what only the whole plan tells); here each gets
its action. Only steps without an answer are edited; an answered step stays, except that a CONFLICT that was
verified otherwise replaces its answer and resets what depends on it. Pure: a plan goes in, a plan comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from foveal.agents import queries
from foveal.agents.names import proper_names
from foveal.agents.values import agree
from foveal.graphs import progress
from foveal.graphs.state import Attempt, Finding
from foveal.tools.runs.journal import same_words
from foveal.types import Evidence, Plan, PlanChange, SubQuestion, Tool, Trouble

ALIKE = 0.8
"""Two queries to one tool whose words overlap this much (Jaccard) are one query."""
MAX_ATTEMPTS = 3
CHECKED = ("CONFLICT", "STALE")
"""Codes that concern an answer: it stays, and a step ``#sNv`` checks it before anything rests on it."""
_EMPTY_WORDS = frozenset(
    "a an and are as at be by did do does for from had has have how in into is it its of on or that the their there "
    "these this to was were what when where which who whose why with".split()
)


@dataclass(frozen=True, slots=True)
class Situation:
    """What a re-plan may look at besides the plan itself."""

    question: str
    findings: Mapping[str, Finding]
    evidence: Mapping[str, Evidence]
    tried: Sequence[Attempt]
    tools: frozenset[Tool]
    """Tools that this run has."""
    codes: frozenset[str]
    """Codes that may act."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Steps that take the place of those of the same id or come after the troubled one, and what was done."""

    steps: tuple[SubQuestion, ...]
    detail: str
    refused: str = ""
    """A query that would have been made, had it not been made before."""


Action = Callable[[Plan, SubQuestion, Trouble, Situation], Edit | None]


def replan(plan: Plan, troubles: Sequence[Trouble], situation: Situation) -> tuple[Plan, list[PlanChange]]:
    """Return the plan with an edit for each trouble that has a remedy left, and the changes made.

    One edit a step: of several troubles of a step the first that can be mended counts.
    """
    changes: list[PlanChange] = []
    mended: set[str] = set()
    for trouble in troubles:
        step = next((s for s in plan.steps if s.id == trouble.step), None)
        if step is None or step.id in mended or trouble.code not in situation.codes:
            continue
        if step.status == "answered" and trouble.code not in CHECKED:
            continue
        action = _ACTIONS.get(trouble.code)
        edit = action(plan, step, trouble, situation) if action else None
        if edit is None:
            continue
        mended.add(step.id)
        plan = edited(plan, step.id, edit.steps)
        if edit.refused and "DUPLICATE" in situation.codes:
            changes.append(PlanChange(plan.version, "DUPLICATE", f"not asked again: {edit.refused}", step.id))
        changes.append(PlanChange(plan.version, trouble.code, edit.detail, step.id))
    return plan, changes


def edited(plan: Plan, at: str, steps: Sequence[SubQuestion]) -> Plan:
    """Return *plan*, one version on, with *steps* in place of those of their id; new ones come after step *at*."""
    by_id = {s.id: s for s in steps}
    known = {s.id for s in plan.steps}
    fresh = [s for s in steps if s.id not in known]
    result: list[SubQuestion] = []
    for step in plan.steps:
        result.append(by_id.get(step.id, step))
        if step.id == at:
            result += fresh
    return replace(plan, steps=tuple(result), version=plan.version + 1)


def key(query: str) -> frozenset[str]:
    """Return the words by which two queries are compared: case, order and punctuation do not count."""
    return frozenset(same_words(query).split()) - _EMPTY_WORDS


def is_duplicate(tool: Tool, query: str, tried: Sequence[Attempt]) -> bool:
    """Say whether *tool* was given (almost) this query before."""
    words = key(query)
    return any(
        a.tool == tool and (words == (other := key(a.query)) or len(words & other) >= ALIKE * len(words | other))
        for a in tried
    )


def again(step: SubQuestion, tool: Tool, query: str | None) -> SubQuestion:
    """Return *step* as it was planned, to be sent out once more."""
    return step.having(
        text=step.template or step.text,
        template="",
        status="pending",
        tool=tool,
        query=query,
        attempts=step.attempts + 1,
        answer=None,
        values=(),
        confidence=0.0,
        evidence_ids=(),
        reason="",
    )


@dataclass(frozen=True, slots=True)
class Way:
    """One more way of finding an answer: a tool, and what it is asked when not the step's own question."""

    tool: Tool
    detail: str
    query: str | None = None


def _search_on(plan: Plan, step: SubQuestion, trouble: Trouble, situation: Situation) -> Edit | None:
    """The next way of finding it that was not tried; for a doubted or flawed picture that is its regions."""
    if step.attempts + 1 >= MAX_ATTEMPTS + ("web" in situation.tools):
        return None
    used = {a.tool for a in situation.tried if a.step == step.id}
    refused = ""
    for way in _ways(plan, step, trouble, situation):
        same = not way.query and way.tool in used
        down = trouble.code == "TOOL_DOWN" and way.tool in used
        if way.tool not in situation.tools or same or down:
            continue
        if way.query and is_duplicate(way.tool, way.query, situation.tried):
            refused = way.query
            continue
        return Edit((again(step, way.tool, way.query),), f"{way.detail}; {trouble.detail}", refused)
    return None


def _ways(plan: Plan, step: SubQuestion, trouble: Trouble, situation: Situation) -> list[Way]:
    """A picture: whole, then its regions. Words: when nothing was found, other documents; and the web.

    When passages were found and none answers, reading further down the same ranking and asking in other words
    were tried and did not pay: what answers is among the first passages, and the model says so or not.
    """
    if step.purpose == "identify":
        return [Way("image_search", "the whole picture is searched"), Way("crop", "regions are searched")]
    web = Way("web", "asked of the web")
    if step.tool == "web" and trouble.code in ("IRRELEVANT", "EMPTY"):
        asked = situation.findings[step.id].step.text
        return [Way("web", "asked of the web in other words", query=queries.other(asked, proper_names(asked)))]
    if trouble.code == "IRRELEVANT":
        return [web]
    if trouble.code == "TOOL_DOWN":
        return [web, Way("collection", "asked of the collection")]
    solved = dict.fromkeys(s.answer for s in progress.chain(plan, step) if s.answer)
    whole = " ".join([situation.question, *solved])
    return [
        Way("visit", "the documents of what it names are opened"),
        Way("collection", "the whole question is asked with what is known", query=whole),
        web,
    ]


def reuse(plan: Plan, asked: Callable[[SubQuestion], str]) -> tuple[Plan, list[PlanChange]]:
    """DUPLICATE: a pending step whose question was answered, word for word, takes that answer over.

    *asked* returns a step's question with its parents' answers in it.
    """
    answered = {_plain(asked(s)): s for s in reversed(plan.steps) if s.status == "answered" and s.purpose == "lookup"}
    changes: list[PlanChange] = []
    for step in plan.steps:
        text = asked(step)
        first = answered.get(_plain(text))
        if step.status != "pending" or step.purpose != "lookup" or step.avoid or first is None:
            continue
        taken = step.having(
            status="answered",
            text=text,
            template=step.text,
            answer=first.answer,
            values=first.values,
            confidence=first.confidence,
            evidence_ids=first.evidence_ids,
            reason=f"the same question as #{first.id}",
        )
        plan = edited(plan, step.id, (taken,))
        changes.append(PlanChange(plan.version, "DUPLICATE", f"answered as #{first.id}", step.id))
    return plan, changes


def _plain(question: str) -> str:
    """Return *question* without case, outer stops and double spaces; the order of its words counts."""
    return " ".join(question.casefold().split()).strip(" ?.!")


def _verify(plan: Plan, step: SubQuestion, trouble: Trouble, situation: Situation) -> Edit | None:
    """CONFLICT: decide between the values, by the word of others when there is a web."""
    found = situation.findings[step.id]
    text = f"{found.step.text} {' or '.join(found.rivals)}?"
    tool = "web" if "web" in situation.tools else "collection"
    return _checked(plan, step, trouble, text, purpose="verify", values=found.rivals, tool=tool)


def _with_year(plan: Plan, step: SubQuestion, trouble: Trouble, situation: Situation) -> Edit | None:
    """STALE: ask again with the year of the run, of the web when there is one."""
    text = f"{situation.findings[step.id].step.text} {trouble.detail.rpartition(' ')[2]}"
    return _checked(plan, step, trouble, text, tool="web" if "web" in situation.tools else "collection")


def _checked(plan: Plan, step: SubQuestion, trouble: Trouble, text: str, **fields: Any) -> Edit | None:
    name = f"{step.id}v"
    if any(s.id == name for s in plan.steps) or step.id.endswith("v"):
        return None
    check = SubQuestion(name, text, depends_on=(step.id,), noun=step.noun, **fields)
    resting = [s for s in plan.steps if step.id in s.depends_on and s.status == "pending"]
    waiting = [s.having(depends_on=(*s.depends_on, name)) for s in resting]
    return Edit((check, *waiting), f"#{name} decides; {trouble.detail}")


_ACTIONS: Mapping[str, Action] = {
    "EMPTY": _search_on,
    "IRRELEVANT": _search_on,
    "TOOL_DOWN": _search_on,
    "AMBIGUOUS_ID": _search_on,
    "LOW_QUALITY_IMAGE": _search_on,
    "CONFLICT": _verify,
    "STALE": _with_year,
}
"""PREMISE is told, NEW_HOP is made by :func:`foveal.graphs.progress.advance`, DUPLICATE by :func:`reuse`."""


def settle(plan: Plan, evidence: Mapping[str, Evidence]) -> tuple[Plan, list[PlanChange]]:
    """Apply what checks came to: another value replaces the first and resets what rests on it.

    A check without an answer leaves the first one; a check for freshness counts only if it is known to be newer.
    """
    changes: list[PlanChange] = []
    for check in plan.steps:
        first = next((s for s in plan.steps if f"{s.id}v" == check.id), None)
        if first is None or check.status != "answered":
            continue
        if check.tool == "web" and check.purpose == "lookup" and agree(first.answer or "", check.answer or ""):
            backing = tuple(dict.fromkeys((*first.evidence_ids, *check.evidence_ids)))
            if backing != first.evidence_ids:
                plan = edited(plan, first.id, (first.having(evidence_ids=backing),))
                changes.append(PlanChange(plan.version, "STALE", f"the web says the same: {check.answer}", first.id))
            continue
        if check.answer == first.answer:
            continue
        code = "CONFLICT" if check.purpose == "verify" else "STALE"
        if code == "STALE" and _written(check, evidence) <= _written(first, evidence):
            continue
        settled = first.having(
            answer=check.answer,
            values=check.values,
            confidence=check.confidence,
            evidence_ids=check.evidence_ids,
            reason=f"checked by #{check.id}, instead of {first.answer}",
        )
        resting = dependants(plan, first.id) - {check.id}
        reset = [again(s, s.tool, None) for s in plan.steps if s.id in resting and s.status != "pending"]
        plan = edited(plan, first.id, (settled, *reset))
        told = f"{check.answer} holds, not {first.answer}; {len(reset)} reset"
        changes.append(PlanChange(plan.version, code, told, first.id))
    return plan, changes


def _written(step: SubQuestion, evidence: Mapping[str, Evidence]) -> str:
    """Return the date of the newest evidence of *step* (ISO); empty when none is known."""
    return max((evidence[i].published_at or "" for i in step.evidence_ids if i in evidence), default="")


def dependants(plan: Plan, step: str) -> set[str]:
    """Return the ids of all steps that rest on *step*."""
    found: set[str] = set()
    for s in plan.steps:
        if set(s.depends_on) & (found | {step}):
            found.add(s.id)
    return found
