"""What a reply really is: by its first bytes, and by its header only where bytes cannot tell.

The signatures are those of the WHATWG MIME Sniffing standard, and of the programs and archives that are met in its
place; text is told from binary data as there (section 7.2).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from foveal.errors import BadResponse
from foveal.tools.fetch.policy import Kind

HEAD = 1024
"""How many first bytes settle it."""
PDF = "application/pdf"
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp", "image/tiff"})
TEXTS = frozenset(
    {"text/html", "application/xhtml+xml", "text/plain", "text/markdown", "application/json", "application/xml"}
)
ALLOWED: Mapping[Kind, frozenset[str]] = {
    "page": TEXTS | {PDF},
    "picture": PICTURES,
    "pdf": frozenset({PDF}),
    "json": frozenset({"application/json"}),
}
_FOR_BROWSERS = frozenset({"text/css", "text/javascript"})
_WANTED: Mapping[Kind, str] = {"page": "a page", "picture": "a picture", "pdf": "a PDF", "json": "JSON"}

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x7fELF", "application/x-elf"),
    (b"MZ", "application/x-msdownload"),
    (b"\xca\xfe\xba\xbe", "application/x-mach-binary"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"\x00asm", "application/wasm"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!", "application/vnd.rar"),
    (b"%!PS-", "application/postscript"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "application/ogg"),
    (b"\x1aE\xdf\xa3", "video/webm"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"SQLite format 3\x00", "application/vnd.sqlite3"),
)
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_NOT_IN_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_MARKUP = re.compile(rb"\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*+<(!doctype\s+html|[a-z][a-z0-9]*)", re.I | re.S)
_HTML = frozenset(
    b"!doctype html head body title meta link script style div span table p h1 h2 a br b font iframe img main".split()
)


def sniff(head: bytes, declared: str) -> str:
    """Return the media type of a body that begins with *head*, which came as *declared*; at worst octet-stream."""
    for signature, media_type in _SIGNATURES:
        if head.startswith(signature) and (not signature.isalnum() or _NOT_IN_TEXT.search(head)):
            return media_type
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12], "video/x-msvideo")
    if head[4:8] == b"ftyp":
        return "image/avif" if head[8:12] in (b"avif", b"avis") else "video/mp4"
    if b"%PDF-" in head[:HEAD]:
        return PDF
    wide = head.startswith(_BYTE_ORDER_MARKS[1:])
    if _NOT_IN_TEXT.search(head) and not wide:
        return "application/octet-stream"
    return _text_type(head.replace(b"\x00", b"") if wide else head, declared)


def _text_type(head: bytes, declared: str) -> str:
    for mark in _BYTE_ORDER_MARKS:
        head = head.removeprefix(mark)
    markup = _MARKUP.match(head)
    tag = b" ".join(markup[1].lower().split()).partition(b" ")[0] if markup else b""
    if tag == b"svg":
        return "image/svg+xml"
    if declared in TEXTS:
        return "text/html" if tag in _HTML and declared in ("text/plain", "application/json") else declared
    if declared in ("text/xml", "application/rss+xml", "application/atom+xml"):
        return "application/xml"
    if tag in _HTML:
        return "text/html"
    if head.lstrip()[:1] in (b"{", b"["):
        return "application/json"
    return declared if declared.startswith("text/") or not head else "text/plain"


def settle(head: bytes, declared: str, kind: Kind) -> str:
    """Return the media type if a *kind* may be that; nothing at all may be what it says. Raises BadResponse."""
    found = sniff(head, declared)
    if kind == "page" and found.startswith("text/") and found not in TEXTS | _FOR_BROWSERS:
        found = "text/plain"  # a table, a program's source
    if kind == "json" and head.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] in (b"{", b"[", b""):
        found = "application/json"
    if kind == "any" or found in ALLOWED[kind]:
        return found
    said = f", though it says {declared[:60]}" if declared and declared != found else ""
    raise BadResponse(f"The reply is {found}{said}: not {_WANTED[kind]}.")
