"""Follow-ups: turns "and when was it built?" into a question that stands alone, and picks the pictures it is about.

By form alone: what a turn leaves out is taken from the turns before it. A question that names what it is
about is never touched, and what cannot be tied to anything said before is left as it was, with a warning.
A model that plans freely may rewrite instead; its reply is only taken when it keeps the question's names.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from foveal.agents import phrases
from foveal.agents.entities import Entity, Past, choose, names, noun_fits, pronoun_fits
from foveal.agents.kinds import is_person, kind_of, kinds_asked
from foveal.agents.mentions import find_mentions
from foveal.agents.phrases import as_question
from foveal.agents.shown import Shown
from foveal.agents.values import fold
from foveal.errors import FovealError
from foveal.prompts.loader import render
from foveal.protocols import ChatModel

TURNS_SHOWN = 4
"""Earlier turns that a model is shown."""
_SAME = {"its": "it", "him": "he", "his": "he", "her": "she", "hers": "she", "them": "they", "their": "they"}
"""Words of one group mean the same thing within one question."""
_SCHEMA = {
    "type": "object",
    "properties": {"standalone": {"type": "string", "minLength": 3, "maxLength": 600}},
    "required": ["standalone"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A question that stands alone; *images* are positions of the session's pictures that it is about."""

    standalone: str
    uses: tuple[Entity, ...] = ()
    changed: bool = False
    images: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


async def rewrite_with(
    model: ChatModel,
    question: str,
    past: Sequence[Past],
    pictures: Sequence[str] = (),
    fresh: Collection[int] = (),
) -> Rewrite:
    """Rewrite with *model* when it plans freely and there is something before; otherwise, or if it fails, by form."""
    by_form = rewrite(question, past, pictures, fresh)
    if not past or not model.capabilities.plans_freely:
        return by_form
    told = "\n".join(f"Question: {p.question}\nAnswer: {p.answer}" for p in past[-TURNS_SHOWN:])
    try:
        reply = await model.generate(
            render("followup", history=told, question=question), schema=_SCHEMA, max_tokens=200, task="followup"
        )
        standalone = str(reply.parsed["standalone"]).strip()
    except (FovealError, TypeError, KeyError):
        return by_form
    known = {fold(e.name): e for p in past for e in p.entities}
    said = fold(" ".join([told, question]))
    # a name that nobody said was made up, and one that was asked about must not be lost
    if not re.search(r"\w{2}", standalone) or any(fold(n) not in fold(standalone) for n in names(question)):
        return by_form
    if any(fold(n) not in said for n in names(standalone)):
        return by_form
    if fold(standalone) == fold(question):
        return replace(by_form, standalone=question, uses=(), changed=False, warnings=())
    uses = tuple(known[fold(n)] for n in names(standalone) if fold(n) in known and fold(n) not in fold(question))
    images = by_form.images if not uses or find_mentions(standalone, 1) else ()
    return Rewrite(standalone, uses, True, images)


def rewrite(question: str, past: Sequence[Past], pictures: Sequence[str] = (), fresh: Collection[int] = ()) -> Rewrite:
    """Return *question* so that it stands alone after the turns of *past* (oldest first).

    *pictures* are the session's, by sha256; *fresh* are positions of those no turn was about yet.
    """
    question = question.strip()
    if not past:
        return Rewrite(question, images=tuple(range(len(pictures))))
    body, marked, elliptic = _opened(question)
    shown = Shown(tuple(past), tuple(pictures), tuple(sorted(fresh)))
    talk = _Talk(tuple(past), shown, marked)
    partial = elliptic or not phrases.CLAUSE.search(body) or phrases.HOW.match(body.rstrip(" ?.!"))
    done = talk.elliptic(body) if partial else talk.clause(body)
    if done is None:
        return Rewrite(question, images=shown.images_for(question), warnings=_unclear(question) if marked else ())
    return done if done.changed else replace(done, standalone=question)


