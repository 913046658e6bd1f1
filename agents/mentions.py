"""Where a question points at a picture ("the country whose flag is shown") and what it calls the thing there.

Pure text: a mention is a span of the question, the picture it points at, and the kind of thing named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from foveal.agents.values import singular

_SEEN = r"(?:shown|pictured|depicted|visible|displayed|seen)"
_PICTURE = r"(?:photo(?:graph)?|picture|image|drawing|painting|screenshot|figure)"
_ORDINAL = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4}
_WORD = r"(?!(?:of|the|where|which|what|that|who|whose|how|in|on|with|is|are|was|were|do|does|did|can|for|and)\b)[A-Za-z][\w'-]*"
_NOUNS = rf"(?P<noun>(?:{_WORD}\s){{0,3}}?{_WORD})"
_WHERE = rf"(?:(?:is\s|are\s)?{_SEEN}(?:\s(?:here|above|below|in\s(?:the|this)\s{_PICTURE}))?|in\s(?:the|this|that)\s{_PICTURE})"

_PATTERNS = (
    # the country whose flag is shown, the painter whose work is in the photo
    re.compile(
        rf"\b(?:the|that|this)\s{_NOUNS}\swhose\s(?P<part>[\w'-]+(?:\s(?!is|are)[\w'-]+)?)\s(?:(?:is|are)\s)?{_WHERE}",
        re.I,
    ),
    # the work of which a part is shown
    # which country's flag is shown
    re.compile(rf"\b(?:which|what)\s{_NOUNS}['’]s\s(?P<part>[\w-]+)\s(?:is|are)\s{_SEEN}", re.I),
    re.compile(rf"\b(?:the|that)\s{_NOUNS}\sof\swhich\s(?:a\s|the\s)?(?P<part>[\w'-]+)\s(?:is|are)\s{_SEEN}", re.I),
    # animals of the kind in the photo
    re.compile(rf"\b{_NOUNS}\sof\sthe\s(?P<part>kind|sort|type|species)\s{_WHERE}", re.I),
    # the national park in the photo, the statue that is shown here
    re.compile(rf"\b(?:the|this|that)\s{_NOUNS}\s(?:that\s|which\s)?{_WHERE}", re.I),
)
_DEICTIC = re.compile(
    r"\bthis\s(?P<noun>(?!\w+ed\b|made\b|built\b|taken\b|written\b|found\b|year\b|is\b|time\b|case\b|question\b|collection\b|document\b)[a-z][\w'-]*)",
    re.I,
)
_COUNTED = re.compile(r"^\s*(?:two|three|four|both|these|the)\s(?P<noun>[a-z]+s)\sare\sshown[.:,]\s*", re.I)


_THEY = rf"(?:\s(?:are\s)?{_SEEN}(?:\shere)?|\sin\s(?:the|these|both)\s(?:two\s|three\s)?{_PICTURE}s)"
_THESE = re.compile(
    rf"\b(?:these|those)\s(?:two|three|four|\d)\s(?P<noun>[a-z]+s)\b|\b(?:these|those|the)\s(?:two|three)(?=\s(?:is|was)\b)"
    rf"|\bthe\s(?:two\s|three\s)?(?P<owners>[a-z]+s)\swhose\s(?P<parts>[a-z]+s)\sare\s{_SEEN}"
    rf"|\bthe\s(?:two\s|three\s)?(?P<shown>[a-z]+s){_THEY}",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Mention:
    """*text* is the span ``question[start:end]``; *image* counts the question's pictures from 0.

    *noun* is what the question calls the thing ("country"), *part* what of it is to be seen ("flag").
    """

    start: int
    end: int
    text: str
    image: int
    noun: str
    part: str = ""


def find_mentions(question: str, images: int) -> list[Mention]:
    """Return the mentions of pictures in *question*, in order, without overlaps; none without pictures."""
    if images == 0:
        return []
    found: list[Mention] = []
    taken: list[tuple[int, int]] = []
    for pattern in _PATTERNS:
        for match in pattern.finditer(question):
            _take(match, question, images, found, taken)
    if not found:
        for match in _DEICTIC.finditer(question):
            _take(match, question, images, found, taken)
    return sorted(found, key=lambda mention: mention.start)


def _take(match: re.Match[str], question: str, images: int, found: list[Mention], taken: list[tuple[int, int]]) -> None:
    start, end = match.span()
    if any(start < stop and begin < end for begin, stop in taken):
        return
    noun = match["noun"].strip()
    words = noun.split()
    ordinal = next((_ORDINAL[w.lower()] for w in words if w.lower() in _ORDINAL), None)
    image = ordinal if ordinal is not None and ordinal < images else min(len(found), images - 1)
    noun = " ".join(w for w in words if w.lower() not in _ORDINAL)
    part = (match.groupdict().get("part") or "").strip()
    taken.append((start, end))
    found.append(Mention(start, end, question[start:end], image, noun, part))


def plural(question: str) -> tuple[str, str]:
    """Return what several pictures are called together, and the part of it that is seen.

    "Which of these two towers is older?" gives ("tower", ""), "the countries whose flags are shown"
    ("country", "flag"), and what names them one by one ("", "").
    """
    match = _THESE.search(question)
    if match is None:
        return "", ""
    noun = match["noun"] or match["owners"] or match["shown"] or ""
    return singular(noun), singular(match["parts"] or "")


def join(question: str, places: Sequence[str]) -> str:
    """Put all *places* for words that point at the pictures together, or after a bare "which".

    "Which of these two towers is older?" gives "Which of #s1 and #s2 is older?", and so does "Which is older?".
    "Of these towers, …" stays: it is a list of its own.
    """
    joined = " and ".join(places)
    match = _THESE.search(question)
    if match and not re.match(r"(?:of|among)\s", question, re.I):
        return question[: match.start()] + joined + question[match.end() :]
    bare = r"^(which|who)(?:\sone)?(?=\s(?:is|was|are|were|has|did)\b)"
    return question if match else re.sub(bare, rf"\1 of {joined}", question, flags=re.I)


def introduce(question: str, images: int) -> tuple[str, dict[int, Mention]]:
    """Strip sentences that only say what each picture shows, and return what they call each picture.

    "The first image shows the flag of a US state, the second a photo taken in a US national park. Was …"
    gives "Was …" and {0: noun "US state", part "flag"; 1: noun "national park"}.
    """
    if images < 2:
        return question, {}
    head, stop, rest = question.partition(". ")
    if not stop:
        return question, {}
    counted = _COUNTED.match(head + ". ")
    if counted:
        noun = counted["noun"].rstrip("s")
        owner = _owner_of(noun, rest)
        return rest, {i: Mention(0, 0, "", i, owner, noun if noun != owner else "") for i in range(images)}
    lowered = head.lower()
    if not any(word in lowered for word in ("first", "second", "other")):
        return question, {}
    named: dict[int, Mention] = {}
    for index, piece in enumerate(
        re.split(r",\s*(?=(?:and\s)?the\s(?:second|third|other|next))", head, flags=re.I)[:images]
    ):
        of = re.search(
            r"\b(flag|map|photo|picture|portrait|logo|coat of arms)\s(?:of|taken in|from)\s(?:an?\s|the\s)?(.+)$",
            piece,
            re.I,
        )
        if of:
            noun = of[2].strip(" .,")
            part = of[1].lower() if of[1].lower() in ("flag", "map", "portrait", "logo", "coat of arms") else ""
        else:
            last = re.search(r"(?:shows?|is|depicts?|second|third|other|next)\s(?:an?\s|the\s)?(.+)$", piece, re.I)
            if not last:
                continue
            noun, part = last[1].strip(" .,"), ""
        named[index] = Mention(0, 0, "", index, noun, part)
    return (rest, named) if len(named) == images else (question, {})


def _owner_of(part: str, rest: str) -> str:
    """Two *flags* are shown. Of these two *countries* …: the noun that the rest uses for the things."""
    match = re.search(r"\bthese\s(?:two\s|three\s|four\s)?([a-z]+)", rest, re.I)
    if not match:
        return part
    noun = match[1].lower()
    return noun[:-3] + "y" if noun.endswith("ies") else noun.rstrip("s")


def replace_back_references(question: str, named: dict[int, Mention], placeholder: dict[int, str]) -> str:
    """Put *placeholder* names for "the first state", "that park", "the second one" in *question*."""
    for image, mention in named.items():
        head = mention.noun.split()[-1] if mention.noun else ""
        ordinal = next((word for word, i in _ORDINAL.items() if i == image), "")
        forms = [rf"the\s{ordinal}\s(?:{re.escape(head)}|one|picture|image|photo)"] if ordinal and head else []
        if head and sum(m.noun.split()[-1:] == [head] for m in named.values()) == 1:
            forms.append(rf"(?:that|this)\s{re.escape(head)}")
        for form in forms:
            question = re.sub(rf"\b{form}\b", placeholder[image], question, flags=re.I)
    return question
