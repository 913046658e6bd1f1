"""What engines say, made one: addresses, texts, sizes and dates as :class:`~foveal.types.WebHit` promises them."""

from __future__ import annotations

import html
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

from foveal.hidden import visible
from foveal.types import SearchKind, WebHit

LONGEST_URL, LONGEST_TITLE, LONGEST_SNIPPET = 2048, 300, 2000
_TRACKING = re.compile(
    r"(utm_\w+|hsa_\w+|mtm_\w+|pk_\w+|gclid|gclsrc|gbraid|wbraid|dclid|fbclid|msclkid|yclid|twclid|ttclid|igshid|li_fat_id"
    r"|mc_[ce]id|_ga|_gl|_hs(enc|mi)|mkt_tok|vero_(conv|id)|oly_(anon|enc)_id|wt_zmc|ref_src|ref_url|cmpid|s_cid|rb_clickid)",
    re.IGNORECASE,
)
_PORTS = {"http": 80, "https": 443}
_UNSEEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_NUMBER = re.compile(r"\s*(\d{1,6})(?:\.\d+)?\s*(?:px)?\s*", re.IGNORECASE)
_KEPT_IN_PATH = "/:@!$&'()*+,;=~%-._[]|"
_KEPT_IN_QUERY = _KEPT_IN_PATH + "?"


def clean_url(value: Any, *, base: str = "") -> str | None:
    """Return *value* as an http or https address fit to be kept, or None.

    DuckDuckGo's redirects (``//duckduckgo.com/l/?uddg=…``) are unwrapped; tracking parameters, fragments and default
    ports go; scheme and host become lower-case. Addresses with a name and password in them are not kept. Idempotent.
    """
    if not isinstance(value, str):
        return None
    text = visible(value).strip()
    if text.startswith("//"):
        text = "https:" + text
    try:
        parts = urlsplit(urljoin(base, text) if base else text)
        scheme, host, port = parts.scheme.lower(), (parts.hostname or "").rstrip("."), parts.port
        secret = "@" in parts.netloc
        if scheme not in _PORTS or secret or not (host := _host(host)):
            return None
    except ValueError:
        return None
    if (host == "duckduckgo.com" or host.endswith(".duckduckgo.com")) and parts.path.rstrip("/") == "/l":
        target = parse_qs(parts.query).get("uddg", [""])[0]
        return clean_url(target) if len(target) < len(text) else None
    place = host if port in (None, _PORTS[scheme]) else f"{host}:{port}"
    query = quote(_without_tracking(parts.query), safe=_KEPT_IN_QUERY)
    url = urlunsplit((scheme, place, quote(parts.path, safe=_KEPT_IN_PATH) or "/", query, ""))
    return url if len(url) <= LONGEST_URL else None


