"""The guided skeleton: a typed plan from a question, by its form alone.

A small model copies the shape of its examples and loses hops; form it cannot lose. This module resolves
what is pictured, nested, listed or compared into steps ``#s1``, ``#s2`` …, each asking one fact.
What it cannot take apart stays one look-up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from foveal.agents.mentions import Mention, find_mentions, introduce, replace_back_references
from foveal.agents.nesting import AUX, in_situ, innermost
from foveal.agents.values import direction
from foveal.types import ImageRef, Plan, SubQuestion

MAX_STEPS = 12
_FORMAT = re.compile(
    r"(?:^|(?<=[.?!]\s))(?:please\s)?(?:answer|write|give|report|respond|return|your)\b[^.?!]*(?:[.?!]|$)\s*",
    re.I,
)
_PREFACE = re.compile(
    r"^(?:take|think of|consider|identify|look at|suppose|find)\s(?P<thing>#s\d+)[.,:;]\s*(?P<rest>.+)$",
    re.I | re.S,
)
_ACCORDING = re.compile(r"\baccording to [^,]+,\s*", re.I)
_ONLY_ONE = re.compile(
    r"^(?P<thing>#s\d+|[A-Z].*?)\shas\s(?:exactly\s|only\s)?(?:one|a single)\s(?P<noun>[\w\s-]+?)\.\s(?P<rest>.+)$",
    re.S,
)
_CHAIN = re.compile(
    r"^(?P<first>.+?\?|.+?),?\s(?:and|then)\s(?P<second>(?:in\s|on\s|at\s)?(?:which|what|who|when|where|how)\s.+)$",
    re.I | re.S,
)
_OF_LIST = re.compile(
    r"^(?:of|among)\s(?:all\s)?(?:the\s)?(?P<list>#s\d+|these(?:\s\w+)*?)(?:\s\w+)?,\s(?P<rest>.+)$",
    re.I | re.S,
)
_TAKE = re.compile(
    r"^(?:take|consider|choose|pick)\s(?P<pick>(?:the\s)?(?:one|that|which)\b.+?)\s?[:.;,]\s(?P<rest>.+)$",
    re.I | re.S,
)
_BEFORE = re.compile(
    rf"^(?P<aux>was|were|did|is|does|has)\s(?P<a>#s\d+|[A-Z].*?)\s(?P<verb>[a-z].*?)\s(?P<op>before|after|earlier than|later than)\s"
    rf"(?P<b>#s\d+|[A-Z][^?]*?)(?:\s(?:{AUX}))?\s*\?*$",
    re.I,
)
_BOTH = re.compile(
    r"^(?P<aux>(?i:are|were|is|was|do|did))\s(?P<a>[A-Z#].*?)\sand\s(?P<b>[A-Z#][\w.'’-]*(?:\s[A-Z][\w.'’-]*|\s?-\s?\w+)*)\s(?P<rest>.+?)\s*\?*$"
)
_BARE = re.compile(
    r"\b(?:this|that|it|these|those)\b(?=\s*(?:[?.!,]|$)|\s(?:\w+ed|made|built|taken|written|found)\b)|(?<=\bis\s)(?:this|that|it)\b|(?<=\bare\s)(?:these|those)\b",
    re.I,
)
_IDENTITY = re.compile(r"^(?:what|who)(?:'s|\s(?:is|are|was|were))\s(?P<thing>#s\d+)\s*\??$", re.I)
_LIST_NOUN = re.compile(r"^(?:which|what)\s(?P<noun>(?:[\w-]+\s){0,2}?[\w-]+s)\s", re.I)
_FIND_PICTURE = re.compile(
    r"\b(?:find|show|locate|get|which|retrieve|give me|search for)\b[^.?!\"]*?\b(?:photos?|pictures?|images?|photographs?|drawings?)\b",
    re.I,
)
_QUOTED = re.compile(r"[\"“](?P<text>[^\"”]{3,})[\"”]")

_ADJECTIVE = {"long": "length", "tall": "height", "high": "height", "large": "area", "big": "area", "small": "area",
              "deep": "depth", "wide": "width", "heavy": "weight", "old": "date of origin", "new": "date of origin"}  # fmt: skip


@dataclass(slots=True)
class _Draft:
    steps: list[SubQuestion] = field(default_factory=list)

    def add(self, text: str, **fields: Any) -> str:
        name = f"s{len(self.steps) + 1}"
        fields.setdefault("depends_on", tuple(dict.fromkeys(re.findall(r"#(s\d+)", text))))
        self.steps.append(SubQuestion(id=name, text=_tidy(text), **fields))
        return f"#{name}"


def is_picture_search(question: str, images: int) -> bool:
    """Say whether the question asks for a picture of the collection rather than for a fact."""
    return images == 0 and bool(_FIND_PICTURE.search(question))


def described(question: str) -> str:
    """Return what the picture that is looked for shows: the quoted part, or the question without its request."""
    quoted = _QUOTED.search(question)
    if quoted:
        return quoted["text"]
    text = _FORMAT.sub("", _FIND_PICTURE.sub("", question, count=1))
    return (
        re.sub(r"^\W*(?:of|that|which|where|in the collection|shows?|matches|this|:|\s)+", "", text, flags=re.I).strip(
            " .?:"
        )
        or question
    )


def decompose(question: str, images: tuple[ImageRef, ...] = ()) -> Plan:
    """Return the plan of *question*; the last step answers it. Always at least one step."""
    draft = _Draft()
    if is_picture_search(question, len(images)):
        draft.add(question, purpose="identify", tool="picture_search", query=described(question))
        return Plan(tuple(draft.steps), source="guided")
    text = _ACCORDING.sub("", _FORMAT.sub("", question)).strip() or question
    text = _identify(text, images, draft)
    _resolve(text, draft)
    return Plan(tuple(draft.steps), source="guided")


def _identify(text: str, images: tuple[ImageRef, ...], draft: _Draft) -> str:
    """Add a step for every picture and put ``#sN`` where the text points at it."""
    rest, named = introduce(text, len(images))
    mentions = [] if named else find_mentions(text, len(images))
    by_image: dict[int, Mention] = named or {m.image: m for m in mentions}
    places: dict[int, str] = {}
    for number, image in enumerate(images):
        mention = by_image.get(number)
        noun = mention.noun if mention else ""
        part = mention.part if mention else ""
        asked = f"What is in picture {number + 1}: which {noun or 'thing'}?"
        if part not in ("", "part", "kind"):
            asked = f"Which {noun} has the {part} in picture {number + 1}?"
        places[number] = draft.add(
            asked, purpose="identify", tool="image_search", image=image.sha256, noun=f"{noun} {part}".strip()
        )
    if named:
        return replace_back_references(rest, named, places)
    for mention in reversed(mentions):
        text = text[: mention.start] + places[mention.image] + text[mention.end :]
    if images and not mentions:
        # "What is this?", or "Who built the tower?" beside a picture of it
        place = " and ".join(places.values())
        text, count = _BARE.subn(place, text, count=1)
        text = text if count else f"{text.rstrip(' ?.')} ({place})?"
    return text


