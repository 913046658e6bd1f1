"""A session in lines: its pictures, plan, sources and history."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from foveal.cli.output import one_line, table
from foveal.cli.plan_state import Step, outcome_of


def picture_lines(session: Any) -> Iterator[str]:
    """Yield a line for each picture of a :class:`foveal.sessions.Session`."""
    fresh = set(session.fresh())
    for n, picture in enumerate(session.pictures):
        name = one_line(picture.name or picture.sha256[:12])
        yield f"{n + 1}. {name} ({picture.width} x {picture.height}){', not asked about yet' if n in fresh else ''}"
    if not session.pictures:
        yield "No pictures. /image PATH adds one."


def plan_lines(session: Any) -> Iterator[str]:
    """Yield the last turn's plan and its changes."""
    if not session.turns:
        yield "No plan yet: ask something."
        return
    answer = session.turns[-1].result()
    for step in answer.plan:
        shown = Step(step.id, step.text, answer=step.answer, confidence=step.confidence, reason=step.reason)
        yield f"{step.id} [{step.tool}] {one_line(step.text)}: {step.status}{outcome_of(shown)}"
    for change in answer.plan_log:
        where = f" {change.step}" if change.step else ""
        yield f"version {change.version}: {change.code}{where} {one_line(change.detail)}"
    if not answer.plan:
        yield "The last question was answered without a plan."


def source_lines(session: Any) -> Iterator[str]:
    """Yield what the session's answers cited, numbered through the session."""
    for source in session.sources():
        turns = ", ".join(map(str, source.turns))
        yield f"{source.n}. {one_line(source.title or source.doc_id)} (turn {turns})"
        yield f"   document {source.doc_id}{f' | {source.url}' if source.url else ''}"
    if not session.turns or not session.sources():
        yield "Nothing was cited yet."


def history_lines(session: Any) -> Iterator[str]:
    """Yield each question, how it was understood, and its answer."""
    for turn in session.turns:
        yield f"{turn.number}. {one_line(turn.question)}"
        if turn.standalone != turn.question:
            yield f"   as: {one_line(turn.standalone)}"
        yield f"   {one_line(turn.answer['answer'])}"
    if not session.turns:
        yield "Nothing was asked yet."


def session_rows(sessions: Sequence[Any]) -> list[dict[str, Any]]:
    """Return sessions as JSON data, for ``--list --json``."""
    return [
        {
            "id": session.id,
            "turns": len(session.turns),
            "pictures": len(session.pictures),
            "updated_at": session.updated_at,
            "last_question": session.turns[-1].question if session.turns else None,
        }
        for session in sessions
    ]


def session_table(sessions: Sequence[Any]) -> str:
    """Return sessions as aligned columns."""
    rows = [
        (
            row["id"],
            str(row["turns"]),
            str(row["pictures"]),
            row["updated_at"][:16],
            one_line(row["last_question"] or "", 60),
        )
        for row in session_rows(sessions)
    ]
    return table(("session", "turns", "pictures", "last used", "last question"), rows)
