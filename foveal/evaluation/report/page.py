"""A report as one HTML file that loads nothing: traces are packed into it and opened when they are looked at."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from foveal import standalone
from foveal.evaluation.failures import LOSSES
from foveal.evaluation.questions import QuestionSet
from foveal.evaluation.report import plots
from foveal.evaluation.report.model import RIGHT, Report, gather, listing
from foveal.evaluation.report.pictures import Album, make_album
from foveal.evaluation.report.runs import Loaded
from foveal.evaluation.report.views import packed
from foveal.evaluation.score import ALL
from foveal.outfile import write

COLOURS, SHAPES = 8, 3
"""Runs are told apart by colour and shape; their names stand beside them too."""


@dataclass(frozen=True, slots=True)
class Written:
    """A report's file: its size in bytes, and those of the packed traces and of the pictures in it."""

    path: Path
    bytes: int
    traces: int
    pictures: int
    questions: int


def write_report(
    questions: QuestionSet, runs: Sequence[Loaded], out: Path, *, name: str = "", pictures: bool = True
) -> Written:
    """Write the report of *runs*, the first of which is the measure; *name* is what the question file is called.

    Raises BadInput when *out* cannot be a file, StorageFull when the disk is full.
    """
    rows = [question for question in questions.questions if any(question.id in run.losses for run in runs)]
    album = make_album(rows) if pictures else Album()
    traces = [packed([run.views.get(question.id) for run in runs]) for question in rows]
    text = render(gather(questions, runs), questions, runs, album, traces, name=name)
    write(text, out)
    return Written(
        out, out.stat().st_size, sum(map(len, traces)), sum(map(len, album.data.values())), len(rows)
    )  # fmt: skip


def render(
    report: Report, questions: QuestionSet, runs: Sequence[Loaded], album: Album, traces: Sequence[str], *, name: str
) -> str:
    """Return the page as HTML."""
    templates = standalone.environment(
        "foveal.evaluation.report", when=_when, percent=_percent, places=_places, signed=_signed, chance=_chance
    )
    data = {
        "runs": [run.name for run in runs],
        "losses": LOSSES,
        "questions": listing(questions, runs, album.of),
    }
    return templates.get_template("report.html").render(
        report=report,
        name=name,
        sha256=questions.sha256,
        **standalone.assets(templates, "report"),
        data=_in_script(_visible(data)),
        pictures=_in_script(album.data),
        album=album,
        traces=[Markup(trace) for trace in traces],  # base64, and never cut
        losses=LOSSES,
        right=RIGHT,
        everything=ALL,
        plots=plots,
        colours=COLOURS,
        shapes=SHAPES,
    )


def _in_script(value: Any) -> Markup:
    """Return *value* as JSON that can end no script element and start no comment in one."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


def _visible(value: Any) -> Any:
    if isinstance(value, str):
        return standalone.clean(value)
    if isinstance(value, dict):
        return {key: _visible(one) for key, one in value.items()}
    return [_visible(one) for one in value] if isinstance(value, list) else value


def _when(moment: str) -> str:
    """Return an ISO time as people write it."""
    return re.sub(r"^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d)?(?:\.\d+)?(?:\+00:00|Z)$", r"\1 \2 UTC", moment)


def _percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{100 * share:.{digits}f}"


def _places(value: float | None, digits: int = 1) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _signed(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{100 * share:+.{digits}f}".replace("-", "−")


def _chance(p: float | None) -> str:
    """Return a p value as it is printed."""
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
