"""What a page shows of a run, gathered from its record, events, calls and answer. Pure: no files, no markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from foveal.export.rows import build
from foveal.export.versions import PlanVersion, plan_versions
from foveal.tools.runs.journal import usage_of
from foveal.types import Citation, Event, Evidence, Hypothesis, ImageRef, Region, RoleUsage, SubQuestion

if TYPE_CHECKING:
    from foveal.tools.runs.store import CallRecord, RunRecord

_MARK = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class StepPage:
    """A sub-question and what was found for it. ``used`` is the evidence its answer rests on, ``other`` the rest."""

    step: SubQuestion
    used: tuple[Evidence, ...]
    other: tuple[Evidence, ...]
    queries: tuple[str, ...] = ()
    calls: tuple[CallRecord, ...] = ()
    dropped: bool = False
    """No longer in the last version of the plan."""


@dataclass(frozen=True, slots=True)
class ConflictSide:
    """One of the values that disagree, the titles it comes from and the evidence for it."""

    value: str
    title: str
    evidence: tuple[Evidence, ...]
    chosen: bool


@dataclass(frozen=True, slots=True)
class Conflict:
    """Values that disagree, which was chosen (perhaps none) and why."""

    step: str
    question: str
    sides: tuple[ConflictSide, ...]
    chosen: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A part of a picture that was searched or recognised, and what for."""

    region: Region
    label: str


@dataclass(frozen=True, slots=True)
class PicturePage:
    """A picture of the question: the boxes drawn over it and what it may show, best first."""

    image: ImageRef
    seen: tuple[Seen, ...]
    hypotheses: tuple[Hypothesis, ...]
    labels: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Gauge:
    """What was used of one limit; ``limit`` None means that there was none."""

    name: str
    used: float
    limit: float | None

    @property
    def share(self) -> float:
        """Part of the limit that was used, 0 to 1."""
        return min(1.0, self.used / self.limit) if self.limit else 0.0


@dataclass(frozen=True, slots=True)
class RoleRow:
    """What the model calls of one role spent, and which model played it."""

    role: str
    model: str
    spent: RoleUsage


@dataclass(frozen=True, slots=True)
class RunPage:
    """Everything the page shows, in its order."""

    run_id: str
    question: str
    started_at: str
    finished_at: str | None
    status: str
    stop_reason: str
    confidence: float
    answer: tuple[str | int, ...]
    """Words, and the numbers of the citations between them."""
    sources: tuple[Citation, ...]
    pictures: tuple[PicturePage, ...]
    versions: tuple[PlanVersion, ...]
    steps: tuple[StepPage, ...]
    conflicts: tuple[Conflict, ...]
    calls: tuple[CallRecord, ...]
    gauges: tuple[Gauge, ...]
    roles: tuple[RoleRow, ...]
    warnings: tuple[str, ...]
    config: tuple[tuple[str, str], ...]
    links: Mapping[str, str] = field(default_factory=dict)
    """Evidence id to the id of the step whose section holds its card."""


def gather(
    run: RunRecord, events: Sequence[Event], calls: Sequence[CallRecord], answer: Mapping[str, Any] | None
) -> RunPage:
    """Return what is to be shown of *run*. A run that has not ended has no *answer*; its events tell what is known."""
    told = answer or {}
    versions = plan_versions(events, told)
    evidence = _ledger(events, told)
    steps = _steps(versions, evidence, events, calls)
    seen = {str(e.data.get("image")): e.data for e in events if e.type == "perceived"}
    links = {e.id: s.step.id for s in steps for e in (*s.used, *s.other)}
    return RunPage(
        run_id=run.run_id,
        question=run.question,
        started_at=run.started_at,
        finished_at=run.finished_at,
        status=str(told.get("status") or run.status),
        stop_reason=str(told.get("stop_reason") or ""),
        confidence=float(told.get("confidence") or 0.0),
        answer=tuple(_with_marks(str(told.get("answer") or ""), told)),
        sources=tuple(build(Citation, row) for row in told.get("citations") or ()),
        pictures=tuple(_picture(image, steps, told, seen.get(image.sha256, {})) for image in run.images),
        versions=versions,
        steps=steps,
        conflicts=_conflicts(events, told, evidence, steps),
        calls=tuple(sorted(calls, key=lambda c: (c.started, c.seq))),
        gauges=_gauges(run.budget, calls, told),
        roles=_roles(run.config or told.get("config") or {}, calls),
        warnings=tuple(dict.fromkeys([*map(str, told.get("warnings") or ()), *_told(events)])),
        config=tuple(_flat(run.config or told.get("config") or {})),
        links=links,
    )


