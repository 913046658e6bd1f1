"""Pictures of a page that are worth seeing: in its content, with something said of them; the most telling first."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from foveal.hidden import visible
from foveal.types import PagePicture

if TYPE_CHECKING:
    from lxml.html import HtmlElement

MOST = 12
MIN_SIDE = 80
"""Smallest side, in pixels as the page claims, of what is no icon."""
MAX_WIDTH = 1600
"""Of the sizes that are offered, the largest up to this many pixels is taken."""

_CONTENT = frozenset({"main", "article", "figure"})
_FURNITURE = frozenset({"nav", "footer", "aside", "header", "form"})
# parts of a path or class name, each a word of its own
_ORNAMENT = re.compile(
    r"(?:^|[/_.\-\s?=&])(?:icons?|favicon|logos?|sprites?|avatars?|emojis?|badges?|buttons?|btn|spacer|blank|pixel|track(?:er|ing)?"
    r"|beacon|1x1|clear|transparent|placeholder|loading|spinner|captcha|ads?|advert\w*|banner-ad|share|social|gravatar|smil(?:ey|ies)"
    r"|arrows?|bullet|flagicon)(?:$|[/_.\-\s?=&\d])",
    re.IGNORECASE,
)
_TYPES = re.compile(r"\.(?:svg|ico|cur|gifv|mp4|webm)$", re.IGNORECASE)
_LAZY = ("data-src", "data-original", "data-lazy-src", "data-full-src", "src")
_CANDIDATE = re.compile(r"\s*([^\s,]\S*[^\s,]|[^\s,])(?:\s+([\d.]+)([wx]))?\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class _Seen:
    picture: PagePicture
    score: float


def page_pictures(tree: HtmlElement, base: str, *, most: int = MOST) -> tuple[PagePicture, ...]:
    """Return at most *most* pictures of *tree*, each address once. *base* is what relative addresses are relative to.

    Left out: icons, logos, sprites, trackers, drawings in SVG, data URLs, and what claims to be under MIN_SIDE pixels.
    The order is by caption, alternative text, claimed size and place in the content; equal ones as on the page.
    """
    found: dict[str, _Seen] = {}
    for element in tree.iter("img"):
        if seen := _picture(element, base):
            known = found.get(seen.picture.url)
            if known is None or seen.score > known.score:
                found[seen.picture.url] = seen
    if shared := _shared(tree, base):
        known = found.get(shared)
        picture = known.picture if known else PagePicture(shared)
        found[shared] = _Seen(picture, (known.score if known else 0.0) + 2.0)
    ranked = sorted(found.values(), key=lambda seen: -seen.score)
    return tuple(seen.picture for seen in ranked[:most])


def _picture(element: HtmlElement, base: str) -> _Seen | None:
    address = _address(element, base)
    if not address:
        return None
    width, height = _pixels(element.get("width")), _pixels(element.get("height"))
    if any(side is not None and side < MIN_SIDE for side in (width, height)):
        return None
    if _ORNAMENT.search(urlsplit(address).path) or _ORNAMENT.search(
        f"{element.get('class', '')} {element.get('id', '')}"
    ):
        return None
    alt, caption = visible(_words(element.get("alt", ""))), visible(_caption(element))
    ancestors = {ancestor.tag for ancestor in element.iterancestors()}
    score = 3.0 * bool(caption) + min(2.0, len(alt.split()) / 3) + 1.5 * bool(ancestors & _CONTENT)
    score -= 3.0 * bool(ancestors & _FURNITURE)
    if width and height:
        score += min(2.0, width * height / 150_000)
    return _Seen(PagePicture(address, alt=alt[:500], caption=caption[:1000], width=width, height=height), score)


def _address(element: HtmlElement, base: str) -> str:
    """The best address of an ``img``: of the sizes that it or its ``picture`` offers, or its own."""
    offers: list[tuple[float, str]] = []
    # the parser takes `source` for a box, so the picture need not be the parent
    sources = [source for picture in element.iterancestors("picture") for source in picture.iter("source")]
    for one in (element, *sources):
        for attribute in ("srcset", "data-srcset"):
            offers += _sizes(one.get(attribute, ""))
    own = next((value for name in _LAZY if (value := element.get(name, "").strip())), "")
    sized = [offer for offer in offers if 0 < offer[0] <= MAX_WIDTH]
    best = max(sized)[1] if sized else (own or (min(offers)[1] if offers else ""))
    return _absolute(best, base)


def _sizes(srcset: str) -> list[tuple[float, str]]:
    """Width in pixels and address of each offer; a density counts as so many times 600 pixels."""
    found = []
    for address, number, unit in _CANDIDATE.findall(srcset[:20_000]):
        try:
            size = float(number or 1)
        except ValueError:
            continue
        found.append((size if unit == "w" else 600 * size, address))
    return found


def _shared(tree: HtmlElement, base: str) -> str:
    """The picture that the page wants shown when it is shared."""
    for element in tree.iter("meta"):
        name = (element.get("property") or element.get("name") or "").lower()
        if name in ("og:image", "og:image:url", "og:image:secure_url", "twitter:image"):
            address = _absolute(element.get("content", ""), base)
            if address and not _ORNAMENT.search(urlsplit(address).path):
                return address
    return ""


def _absolute(address: str, base: str) -> str:
    address = address.strip()
    if not address or len(address) > 2000 or address.lower().startswith(("data:", "blob:", "javascript:")):
        return ""
    try:
        whole = urljoin(base, address)
        parts = urlsplit(whole)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname or _TYPES.search(parts.path):
        return ""
    return whole.partition("#")[0]


def _caption(element: HtmlElement) -> str:
    figure = next((a for a in element.iterancestors("figure")), None)
    caption = figure.find(".//figcaption") if figure is not None else None
    text = _words(caption.text_content()) if caption is not None else ""
    return text or _words(element.get("title", ""))


def _words(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def _pixels(value: str | None) -> int | None:
    match = re.match(r"\s*(\d{1,6})(?:\.\d+)?\s*(?:px)?\s*$", value or "")
    return int(match[1]) if match else None
