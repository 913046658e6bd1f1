"""The forms of words that point back, and of questions that leave something out.

English only: a question in another language matches none of them and is left as it is.
"""

from __future__ import annotations

import re

AUX = r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might)"
WH = r"(?:what|which|who|whom|whose|when|where|why|how)"
VERB = rf"(?:{AUX}|[a-z]+ed|built|made|found|born|stand|stands|lie|lies|open|opens|close|closes|begin|begins|live)"
MARK = re.compile(r"^\s*(?:(?:and|but|so|or|then|also|ok(?:ay)?)\b[\s,]*)+(?=\S)", re.I)
ABOUT = re.compile(
    r"^(?:(?:what|how)\s+about\b|(?:do\s+|ask\s+)?(?:the\s+)?same(?:\s+(?:question|thing))?(?:\s+(?:for|of|with|about|on|in))?\b)\s*",
    re.I,
)
CLAUSE = re.compile(rf"^(?:(?:in|on|at|from|to|of|by|for|with)\s)?{WH}\b|^{AUX}\b|\s{AUX}\s", re.I)
HOW = re.compile(r"^how\s+(?:tall|high|old|big|large|long|deep|wide|heavy|far)$", re.I)
YEAR = re.compile(r"\b(?:1\d{3}|20\d{2})s?\b")
YEAR_ONLY = re.compile(
    r"^(?:(?:in|for|during|by|of|from|since)\s+)?(?:the\s+)?(?:year\s+)?(?P<year>(?:1\d{3}|20\d{2})s?)$", re.I
)
OWNED = re.compile(
    rf"^(?i:who|what|where)\s+{AUX}\s+the\s+(?!.*\s(?:of|in|on|at|for|where|that|which|who|whose|with)\b)([a-z]+(?:\s[a-z]+){{0,2}})\s*\??$"
)
PRONOUN = re.compile(r"\b(it|its|he|she|him|his|her|hers|they|them|their|there)\b(?!['’-])")
POSSESSIVE = re.compile(
    rf"\s+(?!(?:{VERB}|and|or|in|on|at|by|from|to|for|with|of|when|where|before|after)\b)[a-z]", re.I
)
DEFINITE = re.compile(
    rf"\b(?:the|that|this)\s+(?P<noun>[a-z]+)(?=\s*(?:$|[?.!,;]|['’]s?\b|(?:and|or)\s)|\s+{VERB}\b)", re.I
)
EXPLETIVE = re.compile(
    rf"\bit\s+(?:(?:is|was)\s+)?(?:true|possible|likely|legal|raining|snowing|takes?|took|costs?)\b"
    rf"|\b(?:does|did|will|would|can)\s+it\s+(?:take|matter|rain|snow)\b|\btime\s+(?:is|was)\s+it\b"
    rf"|\b(?:is|was)\s+it\s+(?:true|possible|a\s+fact|legal|correct|raining|snowing|\w+\s+(?:that|to))\b"
    rf"|\b{AUX}\s+there\b|\bthere\s+{AUX}\b",
    re.I,
)
INSIDE = re.compile(r"[.;:!?\"“,]\s|\s(?:an?|each|every|any|that|which|who|whose|where|when|while|if|because)\s", re.I)
_NOT_OWNED = re.compile(rf"\b{VERB}$|ing$|\b(?:called|like|with|in|of)\b")


def as_question(text: str) -> str:
    """Return *text* as a question: a capital first, one question mark last."""
    text = text.strip()
    text = text[:1].upper() + text[1:]
    return text if re.search(r"[?.!…。？]$", text) else f"{text}?"


def owned_by(name: str, after: str) -> str:
    """Return "*name*'s …", or "the … of *name*" when what is owned is all that follows."""
    rest = after.strip(" ?.!")
    if re.fullmatch(r"[a-z]+(?:\s[a-z]+){0,2}", rest) and not _NOT_OWNED.search(rest):
        return f"the {rest} of {name}?"
    return f"{name}'{'' if name.endswith('s') else 's'}{after}"


def is_expletive(text: str, at: int) -> bool:
    """Say whether the word at *at* means nothing: "is it true that", "are there"."""
    return any(m.start() <= at < m.end() for m in EXPLETIVE.finditer(text))
