"""Reads one source into raw documents: pictures, HTML, Markdown, text and corpus lines (PDF: see pdf.py)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from foveal.errors import BadInput

PICTURE_TYPES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"})
KIND_OF_TYPE: Mapping[str, str] = {
    **{suffix: "picture" for suffix in PICTURE_TYPES},
    ".pdf": "pdf",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".md": "markdown",
    ".markdown": "markdown",
    ".txt": "text",
    ".text": "text",
    ".rst": "text",
    ".jsonl": "corpus",
}
MAX_TEXT_BYTES = 50_000_000


@dataclass(frozen=True, slots=True)
class Unit:
    """One source to be read: a file, or a line of a corpus.

    ``picture`` is the picture of a corpus line (checked to lie in the corpus's folder); ``notice`` says
    what is odd about it without stopping it.
    """

    uri: str
    root: str
    path: Path
    kind: str
    digest: str
    row: Mapping[str, Any] | None = None
    picture: Path | None = None
    notice: str = ""


@dataclass(frozen=True, slots=True)
class RawDocument:
    """A document as it was read, before anything looked at its picture.

    ``picture`` is a file or rendered pixels; ``name`` is the file a page belongs to; ``role`` is what the
    picture is, when the source says so.
    """

    id: str
    title: str
    text: str = ""
    picture: Path | Image.Image | None = None
    url: str | None = None
    source: str = ""
    licence: str = ""
    page: int | None = None
    name: str | None = None
    role: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


def read(unit: Unit) -> Iterator[RawDocument]:
    """Yield the documents of a file or line. Raises BadInput with a reason a user understands."""
    if unit.row is not None:
        yield _from_row(unit)
    elif unit.kind == "picture":
        yield RawDocument(
            id=file_id(unit),
            title=title_of(unit.path),
            picture=unit.path,
            url=unit.path.as_uri(),
            source=unit.path.name,
        )
    elif unit.kind == "pdf":
        from foveal.tools.index.pdf import read_pdf

        yield from read_pdf(unit, file_id(unit))
    else:
        yield _from_text(unit)


def file_id(unit: Unit) -> str:
    """A readable id that stays the same while the file stays where it is."""
    slug = re.sub(r"[^A-Za-z0-9]+", "-", unit.path.stem).strip("-").lower()[:40] or "file"
    return f"{slug}-{hashlib.sha256(unit.uri.encode()).hexdigest()[:8]}"


def title_of(path: Path) -> str:
    """A file's name as words."""
    return re.sub(r"[_\s]+", " ", path.stem).strip() or path.name


def decode(data: bytes) -> str:
    """Bytes to text: UTF-8, UTF-16 with a mark, else Windows-1252. Raises BadInput when it is no text."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    if b"\0" in data[:65536]:
        raise BadInput("not text, although its name says so")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def clean(text: str) -> str:
    """Without NUL and lone surrogates, which no store keeps."""
    return text.replace("\0", " ").encode("utf-8", "replace").decode("utf-8")


def _from_text(unit: Unit) -> RawDocument:
    if unit.path.stat().st_size > MAX_TEXT_BYTES:
        raise BadInput(f"larger than {MAX_TEXT_BYTES // 1_000_000} MB of text")
    text = decode(unit.path.read_bytes())
    title = title_of(unit.path)
    url: str | None = unit.path.as_uri()
    if unit.kind == "html":
        own_title, text = _from_html(text)
        title = own_title or title
    elif unit.kind == "markdown":
        heading = re.search(r"^#{1,2}\s+(.+?)\s*#*\s*$", text, re.MULTILINE)
        title = heading.group(1) if heading else title
    if not text.strip():
        raise BadInput("holds no text")
    return RawDocument(
        id=file_id(unit),
        title=clean(title),
        text=clean(text),
        url=url,
        source=unit.path.name,
        name=unit.path.name,
    )


def _from_html(html: str) -> tuple[str, str]:
    """Title and readable text of a page."""
    import trafilatura

    text = trafilatura.extract(html, include_comments=False, include_tables=True, favor_recall=True) or ""
    match = re.search(r"<title[^>]*>(.*?)</title>", html, re.IGNORECASE | re.DOTALL)
    title = re.sub(r"\s+", " ", match.group(1)).strip() if match else ""
    if not text:
        text = trafilatura.html2txt(html) or ""
    import html as entities

    return entities.unescape(title), text


def _from_row(unit: Unit) -> RawDocument:
    row = unit.row or {}
    meta = row.get("meta") or {}
    page = meta.get("page")
    name = meta.get("doc")
    page = page if isinstance(page, int) and not isinstance(page, bool) else None
    role = "page" if page is not None else ("chart" if meta.get("kind") == "chart" else None)
    return RawDocument(
        id=str(row["id"]),
        title=clean(str(row.get("title") or "")) or str(row["id"]),
        text=clean(str(row.get("text") or "")),
        picture=unit.picture,
        url=row.get("url") if isinstance(row.get("url"), str) else None,
        source=clean(str(row.get("source") or unit.path.name)),
        licence=clean(str(row.get("licence") or row.get("license") or "")),
        page=page,
        name=clean(str(name)) if name else None,
        role=role,
        meta=meta,
    )
