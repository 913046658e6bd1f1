"""Bytes of a page to text: what the bytes show goes before what their server or they themselves say of them."""

from __future__ import annotations

import codecs
import re

_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe\0\0", "utf-32-le"), (b"\0\0\xfe\xff", "utf-32-be"),
          (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))  # fmt: skip
_IN_PAGE = re.compile(rb"""<meta[^>]{0,300}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_IN_XML = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{2,40})["']""", re.IGNORECASE)
# Python knows codecs that are no encodings of text (rot13, unicode_escape), and some that hide text (utf-7)
_ENCODING = re.compile(
    r"(x-)?(us-?ascii|utf-?(8|16|32)([-_]?[lb]e)?|iso-?8859-?\d{1,2}|latin-?\d{1,2}|(windows|cp)-?(125\d|874|932|949|1361)"
    r"|koi8-?[rut]|(shift|s)[-_]?jis\w*|euc-?(jp|kr)\w*|iso-?2022-?(jp|kr)\w*|gb-?(k|2312|18030)|big5(-?hkscs)?"
    r"|mac-?(roman|cyrillic|intosh)|tis-?620|ibm866|hz(-gb-2312)?)",
    re.IGNORECASE,
)
_DETECTED = 20_000
"""Bytes that are looked at to guess an encoding."""


def decode(data: bytes, declared: str = "") -> str:
    """Return *data* as text; what cannot be decoded becomes U+FFFD, NULs are gone.

    In this order: a byte order mark; UTF-16 by its NULs; UTF-8 if it is valid; *declared* (by the server); what the
    page says of itself; the best guess.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _text(data[len(mark) :], name)
    if wide := _wide(data[:4096]):
        return _text(data, wide)
    try:
        return data.decode("utf-8").replace("\0", "")
    except UnicodeDecodeError as error:
        damaged = error.start > 0.98 * len(data) or _mostly_utf8(data)
    in_page = _IN_XML.search(data[:1024]) or _IN_PAGE.search(data[:4096])
    named = [_codec(declared), _codec(in_page[1].decode("ascii", "replace") if in_page else "")]
    for name in named:
        # a wide encoding would have shown NULs, and a few broken bytes do not make UTF-8 something else
        if name and not name.startswith(("utf-16", "utf-32")) and not (damaged and name != "utf-8"):
            return _text(data, name)
    return _text(data, "utf-8" if damaged else _guess(data))


def _text(data: bytes, name: str) -> str:
    return data.decode(name, errors="replace").replace("\0", "")


def _codec(label: str) -> str:
    """Return Python's name of an encoding of text; empty for anything else."""
    if not _ENCODING.fullmatch(label.strip()):
        return ""
    try:
        name = codecs.lookup(label.strip().lower().removeprefix("x-")).name
    except LookupError:
        return ""
    # what calls itself Latin-1 or ASCII is Windows-1252 to every browser
    return "cp1252" if name in ("iso8859-1", "ascii") else name


def _wide(head: bytes) -> str:
    """Say which UTF-16 *head* is, when every second byte of it is mostly NUL."""
    half = len(head) // 2
    if half < 4:
        return ""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    if odd > 0.4 * half and even < 0.1 * half:
        return "utf-16-le"
    return "utf-16-be" if even > 0.4 * half and odd < 0.1 * half else ""


def _mostly_utf8(data: bytes) -> bool:
    """Whether there are many multi-byte characters and hardly a broken byte."""
    text = data.decode("utf-8", errors="replace")
    broken = text.count("\ufffd")
    return broken * 20 < sum(1 for char in text if char > "\x7f" and char != "\ufffd")


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(data[:_DETECTED]).best()
    return (_codec(best.encoding.replace("_", "-")) if best else "") or "cp1252"
