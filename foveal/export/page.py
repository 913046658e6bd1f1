"""A run as one HTML file that needs nothing else: no address is loaded, and its own script only helps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from foveal import standalone
from foveal.export import layout, timeline
from foveal.export.model import RunPage, gather, highlighted
from foveal.export.thumbs import LARGE, SMALL, make_thumbs
from foveal.outfile import write
from foveal.types import Event

if TYPE_CHECKING:
    from foveal.tools.runs.store import CallRecord, RunRecord

CARDS = 6
"""Pieces of evidence of a step that are shown in full beside those that its answer rests on."""
STATUSES = {
    "pending": ("·", "not asked"),
    "running": ("▸", "under way"),
    "answered": ("✓", "answered"),
    "insufficient": ("?", "no answer found"),
    "failed": ("✗", "failed"),
    "skipped": ("–", "skipped"),
}
"""Mark and words of each status, so that none is told by its colour alone."""
RUN_STATUSES = {
    "answered": ("✓", "Answered"),
    "insufficient": ("?", "Unable to determine"),
    "premise_false": ("!", "The premise is false"),
    "failed": ("✗", "Failed"),
    "cancelled": ("–", "Cancelled"),
    "interrupted": ("–", "Interrupted"),
    "running": ("▸", "Still running"),
    "finished": ("✓", "Finished"),
}
CODES = {
    "created": "the first plan",
    "EMPTY": "a search found nothing",
    "IRRELEVANT": "what was found does not speak of the question",
    "AMBIGUOUS_ID": "the picture may show several things",
    "CONFLICT": "sources disagree",
    "STALE": "the sources are too old",
    "NEW_HOP": "an answer opened further questions",
    "PREMISE": "the question assumes what is not so",
    "TOOL_DOWN": "a tool did not work",
    "DUPLICATE": "the same was asked before",
    "LOW_QUALITY_IMAGE": "the picture is too poor",
}


def write_page(
    run: RunRecord,
    events: Sequence[Event],
    calls: Sequence[CallRecord],
    answer: Mapping[str, Any] | None,
    picture: Callable[[str], bytes | None],
    out: Path,
) -> Path:
    """Write the page of *run* to *out* and return it. *picture* gives a picture's bytes by sha256, None if unknown.

    Raises BadInput when *out* cannot be a file, StorageFull when the disk is full.
    """
    text = render(gather(run, events, calls, answer), picture)
    write(text, out, example=f"{run.run_id}.html")
    return out


def render(page: RunPage, picture: Callable[[str], bytes | None]) -> str:
    """Return the page as HTML."""
    templates = standalone.environment("foveal.export", link=_link, name=_name, when=_when)
    seconds = next((g for g in page.gauges if g.name == "seconds"), None)
    return templates.get_template("page.html").render(
        page=page,
        **standalone.assets(templates, "page"),
        thumbs=make_thumbs(_pictures(page), picture),
        drawings=[
            (layout.draw([(s.id, (*s.depends_on, s.each)) for s in v.steps]), {s.id: s for s in v.steps})
            for v in page.versions
        ],
        timeline=timeline.lay_out(
            page.calls, limit=seconds.limit if seconds else None, seconds=seconds.used if seconds else 0.0
        ),
        highlighted=highlighted,
        statuses=STATUSES,
        run_statuses=RUN_STATUSES,
        codes=CODES,
        cards=CARDS,
    )


def _pictures(page: RunPage) -> Iterator[tuple[str, int]]:
    """Yield the pictures that the page shows, the most telling first."""
    yield from ((p.image.sha256, LARGE) for p in page.pictures)
    yield from ((s.image, SMALL) for s in page.sources if s.image)
    yield from ((e.image, SMALL) for s in page.steps for e in s.used if e.image)
    yield from ((h.image, SMALL) for p in page.pictures for h in p.hypotheses if h.image)
    yield from ((e.image, SMALL) for s in page.steps for e in s.other[:CARDS] if e.image)


def _link(url: str | None) -> str | None:
    """Return *url* if a reader may follow it: http or https, with a host."""
    try:
        parts = urlsplit(url or "")
    except ValueError:
        return None
    return url if parts.scheme in ("http", "https") and parts.netloc else None


def _when(moment: str) -> str:
    """Return an ISO time as people write it."""
    return re.sub(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?(?:\+00:00|Z)$", r"\1 \2 UTC", moment)


def _name(text: str) -> str:
    """Return *text* as the name of a place in the page."""
    return re.sub(r"[^\w.-]", lambda m: f"_{ord(m[0]):x}", text)
