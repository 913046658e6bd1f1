"""One turn of a session: the follow-up made to stand alone, answered with what is known, and kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveal.agents.followup import Rewrite, rewrite_with
from foveal.sessions import Session, SessionStore, Turn
from foveal.types import Answer, Event, ImageRef

if TYPE_CHECKING:
    from foveal.api import Foveal, Picture
    from foveal.tools.runs.journal import Entry


async def take_turn(
    foveal: Foveal,
    name: str,
    question: str,
    images: Sequence[Picture],
    *,
    run_id: str | None = None,
    record: str | Path | None = None,
) -> AsyncGenerator[Event, None]:
    """Answer *question* as the next turn of session *name*, yielding its events; the answer keeps the turn.

    A turn that fails or is cancelled leaves the session as it was. Raises ThreadBusy, StoreUnavailable and what
    a run raises.
    """
    store = SessionStore(foveal.settings.home)
    with store.held(name):
        before = await asyncio.to_thread(store.load, name)
        session = before.with_pictures(await _cleaned(foveal, images))
        made, calls = await _rewritten(foveal, question, session)
        seen = tuple(session.pictures[n] for n in made.images)
        known, evidence = session.known(seen)
        turn = {"session": name, "question": question, "rewrite": made}
        run = foveal.stream(
            made.standalone, seen, run_id=run_id, known=known, evidence=evidence, calls=calls, record=record, turn=turn
        )
        async with aclosing(run) as events:
            async for event in events:
                if event.type == "run.finished":
                    answer = dressed(event.data["answer"], name, question, made)
                    added = tuple(p.sha256 for p in session.pictures[len(before.pictures) :])
                    at = datetime.now(UTC).isoformat(timespec="seconds")
                    number = len(session.turns) + 1
                    done = Turn(number, at, question, made.standalone, seen, added, answer.as_dict())
                    await asyncio.to_thread(store.keep, name, session.pictures, done)
                    event = replace(event, data={"answer": answer})
                yield event


async def attach(foveal: Foveal, name: str, images: Sequence[Picture]) -> Session:
    """Give *images* to session *name* for its next questions. Raises BadImage, ThreadBusy, StoreUnavailable."""
    store = SessionStore(foveal.settings.home)
    with store.held(name):
        session = (await asyncio.to_thread(store.load, name)).with_pictures(await _cleaned(foveal, images))
        await asyncio.to_thread(store.keep, name, session.pictures)
    return session


async def _cleaned(foveal: Foveal, images: Sequence[Picture]) -> list[ImageRef]:
    return [await asyncio.to_thread(foveal.tools.put, image) for image in images]


async def _rewritten(foveal: Foveal, question: str, session: Session) -> tuple[Rewrite, list[Entry]]:
    """Return the rewritten question, and the model call that it took, if any, for the run's own journal."""
    from foveal.graphs.budget import Meter, MeteredModel
    from foveal.tools.runs.journal import Journal

    calls: list[Entry] = []

    await foveal.tools.prepare()
    model = foveal.tools.models["planner"]
    metered = MeteredModel(model, Meter(foveal.settings.budget(), Journal(keep=calls.append)), role="planner")
    pictures = [picture.sha256 for picture in session.pictures]
    return await rewrite_with(metered, question, session.past(), pictures, session.fresh()), calls


def dressed(answer: Answer, name: str, question: str, made: Rewrite) -> Answer:
    """Return the run's answer as that of a session's turn: to the question as it was put."""
    changes: dict[str, Any] = {"session": name, "question": question, "standalone_question": made.standalone}
    return replace(answer, **changes, warnings=(*made.warnings, *answer.warnings))
