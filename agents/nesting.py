"""Nested descriptions: which span of a question names a thing that is not known yet.

"Which city is the capital of the country that shares the longest land border with Chile?" holds
"the country that shares the longest land border with Chile"; its answer is put in its place and what is
left asks one fact. Descriptions are resolved from the inside out, as MuSiQue's gold decompositions are.
"""

from __future__ import annotations

import re

from foveal.agents.genitives import by_owner, by_possessor
from foveal.agents.relatives import Nested, by_clause
from foveal.agents.words import tokens

AUX = r"(?:is|are|was|were|did|does|do|has|have|had|can|could|will|would)"
WH = r"(?:who|what|which|when|where|why|whose|whom|how\s\w+)"
_FUNCTION = rf"(?:of|the|a|an|where|which|that|who|whose|in|on|at|with|for|by|and|or|before|after|{AUX})"
_WORD = rf"(?!{_FUNCTION}\b)[\w'’-]+"
_IN_SITU = re.compile(
    rf"^(?P<lead>.+)\s(?P<article>an?|another|the)\s(?P<head>(?:[\w'’-]+\s){{0,4}}?{_WORD})\s"
    rf"(?P<rel>that|who|which|known|based|located|founded|born|headquartered)\s(?P<rest>.*\b{WH}(?:\s[\w'-]+){{0,3}})\s*\?*$"
)
_STANDING = re.compile(
    rf"^\W*(?:(?:in|on|at|of|from|to|by|for)\s)?{WH}(?P<noun>(?:\s[\w'’-]+){{0,5}})\s{AUX}$|^\W*{WH}$", re.I
)
_CALLED = re.compile(r"\s(?:the\s)?(?:(?:official|full|birth|first|last|middle|current)\s)*(?:title|name)\sof$", re.I)
_ATTRIBUTES = {"nationality", "age", "religion", "gender", "ethnicity", "colour", "color", "size", "rank", "profession"}


def innermost(question: str) -> Nested | None:
    """Return the description to resolve next, or None when *question* asks one fact of named things."""
    candidates = [c for c in described(question) if not _is_asked_for(question, c)]
    candidates = [c for c in candidates if not any(c.start < o.start < c.end < o.end for o in candidates)]
    inner = [c for c in candidates if not any(o is not c and c.start <= o.start and o.end <= c.end for o in candidates)]
    return inner[-1] if inner else None


def in_situ(question: str) -> tuple[str, str, str] | None:
    """Split "Drew Fuller starred in a series that was broadcast on what station?".

    Returns the first question, the second with ``{}`` for the first one's answer, and the noun; or None.
    """
    match = _IN_SITU.match(question.strip())
    if not match or re.match(rf"^\W*(?:(?:in|on|at|of|from|to|by|for)\s)?{WH}\b", question, re.I):
        return None
    linking = f" {match['rel']}" if match["rel"] not in ("that", "who", "which") else ""
    another = "other " if match["article"] == "another" else ""
    return (
        f"{match['lead']} which {another}{match['head']}?",
        f"{{}}{linking} {match['rest']}?",
        match["head"],
    )


def described(question: str) -> list[Nested]:
    """Return every literal span of *question* that describes a thing by something that is named."""
    toks = tokens(question)
    found: dict[tuple[int, int], Nested] = {}
    for nested in (*by_clause(question, toks), *by_owner(question, toks), *by_possessor(question, toks)):
        found.setdefault((nested.start, nested.end), nested)
    return sorted(found.values(), key=lambda n: n.start)


def _is_asked_for(question: str, nested: Nested) -> bool:
    """Say whether the description is what the question itself asks for: "What is [the capital of Chile]?"."""
    before, after = question[: nested.start].strip(), question[nested.end :].strip(" ?.!")
    adjunct = not nested.clause and re.match(r"(?:in|on|at|during|from|before|after)\s", after)
    if after and after not in ("called", "named", "located"):
        return bool(adjunct and re.fullmatch(r"\W*(?:who|what)\s(?:is|was|were|are)", before, re.I))
    standing = _STANDING.match(_CALLED.sub("", before))
    # "What nationality was [the artist who …]" asks for the nationality, "What was [the …]" for the thing
    attribute = bool(standing and standing["noun"] and standing["noun"].split()[-1] in _ATTRIBUTES)
    return not before or bool(standing and not attribute and not (nested.clause and standing["noun"]))
