"""PDF to one document a page: its text layer and a picture of it."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from foveal.tools.index.readers import RawDocument, Unit, clean

if TYPE_CHECKING:
    from PIL import Image

from foveal.errors import BadInput

MAX_PAGES = 2000
MAX_BYTES = 500_000_000
MAX_PAGE_PIXELS = 6_000_000
DPI = 110

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
    import pypdfium2

    if unit.path.stat().st_size > MAX_BYTES:
        raise BadInput(f"larger than {MAX_BYTES // 1_000_000} MB")
    try:
        return pypdfium2.PdfDocument(unit.path)
    except pypdfium2.PdfiumError as error:
        if "assword" in str(error):
            raise BadInput("an encrypted PDF: save a copy without a password") from error
        raise BadInput("not a readable PDF (malformed or cut off)") from error


def _page(pdf: Any, index: int) -> tuple[str, Image.Image | None]:
    """Text and picture of a page. A page that does not load yields what it can: the others must not be
    lost."""
    import pypdfium2

    try:
        page = pdf[index]
    except pypdfium2.PdfiumError:
        return "", None
    try:
        layer = page.get_textpage()
        text = layer.get_text_bounded().replace("\r\n", "\n")
        layer.close()
        width, height = page.get_size()
        if not (width > 0 and height > 0 and math.isfinite(width * height)):
            return text, None
        # a page may claim to be metres wide: hold the picture to a size, not to a resolution
        scale = min(DPI / 72, math.sqrt(MAX_PAGE_PIXELS / (width * height)), 8000 / max(width, height))
        bitmap = page.render(scale=scale)
        picture = bitmap.to_pil().convert("RGB")
        bitmap.close()
        return text, picture
    except pypdfium2.PdfiumError:
        return "", None
    finally:
        page.close()