def highlighted(quote: str, needles: Iterable[str]) -> tuple[tuple[str, bool], ...]:
    """Cut *quote* in pieces and say of each whether it is one of *needles* (whole words, any case).

    The pieces joined are the quote.
    """
    wanted = sorted({n.strip() for n in needles if n.strip()}, key=len, reverse=True)
    if not wanted:
        return ((quote, False),) if quote else ()
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(n)}(?!\w)" for n in wanted), re.IGNORECASE)
    pieces: list[tuple[str, bool]] = []
    at = 0
    for match in pattern.finditer(quote):
        pieces += [(quote[at : match.start()], False), (match[0], True)]
        at = match.end()
    return tuple(p for p in (*pieces, (quote[at:], False)) if p[0])


def _ledger(events: Sequence[Event], answer: Mapping[str, Any]) -> dict[str, Evidence]:
    found: dict[str, Evidence] = {}
    for event in events:
        if event.type == "evidence.added":
            row = event.data.get("evidence") or event.data
            if row.get("id"):
                known = {"kind": "text", "title": "", "doc_id": "", "sub_question": row.get("step", "")}
                found[str(row["id"])] = build(Evidence, {**known, **row})
    found.update({row["id"]: build(Evidence, row) for row in answer.get("evidence") or ()})
    return found


def _steps(
    versions: Sequence[PlanVersion],
    evidence: Mapping[str, Evidence],
    events: Sequence[Event],
    calls: Sequence[CallRecord],
) -> tuple[StepPage, ...]:
    last = {s.id: s for s in versions[-1].steps} if versions else {}
    dropped = {s.id: s for v in versions for s in v.gone if s.id not in last}
    queries: dict[str, list[str]] = {}
    for event in events:
        if event.type == "tool.called" and event.data.get("query"):
            queries.setdefault(str(event.data.get("step")), []).append(str(event.data["query"]))
    pages = []
    for step in (*last.values(), *dropped.values()):
        used = tuple(evidence[i] for i in step.evidence_ids if i in evidence)
        taken = {e.id for e in used}
        other = [e for e in evidence.values() if e.sub_question == step.id and e.id not in taken]
        pages.append(
            StepPage(
                step=step,
                used=used,
                other=tuple(sorted(other, key=lambda e: -e.score)),
                queries=tuple(dict.fromkeys(queries.get(step.id, []))),
                calls=tuple(c for c in calls if c.step == step.id),
                dropped=step.id in dropped,
            )
        )
    return tuple(pages)


def _picture(
    image: ImageRef, steps: Sequence[StepPage], answer: Mapping[str, Any], told: Mapping[str, Any]
) -> PicturePage:
    rows = (answer.get("hypotheses") or {}).get(image.sha256) or told.get("hypotheses")
    if rows is None:  # a run that has not ended: what was told when the picture was looked at
        rows = [
            {**c, "name": c.get("title", ""), "pros": _said(c, "why"), "cons": _said(c, "against")}
            for c in told.get("candidates") or ()
        ]
    hypotheses = tuple(build(Hypothesis, {"score": 0.0, **row}) for row in rows)
    found: dict[Region, list[str]] = {}
    for hypothesis in hypotheses:
        if hypothesis.region:
            found.setdefault(hypothesis.region, []).append(hypothesis.name)
    for page in steps:
        if page.step.image == image.sha256:
            for region in [page.step.region, *(e.region for e in page.used)]:
                if region:
                    found.setdefault(region, []).append(page.step.id)
    labels = [str(r.get("name")) if isinstance(r, Mapping) else str(r) for r in told.get("labels") or ()]
    return PicturePage(
        image,
        tuple(Seen(region, ", ".join(dict.fromkeys(names))) for region, names in found.items()),
        hypotheses,
        tuple(labels),
        str(told.get("ocr") or ""),
    )


