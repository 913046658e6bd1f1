"""PDF to one document a page: its text layer and a picture of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from foveal.tools.index.readers import RawDocument, Unit, clean
from foveal.tools.read.pdfium import open_pdf, page_picture, page_text

if TYPE_CHECKING:
    from PIL import Image

from foveal.errors import BadInput

MAX_PAGES = 2000
MAX_BYTES = 500_000_000

PDFIUM = threading.Lock()
"""PDFium may be entered by one thread at a time, in the whole process."""


def page_count(unit: Unit) -> int:
    """How many pages the file has. Raises BadInput."""
    with PDFIUM:
        pdf = _open(unit)
        try:
            return len(pdf)
        finally:
            pdf.close()


def read_pdf(unit: Unit, base_id: str) -> Iterator[RawDocument]:
    """Yield pages one by one, at most MAX_PAGES. Raises BadInput for an encrypted, malformed or huge file."""
    with PDFIUM:
        pdf = _open(unit)
        total = len(pdf)
        title = (pdf.get_metadata_dict(skip_empty=True).get("Title") or "").strip()
    try:
        if total == 0:
            raise BadInput("a PDF without pages")
        for index in range(min(total, MAX_PAGES)):
            with PDFIUM:
                text, picture = _page(pdf, index)
            meta: dict[str, Any] = {"doc": unit.path.name, "page": index + 1, "pages": total}
            if title:
                meta["doc_title"] = clean(title)
            yield RawDocument(
                id=f"{base_id}:p{index + 1:03d}",
                title=f"{unit.path.name} page {index + 1}",
                text=clean(text),
                picture=picture,
                url=f"{unit.path.as_uri()}#page={index + 1}",
                source=unit.path.name,
                page=index + 1,
                name=unit.path.name,
                role="page",
                meta=meta,
            )
    finally:
        with PDFIUM:
            pdf.close()


def _open(unit: Unit) -> Any:
    if unit.path.stat().st_size > MAX_BYTES:
        raise BadInput(f"larger than {MAX_BYTES // 1_000_000} MB")
    return open_pdf(unit.path)


def _page(pdf: Any, index: int) -> tuple[str, Image.Image | None]:
    """Text and picture of a page. A page that does not load yields what it can: the others must not be
    lost."""
    import pypdfium2

    try:
        page = pdf[index]
    except pypdfium2.PdfiumError:
        return "", None
    try:
        return page_text(page), page_picture(page)
    except pypdfium2.PdfiumError:
        return "", None
    finally:
        page.close()
