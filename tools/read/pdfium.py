"""PDFium's pages as text and as pictures, held to sizes. PDFium may be entered by one thread of a process at a time."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foveal.errors import BadInput

if TYPE_CHECKING:
    from PIL import Image

DPI = 110
MAX_PAGE_PIXELS = 6_000_000
MAX_SIDE = 8000


def open_pdf(source: Path | bytes) -> Any:
    """Return the document. Raises BadInput when it is encrypted or malformed."""
    import pypdfium2

    try:
        return pypdfium2.PdfDocument(source)
    except pypdfium2.PdfiumError as error:
        if "assword" in str(error):
            raise BadInput("an encrypted PDF: save a copy without a password") from error
        raise BadInput("not a readable PDF (malformed or cut off)") from error


def page_text(page: Any) -> str:
    """Return the words of the text layer. Raises PdfiumError."""
    layer = page.get_textpage()
    try:
        return str(layer.get_text_bounded()).replace("\r\n", "\n").replace("\r", "\n")
    finally:
        layer.close()


def page_picture(page: Any, *, dpi: int = DPI, max_pixels: int = MAX_PAGE_PIXELS) -> Image.Image | None:
    """Return the page drawn at *dpi*, or smaller to have at most *max_pixels*; None for a page without a size.

    Raises PdfiumError.
    """
    width, height = page.get_size()
    if not (width > 0 and height > 0 and math.isfinite(width * height)):
        return None
    # a page may claim to be metres wide: hold the picture to a size, not to a resolution
    scale = min(dpi / 72, math.sqrt(max_pixels / (width * height)), MAX_SIDE / max(width, height))
    bitmap = page.render(scale=scale)
    picture = bitmap.to_pil().convert("RGB")
    bitmap.close()
    return picture
