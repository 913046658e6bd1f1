"""Calls of the web in a run: within the budget, in the journal, told as events, and never with what is private."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from foveal.agents import leaks
from foveal.errors import BackendDown, BackendError, BackendTimeout, PrivateQuery, Throttled
from foveal.graphs.state import BranchState, Research, Told
from foveal.types import SearchKind, ToolOutcome, WebHit, WebPage, WebQuery

NAMES: Mapping[SearchKind, str] = {
    "text": "web", "news": "web", "images": "web_images", "lookalikes": "web_lookalikes",
}  # fmt: skip
"""What a search is called in the journal, in events and in what a run used."""
READ, PICTURE = "web_read", "web_picture"
_FAILED: Mapping[str, type[BackendError]] = {"throttled": Throttled, "timeout": BackendTimeout}


async def search(query: WebQuery, state: BranchState, work: Research) -> ToolOutcome:
    """Return the hits of one search; ``notes`` say what the user should know of it. Raises what is ENDING."""
    assert work.web is not None
    web, notes = work.web, list[str]()

    async def make() -> Sequence[WebHit]:
        found = await web.search(query)
        notes.extend(found.notes)
        if found.error and not found.items:
            raise _FAILED.get(found.status, BackendDown)(found.error)
        return found.items

    outcome = await _called(NAMES[query.kind], asdict(query), query.text, make, state, work)
    if outcome.status == "cached":  # given back from the journal: the web has not seen these addresses
        web.allow(*(url for hit in outcome.items for url in (hit.url, hit.image, hit.thumbnail) if url))
    return replace(outcome, notes=tuple(notes))


async def read(url: str, state: BranchState, work: Research) -> ToolOutcome:
    """Return the page at *url*, alone in ``items``. Raises what is ENDING."""
    assert work.web is not None
    web = work.web

    async def make() -> Sequence[WebPage]:
        return (await web.read(url),)

    return await _called(READ, {"url": url}, url, make, state, work, _found(state))


async def picture(url: str, state: BranchState, work: Research) -> ToolOutcome:
    """Return the picture at *url* as an :class:`~foveal.types.ImageRef`, alone in ``items``. Raises what is ENDING."""
    assert work.web is not None
    web = work.web

    async def make() -> Sequence[Any]:
        return (await web.picture(url),)

    return await _called(PICTURE, {"url": url}, url, make, state, work, _found(state))


def _found(state: BranchState) -> list[str]:
    """Return the addresses that a search gave."""
    leads = state.get("leads", ())
    return [url for hit in leads for url in (hit.url, hit.image, hit.thumbnail) if url]


async def _called(
    name: str,
    request: Mapping[str, Any],
    said: str,
    make: Callable[[], Awaitable[Sequence[Any]]],
    state: BranchState,
    work: Research,
    found: Sequence[str] = (),
) -> ToolOutcome:
    """Make one call that says *said* to the outside. A call that would tell what is private is not made.

    *found* are addresses out of the web's own mouth.
    """
    step, told = state["step"].id, state.get("told", Told())
    try:
        if work.private:
            private = [*told.private, *await _documents(told.documents, work)]
            await asyncio.to_thread(leaks.check, said, private, allowed=(*told.public, *found))
    except PrivateQuery as problem:
        work.emit("warning", {"step": step, "message": str(problem)})
        return ToolOutcome("blocked", error=str(problem))
    work.emit("tool.called", {"tool": name, "step": step, "query": said})
    outcome = await work.meter.tool_call(name, request, step, make)
    counted = {"tool": name, "step": step, "status": outcome.status, "n": len(outcome.items)}
    work.emit("tool.returned", {**counted, "elapsed": outcome.elapsed, "error": outcome.error})
    return outcome


async def _documents(ids: Sequence[str], work: Research) -> list[str]:
    """Return all that stands in documents of the collection."""
    documents = [await work.document(doc_id) for doc_id in ids]
    return [f"{d.title}\n{d.text}\n{d.ocr}" for d in documents if d is not None]
