"""HTML to Markdown with a title, dates, a canonical address, pictures and links. Runs in a worker (worker.py).

The content is what trafilatura finds (Barbaresi, ACL 2021 demo), its inline marks and escapes undone, so that a
sentence can be quoted as it stands; where it finds nothing, all text that is shown.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from foveal.errors import PageUnreadable
from foveal.hidden import visible
from foveal.tools.read import facts, hiding, pictures
from foveal.tools.read.charset import decode
from foveal.tools.read.pool import unreadable
from foveal.tools.read.sites import same_site, site_of
from foveal.tools.read.text import MAX_LINKS, cut, tidy
from foveal.tools.read.walls import wall

if TYPE_CHECKING:
    from lxml.html import HtmlElement

MAX_ELEMENTS = 150_000
_FEW = 200
"""Characters under which an extraction is compared with all the text of the page."""

_ESCAPED = re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~])")
_XML_HEAD = re.compile(r"^\s*<\?xml[^>]*\?>")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:[-_][a-z0-9]{2,8})*", re.IGNORECASE)


def load() -> None:
    """Import what reading needs, so that the first page does not wait for it."""
    import htmldate
    import trafilatura

    assert htmldate and trafilatura


def read(data: bytes, url: str, charset: str = "", today: str = "") -> dict[str, Any]:
    """Return the fields of a WebPage (``pictures`` as mappings), read from the bytes of *url*.

    *charset* is what the server said; *today* (ISO) bounds dates. Raises PageUnreadable.
    """
    tree = _parse(decode(data, charset))
    base = _base(tree, url)
    title, published, modified = _metadata(tree, url, today)
    language = _language(tree)
    address = canonical(tree, base, url)
    hiding.prune_hidden(tree)
    links = _links(tree, base, url)
    seen = pictures.page_pictures(tree, base)
    everything = _all_text(tree)
    text = tidy(_content(tree, url, everything))
    if why := wall(text) or wall(everything):
        raise unreadable(f"empty content: {why}", "empty content")
    if not re.search(r"\w", text):
        raise unreadable("empty content: it holds no text", "empty content")
    text, notes = cut(text)
    return {
        "url": address,
        "title": visible(title),
        "text": text,
        "kind": "html",
        "site": site_of(address),
        "language": language,
        "published_at": published or modified or None,
        "modified_at": modified or None,
        "pictures": [asdict(picture) for picture in seen],
        "links": links,
        "notes": notes,
    }


def canonical(tree: HtmlElement, base: str, url: str) -> str:
    """Return the address that the page gives as its own, if it may: same site and port, and not just the front page."""
    for element in tree.iter("link", "meta"):
        own = element.get("href") if "canonical" in element.get("rel", "").lower().split() else None
        if element.get("property", "").lower() == "og:url":
            own = element.get("content")
        if own and (address := _allowed(urljoin_safely(base, own), url)):
            return address
    return url.partition("#")[0]


def _allowed(address: str, url: str) -> str:
    try:
        claimed, real = urlsplit(address), urlsplit(url)
        ports = {None if part.port in (80, 443) else part.port for part in (claimed, real)}
    except ValueError:
        return ""
    if claimed.scheme not in ("http", "https") or claimed.username or len(ports) != 1 or len(address) > 2000:
        return ""
    if claimed.path in ("", "/") and not claimed.query and (real.path not in ("", "/") or real.query):
        return ""
    return claimed._replace(fragment="").geturl() if same_site(address, url) else ""


def urljoin_safely(base: str, address: str) -> str:
    """Return *address* made absolute; empty when it cannot be."""
    try:
        return urljoin(base, address.strip())
    except ValueError:
        return ""


def _parse(text: str) -> HtmlElement:
    from lxml import etree, html

    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=False)
    try:
        tree = html.document_fromstring(_XML_HEAD.sub("", text).encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        tree = None
    troubles = {entry.type_name for entry in parser.error_log}
    if "ERR_NO_MEMORY" in troubles:
        raise MemoryError
    if "ERR_RESOURCE_LIMIT" in troubles:  # what comes after it was left out
        raise unreadable("too complex: its elements are too large or nested too deep", "too complex")
    if tree is None:
        raise unreadable("empty content: it holds no HTML", "empty content")
    if sum(1 for _ in zip(tree.iter(), range(MAX_ELEMENTS + 1), strict=False)) > MAX_ELEMENTS:
        raise unreadable(f"too complex: it has more than {MAX_ELEMENTS:,} elements", "too complex")
    return tree


def _base(tree: HtmlElement, url: str) -> str:
    base = next((element.get("href") for element in tree.iter("base") if element.get("href")), "")
    return urljoin_safely(url, base) or url


def _metadata(tree: HtmlElement, url: str, today: str) -> tuple[str, str, str]:
    """Title, date published and date changed (ISO or empty), by the page's markup, not by guesses from its text."""
    from htmldate import find_date
    from trafilatura.metadata import examine_meta, extract_title

    dates: dict[str, Any] = {"url": url, "extensive_search": False, "max_date": today or None}
    title = published = modified = ""
    # metadata is a bonus: whatever its parsers stumble over, the text is still read
    with contextlib.suppress(Exception):
        title = examine_meta(tree).title or extract_title(tree) or ""
    with contextlib.suppress(Exception):
        published = find_date(tree, original_date=True, **dates) or ""
        modified = find_date(tree, original_date=False, **dates) or ""
    title = title or next((_words(e.text_content()) for tag in ("title", "h1") for e in tree.iter(tag)), "")
    published, modified = (value if _DATE.fullmatch(value) else "" for value in (published, modified))
    return _words(title)[:500], published, max(published, modified)