def _resolve(text: str, draft: _Draft) -> str:
    """Add the steps of *text* and return the placeholder of its answer."""
    text = _tidy(text)
    while len(draft.steps) < MAX_STEPS:
        only = _ONLY_ONE.match(text)
        if only and re.search(rf"\bthat\s{re.escape(only['noun'].split()[-1])}\b", only["rest"], re.I):
            place = draft.add(f"Which is the only {only['noun']} of {only['thing']}?", noun=only["noun"])
            text = re.sub(rf"\bthat\s{re.escape(only['noun'].split()[-1])}\b", place, only["rest"], flags=re.I)
            continue
        preface = _PREFACE.match(text)
        if preface:
            text = _anaphora(preface["rest"], preface["thing"])
            continue
        if identity := _IDENTITY.match(text):
            return identity["thing"]
        if compared := _compared(text, draft):
            return compared
        if selected := _selected(text, draft):
            place, rest = selected
            if not rest:
                return place
            text = rest
            continue
        nested = innermost(text)
        if nested:
            noun = nested.noun if nested.noun.endswith("s") and re.match(r"which\s", nested.question, re.I) else ""
            place = draft.add(nested.question, noun=noun)
            text = _tidy(text[: nested.start] + place + text[nested.end :])
            continue
        situated = in_situ(text)
        if situated:
            first, second, noun = situated
            text = second.format(draft.add(first, noun=noun))
            continue
        chain = _CHAIN.match(text)
        if chain and re.search(r"\b(?:it|its|that|they|their|he|she|his|her)\b", chain["second"], re.I):
            place = _resolve(chain["first"], draft)
            text = _anaphora(chain["second"], place)
            continue
        break
    return draft.add(text)


def _anaphora(text: str, place: str) -> str:
    """Put *place* for the first word that points back: "that neighbour", "it", "its"."""
    back = re.search(
        r"\b(?:(?:that|this)\s(?!is\b|are\b|was\b|shares?\b)[a-z]+(?P<own>'s)?|(?P<bare>it|they|he|she)|(?P<its>its|their|his|her))\b",
        text,
        re.I,
    )
    if not back:
        return f"{text.rstrip(' ?')} ({place})?"
    name = place + "'s" if back["its"] or back["own"] else place
    text = text[: back.start()] + name + text[back.end() :]
    return re.sub(r"\bits\s(?=\w+est\b)", "the ", text, flags=re.I)


