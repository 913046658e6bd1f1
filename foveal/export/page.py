"""A run as one HTML file that needs nothing else: no address is loaded, and its own script only helps."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from foveal.errors import BadInput, StorageFull
from foveal.export import layout, timeline
from foveal.export.model import RunPage, gather, highlighted
from foveal.export.thumbs import LARGE, SMALL, make_thumbs
from foveal.hidden import stripped
from foveal.types import Event

if TYPE_CHECKING:
    from foveal.tools.runs.store import CallRecord, RunRecord

CARDS = 6
"""Pieces of evidence of a step that are shown in full beside those that its answer rests on."""
LONGEST = 4000
"""Characters of one text of the page."""
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
    if out.is_dir():
        raise BadInput(f"{out} is a folder.", remedy=f"Give a file name, for example {out / run.run_id}.html.")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{out} cannot be written: {error.strerror}.", remedy="Give another file name.") from None
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        if isinstance(error, PermissionError):
            raise BadInput(f"{out} cannot be written: {error.strerror}.", remedy="Give another file name.") from None
        raise StorageFull(f"{out} cannot be written: {error.strerror}.") from None
    return out


def render(page: RunPage, picture: Callable[[str], bytes | None]) -> str:
    """Return the page as HTML."""
    loader = PackageLoader("foveal.export")
    environment = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(link=_link, name=_name, when=_when)
    source = partial(loader.get_source, environment)
    style, script = source("page.css")[0], source("page.js")[0]
    seconds = next((g for g in page.gauges if g.name == "seconds"), None)
    return environment.get_template("page.html").render(
        page=page,
        style=Markup(style),
        script=Markup(script),
        policy="; ".join(
            [
                "default-src 'none'",
                "img-src data:",
                f"style-src {_hash(style)}",
                f"script-src {_hash(script)}",
                "base-uri 'none'",
                "form-action 'none'",
            ]
        ),
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


def _clean(value: Any) -> Any:
    """Take what is hidden out of untrusted text, and cut it."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    text = stripped(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


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


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