def _language(tree: HtmlElement) -> str:
    value = tree.get("lang") or tree.get("{http://www.w3.org/XML/1998/namespace}lang") or ""
    return value.lower().replace("_", "-") if _LANGUAGE.fullmatch(value) else ""


def _links(tree: HtmlElement, base: str, url: str) -> list[str]:
    found: dict[str, None] = {}
    for href in dict.fromkeys(element.get("href", "") for element in tree.iter("a", "area")):
        address = urljoin_safely(base, href).partition("#")[0]
        if address.startswith(("http://", "https://")) and len(address) <= 2000 and address != url:
            found.setdefault(visible(address))
            if len(found) >= MAX_LINKS:
                break
    return list(found)


def _content(tree: HtmlElement, url: str, everything: str) -> str:
    """The page's content as Markdown, with the facts of its boxes in it."""
    lines = facts.keyed_lines(tree)
    facts.flatten_tables(tree)
    text = _together(_extracted(tree, url), frozenset(lines))
    if len(text) < _FEW and len(everything) > 3 * len(text):
        text = everything
    have = _words(text)
    lost = [line for line in lines if _words(line) not in have]
    if not lost:
        return text
    head = re.match(r"# [^\n]*\n+", text)
    at = head.end() if head else 0
    return text[:at] + "\n".join(lost) + "\n\n" + text[at:]


def _extracted(tree: HtmlElement, url: str) -> str:
    from lxml import etree
    from trafilatura import bare_extraction
    from trafilatura.settings import use_config
    from trafilatura.xml import xmltotxt

    config = use_config()
    config.set("DEFAULT", "MIN_EXTRACTED_SIZE", "40")  # under it all text is run together, tables too: 250 by default
    try:
        document = bare_extraction(
            tree,
            config=config,
            url=url,
            include_comments=False,
            include_tables=True,
            include_formatting=True,
            output_format="markdown",
        )
    except PageUnreadable:
        raise
    except Exception:  # an extractor that fails is no reason not to read what is shown
        return ""
    if document is None or document.body is None:  # type: ignore[union-attr]
        return ""
    body = document.body  # type: ignore[union-attr]
    etree.strip_tags(body, "hi")
    return _ESCAPED.sub(r"\1", xmltotxt(body, True))


def _together(text: str, lines: frozenset[str]) -> str:
    """Put neighbours among *lines*, which became paragraphs, on lines below each other."""
    joined: list[str] = []
    for paragraph in text.split("\n\n"):
        if joined and paragraph.strip() in lines and joined[-1].rpartition("\n")[2].strip() in lines:
            joined[-1] += "\n" + paragraph.strip()
        else:
            joined.append(paragraph)
    return "\n\n".join(joined)


def _all_text(tree: HtmlElement) -> str:
    """All text of the body, a block a line."""
    from lxml import etree

    body = tree.find("body")
    pieces: list[str] = []
    for event, element in etree.iterwalk(body if body is not None else tree, events=("start", "end")):
        if element.tag in facts.BLOCKS:
            pieces.append("\n")
        pieces.append((element.text if event == "start" else element.tail) or "")
    return "\n".join(filter(None, (_words(line) for line in "".join(pieces).split("\n"))))


def _words(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
