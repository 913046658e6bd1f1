"""The same page twice: at addresses that differ in form only, or as a copy elsewhere. Copies are no second witness."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlencode, urlsplit

from foveal.tools.index.fuse import fold
from foveal.tools.read.sites import host_of, site_of
from foveal.types import WebPage

SHINGLE = 5
"""Words of a shingle (Broder, "On the resemblance and containment of documents", 1997)."""
RESEMBLANCE = 0.7
CONTAINMENT = 0.9
"""Shingles of the shorter text that stand in the longer one: copies come with another frame around them."""
MIN_SHINGLES = 25
"""Texts with fewer are compared as wholes: a few words are alike by chance."""
_MAX_WORDS = 20_000

_PREFIX = re.compile(r"^(?:www\d?|m|mobile|amp|touch|wap)\.(?=[^.]+\.)|(?<=^[a-z]{2}\.)m\.")
_VARIANT = re.compile(
    r"/(?:amp|print|printable|mobile)(?=/|$)|(?:[.-](?:amp|print|mobile))(?=\.html?$|$)", re.IGNORECASE
)
_INDEX = re.compile(r"/(?:index|default)\.(?:html?|php|aspx?)$", re.IGNORECASE)
_NOISE = re.compile(
    r"(?:utm_\w+|gclid|fbclid|dclid|msclkid|mc_[ce]id|igshid|yclid|ref(?:_?src)?|amp|outputtype|output|print(?:able)?"
    r"|printpage|mobile|useskin|m|share|source|cmp|cmpid|s_cid|sessionid|sid|phpsessid)",
    re.IGNORECASE,
)
_VALUES_OF_VARIANTS = frozenset({"", "1", "true", "yes", "amp", "print", "mobile"})


def address_key(url: str) -> str:
    """Return what the AMP, mobile, print, http and tracked forms of an address have in common."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port in (None, 80, 443) else f":{parts.port}"
    except ValueError:
        return url
    host = _PREFIX.sub("", host_of(url))
    path = _INDEX.sub("/", _VARIANT.sub("", parts.path)).rstrip("/")
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if not _noise(name, value)]
    return f"{host}{port}{path}" + (f"?{urlencode(sorted(query))}" if query else "")


def shingles(text: str) -> frozenset[int]:
    """Return checksums of all runs of SHINGLE words of *text*, folded; of the whole text when it has fewer."""
    words = fold(text).split()[:_MAX_WORDS]
    runs = range(max(1, len(words) - SHINGLE + 1)) if words else range(0)
    return frozenset(zlib.crc32(" ".join(words[i : i + SHINGLE]).encode()) for i in runs)


def alike(one: frozenset[int], other: frozenset[int]) -> bool:
    """Say whether two texts, as :func:`shingles`, are copies: Jaccard ≥ RESEMBLANCE or containment ≥ CONTAINMENT."""
    few, many = sorted((len(one), len(other)))
    if few < MIN_SHINGLES:
        return one == other and few > 0
    common = len(one & other)
    return common >= RESEMBLANCE * (few + many - common) or common >= CONTAINMENT * few


def copies(pages: Sequence[WebPage]) -> list[list[WebPage]]:
    """Group *pages* that are one page; groups and their members stand in the order given."""
    groups: list[list[int]] = []
    texts = [shingles(page.text) for page in pages]
    keys = [{address_key(page.url), address_key(page.fetched_from or page.url)} for page in pages]
    for i in range(len(pages)):
        same = [g for g in groups if any(not keys[i].isdisjoint(keys[j]) or alike(texts[i], texts[j]) for j in g)]
        for group in same:
            groups.remove(group)
        groups.append(sorted([i, *(j for group in same for j in group)]))
    return [[pages[i] for i in group] for group in sorted(groups)]


def merged(pages: Sequence[WebPage]) -> list[WebPage]:
    """Return one page of each group of copies, in order: at a plain address rather than a variant, then the longest."""
    return [
        max(group, key=lambda page: (_PREFIX.sub("", host_of(page.url)) == host_of(page.url), len(page.text)))
        for group in copies(pages)
    ]


def independent(pages: Sequence[WebPage]) -> int:
    """Return how many witnesses *pages* are: sites that have neither their domain nor their text in common."""
    sites: list[set[str]] = []
    for group in copies(pages):
        mine = {site_of(page.url) for page in group}
        for other in [known for known in sites if not known.isdisjoint(mine)]:
            sites.remove(other)
            mine |= other
        sites.append(mine)
    return len(sites)


def _noise(name: str, value: str) -> bool:
    if not _NOISE.fullmatch(name):
        return False
    variant = name.lower() in ("amp", "output", "outputtype", "m", "mobile", "source", "print", "printable", "share")
    return not variant or value.lower() in _VALUES_OF_VARIANTS
