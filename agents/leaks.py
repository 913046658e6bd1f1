"""What a query or address would tell the web of a private collection, found before it is sent.

Private words that the question, or something public, holds too are no secret. What is looked for: words in a row; many
words from one place, in any order; numbers, names of accounts and ids; long letters and digits that look like code;
and all of it percent-encoded, in base64 or in hex, run together, or with other marks between the words. A paraphrase
is not found: what keeps private facts at home for sure is a run without the web.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from urllib.parse import unquote, unquote_plus, urlsplit

from foveal.errors import PrivateQuery
from foveal.hidden import stripped

IN_A_ROW = 5
"""Words in a row that tell where they come from, when two of them have a meaning of their own."""
ANY_IN_A_ROW = 8
"""The same for words of any kind."""
RUN_TOGETHER, ANY_RUN_TOGETHER = 24, 48
"""Letters and digits of several private words in one word, and in several that were cut otherwise."""
GATHERED, WITHIN = 6, 30
"""So many words of meaning out of so many private words in a row."""
DIGITS = 5
"""Digits of a number that few texts have in common."""
CODED = 40
"""Characters in a row of an address that may be code."""
DISORDER = 4.3
"""Bits for each character from which they look like it."""
MARKS = 1 / 12
"""Share of characters that are no letters or digits, below which they do: more of them stand between words."""
ROUNDS = 3
"""How often what is decoded is decoded again."""

_COMMON = frozenset(
    "a about after all also an and any are as at be because been before being between both but by can could did "
    "do does during each first for from had has have having he her here him his how i if in into is it its just "
    "last like made many may me more most much my new no not now of off on once one only or other our out over "
    "own people same she should since so some such than that the their them then there these they this those "
    "through time to too two under until up us used very was we well were what when where which while who whom "
    "whose why will with would year years you your".split()
)
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d(?:[\d,.'’/ -]*\d)?")
_DATE = re.compile(
    r"\b(?:1\d|20)\d\d[-./ ](?:(?:1\d|20)\d\d|\d{1,2}(?:[-./]\d{1,2})?)\b|\b\d{1,2}[./]\d{1,2}[./]\d{4}\b"
)
_MIXED = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+|[A-Za-z0-9][A-Za-z0-9_-]*")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{12,}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){8,}")
_CODE = re.compile(rf"[A-Za-z0-9+/_=-]{{{CODED},}}")


def check(text: str, private: Iterable[str], *, allowed: Iterable[str] = ()) -> None:
    """Raise PrivateQuery when *text*, a query or an address, tells something of *private* texts.

    *allowed* are texts that may be told: the question, what it is about, and what is public, such as addresses that
    were found on the web and pages that were read there. What stands in one of them passes as it is.
    """
    hidden, open_ = [t for t in private if t.strip()], list(allowed)
    if not hidden or any(text in told for told in open_):
        return
    known = _Texts(open_)
    secret = _Texts(hidden)
    for said in _readings(text):
        if reason := _told(said, secret, known):
            raise PrivateQuery(
                f"Something was not asked of the web: it holds {reason} out of your collection.",
                remedy="Set `private` to false if what stands in your collection may be told.",
            )
    if reason := _coded(text):
        raise PrivateQuery(
            f"An address was not opened: it holds {reason}, which may be something out of your collection in disguise.",
            remedy="Set `private` to false if what stands in your collection may be told.",
        )


class _Texts:
    """Texts as they are compared: in words, run together, and what in them is like a number or an id."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.words = [_words(text) for text in texts]
        self.spaced = "\n".join(f" {' '.join(words)} " for words in self.words)
        self.joined = "\n".join("".join(words) for words in self.words)
        self.all = frozenset(word for words in self.words for word in words)
        self.marks = frozenset(mark for text in texts for mark in _marks(text))

    def hold(self, words: Sequence[str]) -> bool:
        return f" {' '.join(words)} " in self.spaced