def _selected(text: str, draft: _Draft) -> tuple[str, str] | None:
    """Resolve "Of these, which …est …?": one look-up a member, then the choice in code."""
    match = _OF_LIST.match(text)
    if not match:
        return None
    members = match["list"]
    rest = match["rest"].strip()
    taken = _TAKE.match(rest)
    criterion, after = (taken["pick"], taken["rest"]) if taken else (rest, "")
    asked = _criterion(criterion)
    if asked is None:
        return None
    attribute, op = asked
    if members.startswith("#"):
        listed = members[1:]
        draft.steps = [s.having(noun=s.noun or _list_noun(s.text)) if s.id == listed else s for s in draft.steps]
        value = draft.add(attribute.format("#each"), each=listed, depends_on=(listed,))
        place = draft.add(
            f"Which has the {_name(op)} value?",
            purpose="compute",
            tool="none",
            op=op,
            depends_on=(listed, value[1:]),
        )
    else:
        things = [s for s in draft.steps if s.purpose == "identify"]
        values = [draft.add(attribute.format(f"#{s.id}"))[1:] for s in things]
        if len(values) < 2:
            return None
        place = draft.add(f"Which has the {_name(op)} value?", purpose="compute", tool="none", op=op,
                          depends_on=(*(s.id for s in things), *values))  # fmt: skip
    return place, _anaphora(after, place) if after else ""


def _criterion(text: str) -> tuple[str, str] | None:
    """Return the question to ask of each member (``{}`` for it) and argmax or argmin; None when there is none."""
    match = re.search(r"\b(?:has|have|had|with)\sthe\s(?P<how>\w+)\s(?P<what>[\w\s'-]+)", text, re.I)
    if match and (op := direction(match["how"])):
        return f"What is the {match['what'].strip()} of {{}}?", op
    match = re.search(
        r"\b(?P<aux>was|were|is|did)\s(?P<verb>[\w\s]+?)\s(?P<how>first|last|earliest|latest)\b", text, re.I
    )
    if match and (op := direction(match["how"])):
        return f"When {match['aux']} {{}} {match['verb']}?", op
    match = re.search(r"\b(?:is|was|are)\sthe\s(?P<how>\w+)\b", text, re.I)
    if match and (op := direction(match["how"])):
        stem = re.sub(r"(?:est|er|st)$", "", match["how"].lower())
        return f"What is the {_ADJECTIVE.get(stem, 'size')} of {{}}?", op
    return None


def _name(op: str) -> str:
    return "largest" if op == "argmax" else "smallest"


def _list_noun(question: str) -> str:
    match = _LIST_NOUN.match(question)
    return match["noun"] if match else "things"


def _compared(text: str, draft: _Draft) -> str | None:
    """Resolve "Was A … before B?" and "Are A and B both …?" into look-ups and a comparison in code."""
    match = _BEFORE.match(text)
    if match:
        second = match["b"].strip()
        if second.lower().startswith("the "):
            nested = innermost(f"Find near {second}")
            second = draft.add(nested.question) if nested else second
        verb = re.sub(r"\bfirst\b", "", match["verb"]).strip()
        first_value = draft.add(f"When {match['aux'].lower()} {match['a']} {verb}?")
        second_value = draft.add(f"When {match['aux'].lower()} {second} {verb}?")
        op = "before" if match["op"].lower() in ("before", "earlier than") else "after"
        return draft.add(f"Is {first_value} {op} {second_value}?", purpose="compute", tool="none", op=op)
    match = _BOTH.match(text)
    if match and not re.match(r"(?:of|in|from)\b", match["rest"]):
        rest = re.sub(r"^both\s", "", match["rest"])
        same = re.search(r"\bthe\ssame\s(?P<what>[\w\s-]+)$", rest)
        if same:
            values = [
                draft.add(f"Which {same['what'].strip()} is {match[x]} {'a member of' if 'member' in rest else 'of'}?")
                for x in "ab"
            ]
            return draft.add(f"Are {values[0]} and {values[1]} the same?", purpose="compute", tool="none", op="same")
        singular = re.sub(r"(?<=[a-z]{3})s$", "", rest)
        aux = {"are": "Is", "were": "Was"}.get(match["aux"].lower(), match["aux"].capitalize())
        values = [draft.add(f"{aux} {match[x]} a {singular}?") for x in "ab"]
        return draft.add(f"Do {values[0]} and {values[1]} both hold?", purpose="compute", tool="none", op="both")
    return None


def _tidy(text: str) -> str:
    return re.sub(r"\s+([?.,])", r"\1", re.sub(r"\s{2,}", " ", text)).strip()
