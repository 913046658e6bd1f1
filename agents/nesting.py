"""Nested descriptions: which span of a question names a thing that is not known yet.

"Which city is the capital of the country that shares the longest land border with Chile?" holds
"the country that shares the longest land border with Chile"; its answer is put in its place and what is
left asks one fact. Descriptions are resolved from the inside out, as MuSiQue's gold decompositions are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

AUX = r"(?:is|are|was|were|did|does|do|has|have|had|can|could|will|would)"
_FUNCTION = rf"(?:of|the|a|an|where|which|that|who|whose|in|on|at|with|for|by|and|or|before|after|{AUX})"
_WORD = rf"(?!{_FUNCTION}\b)[\w'’-]+"
_HEAD = rf"(?:{_WORD}\s){{0,3}}?{_WORD}"
_RELATIVE = r"(?:that|which|who|whose|whom|where|(?:in|on|at|from|to|of|with|for|by)\swhich)"
_NAME = (
    r"(?:#s\d+|\"[^\"]+\"|“[^”]+”|(?:[A-Z0-9][\w.&-]*)"
    r"(?:\s(?:(?:of|the|and|de|la|in|at|for|with|with\sthe|of\sthe|&)\s)?(?:[A-Z0-9#][\w.&-]*))*)"
)
_PARTICIPLE = (
    r"(?:located|shot|born|released|directed|written|founded|built|performed|produced|held|hosted|based|"
    r"containing|hosting|bordering|surrounding|premiering|featuring|starring)"
)
_SUPERLATIVE = r"(?:most|least|highest|lowest|largest|smallest|longest|shortest|biggest|greatest|\w+est)"
_WH = r"(?:who|what|which|when|where|why|whose|whom|how\s\w+)"

_RELATIVE_NP = re.compile(rf"\bthe\s(?P<head>{_HEAD}),?\s(?P<rel>{_RELATIVE})\s", re.I)
_PARTICIPLE_NP = re.compile(rf"\bthe\s(?P<head>{_HEAD})\s(?P<rel>{_PARTICIPLE})\s", re.I)
_WITH_NP = re.compile(rf"\bthe\s(?P<head>{_WORD})\swith\sthe\s(?P<rest>{_SUPERLATIVE}\s[\w\s'’-]+)", re.I)
_CONTACT_NP = re.compile(
    r"\bthe\s(?P<head>[a-z][\w-]*)\s(?P<name>#s\d+|[A-Z][\w.'’-]*(?:\s[A-Z][\w.'’-]*)*)\s(?P<rest>[a-z])"
)
_OF_NP = re.compile(rf"\bthe\s(?P<head>[a-z][\w'’-]*(?:\s[a-z][\w'’-]*)?)\s(?:of|by)\s(?:the\s)?(?P<name>{_NAME})")
_POSSESSIVE = re.compile(
    rf"(?P<name>{_NAME})(?:'s|’s)\s(?P<head>(?:(?:birth|national|official|[a-z]+est)\s)?(?!first\b|last\b|own\b)[a-z][\w-]*)"
)
_IN_SITU = re.compile(
    rf"^(?P<lead>.+)\s(?P<article>an?|another|the)\s(?P<head>(?:[\w'’-]+\s){{0,4}}?{_WORD})\s"
    rf"(?P<rel>that|who|which|known|based|located|founded|born)\s(?P<rest>.*\b{_WH}(?:\s[\w'-]+){{0,3}})\s*\?*$"
)
_STANDING = re.compile(
    rf"^\W*(?:(?:in|on|at|of|from|to|by|for)\s)?{_WH}(?P<noun>(?:\s[\w'’-]+){{0,5}})\s{AUX}$|^\W*{_WH}$", re.I
)
_CALLED = re.compile(r"\s(?:the\s)?(?:official\s)?(?:title|name)\sof$", re.I)
_LAST_NAME = re.compile(r"(?:#s\d+|\b[A-Z][\w.'’-]*|\"[^\"]+\")(?!.*(?:#s\d|\b[A-Z]|\"))", re.S)
_NOT_NESTED = {"name", "title", "number", "amount", "kind", "type", "one", "date", "year", "use", "beginning", "end",
               "start", "part", "first", "last", "voice", "percentage", "value", "total", "sum"}  # fmt: skip
_PEOPLE = {"author", "director", "writer", "producer", "performer", "singer", "founder", "president", "leader", "king",
           "artist", "painter", "composer", "creator", "owner", "husband", "wife", "spouse", "father", "mother", "son",
           "daughter", "queen", "architect", "inventor", "actor", "actress", "star", "mayor", "designer"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Nested:
    """A description ``question[start:end]``, the question that resolves it, and what it names ("country")."""

    start: int
    end: int
    text: str
    question: str
    noun: str


def innermost(question: str) -> Nested | None:
    """Return the description to resolve next, or None when *question* asks one fact of named things."""
    candidates = [c for c in _candidates(question) if not _is_asked_for(question, c)]
    candidates = [c for c in candidates if not any(c.start < o.start < c.end < o.end for o in candidates)]
    inner = [c for c in candidates if not any(o is not c and c.start <= o.start and o.end <= c.end for o in candidates)]
    return inner[-1] if inner else None


def in_situ(question: str) -> tuple[str, str, str] | None:
    """Split "Drew Fuller starred in a series that was broadcast on what station?".

    Returns the first question, the second with ``{}`` for the first one's answer, and the noun; or None.
    """
    match = _IN_SITU.match(question.strip())
    if not match or re.match(rf"^\W*(?:(?:in|on|at|of|from|to|by|for)\s)?{_WH}\b", question, re.I):
        return None
    linking = f" {match['rel']}" if match["rel"] not in ("that", "who", "which") else ""
    another = "other " if match["article"] == "another" else ""
    return (
        f"{match['lead']} which {another}{match['head']}?",
        f"{{}}{linking} {match['rest']}?",
        match["head"],
    )


def _candidates(question: str) -> list[Nested]:
    found: dict[tuple[int, int], Nested] = {}

    def keep(start: int, end: int, asked: str, noun: str) -> None:
        found.setdefault((start, end), Nested(start, end, question[start:end], asked, noun))

    for match in _RELATIVE_NP.finditer(question):
        end = _clause_end(question, match.end(), match.start())
        clause = question[match.end() : end].strip()
        # "On the plains of which continent …": the only question word asks, it does not describe
        rest = question[: match.start("rel")] + " " + question[match.end("rel") :]
        asks_otherwise = re.search(rf"\b(?:{_WH}|{AUX}|take|name|find)\b", rest[: match.start("rel")] or "", re.I)
        if "which" in match["rel"].lower() and not asks_otherwise and not re.search(rf"\b{_WH}\b", rest, re.I):
            continue
        if _names_something(clause):
            keep(match.start(), end, _ask(match["head"], match["rel"].lower(), clause), match["head"])
    for match in _PARTICIPLE_NP.finditer(question):
        end = _clause_end(question, match.end(), match.start())
        if _names_something(question[match.end() : end]):
            be = "is" if match["rel"].endswith("ing") else "was"
            clause = question[match.start("rel") : end].strip()
            keep(match.start(), end, f"Which {match['head']} {be} {clause}?", match["head"])
    for match in _WITH_NP.finditer(question):
        end = match.start("rest") + len(re.split(rf"\s{AUX}\s|[,?:]", match["rest"])[0])
        keep(
            match.start(),
            end,
            f"Which {match['head']} has the {question[match.start('rest') : end]}?",
            match["head"],
        )
    for match in _CONTACT_NP.finditer(question):
        end = _clause_end(question, match.start("rest"), match.start())
        clause = question[match.start("rest") : end].strip()
        keep(match.start(), end, f"Which {match['head']} {match['name']} {clause}?", match["head"])
    for match in _OF_NP.finditer(question):
        if match["head"].split()[-1] not in _NOT_NESTED:
            keep(*match.span(), f"{_who_or_what(match['head'])} {match[0]}?", match["head"])
    for match in _POSSESSIVE.finditer(question):
        if match["head"].split()[-1] not in _NOT_NESTED:
            keep(*match.span(), f"{_who_or_what(match['head'])} {match[0]}?", match["head"])
    return list(found.values())


def _clause_end(question: str, start: int, description: int) -> int:
    """Return where the clause that begins at *start* ends: at a stop, or where the main clause goes on."""
    stop = re.search(r"[?:;]|,\s(?!and\b|[A-Z])|\.(?:\s|$)", question[start:])
    clause = question[start : start + stop.start()] if stop else question[start:]
    verbs = list(re.finditer(rf"\b{AUX}\b", clause))
    if len(verbs) > 1 and verbs[1].start() > verbs[0].end() + 1:
        # "the state where the author was born was founded": the second auxiliary is the main clause's
        clause = clause[: verbs[1].start()]
    elif verbs and (
        after := re.match(
            r"\s(?:located|from|born|based|held|died|considered to be located)\s(?=[a-z])",
            clause[verbs[0].end() :],
        )
    ):
        clause = clause[: verbs[0].end() + after.end()]
    elif re.search(r"\b(?:did|does|do|was|were|is|are)\s*$", question[:description]) and start + len(
        clause.rstrip()
    ) >= len(question.rstrip(" ?")):
        # "When did [the country that hosts X] start?": after an inverted verb its predicate comes last
        last = _LAST_NAME.search(clause)
        if last and clause[last.end() :].strip() and not verbs:
            clause = clause[: last.end()]
    return start + len(clause.rstrip())


def _names_something(clause: str) -> bool:
    return bool(re.search(r"#s\d+|[A-Z][\w'’-]+|\"|\d{3,}", clause)) and len(clause.split()) >= 2


def _is_asked_for(question: str, nested: Nested) -> bool:
    """Say whether the description is what the question itself asks for: "What is [the capital of Chile]?"."""
    before, after = question[: nested.start].strip(), question[nested.end :].strip(" ?.!")
    if after and after not in ("called", "named", "located"):
        return False
    standing = _STANDING.match(_CALLED.sub("", before))
    # "What nationality was [the artist who …]" asks for the nationality, "What was [the …]" for the thing
    described = re.search(rf"\s{_RELATIVE}\s", nested.text, re.I)
    return not before or bool(standing and not (described and standing["noun"]))


def _who_or_what(head: str) -> str:
    word = head.split()[-1].lower()
    return "Who is" if word in _PEOPLE or word.endswith(("ist", "wright")) else "What is"


def _ask(head: str, relative: str, clause: str) -> str:
    """Turn "the HEAD where CLAUSE" into a question about HEAD."""
    if relative in ("that", "which", "who"):
        return f"Which {head} {clause}?"
    if relative == "whose":
        return f"Which is the {head} whose {clause}?"
    preposition = "In" if relative == "where" else relative.split()[0].capitalize()
    placed = re.match(r"(?P<subject>.+?)\s(?:lies|stands|sits|is found|is situated)$", clause)
    if placed:
        return f"{preposition} which {head} is {placed['subject']} located?"
    moved = re.match(r"(?P<subject>.+?)\s(?P<aux>is|are|was|were)(?P<rest>(?:\s.*)?)$", clause)
    if moved:
        return f"{preposition} which {head} {moved['aux']} {moved['subject']}{moved['rest']}?"
    return f"{preposition} which {head} {clause}?"
