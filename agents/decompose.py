"""The guided skeleton: a typed plan from a question, by its form alone.

A small model copies the shape of its examples and loses hops; form it cannot lose. (A 1.5 B model that was
asked for more after it, by a yes/no logit whether something is still nested and by a letter for the span,
could not tell: mean 0.43 for what was resolved and 0.44 for what was not, and every plan it changed got worse.) This module resolves
what is pictured, nested, listed or compared into steps ``#s1``, ``#s2`` …, each asking one fact.
What it cannot take apart stays one look-up.
"""

from __future__ import annotations

import re

from foveal.agents.choices import compare
from foveal.agents.criteria import criterion
from foveal.agents.drafting import MAX_STEPS, Draft, tidy
from foveal.agents.mentions import (
    Mention,
    find_mentions,
    introduce,
    join,
    plural,
    replace_back_references,
)
from foveal.agents.nesting import in_situ, innermost
from foveal.types import ImageRef, Plan, SubQuestion

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
_STATED = re.compile(
    r"^(?P<head>[^.?]+\s)an?\s(?P<noun>(?:(?!(?:in|of|on|by|at)\b)[\w'’-]+\s){0,3}?(?P<last>[a-z][\w-]+))(?P<tail>(?:\s[^.?]*)?)\.\s"
    r"(?P<rest>.*\b(?:that|this)\s(?P=last)\b.*)$",
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
_BARE = re.compile(
    r"\b(?:this|that|it|these|those)\b(?=\s*(?:[?.!,]|$)|\s(?:\w+ed|made|built|taken|written|found)\b)|(?<=\bis\s)(?:this|that|it)\b|(?<=\bare\s)(?:these|those)\b",
    re.I,
)
_IDENTITY = re.compile(
    r"^(?:(?:(?:what|who)(?:'s|\s(?:is|are|was|were))|name|give|state|identify)\s)?(?P<thing>#s\d+)\s*[?.]*$", re.I
)
_LIST_NOUN = re.compile(r"^(?:which|what)\s(?P<noun>(?:[\w-]+\s){0,2}?[\w-]+s)\s", re.I)
_FIND_PICTURE = re.compile(
    r"\b(?:find|show|locate|get|which|retrieve|give me|search for)\b[^.?!\"]*?\b(?:photos?|pictures?|images?|photographs?|drawings?)\b",
    re.I,
)
_LIKE_THIS = re.compile(
    r"\b(?:like|similar to|the same as|resembl\w+)\b.{0,40}?\b(?:this|that|it|the (?:picture|photo|image))\b.{0,40}?[\s,;]"
    r"(?:but|except|only|with|without|instead)\b|\b(?:of|shows?|showing) the same\b.{0,40}?\b(?:but|except)\b",
    re.I,
)
_QUOTED = re.compile(r"[\"“](?P<text>[^\"”]{3,})[\"”]")


def is_picture_search(question: str, images: int) -> bool:
    """Say whether the question asks for a picture of the collection, perhaps by one like it, not for a fact."""
    asked = bool(_FIND_PICTURE.search(question))
    return asked and (images == 0 or (images == 1 and bool(_LIKE_THIS.search(question))))


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
    steps, text = pictured(question, images)
    draft = Draft(list(steps))
    if not (steps and steps[0].tool == "picture_search"):
        _resolve(text, draft)
    return Plan(tuple(draft.steps), source="guided")


def pictured(question: str, images: tuple[ImageRef, ...]) -> tuple[tuple[SubQuestion, ...], str]:
    """Return a step for each picture and the question with ``#sN`` where it points at them, not taken apart."""
    draft = Draft()
    question = re.sub(r"#(?=s\d)", "", question)  # what the asker wrote is no placeholder
    if is_picture_search(question, len(images)):
        draft.add(question, purpose="identify", tool="picture_search", query=described(question),
                  image=images[0].sha256 if images else None)  # fmt: skip
        return tuple(draft.steps), question
    text = _ACCORDING.sub("", _FORMAT.sub("", question)).strip() or question
    text = _identify(text, images, draft)
    return tuple(draft.steps), text


def _identify(text: str, images: tuple[ImageRef, ...], draft: Draft) -> str:
    """Add a step for every picture and put ``#sN`` where the text points at it."""
    rest, named = introduce(text, len(images))
    several = len(images) > 1 and not named
    noun_of_all, part_of_all = plural(text) if several else ("", "")
    mentions = [] if named or noun_of_all else find_mentions(text, len(images))
    by_image: dict[int, Mention] = named or {m.image: m for m in mentions}
    places: dict[int, str] = {}
    for number, image in enumerate(images):
        mention = by_image.get(number)
        noun = mention.noun if mention else noun_of_all
        part = mention.part if mention else part_of_all
        asked = f"What is in picture {number + 1}: which {noun or 'thing'}?"
        if part not in ("", "part", "kind"):
            asked = f"Which {noun} has the {part} in picture {number + 1}?"
        places[number] = draft.add(
            asked, purpose="identify", tool="image_search", image=image.sha256, noun=f"{noun} {part}".strip()
        )
    if named:
        text = replace_back_references(rest, named, places)
        return join(text, list(places.values())) if "#" not in text else text
    for mention in reversed(mentions):
        text = text[: mention.start] + places[mention.image] + text[mention.end :]
    if images and not mentions:
        if several and (joined := join(text, list(places.values()))) != text:
            return joined
        # "What is this?", or "Who built the tower?" beside a picture of it
        place = " and ".join(places.values())
        text, count = _BARE.subn(place, text, count=1)
        text = text if count else f"{text.rstrip(' ?.')} ({place})?"
    return text


def _resolve(text: str, draft: Draft) -> str:
    """Add the steps of *text* and return the placeholder of its answer."""
    text = tidy(text)
    while len(draft.steps) < MAX_STEPS:
        only = _ONLY_ONE.match(text)
        if only and re.search(rf"\bthat\s{re.escape(only['noun'].split()[-1])}\b", only["rest"], re.I):
            place = draft.add(f"Which is the only {only['noun']} of {only['thing']}?", noun=only["noun"])
            text = re.sub(rf"\bthat\s{re.escape(only['noun'].split()[-1])}\b", place, only["rest"], flags=re.I)
            continue
        stated = _STATED.match(text)
        if stated:
            # "Norwell is a town in a county. What is the seat of that county?"
            asked = f"{stated['head']}which {stated['noun']}{stated['tail']}?"
            place = draft.add(draft.settle(tidy(asked)), noun=stated["noun"])
            text = re.sub(rf"\b(?:that|this)\s{stated['last']}\b", place, stated["rest"], count=1)
            continue
        preface = _PREFACE.match(text)
        if preface:
            text = _anaphora(preface["rest"], preface["thing"])
            continue
        if identity := _IDENTITY.match(text):
            return identity["thing"]
        if compared := compare(text, draft):
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
            text = tidy(text[: nested.start] + place + text[nested.end :])
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


def _selected(text: str, draft: Draft) -> tuple[str, str] | None:
    """Resolve "Of these, which …est …?": one look-up a member, then the choice in code."""
    match = _OF_LIST.match(text)
    if not match:
        return None
    members = match["list"]
    rest = match["rest"].strip()
    taken = _TAKE.match(rest)
    wanted, after = (taken["pick"], taken["rest"]) if taken else (rest, "")
    asked = criterion(wanted)
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


def _name(op: str) -> str:
    return "largest" if op == "argmax" else "smallest"


def _list_noun(question: str) -> str:
    match = _LIST_NOUN.match(question)
    return match["noun"] if match else "things"