def _host(name: str) -> str:
    """Return a host name in ASCII, an address in brackets if it needs them; empty when it is neither."""
    if ":" in name:
        return f"[{ipaddress.IPv6Address(name)}]"
    try:
        name = name.lower() if name.isascii() else name.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
    return name if re.fullmatch(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?", name) and ".." not in name else ""


def _without_tracking(query: str) -> str:
    """Return *query* without tracking parameters, otherwise as it is, letter for letter."""
    return "&".join(pair for pair in query.split("&") if not _TRACKING.fullmatch(pair.partition("=")[0]))


def same_page(url: str) -> str:
    """Return by what a cleaned address is compared: scheme, closing slash and the order of parameters make no page."""
    parts = urlsplit(url)
    query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    return urlunsplit(("", parts.netloc, parts.path.rstrip("/"), query, ""))


def clean_text(value: Any, longest: int = LONGEST_SNIPPET) -> str:
    """Return *value* as one line of visible text: no tags, entities or hidden characters, at most *longest* long."""
    if not isinstance(value, str):
        return ""
    text = html.unescape(_TAG.sub("", _UNSEEN.sub(" ", value[: 8 * longest])))
    text = " ".join(visible(text).split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def size_of(value: Any) -> int | None:
    """Return a width or height in pixels: engines give numbers, digits as text, ``640 px``, or nothing."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    found = _NUMBER.fullmatch(str(value))
    return int(found[1]) or None if found else None


def date_of(value: Any, *, now: datetime | None = None) -> str | None:
    """Return a date as ``YYYY-MM-DD``: seconds or milliseconds since 1970, ISO 8601, RFC 5322, or words.

    Words are such as "3 November 2025" and "2 days ago", which count from *now*. A date to come, or without day,
    month and year, is no date of publication.
    """
    now = now or datetime.now(UTC)
    try:
        when = _when(value, now)
    except (ValueError, OverflowError, OSError, TypeError):
        return None
    if when is None:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return when.date().isoformat() if datetime(1970, 1, 2, tzinfo=UTC) < when <= now + timedelta(days=1) else None


def _when(value: Any, now: datetime) -> datetime | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1000 if value > 1e11 else value, UTC)
    if not isinstance(value, str):
        return None
    text = clean_text(value, 60)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    if re.search(r"\d{1,2}:\d\d", text) and "," in text[:5]:
        return parsedate_to_datetime(text)
    if not re.search(r"\d|yesterday|today", text, re.IGNORECASE):
        return None
    import dateparser

    settings: Any = {"REQUIRE_PARTS": ["day", "month", "year"], "RELATIVE_BASE": now.replace(tzinfo=None)}
    return dateparser.parse(text, languages=["en"], settings=settings)


def make_hits(
    rows: Iterable[Mapping[str, Any]], *, kind: SearchKind, k: int, base: str = "", now: datetime | None = None
) -> tuple[WebHit, ...]:
    """Return at most *k* hits, each address once, in the order of *rows*.

    A row has the names of :class:`~foveal.types.WebHit` and whatever an engine gave as values. Rows without an address
    are dropped, rows of one address become one hit: of its page, or of its picture when pictures are sought.
    """
    found: dict[str, WebHit] = {}
    for row in rows:
        hit = _hit(row, pictures=kind == "images", base=base, now=now)
        if hit is None:
            continue
        key = same_page(hit.image or hit.url) if kind == "images" else same_page(hit.url)
        found[key] = _merged(found[key], hit) if key in found else hit
    return tuple(replace(hit, rank=rank) for rank, hit in enumerate(list(found.values())[:k], 1))


def _hit(row: Mapping[str, Any], *, pictures: bool, base: str, now: datetime | None) -> WebHit | None:
    image = clean_url(row.get("image"), base=base)
    url = clean_url(row.get("url"), base=base) or (image if pictures else None)
    if url is None or (pictures and image is None):
        return None
    score = row.get("score")
    return WebHit(
        url=url,
        title=clean_text(row.get("title"), LONGEST_TITLE) or url,
        snippet=clean_text(row.get("snippet")),
        engine=clean_text(row.get("engine"), 60),
        published_at=date_of(row.get("published_at"), now=now),
        image=image,
        thumbnail=clean_url(row.get("thumbnail"), base=base),
        width=size_of(row.get("width")),
        height=size_of(row.get("height")),
        score=min(1.0, max(0.0, float(score))) if isinstance(score, int | float) else None,
    )


def _merged(first: WebHit, other: WebHit) -> WebHit:
    """Return *first* with what *other* knows more."""
    engines = dict.fromkeys([*first.engine.split(", "), *other.engine.split(", ")])
    scores = [hit.score for hit in (first, other) if hit.score is not None]
    return replace(
        first,
        title=other.title if first.title == first.url else first.title,
        snippet=max(first.snippet, other.snippet, key=len),
        engine=", ".join(filter(None, engines)),
        published_at=first.published_at or other.published_at,
        image=first.image or other.image,
        thumbnail=first.thumbnail or other.thumbnail,
        width=first.width or other.width,
        height=first.height or other.height,
        score=max(scores, default=None),
    )
