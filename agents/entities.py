"""The things a conversation has talked about, and which of them a word such as "it" can mean.

Salience follows centring (Grosz, Joshi and Weinstein 1995) as far as a question and its answer go: the last
turn before earlier ones, what was answered before what was asked about, unless the word asked of it fits
only the other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from foveal.agents.kinds import is_person, kind_of, kinds_asked
from foveal.agents.mentions import find_mentions
from foveal.agents.values import fold, singular

Role = Literal["answer", "topic", "between"]
_NAME = re.compile(
    r"[\"“](?P<quoted>[^\"”]+)[\"”]"
    r"|\b(?P<run>[A-Z][\w.'’&-]*(?:\s(?:(?:of|the|de|la|du|van|von)\s)*(?:[A-Z][\w.'’&-]*|\d+\b))*)"
)
_OPENERS = frozenset(
    "what which who whom whose when where why how in on at of from to for by is are was were do does did has have had "
    "can could will would the a an and but or so name list tell give find take identify please if according".split()
)
_WHERE = re.compile(r"^(?:where\b|(?:in|on|at|to|from)\s+(?:which|what)\b)", re.I)
_MARKS = re.compile(r"\s*(?:\[\d+\])+\s*$")
_LONGEST = 60
"""Characters of an answer that can be a name."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A thing by name; *noun* is what a question called it, *mention* the words that pointed at its *image*."""

    name: str
    noun: str = ""
    role: Role = "topic"
    image: str | None = None
    mention: str = ""
    plural: bool = False

    @property
    def kind(self) -> str:
        """What sort of thing it is, by its noun or by its own last word ("Eph Tower"); "" when unknown."""
        return kind_of(self.noun) or kind_of(self.name.split()[-1] if " " in self.name else "")


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier turn: its standalone question, the pictures it was about (sha256), and what it named."""

    question: str
    answer: str = ""
    images: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    """Pictures whose own text answered, such as charts."""
    entities: tuple[Entity, ...] = ()


def names(text: str) -> list[str]:
    """Return the names in *text*, in order: quoted words, and capitalised words that do not merely begin it."""
    found: list[str] = []
    for match in _NAME.finditer(text):
        words = (match["quoted"] or match["run"]).split()
        while not match["quoted"] and words and words[0].lower() in _OPENERS:
            words = words[1:]
        name = re.sub(r"['’]s?$|[.,]$", "", " ".join(words))
        if re.search(r"[^\W\d_]", name):
            found.append(name)
    return list(dict.fromkeys(found))


def looks_named(answer: str) -> bool:
    """Say whether *answer* is a name: it begins with a capital, is short, and is no date, number or yes/no."""
    plain = answer.strip()
    if not plain or len(plain) > _LONGEST or fold(plain) in ("yes", "no", "none") or re.search(r"\d{3}", plain):
        return False
    first = re.match(r"(?:the\s|an?\s|[\"“'])*(\S)", plain, re.I)
    return bool(first and first[1].isupper())


def entities_of(question: str, answer: str, plan: Sequence[Mapping[str, Any]]) -> tuple[Entity, ...]:
    """Return what a finished turn talked about, most likely to be meant next first.

    *plan* are the steps of the answer's JSON form. An answer that is no name adds nothing; the same name
    counts once, with its first role and the most that is known of it.
    """
    images = [s["image"] for s in plan if s["purpose"] == "identify" and s.get("image")]
    mentions = find_mentions(question, len(images))
    found: list[Entity] = []
    if plan and plan[-1]["status"] == "answered":
        found += _answered(plan[-1], question, "answer")
    elif not plan:
        value = _MARKS.sub("", answer)
        found += [Entity(value, _noun_asked(question), "answer")] if looks_named(value) else []
    for step in plan:
        if step["purpose"] == "identify" and step["status"] == "answered" and step.get("image"):
            at = images.index(step["image"])
            mention = next((m for m in mentions if m.image == at), None)
            noun = mention.noun if mention else _first_kind(str(step.get("noun") or "").split())
            said = mention.text if mention else ""
            found.append(Entity(_value(step), noun, "topic", step["image"], said))
    found += [Entity(name, _noun_beside(name, question)) for name in names(question)]
    for step in plan[:-1]:
        if step["status"] == "answered" and step["purpose"] == "lookup":
            found += _answered(step, str(step["text"]), "between")
    return _once(found)


def choose(
    past: Sequence[Past],
    fits: Callable[[Entity], float | None],
    asked: str,
    *,
    about: str = "",
    topical: bool = False,
) -> Entity | None:
    """Return the entity of *past* (oldest first) that *fits* best, or None.

    *asked* is the question, whose words say what sort of thing can be meant; *about* the noun that is asked
    of it ("its capital": not of a capital); *topical* prefers what was asked about to what was answered.
    """
    kinds = kinds_asked(asked)
    best: tuple[float, Entity] | None = None
    for age, turn in enumerate(reversed(past)):
        for entity in turn.entities:
            score = fits(entity)
            if score is None or (about and singular(fold(entity.noun)) == singular(fold(about))):
                continue
            if kinds and entity.kind:
                score += 2 if entity.kind in kinds else -2
            if entity.role == "topic" and (topical or _WHERE.match(turn.question)):
                score += 1.5
            score += (0.5 if entity.role == "answer" else 0.0) - 1.5 * age
            if score >= 0 and (best is None or score > best[0]):
                best = score, entity
        if best is not None and best[0] > 0:
            return best[1]
    return best[1] if best else None


def pronoun_fits(pronoun: str) -> Callable[[Entity], float | None]:
    """Return how well an entity can be meant by *pronoun*; None when it cannot."""

    def fits(entity: Entity) -> float | None:
        kind = entity.kind
        if pronoun in ("he", "she", "him", "his", "her", "hers"):
            if kind == "person":
                return 3.0
            full_name = not kind and not entity.plural and not entity.image and len(entity.name.split()) > 1
            return 0.5 if full_name else None
        if pronoun in ("they", "them", "their", "theirs"):
            return 3.0 if entity.plural else {"organisation": 2.0, "person": 1.0, "": 0.5}.get(kind)
        if pronoun == "there":
            return None if kind in ("person", "work", "creature") else 3.0 if kind in ("place", "country") else 1.0
        return None if kind == "person" or entity.plural else 1.0

    return fits


def noun_fits(noun: str) -> Callable[[Entity], float | None]:
    """Return how well an entity can be meant by "the *noun*"; None when it cannot."""
    wanted, kind = singular(fold(noun)), kind_of(noun)

    def fits(entity: Entity) -> float | None:
        words = [singular(w) for w in fold(f"{entity.noun} {entity.name}").split()]
        if wanted in words:
            return 4.0
        if kind and entity.kind == kind and not is_person(noun):
            return 2.0
        return 0.5 if kind and not entity.kind and not is_person(noun) and not entity.plural else None

    return fits


def _answered(step: Mapping[str, Any], question: str, role: Role) -> list[Entity]:
    members = [str(v) for v in step.get("values") or ()]
    noun = _noun_asked(question)
    if len(members) > 1 and step["purpose"] != "identify" and all(map(looks_named, members)):
        return [Entity(f"{', '.join(members[:-1])} and {members[-1]}", noun, role, plural=True)]
    value = _value(step)
    return [Entity(value, noun, role)] if looks_named(value) else []


def _value(step: Mapping[str, Any]) -> str:
    members = step.get("values") or ()
    value = members[0] if step["purpose"] == "identify" and members else step.get("answer") or ""
    return re.sub(r"\s*\([^)]*\)", "", str(value)).strip(" \"“”'.,;")


def _noun_asked(question: str) -> str:
    """Return what a question asks for: "Which tower …" → tower, "What is the capital of …" → capital."""
    if re.match(r"(?:\W*\w+\W+){0,2}?who\b", question, re.I):
        return "person"
    asked = re.search(
        r"\b(?:which|what)\s(?:(?:is|was|are|were)\s(?:the\s)?(?:name\sof\sthe\s)?)?((?:[a-z-]+\s?){1,3})",
        question,
        re.I,
    )
    words = asked[1].lower().split() if asked else []
    if words:
        return _first_kind(words) or words[0]
    return "place" if re.match(r"\W*where\b", question, re.I) else ""


def _first_kind(words: Sequence[str]) -> str:
    """Return *words* up to the first that names a kind of thing: "country flag" → country; "" without one."""
    at = next((n for n, word in enumerate(words, 1) if kind_of(word)), 0)
    return " ".join(words[:at])


def _noun_beside(name: str, question: str) -> str:
    """Return the noun that stands before a name ("the painter Bo Ek", "the city of Eph"), or what has what is asked.

    What has a capital is a country: a word that is asked of one kind only tells the kind.
    """
    known = re.escape(name)
    match = re.search(rf"\bthe\s([a-z-]+|(?:city|town|state|island|village|kingdom)\sof)\s{known}\b", question)
    if match and kind_of(match[1]):
        return match[1].removesuffix(" of")
    owned = re.search(rf"\b([a-z]+)\sof\s(?:the\s)?{known}\b|\b{known}['’]s?\s([a-z]+)", question)
    kinds = kinds_asked(owned[1] or owned[2]) if owned else frozenset()
    return next(iter(kinds)) if len(kinds) == 1 else ""


def _once(found: Sequence[Entity]) -> tuple[Entity, ...]:
    """Keep each name once: in its first place, with the noun, picture and mention from wherever they are known."""
    kept: dict[str, Entity] = {}
    for entity in found:
        key = fold(entity.name) or entity.name
        if key not in kept:
            kept[key] = entity
            continue
        first = kept[key]
        kept[key] = Entity(
            first.name,
            first.noun or entity.noun,
            first.role,
            first.image or entity.image,
            first.mention or entity.mention,
            first.plural,
        )
    return tuple(entity for entity in kept.values() if entity.name)