def _told(said: str, secret: _Texts, known: _Texts) -> str:
    """Return in words what *said* tells of *secret* beyond what is *known*; nothing when it tells nothing."""
    words = _words(said)
    for size, least in ((ANY_IN_A_ROW, 0), (IN_A_ROW, 2)):
        for row in zip(*(words[n:] for n in range(size)), strict=False):
            if _meaning(row) >= least and secret.hold(row) and not known.hold(row):
                return f"{size} words in a row"
    for size, runs in ((RUN_TOGETHER, words), (ANY_RUN_TOGETHER, ["".join(words)])):
        for run in (word[at : at + size] for word in runs for at in range(len(word) - size + 1)):
            if run in secret.joined and run not in known.joined:
                return "a run of letters"
    if told := (_marks(said) & secret.marks) - known.marks - known.all:
        return "a number" if max(told, key=len).isdigit() else "an id or address"
    asked = {w for w in words if len(w) > 2 and w not in _COMMON} & secret.all - known.all
    if len(asked) >= GATHERED and any(_gathered(text, asked) for text in secret.words):
        return f"{GATHERED} words from one place"
    return ""


def _gathered(text: Sequence[str], asked: set[str]) -> bool:
    """Say whether enough different words of *asked* stand near each other in *text*."""
    near: Counter[str] = Counter()
    for n, word in enumerate(text):
        near[word] += word in asked
        if n >= WITHIN:
            near[text[n - WITHIN]] -= text[n - WITHIN] in asked
        if word in asked and sum(count > 0 for count in near.values()) >= GATHERED:
            return True
    return False


@lru_cache(maxsize=1024)
def _words(text: str) -> tuple[str, ...]:
    """Return the words of *text*, folded: case, accents, width and hidden characters make no difference."""
    plain = unicodedata.normalize("NFKD", stripped(text).casefold())
    return tuple(_WORD.findall("".join(c for c in plain if not unicodedata.combining(c))))


def _meaning(words: Iterable[str]) -> int:
    return len({w for w in words if len(w) > 2 and w not in _COMMON})


@lru_cache(maxsize=1024)
def _marks(text: str) -> frozenset[str]:
    """Return what of *text* few other texts hold: long numbers, mail addresses, words of letters and digits."""
    found = set()
    plain = unicodedata.normalize("NFKC", stripped(text)).casefold()
    for number in _NUMBER.findall(_DATE.sub(" ", plain)):
        if len(digits := re.sub(r"\D", "", number)) >= DIGITS:
            found.add(digits)
    for word in _MIXED.findall(plain):
        mixed = any(c.isdigit() for c in word) and any(c.isalpha() for c in word)
        if "@" in word or (mixed and sum(c.isalnum() for c in word) >= DIGITS):
            found.add(re.sub(r"[_-]", "", word))
    return frozenset(found)


def _readings(text: str) -> Iterator[str]:
    """Yield *text*, and what is found in it when escapes, base64 and hex in it are decoded, each once."""
    seen: dict[str, None] = {text: None}
    fresh = [text]
    for _ in range(ROUNDS):
        found = [d for t in fresh for d in (unquote_plus(t), *_decoded(t))]
        fresh = [d for d in dict.fromkeys(found) if d not in seen]
        seen |= dict.fromkeys(fresh)
    yield from seen


def _decoded(text: str) -> Iterator[str]:
    for run in _HEX.findall(text):
        yield from _as_text(bytes.fromhex(run))
    for run in _BASE64.findall(text):
        plain = run.replace("-", "+").replace("_", "/")
        for skipped in range(4):
            whole = plain[skipped : len(plain) - (len(plain) - skipped) % 4]
            rest = plain[skipped + len(whole) :]
            with contextlib.suppress(binascii.Error, ValueError):
                yield from _as_text(base64.b64decode(whole + (rest.ljust(4, "=") if len(rest) > 1 else "")))


def _as_text(data: bytes) -> Iterator[str]:
    """Yield *data* as text if most of it is text."""
    text = data.decode("utf-8", "ignore")
    if len(text) >= 4 and sum(c.isprintable() for c in text) >= 0.9 * len(text):
        yield text


def _coded(text: str) -> str:
    """Return in words which part of an address looks like code; nothing for what is no address."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return "a broken host"
    if parts.scheme not in ("http", "https"):
        return ""
    told = (unquote(parts.query), unquote(parts.fragment), parts.netloc)
    runs = (run for part in told for run in _CODE.findall(part))
    code = next((run for run in runs if _HEX.fullmatch(run) or _disorderly(run)), "")
    return f"{len(code)} characters that look like code" if code else ""


def _disorderly(text: str) -> bool:
    """Say whether *text* is no words: by Shannon's entropy of its characters, and the marks between them."""
    entropy = -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
    return entropy >= DISORDER and sum(not c.isalnum() for c in text) < MARKS * len(text)
