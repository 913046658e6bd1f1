"""Evidence that disagrees or is old: how a dispute between values is decided, and what counts as stale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from foveal.agents.freshness import is_fresh
from foveal.agents.values import date, fold
from foveal.graphs.state import BranchState, Finding, Research
from foveal.tools.read.sites import site_of
from foveal.types import Evidence, SubQuestion


async def dated(entry: Evidence, work: Research) -> Evidence:
    """Return *entry* with the date that its document states of itself (``meta.published_at`` or ``meta.date``)."""
    document = None if entry.tool == "web" else await work.document(entry.doc_id)
    written = document.meta.get("published_at") or document.meta.get("date") if document else None
    return replace(entry, published_at=str(written)) if written else entry


def stale(question: str, entry: Evidence, work: Research) -> str:
    """Say that the answer to a question about the present is known to be old; empty when it is not."""
    year = int(work.now()[:4])
    written = date(entry.published_at or "")
    if not is_fresh(question) or written is None or written[0] >= year:
        return ""
    return f"the newest evidence is of {written[0]}, it is {year}"


async def decide(state: BranchState, evidence: Sequence[Evidence], work: Research) -> Finding:
    """Decide between the values of a conflict.

    The newest wins if all of them are dated, and differently; else the value that most documents give, each
    document once, and only those that name the thing; of the web each site once. A page of the web is not right for
    being new, unless the question is about the present: dates count there when neither the voices decide nor one value
    alone is that of a page about the very thing. At last the first value stays. What was found for the values before
    is weighed too, when others were asked now.
    """
    step = state["step"]
    evidence = [*evidence, *state.get("doubted", ())]
    named = [fold(n) for n in state.get("names", ()) if n not in step.values]
    backing: dict[str, list[Evidence]] = {}
    for value in step.values:
        saying = {voice(e): e for e in reversed(evidence) if _says(e, value, named)}
        backing[value] = [await dated(e, work) for e in reversed(saying.values())]
    newest = {value: max((e.published_at or "" for e in entries), default="") for value, entries in backing.items()}
    web = any(e.tool == "web" for e in evidence)
    dated_apart = all(newest.values()) and len(set(newest.values())) == len(newest)
    of_dates = (max(step.values, key=lambda v: newest[v]), 0.85, f"the newest holds ({_told(newest)})")
    if dated_apart and (not web or is_fresh(step.text)):
        return _decided(state, backing, *of_dates)
    counted = {value: len(entries) for value, entries in backing.items()}
    most = [value for value in step.values if counted[value] == max(counted.values(), default=0)]
    what = "source" if web else "document"
    voices = _told({value: f"{n} {what}{'s' if n != 1 else ''}" for value, n in counted.items()})
    if len(most) == 1:
        return _decided(state, backing, most[0], 0.8, f"most {what}s say so ({voices})")
    about = [v for v in step.values if any(fold(e.title) in named for e in backing[v])]
    if web and len(about) == 1:
        return _decided(state, backing, about[0], 0.6, f"the page about it says so ({voices})")
    if dated_apart:
        return _decided(state, backing, *of_dates)
    return _decided(state, backing, step.values[0], 0.5, f"not decided ({voices}); the first stands")


def _told(values: Mapping[str, str]) -> str:
    return ", ".join(f"{value}: {said}" for value, said in values.items())


def voice(entry: Evidence) -> str:
    """Return whose word it is: two pages of one site are one."""
    return site_of(entry.url) if entry.tool == "web" and entry.url else entry.doc_id


def _alone(step: SubQuestion, value: str, backing: Mapping[str, Sequence[Evidence]]) -> tuple[str, ...]:
    """Say it when one site of the web alone gives the *value* that was taken."""
    saying = backing[value]
    if len(saying) != 1 or saying[0].tool != "web":
        return ()
    others = ", ".join(v for v in backing if v != value)
    return (f"{step.id}: only {voice(saying[0])} says {value}; others say {others}.",)


def _says(entry: Evidence, value: str, named: Sequence[str]) -> bool:
    words = f" {fold(entry.title)} {fold(entry.quote)} "
    return f" {fold(value)} " in words and (not named or any(f" {n} " in words for n in named))


def _decided(
    state: BranchState, backing: Mapping[str, Sequence[Evidence]], value: str, confidence: float, reason: str
) -> Finding:
    return Finding(
        state["step"].having(
            status="answered",
            answer=value,
            values=(value,),
            confidence=confidence,
            evidence_ids=tuple(e.id for e in backing[value][:2]),
            reason=reason,
        ),
        warnings=_alone(state["step"], value, backing),
    )
