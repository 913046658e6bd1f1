"""The answer in words: for the terminal and for ``report.md``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from foveal.cli.output import one_line, table
from foveal.cli.plan_state import Step, outcome_of
from foveal.types import Answer, Citation, Evidence, Usage, plain

BLOB_FOLDER = "blobs"


def answer_lines(answer: Answer, index: Path | None) -> Iterator[str]:
    """Yield the answer and its numbered citations, each with where to open it."""
    yield answer.answer or "No answer."
    for conflict in answer.conflicts:
        yield ""
        yield conflict_line(conflict)
    if answer.citations:
        yield ""
        yield "Sources"
    found = {entry.id: entry for entry in answer.evidence}
    for cited in answer.citations:
        quote = f": “{one_line(cited.quote)}”" if cited.quote else ""
        page = f", page {cited.page}" if cited.page is not None else ""
        yield f"[{cited.n}] {one_line(cited.title or cited.doc_id)}{page}{quote}"
        yield f"    {where_to_open(cited, index)}{dates(found.get(cited.evidence_id))}"


def conflict_line(conflict: Mapping[str, Any]) -> str:
    """Return on one line which values the documents give, which was taken, and why."""
    values = ", ".join(f"{v.get('value')} ({v.get('title') or 'untitled'})" for v in conflict.get("values") or ())
    chosen = f"; taken: {conflict['chosen']}, {conflict.get('reason')}" if conflict.get("chosen") else ""
    return one_line(f"Documents disagree on “{conflict.get('question', '')}”: {values}{chosen}", 500)


def where_to_open(cited: Citation, index: Path | None) -> str:
    """Return the document's id, its address and its picture's file, as far as there are any."""
    places = [f"document {cited.doc_id}"] if cited.doc_id != cited.url else []
    if cited.url:
        places.append(cited.url)
    if cited.image:
        picture = picture_file(cited.image, index)
        places.append(f"picture {picture or cited.image}")
    return " | ".join(places)


def dates(entry: Evidence | None) -> str:
    """Return when a page of the web was published, if it says so, and read; nothing for the collection."""
    if entry is None or entry.tool != "web":
        return ""
    published = f"published {entry.published_at[:10]}, " if entry.published_at else ""
    return f" ({published}read {entry.retrieved_at[:10]})"


def picture_file(sha256: str, index: Path | None) -> Path | None:
    """Return the file of a picture of the collection in *index*, if it is there."""
    if index is None or len(sha256) != 64 or not sha256.isalnum():
        return None
    return next((index / BLOB_FOLDER / sha256[:2]).glob(f"{sha256[2:]}.*"), None)


def state_line(answer: Answer) -> str:
    """Return how the run ended, on one line."""
    spent = usage_line(answer.usage)
    sure = f", confidence {answer.confidence:.2f}" if answer.status == "answered" else ""
    return f"{answer.status} ({answer.stop_reason}){sure}; {spent}"


def usage_line(usage: Usage) -> str:
    """Return what was spent, on one line."""
    searches = sum(usage.tool_calls.values())
    money = f", {usage.usd:.4f} USD" if usage.usd else ""
    return f"{usage.model_calls} model calls, {searches} searches, {usage.seconds:.1f} s{money}"


def role_table(roles: Mapping[str, Mapping[str, Any]], models: Mapping[str, str]) -> str:
    """Return what each role spent, a line a role; *roles* in JSON form, *models* the name of each role's model."""
    head = ("role", "model", "calls", "tokens in", "cached", "out", "seconds", "USD")
    rows = [
        (
            role or "-", models.get(role, ""), str(spent["calls"]), str(spent["prompt_tokens"]),
            str(spent["cached_prompt_tokens"]), str(spent["completion_tokens"]), f"{spent['seconds']:.1f}",
            f"{spent['usd']:.4f}",
        )
        for role, spent in roles.items()
    ]  # fmt: skip
    return table(head, rows)


def spent_by_role(answer: Answer) -> str:
    """Return that table when it tells something, money was paid or several models were at work; else nothing."""
    models = answer.config.get("models") or {}
    used = {models.get(role) for role in answer.usage.roles}
    return role_table(plain(answer.usage.roles), models) if answer.usage.usd or len(used) > 1 else ""


def report(answer: Answer, index: Path | None) -> str:
    """Return a readable account of the run in Markdown."""
    lines = [f"# {_markdown(answer.question)}", "", _markdown(answer.answer or "No answer."), ""]
    lines += [f"*{_markdown(state_line(answer))}*", ""]
    if answer.citations:
        lines += ["## Sources", ""]
        found = {entry.id: entry for entry in answer.evidence}
        for cited in answer.citations:
            place = f"{where_to_open(cited, index)}{dates(found.get(cited.evidence_id))}"
            lines.append(f"{cited.n}. **{_markdown(cited.title or cited.doc_id)}** ({place})")
            if cited.quote:
                lines.append(f"   > {_markdown(one_line(cited.quote, 2000))}")
        lines.append("")
    if answer.plan:
        lines += ["## Plan", ""]
        for step in answer.plan:
            shown = Step(step.id, step.text, answer=step.answer, confidence=step.confidence, reason=step.reason)
            lines.append(f"- `{step.id}` {_markdown(one_line(step.text + outcome_of(shown)))}: {step.status}")
        lines.append("")
    if answer.plan_log:
        lines += ["## Changes of the plan", ""]
        lines += [f"- {change.version}: {change.code} {_markdown(change.detail)}" for change in answer.plan_log]
        lines.append("")
    notes: list[Any] = [*answer.warnings, *(conflict_line(item) for item in answer.conflicts)]
    if notes:
        lines += ["## Warnings", "", *(f"- {_markdown(one_line(str(text), 500))}" for text in notes), ""]
    return "\n".join(lines)


def _markdown(text: str) -> str:
    """Quote what would make a link, a picture or markup out of a document's words."""
    for sign in "\\`*_<>[]!#|":
        text = text.replace(sign, "\\" + sign)
    return text
