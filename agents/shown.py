"""The pictures of a conversation, and which of them a question looks at.

Pictures are counted in the order in which they were given. What was identified in one is asked about by its
name; a picture whose own text answered, such as a chart, goes on being looked at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from foveal.agents import phrases
from foveal.agents.entities import Past, names
from foveal.agents.kinds import kinds_asked
from foveal.agents.mentions import find_mentions

_ORDINALS = {"first": 0, "1st": 0, "second": 1, "2nd": 1, "third": 2, "3rd": 2, "fourth": 3, "4th": 3, "last": -1}
_LOOK = r"(?:one|picture|image|photo|photograph|figure|chart)"
_NTH = re.compile(rf"\bthe\s+(?P<nth>{'|'.join(_ORDINALS)})\s+(?P<noun>[a-z]+)\b|\b{_LOOK}\s+(?P<number>\d)\b", re.I)
_THIS_ONE = re.compile(
    rf"\b(?:this|that|the\s+(?:new|next|other))(?:\s+(?P<noun>{_LOOK}))?(?=\s*(?:$|[?.!,])|\s+{phrases.VERB}\b)", re.I
)
_JUST_GIVEN = re.compile(r"\b(?:(?:this|that|the\s+(?:new|next|other))\s+one|its?)\b")
_SEVERAL = re.compile(r"\b(?:both|these|the\s+two|of\s+them)\b", re.I)
_FIND = re.compile(r"\b(?:find|locate|retrieve|search\s+for|give\s+me|show\s+me)\b.*\b(?:photo|picture|image)", re.I)
_DOCUMENT = re.compile(r"\b\S+\.(?:pdf|docx?|pptx?|html?|txt|md)\b|\bin\s+the\s+document\b", re.I)
_POINTS = re.compile(
    r"\b(?:pictures?|photos?|photographs?|images?|shown|pictured|depicted|chart|figure|graph|table|diagram)\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """*pictures* by sha256, oldest first; *fresh* are the positions of those that no turn was about yet."""

    past: tuple[Past, ...]
    pictures: tuple[str, ...]
    fresh: tuple[int, ...]

    def images_for(self, question: str) -> tuple[int, ...]:
        """Return the positions of the pictures that a question which stays as it is looks at."""
        every = tuple(range(len(self.pictures)))
        if self.fresh:
            return every if len(self.fresh) == 1 and _SEVERAL.search(question) else self.fresh
        if _DOCUMENT.search(question) or _FIND.search(question):
            return ()
        recent = next((p.images for p in reversed(self.past) if p.images), ())
        current = tuple(n for n, sha in enumerate(self.pictures) if sha in recent) or every
        if find_mentions(question, 1) or _POINTS.search(question):
            return current
        if names(question):
            return ()
        # a chart that was read goes on being asked about; what was identified is asked about by its name
        read = {sha for p in self.past for sha in p.read}
        return every if _SEVERAL.search(question) else tuple(n for n in current if self.pictures[n] in read)

    def aimed(self, body: str) -> tuple[str, tuple[int, ...]] | None:
        """Return the question about the one picture that it counts out ("the tower in the second picture")."""
        found = [(m, at) for m in _NTH.finditer(body) if (at := self._counted(m)) is not None]
        counted = {w for w in re.findall(r"\w+", body.lower()) if w in _ORDINALS}
        if len(found) != 1 or len(counted) > 1 or len(self.pictures) < 2:
            return None
        match, at = found[0]
        noun = (match["noun"] or "picture").lower()
        thing = self._pointer(body) if noun == "one" else f"the {noun}"
        return f"{body[: match.start()]}{thing}{body[match.end() :]}", (at,)

    def looking(self, body: str) -> str:
        """Return the question about pictures that just came: "it" and "this one" are what they show."""
        word = None if find_mentions(body, 1) else _JUST_GIVEN.search(body)
        if word is None or names(body[: word.start()]) or phrases.is_expletive(body, word.start()):
            return body
        before, after, thing = body[: word.start()], body[word.end() :], self._pointer(body)
        return before + (phrases.owned_by(thing, after) if word[0] == "its" else thing + after)

    def pictured(self, question: str) -> str:
        """Return the question before, asked of what a picture shows."""
        if find_mentions(question, 1):
            return re.sub(rf"\bthe\s+(?:{'|'.join(_ORDINALS)})\s+(?=[a-z])", "the ", question)
        for entity in (e for p in reversed(self.past) for e in p.entities if e.image and e.name in question):
            return question.replace(entity.name, entity.mention or f"the {entity.noun or 'thing'} in the picture", 1)
        told = names(question)
        if self.past[-1].images or not told:
            return question
        return question.replace(told[0], self._pointer(question), 1)

    def _pointer(self, question: str) -> str:
        """Return words that point at a picture as the last one was pointed at, if what is asked fits that."""
        kinds = kinds_asked(question)
        seen = (e for p in reversed(self.past) for e in p.entities if e.image and (e.mention or e.noun))
        last = next((e for e in seen if not kinds or not e.kind or e.kind in kinds), None)
        return (last.mention or f"the {last.noun} in the picture") if last else "the thing in the picture"

    def position(self, phrase: str) -> int | None:
        """Return which picture a bare phrase such as "the second one" or "this one" means."""
        phrase = re.sub(r"^(?:in|for|of|on|with)\s+", "", phrase)
        nth = _NTH.fullmatch(phrase if phrase.lower().startswith("the ") or _NTH.fullmatch(phrase) else f"the {phrase}")
        if nth and self.pictures:
            return self._counted(nth)
        if _THIS_ONE.fullmatch(phrase) and self.pictures:
            if self.fresh:
                return self.fresh[-1]
            recent = self.past[-1].images
            others = [n for n, sha in enumerate(self.pictures) if sha not in recent]
            return others[-1] if others and "other" in phrase.lower() else None
        return None

    def _counted(self, match: re.Match[str]) -> int | None:
        """Return the position that an ordinal means among the session's pictures; None when it counts other things."""
        shown = {w for p in self.past for e in p.entities if e.image for w in (*e.noun.split(), *e.mention.split())}
        if match["noun"] and not re.fullmatch(_LOOK, match["noun"], re.I) and match["noun"].lower() not in shown:
            return None
        at = int(match["number"]) - 1 if match["number"] else _ORDINALS[match["nth"].lower()]
        at = len(self.pictures) - 1 if at == -1 else at
        return at if 0 <= at < len(self.pictures) else None

    def same_images(self) -> tuple[int, ...]:
        return tuple(n for n, sha in enumerate(self.pictures) if sha in self.past[-1].images)