def _opened(question: str) -> tuple[str, bool, bool]:
    """Return the question without "and" or "what about", whether it had one, and whether it is an ellipsis."""
    body = phrases.MARK.sub("", question)
    marked = body != question
    if (
        marked
        and re.match(r"[A-Z]", body)
        and not re.match(rf"(?:{phrases.WH}|{phrases.AUX})\b", body, re.I)
        and phrases.CLAUSE.search(body)
    ):
        return question, False, False  # "And Quiet Flows the Don was written by whom?" is a title
    about = phrases.ABOUT.match(body)
    if about and (about.end() < len(body.rstrip(" ?.!")) or "same" in about[0].lower()):
        return body[about.end() :].lstrip(), True, True
    return body, marked, False


@dataclass(frozen=True, slots=True)
class _Talk:
    """What was said before, to read one more question by."""

    past: tuple[Past, ...]
    shown: Shown
    marked: bool

    def clause(self, body: str) -> Rewrite | None:
        """Put names for the words of a whole clause that point back, and settle which picture it means."""
        shown = self.shown
        if aimed := shown.aimed(body):
            return Rewrite(as_question(aimed[0]), changed=True, images=aimed[1])
        if shown.fresh:
            text = shown.looking(body)
            return Rewrite(as_question(text), changed=self.marked or text != body, images=shown.images_for(body))
        text, uses, lost = self._substituted(body)
        if not uses and (asked := phrases.OWNED.match(body)):
            noun = asked[1].split()[-1]
            if (is_person(noun) or kinds_asked(noun)) and (owner := self._topic(body, noun)):
                return Rewrite(as_question(f"{body.rstrip(' ?')} of {owner.name}"), (owner,), True)
        if lost:
            return Rewrite(as_question(body), changed=False, images=shown.images_for(body), warnings=_unclear(lost))
        if not uses:
            return Rewrite(as_question(body), changed=self.marked, images=shown.images_for(body))
        images = shown.images_for(text) if find_mentions(text, 1) else ()
        return Rewrite(as_question(text), uses, True, images)

    def elliptic(self, body: str) -> Rewrite | None:
        """Complete a phrase without a verb from the question before; None when it says nothing to go on."""
        phrase, last = body.strip(" ?.!"), self.past[-1]
        aimed = self.shown.position(phrase)
        if aimed is not None:
            return Rewrite(self.shown.pictured(last.question), changed=True, images=(aimed,))
        if not phrase:
            return Rewrite(last.question, changed=True, images=self.shown.fresh) if self.shown.fresh else None
        if year := phrases.YEAR_ONLY.match(phrase):
            text, count = phrases.YEAR.subn(year["year"], last.question)
            text = text if count else f"{last.question.rstrip(' ?.')} in {year['year']}?"
            return Rewrite(text, changed=True, images=self.shown.same_images())
        if phrases.HOW.match(phrase):
            it = self._topic(phrase)
            return Rewrite(as_question(f"{phrase} is {it.name}"), (it,), True) if it else None
        if owned := re.match(r"^(its|his|her|their)\s+([a-z].*)$", phrase, re.I):
            head = owned[2].split()[-1]
            owner = choose(self.past, pronoun_fits(owned[1].lower()), phrase, about=head, topical=True)
            return self._of(owned[2], owner)
        told = names(phrase)
        if not self.marked:
            return None
        if of := re.match(r"^the\s+([a-z][a-z ]*)$", phrase):
            head = of[1].split()[-1]
            if not kinds_asked(head) and (it := choose(self.past, noun_fits(head), "", topical=True)):
                return Rewrite(self._swapped(last, it.name), (it,), True)
            return self._of(of[1], self._topic(phrase, head))
        if re.match(r"^the\s[a-z]", phrase) and told:
            return Rewrite(
                as_question(f"{'who' if is_person(phrase.split()[1]) else 'what'} is {phrase}"), changed=True
            )
        bare = re.sub(r"^(?:in|for|of|with|on|at|from|to|by|about)\s+(?=\S)", "", phrase)
        if told and re.match(r"[A-Z\"“]", re.sub(r"^the\s", "", bare)):
            return Rewrite(self._swapped(last, re.sub(r"['’]s$", "", bare)), changed=True)
        return None

    def _substituted(self, body: str) -> tuple[str, tuple[Entity, ...], str]:
        """Return the text with names put in, the entities used, and the word that fits none of them, if one does."""
        hidden = [m.span() for m in re.finditer(r"[\"“][^\"”]*[\"”]", body)]
        used: dict[str, Entity] = {}
        lost, out, at = "", "", 0
        marks = sorted([*phrases.PRONOUN.finditer(body), *phrases.DEFINITE.finditer(body)], key=lambda m: m.start())
        for match in marks:
            start, end = match.span()
            word, noun, after = match[0].lower(), match.groupdict().get("noun"), body[end:]
            if any(a <= start < b for a, b in hidden) or phrases.is_expletive(body, start):
                continue
            group = noun or _SAME.get(word, word)
            owning = word in ("its", "his", "their") or (word == "her" and bool(phrases.POSSESSIVE.match(after)))
            if group not in used:
                if (noun and not kind_of(noun)) or self._internal(body[:start], word, after):
                    continue
                about = after.split()[0].strip("?.,") if owning and after.split() else ""
                fits = noun_fits(noun) if noun else pronoun_fits(word)
                entity = choose(self.past, fits, body, about=about)
                if entity is None:
                    lost = lost or ("" if noun else match[0])
                    continue
                used[group] = entity
            name = used[group].name
            out += body[at:start]
            if owning and (whole := phrases.owned_by(name, after)).startswith("the "):
                return out + whole, tuple(dict.fromkeys(used.values())), lost
            out += phrases.owned_by(name, "") if owning else f"in {name}" if word == "there" else name
            at = end
        return out + body[at:], tuple(dict.fromkeys(used.values())), lost

    def _internal(self, before: str, word: str, after: str) -> bool:
        """Say whether a word that points back can mean something in its own question."""
        inside = phrases.INSIDE.search(before[1:]) and word != "there"
        if names(before) or find_mentions(before, 1) or inside:
            return True
        if word in ("they", "them", "their") and re.search(r"\b(?!(?:is|was|does|has|this|its)\b)[a-z]+s\b", before):
            return True
        subject = re.match(rf"^(?:who|(?:which|what)\s+(?P<noun>[a-z]+))\s+(?!{phrases.AUX}\b)[a-z]+", before, re.I)
        if subject is None or self.marked or word not in ("its", "his", "her", "their"):
            return False
        kinds = kinds_asked(" ".join(after.split()[:1]))
        return not (subject["noun"] and kinds and kind_of(subject["noun"]) not in kinds)

    def _topic(self, asked: str, about: str = "") -> Entity | None:
        return choose(self.past, lambda e: None if e.plural else 1.0, asked, about=about, topical=True)

    def _of(self, what: str, owner: Entity | None) -> Rewrite | None:
        if owner is None:
            return None
        ask = "who" if is_person(what.split()[-1]) else "what"
        return Rewrite(
            as_question(f"{ask} {'are' if owner.plural else 'is'} the {what} of {owner.name}"), (owner,), True
        )

    def _swapped(self, last: Past, name: str) -> str:
        """Return the question before with *name* in the place of what it was about."""
        if last.images and (mentions := find_mentions(last.question, len(last.images))):
            return f"{last.question[: mentions[0].start]}{name}{last.question[mentions[0].end :]}"
        told = names(last.question)
        if not told:
            return f"{last.question.rstrip(' ?.')} ({name})?"
        text = last.question
        old = next(
            (n for n in told if re.search(rf"\bof (?:the )?{re.escape(n)}\b|{re.escape(n)}['’]s", text)), told[0]
        )
        if name.lower().startswith("the "):
            text = re.sub(rf"\bthe\s+(?={re.escape(old)})", "", text, flags=re.I)
        return text.replace(old, name, 1)


def _unclear(words: str) -> tuple[str, ...]:
    return (f"What “{words}” refers to is not clear from what was said before; it was asked as it stands.",)
