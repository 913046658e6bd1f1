"""What a comparison asks of each of its members: "is taller" asks "What is the height of …?" and takes the most."""

from __future__ import annotations

import re

from foveal.agents.genitives import PEOPLE
from foveal.agents.values import direction
from foveal.agents.words import base

_DIMENSION = {"long": "length", "short": "length", "tall": "height", "high": "height", "low": "height", "large": "area",
              "big": "area", "small": "area", "deep": "depth", "shallow": "depth", "wide": "width", "broad": "width",
              "narrow": "width", "heavy": "weight", "light": "weight", "fast": "speed", "slow": "speed",
              "hot": "temperature", "cold": "temperature", "expensive": "price", "cheap": "price",
              "populous": "population", "dense": "density", "rich": "wealth"}  # fmt: skip
_AGE = {"older": "argmin", "oldest": "argmin", "elder": "argmin", "eldest": "argmin", "younger": "argmax",
        "youngest": "argmax", "newer": "argmax", "newest": "argmax"}  # fmt: skip
_MADE = {"released": "film movie song album single game record", "published": "book novel comic magazine journal",
         "formed": "band group duo", "built": "building bridge tower castle church cathedral house temple fort palace",
         "founded": "school university college company newspaper city town club airline party"}  # fmt: skip
_EVENT = {"founding": "was {} founded", "foundation": "was {} founded", "establishment": "was {} established",
          "creation": "was {} created", "birth": "was {} born", "death": "did {} die", "opening": "was {} opened",
          "completion": "was {} completed", "construction": "was {} built", "building": "was {} built",
          "release": "was {} released", "publication": "was {} published", "premiere": "did {} premiere",
          "start": "did {} start", "beginning": "did {} begin", "end": "did {} end", "fall": "did {} fall",
          "launch": "was {} launched", "discovery": "was {} discovered", "independence": "did {} become independent",
          "invention": "was {} invented", "dissolution": "was {} dissolved"}  # fmt: skip
PERSONS = PEOPLE | {"person", "player", "man", "woman", "politician", "scientist", "poet", "musician", "footballer"}
_WHEN = r"(?P<how>first|last|earlier|later|earliest|latest|(?:more|most)\srecently)"
_BE = r"(?:is|was|are|were)"

_FIRST_TO = re.compile(rf"\b{_BE}\sthe\s(?P<how>first|last)\sto\s(?P<be>be\s)?(?P<rest>.+)$", re.I)
_PASSIVE = re.compile(
    rf"\b(?P<aux>was|were|is|did)\s(?P<verb>(?!the\b)\w[\w\s]*?)\s{_WHEN}\b(?P<rest>(?:\s(?:in|at|to|by|as)\s.+)?)$",
    re.I,
)
_ACTIVE = re.compile(rf"\b(?P<verb>[a-z]+)(?P<particle>\s(?:out|up|off|on))?\s{_WHEN}\b(?P<rest>.*)$")
_AGED = re.compile(rf"\b{_BE}\s(?:the\s)?(?P<how>{'|'.join(_AGE)})\b", re.I)
_HAS = re.compile(r"\b(?:has|have|had|with)\s(?:the\s|an?\s)?(?P<how>\w+)\s(?P<what>[\w\s'-]+)", re.I)
_DOES = re.compile(r"\b(?P<verb>[a-z]+)\s(?:the\s)?(?P<how>more|most|fewer|fewest)\s(?P<what>[\w\s'-]+)$")
_IS = re.compile(
    rf"\b{_BE}\s(?:located\s)?(?:the\s)?(?:(?P<more>more|most|less|least)\s(?P<word>\w+)|(?P<how>\w+))"
    r"(?:\s(?:in|by)\s(?P<by>\w+))?",
    re.I,
)
_NOUN = re.compile(rf"^(?:which|what|who)\s((?:[\w-]+\s)*?)(?:{_BE}|has|had|did|does|do|\w+ed)\b", re.I)


def criterion(asked: str) -> tuple[str, str] | None:
    """Return the question to ask of each member (``{}`` stands for it) and argmax or argmin; None if none fits."""
    asked = asked.strip(" ?.,:")
    if match := _FIRST_TO.search(asked):
        question = "When was {} " if match["be"] else "When did {} first "
        return f"{question}{match['rest']}?", order(match["how"])
    if match := _PASSIVE.search(asked):
        return f"When {match['aux']} {{}} {match['verb']}{match['rest']}?", order(match["how"])
    match = _ACTIVE.search(asked)
    if match and match["verb"] not in ("is", "was") and (verb := base(match["verb"])):
        return f"When did {{}} {verb}{match['particle'] or ''}{match['rest']}?", order(match["how"])
    if match := _AGED.search(asked):
        return f"When was {{}} {_came_about(asked)}?", _AGE[match["how"].lower()]
    match = _HAS.search(asked)
    if match and (op := direction(match["how"])):
        what = match["what"].strip()
        last = what.split()[-1]
        counted = match["how"].lower() in ("more", "most", "fewer", "fewest")
        counted = counted and (last.endswith("s") or last in ("people", "children", "men", "women"))
        return (f"How many {what} does {{}} have?" if counted else f"What is the {what} of {{}}?"), op
    match = _DOES.search(asked)
    if match and (op := direction(match["how"])) and (verb := base(match["verb"])):
        return f"How many {match['what']} did {{}} {verb}?", op
    match = _IS.search(asked)
    if match and (op := direction(match["more"] or match["how"])):
        attribute = match["by"] or _dimension(match["word"] or match["how"])
        return (f"What is the {attribute} of {{}}?", op) if attribute else None
    return None


def order(how: str) -> str:
    """Return argmin for "first" and its like, argmax for "later" and its like."""
    return "argmin" if how.lower() in ("first", "earlier", "earliest") else "argmax"


def event(thing: str) -> tuple[str, str]:
    """Return the question ``When … {} …?`` about an event and what it happened to: "the founding of Oslo"."""
    match = re.match(r"(?:the\s)?(?P<what>\w+)\sof\s(?P<of>.+)$", thing, re.I)
    if match and match["what"].lower() in _EVENT:
        return f"When {_EVENT[match['what'].lower()]}?", match["of"]
    return "When was {}?", thing


def _came_about(asked: str) -> str:
    """Return the participle that dates what is compared: persons are born, films released."""
    noun = _NOUN.match(asked)
    word = (noun[1].split() or [""])[-1].lower() if noun else ""
    if asked.lower().startswith("who") or word in PERSONS:
        return "born"
    return next((made for made, words in _MADE.items() if word in words.split()), "established")


def _dimension(word: str) -> str:
    low = word.lower()
    stem = re.sub(r"(?:est|er)$", "", low)
    forms = (low, stem, stem + "e", re.sub(r"(.)\1$", r"\1", stem), re.sub(r"i$", "y", stem))
    ordinal = low in ("first", "last", "later", "latest", "earlier", "earliest", "more", "most", "less", "least")
    return next((_DIMENSION[f] for f in forms if f in _DIMENSION), "" if ordinal else "size")
