"""Plain text and Markdown as a page."""

from __future__ import annotations

import re
from typing import Any

from foveal.hidden import visible
from foveal.tools.read.pool import unreadable

TEXT_TYPES = frozenset({"text/plain", "text/markdown", "application/json", "application/xml"})
MARKDOWN = frozenset({"text/markdown"})
MAX_TEXT = 1_500_000
"""Characters of a page that are kept."""
MAX_LINKS = 500

_SPACE = re.compile(r"[ \t\xa0]+")
_BLANKS = re.compile(r"\n{3,}")
_ADDRESS = re.compile(r"https?://[^\s<>\"'(){}\[\]]{3,1000}")
_HEADING = re.compile(r"^#{1,2}[ \t]+(\S.{0,300}?)[ \t]*#*$", re.MULTILINE)


def tidy(text: str, *, columns: bool = False) -> str:
    """Return *text* without hidden characters and with at most one blank line running.

    Lines lose their spaces at the end, and runs of spaces inside unless *columns* are made of them. Idempotent.
    """
    lines = visible(text).split("\n")
    kept = "\n".join((line if columns else _SPACE.sub(" ", line)).rstrip() for line in lines)
    return _BLANKS.sub("\n\n", kept).strip()


def addresses(text: str) -> list[str]:
    """Return the http and https addresses that stand in *text*, each once, in order."""
    found = (match.rstrip(".,;:!?*_`") for match in _ADDRESS.findall(text))
    return list(dict.fromkeys(found))[:MAX_LINKS]


def cut(text: str) -> tuple[str, list[str]]:
    """Return at most MAX_TEXT characters of *text*, and a note if that was not all."""
    if len(text) <= MAX_TEXT:
        return text, []
    return text[:MAX_TEXT].rstrip(), [f"cut after {MAX_TEXT:,} characters"]


def read_text(text: str, *, markdown: bool, name: str) -> dict[str, Any]:
    """Return fields of a WebPage; its title is the first heading of Markdown, else *name*. Raises PageUnreadable."""
    text, notes = cut(tidy(text[: 2 * MAX_TEXT], columns=True))
    if not re.search(r"\w", text):
        raise unreadable("empty content: it holds no text", "empty content")
    heading = _HEADING.search(text) if markdown else None
    return {
        "kind": "text",
        "title": heading[1] if heading else name,
        "text": text,
        "links": tuple(addresses(text)),
        "notes": tuple(notes),
    }
