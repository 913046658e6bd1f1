"""Words on the terminal: one place that writes results, notes and errors, and knows the exit codes."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from collections.abc import Sequence
from typing import Any

from foveal.errors import FovealError
from foveal.hidden import stripped
from foveal.settings import MASK

BUG_EXIT = 4
INTERRUPTED = 130
REPORT_BUG = "Run it again with FOVEAL_DEBUG=1 and report what it prints."


def clean(text: str) -> str:
    """Return *text* without what is hidden: signs that steer a terminal or turn its reading direction, and others."""
    return stripped(text)


def one_line(text: str, longest: int = 240) -> str:
    """Return *text* on one line, cut to *longest* characters."""
    flat = " ".join(clean(text).split())
    return flat if len(flat) <= longest else flat[: longest - 1] + "…"


def without_secrets(text: str) -> str:
    """Return *text* with the values of our secret variables masked, should a library have put one in."""
    for name, value in os.environ.items():
        if name.startswith(("FOVEAL_", "OPENAI_")) and name.endswith(("_KEY", "_TOKEN", "_SECRET")) and len(value) >= 4:
            text = text.replace(value, MASK)
    return text


def say(text: str = "") -> None:
    """Print a result on standard output."""
    print(clean(text), flush=True)


def note(text: str) -> None:
    """Print something beside the result on standard error."""
    print(clean(text), file=sys.stderr, flush=True)


def print_json(value: Any, *, indent: int | None = 2) -> None:
    """Print exactly one JSON object on standard output, in ASCII where the terminal knows no more.

    Without *indent* it takes one line.
    """
    encoding = (sys.stdout.encoding or "ascii").lower().replace("-", "")
    # a lone surrogate (an argument that was not UTF-8) has no UTF-8 form
    text = json.dumps(value, ensure_ascii=encoding != "utf8", indent=indent, default=str)
    print(text.encode("utf-8", "backslashreplace").decode("utf-8"), flush=True)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return aligned columns; the first is left-aligned, numbers in the others right-aligned."""
    cells = [head, *rows]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    lines = []
    for row in cells:
        line = [
            cell.rjust(width) if column and _numeric(rows, column) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(line).rstrip())
    return "\n".join(lines)


def show_error(error: FovealError, *, as_json: bool, indent: int | None = 2) -> int:
    """Print *error* and its remedy; return the exit code."""
    message = one_line(without_secrets(error.message), 2000)
    if as_json:
        print_json(
            {
                "schema": "foveal.error/1",
                "error": {
                    "code": error.code,
                    "message": message,
                    "remedy": error.remedy,
                    "retryable": error.retryable,
                    **({"run_id": error.run_id} if error.run_id else {}),
                },
            },
            indent=indent,
        )
    note(f"error: {message}")
    if error.remedy:
        note(f"  {error.remedy}")
    if error.run_id:
        note(f"  To go on where it stopped: foveal runs resume {error.run_id}")
    return error.exit_code


def show_bug(error: BaseException, *, as_json: bool, debug: bool) -> int:
    """Print that this is our fault; the traceback only when asked for."""
    if debug or os.environ.get("FOVEAL_DEBUG"):
        note(without_secrets("".join(traceback.format_exception(error))))
    problem = FovealError(
        f"this is a bug in Foveal: {type(error).__name__}: {one_line(str(error), 300)}", remedy=REPORT_BUG
    )
    problem.code = "bug"
    problem.run_id = getattr(error, "run_id", None)
    show_error(problem, as_json=as_json)
    return BUG_EXIT


def _numeric(rows: Sequence[Sequence[str]], column: int) -> bool:
    return all(re.fullmatch(r"[-\d.,%]*", row[column]) for row in rows)
