"""Tables of a page, made ready for extraction: what belongs together ends up on one line.

Infoboxes and definition lists become lines "Height: 123 m", which hold their meaning by themselves; cells of other
tables are flattened to one line each and freed of links, since extractors drop tables full of links as navigation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.html import HtmlElement

BLOCKS = frozenset(
    "address article aside blockquote body br dd div dl dt figcaption figure footer form h1 h2 h3 h4 h5 h6 header hr li"
    " main nav ol p pre section table tbody td tfoot th thead tr ul".split()
)
_PAGE_FURNITURE = frozenset({"nav", "footer", "form"})
_MAX_KEY = 80
_MAX_ROWS = 5000


def keyed_lines(tree: HtmlElement) -> list[str]:
    """Turn infoboxes and definition lists of *tree* into paragraphs "key: value"; return all of these lines."""
    lines: list[str] = []
    for table in [element for element in tree.iter("table") if not _in_furniture(element)]:
        if pairs := _pairs(_rows(table)):
            lines += _replace(table, pairs)
    for listing in [element for element in tree.iter("dl") if not _in_furniture(element)]:
        if pairs := _definitions(listing):
            lines += _replace(listing, pairs)
    return lines


def flatten_tables(tree: HtmlElement) -> None:
    """Give every cell of the data tables of *tree* its text on one line, and nothing else."""
    for table in list(tree.iter("table")):
        if _in_furniture(table) or table.find(".//table") is not None:
            continue
        rows = _rows(table)
        if sum(len(row) > 1 for row in rows) < 2:
            continue
        for row in rows:
            for cell in row:
                text = one_line(cell)
                for child in list(cell):
                    cell.remove(child)
                cell.text = text.replace("|", "/")


def one_line(element: HtmlElement) -> str:
    """Return the text of *element* with its blocks separated by semicolons."""
    pieces: list[str] = []

    def collect(node: HtmlElement) -> None:
        block = node is not element and node.tag in BLOCKS
        if block:
            pieces.append("\n")
        pieces.append(re.sub(r"\s+", " ", node.text or ""))
        for child in node:
            collect(child)
            pieces.append(re.sub(r"\s+", " ", child.tail or ""))
        if block:
            pieces.append("\n")

    collect(element)
    parts = (re.sub(r"\s+", " ", part).strip(" ;") for part in "".join(pieces).split("\n"))
    return "; ".join(part for part in parts if part)


def _rows(table: HtmlElement) -> list[list[HtmlElement]]:
    """The cells of its own rows, not those of a table inside of it."""
    rows = table.xpath("./tr|./thead/tr|./tbody/tr|./tfoot/tr")[:_MAX_ROWS]
    return [[cell for cell in row if cell.tag in ("th", "td")] for row in rows]


def _pairs(rows: list[list[HtmlElement]]) -> list[tuple[str, str]]:
    """Key and value of every row, when that is what the table is: heads at the left, not in a first row."""
    keyed = [row for row in rows if len(row) == 2 and row[0].tag == "th" and row[1].tag == "td"]
    if not keyed or any(len(row) > 2 or (len(row) == 2 and row not in keyed) for row in rows):
        return []
    pairs = []
    for row in rows:
        texts = [one_line(cell) for cell in row]
        if len(texts) == 2 and 0 < len(texts[0]) <= _MAX_KEY:
            pairs.append((texts[0].rstrip(" :"), texts[1]))
        elif any(texts):
            pairs.append(("", " ".join(filter(None, texts))))
    return pairs


def _definitions(listing: HtmlElement) -> list[tuple[str, str]]:
    """Terms with what is said of each; groups in a ``div`` are looked into."""
    pairs: list[tuple[str, list[str]]] = []
    for element in listing.iter("dt", "dd"):
        text = one_line(element)
        if element.tag == "dt":
            pairs.append((text.rstrip(" :"), []))
        elif pairs and text:
            pairs[-1][1].append(text)
    return [(key, "; ".join(values)) for key, values in pairs if key and values]


def _replace(element: HtmlElement, pairs: Iterable[tuple[str, str]]) -> list[str]:
    """Put paragraphs in the place of *element*; return their lines."""
    lines = [f"{key}: {value}" if key else value for key, value in pairs if value]
    tail = element.tail
    element.clear()
    element.tag, element.tail = "div", tail
    for line in lines:
        paragraph = element.makeelement("p")
        paragraph.text = line
        element.append(paragraph)
    return lines


def _in_furniture(element: HtmlElement) -> bool:
    return any(ancestor.tag in _PAGE_FURNITURE for ancestor in element.iterancestors())