def _said(row: Mapping[str, Any], key: str) -> list[str]:
    return [str(row[key])] if row.get(key) else []


def _conflicts(
    events: Sequence[Event], answer: Mapping[str, Any], evidence: Mapping[str, Evidence], steps: Sequence[StepPage]
) -> tuple[Conflict, ...]:
    """A conflict that does not say which value was chosen is settled by the step's answer, if that is one of them."""
    answers = {s.step.id: s.step for s in steps}
    found = []
    for row in answer.get("conflicts") or [e.data for e in events if e.type == "conflict.found"]:
        settled = answers.get(str(row.get("step")))
        given = row.get("chosen", settled.answer if settled else None)
        values = row.get("values") or ()
        chosen = next((str(v.get("value")) for v in values if given and str(v.get("value")) == str(given)), None)
        sides = tuple(
            ConflictSide(
                str(v.get("value", "")),
                str(v.get("title") or ""),
                tuple(evidence[i] for i in v.get("evidence_ids") or () if i in evidence),
                chosen is not None and str(v.get("value")) == chosen,
            )
            for v in values
        )
        reasons = [row.get("reason"), row.get("detail"), settled.reason if settled and chosen else None]
        reason = next((str(r) for r in reasons if r), "")
        found.append(Conflict(str(row.get("step") or ""), str(row.get("question") or ""), sides, chosen, reason))
    return tuple(found)


def _gauges(budget: Mapping[str, Any], calls: Sequence[CallRecord], answer: Mapping[str, Any]) -> tuple[Gauge, ...]:
    usage = answer.get("usage") or {}
    made = [c for c in calls if not c.cached]
    models = usage.get("model_calls", sum(c.kind == "model" for c in made))
    tools = sum((usage.get("tool_calls") or {}).values()) if usage else sum(c.kind == "tool" for c in made)
    tokens = sum(c.prompt_tokens + c.completion_tokens for c in made)
    if usage:
        tokens = int(usage.get("prompt_tokens") or 0) + int(usage.get("completion_tokens") or 0)
    seconds = usage.get("seconds") or max((c.started + c.elapsed for c in calls), default=0.0)
    gauges = [
        Gauge("model calls", models, budget.get("model_calls")),
        Gauge("tool calls", tools, budget.get("tool_calls")),
        Gauge("tokens", tokens, budget.get("tokens")),
        Gauge("seconds", float(seconds), budget.get("seconds")),
    ]
    spent = usage.get("usd") or sum(c.usd for c in made)
    if spent or budget.get("usd"):
        gauges.append(Gauge("US dollars", float(spent), budget.get("usd")))
    return tuple(gauges)


def _roles(config: Mapping[str, Any], calls: Sequence[CallRecord]) -> tuple[RoleRow, ...]:
    models = config.get("models") or {}
    return tuple(RoleRow(role, str(models.get(role, "")), spent) for role, spent in usage_of(calls).roles.items())


def _with_marks(text: str, answer: Mapping[str, Any]) -> Iterator[str | int]:
    known = {int(c["n"]) for c in answer.get("citations") or ()}
    at = 0
    for match in _MARK.finditer(text):
        if int(match[1]) in known:
            if match.start() > at:
                yield text[at : match.start()]
            yield int(match[1])
            at = match.end()
    if at < len(text):
        yield text[at:]


def _told(events: Sequence[Event]) -> list[str]:
    return [str(e.data.get("message") or e.data.get("detail") or e.data) for e in events if e.type == "warning"]


def _flat(config: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif value is not None:
            yield f"{before}{key}", str(value)
