"""A fetched PDF to text that knows its pages, and pages to pictures. Runs in a worker (worker.py)."""

from __future__ import annotations

import io
import re
import time
from typing import Any

from foveal.errors import BadInput
from foveal.tools.read.pdfium import open_pdf, page_picture, page_text
from foveal.tools.read.pool import unreadable
from foveal.tools.read.text import MAX_TEXT, addresses, cut, tidy

MAX_PAGES = 500
MAX_PICTURES = 12
_DATE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?")


def read(data: bytes, budget: float) -> dict[str, Any]:
    """Return fields of a WebPage: title, text, ``pages`` (offset of each), ``published_at``, notes, and more.

    ``picture_pages`` are the numbers of pages worth seeing: without words first, then those with figures. Stops after
    *budget* seconds with what it has. Raises BadInput, PageUnreadable.
    """
    import pypdfium2

    end = time.monotonic() + budget
    document = open_pdf(data)
    total = len(document)
    if total == 0:
        raise BadInput("a PDF without pages")
    meta = document.get_metadata_dict(skip_empty=True)
    text, starts = "", []
    worth: list[tuple[int, int]] = []
    damaged = 0
    for index in range(min(total, MAX_PAGES)):
        if index and (time.monotonic() > end or len(text) > MAX_TEXT):
            break
        words, figures = "", False
        try:
            page = document[index]
            words = tidy(page_text(page))
            figures = any(True for _ in page.get_objects([pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=2))
            page.close()
        except pypdfium2.PdfiumError:
            damaged += 1
        text += "\n\n" if text and words else ""
        starts.append(len(text))
        text += words
        worth.append((0 if figures and len(words) < 40 else 1 if figures else 2 if index == 0 else 3, index + 1))
    document.close()
    if damaged == len(starts):
        raise unreadable("damaged: none of its pages can be read", "damaged")
    text, notes = cut(text)
    if len(starts) < total:
        notes.append(f"only the first {len(starts)} of {total} pages were read")
    if damaged:
        notes.append(f"{damaged} pages could not be read")
    if not text:
        notes.append("no words in it: its pages can only be looked at")
    return {
        "title": tidy(str(meta.get("Title", "")))[:500],
        "text": text,
        "pages": starts,
        "published_at": _date(meta.get("CreationDate") or meta.get("ModDate") or ""),
        "links": addresses(text),
        "picture_pages": [number for rank, number in sorted(worth) if rank < 3 or not text][:MAX_PICTURES],
        "notes": notes,
    }


def picture(data: bytes, page: int) -> dict[str, Any]:
    """Return ``{"png": bytes}`` of a page, counted from 1. Raises BadInput, PageUnreadable."""
    import pypdfium2

    document = open_pdf(data)
    if not 1 <= page <= len(document):
        raise BadInput(f"no page {page} in it")
    try:
        drawn = page_picture(document[page - 1])
    except pypdfium2.PdfiumError as error:
        raise unreadable(f"damaged: page {page} cannot be drawn", "damaged") from error
    if drawn is None:
        raise unreadable(f"damaged: page {page} has no size", "damaged")
    kept = io.BytesIO()
    drawn.save(kept, "PNG", compress_level=1)
    return {"png": kept.getvalue()}


def _date(value: str) -> str | None:
    """ISO date of a PDF date such as ``D:20240131120000+01'00'``; None when the month or day is missing or wrong."""
    match = _DATE.match(value)
    if not match or not (match[2] and match[3]) or not ("01" <= match[2] <= "12" and "01" <= match[3] <= "31"):
        return None
    return f"{match[1]}-{match[2]}-{match[3]}"
