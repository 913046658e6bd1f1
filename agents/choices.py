"""Comparisons of named things: one look-up a member, then code decides.

"Which is taller, A or B?" becomes "What is the height of A?", the same of B, and ``argmax`` of the two. Each
look-up carries its member as ``noun``, so that the choice can name it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from foveal.agents.criteria import PERSONS, criterion
from foveal.agents.drafting import Draft
from foveal.agents.genitives import PEOPLE
from foveal.agents.nesting import AUX
from foveal.agents.sums import counted, difference, total
from foveal.agents.words import base

_NAMED = r"(?:the\s)?[A-Z\"“#]"
_KINDS = r"(?:films|movies|songs|albums|books|novels|bands|cities|countries|villages|people|magazines|rivers)"
_OR = re.compile(
    r"^(?P<ask>(?i:(?:in|on|at|by|for)\s)?(?i:which|who|what)\b.*?)(?:[,:;?]|\s[-–—])\s"
    r"(?:(?:is it|was it|either|between|the films?)\s)?(?P<list>[^?]+?,?\sor\s[^?]+?)\s*\?*$",
    re.S,
)
_OR_BARE = re.compile(
    r"^(?P<ask>(?i:which|who)\b.*?\b(?:first|last|earlier|later|earliest|latest|recently|[a-z]+er))\s"
    rf"(?P<list>{_NAMED}[^?]*?\sor\s[^?]+?)\s*\?*$",
    re.S,
)
_BETWEEN = re.compile(
    rf"^(?i:between|of|out of)\s(?P<list>{_NAMED}[^?]*?\s(?:and|or)\s[^?,]+?),\s(?P<ask>(?i:which|who|what)\b.+)$", re.S
)
_WHICH_OF = re.compile(
    rf"^(?P<who>(?i:which|who))\s(?:one\s)?(?:of|between)\s(?P<list>{_NAMED}.+?\s(?:and|or)\s"
    r"(?:the\s)?[A-Z\"“#]\S*(?:\s[A-Z]\S*)*)\s"
    r"(?P<rest>[a-z].+)$",
    re.S,
)
_TOLD = re.compile(
    rf"^(?P<list>{_NAMED}[^.?]*?\sand\s{_NAMED}[^.?]*?)\s(?:are|were|is|was|both)\b[^.?]*\.\s(?P<ask>(?i:which|who)\b.+)$",
    re.S,
)
_OF_TWO = re.compile(r"^(which|who)\s(?:one\s)?of\s(?:the\s)?(?:two|them|these)(?:\s\w+)?(?:\s\w+s)?\s", re.I)
_BRIDGE = re.compile(
    r"^which\s(?P<noun>[\w\s-]+?)\s(?:(?:has|have|had|with)\s(?:the|a)|whose)\s(?P<role>[\w-]+(?:\s[\w-]+)??)\s"
    r"(?:(?:who|that|which)\s)?(?P<rest>(?:is|was|were|has|had|lived|died|born)\b.+)$",
    re.I,
)
_VERIFIED = re.compile(
    r"^(?:which|who)(?:\s[\w-]+){0,3}?\s(?P<aux>is|was|are|were|has|did)\s(?P<rest>.+?)[?\s]*$", re.I
)
_THING = r"(?:#s\d+|(?:the\s)?[A-Z\"“][^?]*?|the\s[^?]*?)"
_BEFORE = re.compile(
    rf"^(?P<aux>(?i:was|were|did|is|does|has))\s(?P<a>{_THING})\s(?P<verb>[a-z][^?]*?)\s"
    rf"(?P<op>before|after|earlier\sthan|later\sthan)\s(?P<b>{_THING})(?:\s{AUX})?\s*\?*$"
)
_THAN = re.compile(
    rf"^(?P<aux>(?i:is|was|are|were|did|does|do|has))\s(?P<a>{_THING})\s(?P<how>[a-z]+(?:\s(?:more|fewer|larger|longer|"
    rf"higher|greater|smaller|lower|older)(?:\s[\w\s]+?)?|\s[a-z]+)?)\sthan\s(?P<b>{_THING})(?:\s{AUX})?\s*\?*$"
)
_EITHER = re.compile(r"^(?:I|i)s\seither\s(?P<list>.+?\sor\s[A-Z#]\S*(?:\s[A-Z]\S*)*)\s(?P<rest>[a-z].*?)\s*\?*$")
_COMMON = re.compile(
    r"^(?:what|which)\s(?P<what>[\w\s]+?)\s(?:do|did)\s(?P<a>[^?]+?)\sand\s(?P<b>[^?]+?)\s"
    r"(?:both\s)?(?:share|have\sin\scommon)\s*\?*$",
    re.I,
)
_PAIR = re.compile(
    rf"^(?P<aux>(?i:are|were|is|was|do|did|does|have|has))\s(?:both\s)?(?:(?:the\s)?(?:two\s)?{_KINDS},?\s(?:of\s)?)?"
    r"(?P<a>(?:the\s)?[A-Za-z\"“#].*?),?\sand\s"
    r"(?P<b>(?:the\s)?(?:[a-z]+\sof\s)?(?:the\s)?(?:[a-z]+\s)?(?:[A-Z#]|\"[^\"]+\")[\w.'’-]*"
    r"(?:\s(?:(?:of|the|de|of\sthe)\s(?!the\ssame)(?=[A-Z])|(?=[A-Z(\d]))[\w.'’()-]+|\s?-\s?\w+)*),?\s(?P<rest>[a-z].*?)\s*\?*$",
    re.S,
)
_ONE = {"are": "Is", "were": "Was", "do": "Does", "have": "Has"}


def compare(text: str, draft: Draft) -> str | None:
    """Add the steps of a comparison and return the placeholder of its answer; None when *text* is none."""
    for attempt in (difference, total, counted, _chosen, _before, _than, _shared):
        before = len(draft.steps)
        if place := attempt(text, draft):
            return place
        del draft.steps[before:]
    return None


def members_of(listed: str) -> list[str]:
    """Return the members of "A, B or C", without words that only introduce them ("the films A and B")."""
    listed = re.sub(rf"^(?:the\s)?(?:two\s)?{_KINDS}\s(?=[A-Z\"“#])", "", listed)
    head, sep, last = listed.rpartition(" or ")
    if not sep:
        head, sep, last = listed.rpartition(" and ")
    pieces = [*re.split(r",\s(?=[A-Z\"“#]|the\s)", head.rstrip(", ")), last] if sep else []
    return [re.sub(r"^(?:either|both)\s", "", p.strip(" ,")) for p in pieces if p.strip(" ,")]


def _choice(draft: Draft, op: str, values: list[str]) -> str:
    return draft.compute(f"Which has the {'smallest' if op == 'argmin' else 'largest'} value?", op, values)


def _chosen(text: str, draft: Draft) -> str | None:
    """ "Which is older, A or B?", "Which film has the director who died later, A or B?" """
    match = _OR.match(text) or _OR_BARE.match(text) or _BETWEEN.match(text) or _TOLD.match(text)
    if match:
        asked, members = match["ask"], members_of(match["list"])
    elif which := _WHICH_OF.match(text):
        asked, members = f"{which['who']} {which['rest']}", members_of(which["list"])
    else:
        return None
    asked = _OF_TWO.sub(r"\1 ", asked)
    if not 2 <= len(members) <= 5:
        return None
    if re.search(r"\blived\s(?:the\s)?(?:longer|longest)\b|\blonger\slife", asked, re.I):
        return _choice(draft, "argmax", [_lifetime(draft, draft.name(m)) for m in members])
    bridge = _BRIDGE.match(asked)
    if bridge and bridge["role"].lower().split()[-1] in PEOPLE:
        return _through(draft, members, bridge["noun"].split()[-1].lower(), bridge["role"].lower(), bridge["rest"])
    labels = [draft.name(m) for m in members]
    if found := criterion(asked):
        question, op = found
        return _choice(draft, op, [draft.add(draft.settle(question.format(m)), noun=m) for m in labels])
    verified = _VERIFIED.match(asked)
    if verified is None or re.search(r"\bthe\ssame\b", asked):
        return None
    aux = _ONE.get(verified["aux"].lower(), verified["aux"].capitalize())
    values = [draft.add(draft.settle(f"{aux} {m} {verified['rest']}?"), purpose="verify", noun=m) for m in labels]
    return draft.compute("Of which does it hold?", "holds", values)


def _through(draft: Draft, members: Sequence[str], noun: str, role: str, rest: str) -> str | None:
    """Compare members by somebody whom each of them has: resolve the role first, then ask about that."""
    rest = re.sub(r"\s(?:than|of)\s(?:the\s)?(?:other|two).*$", "", rest.strip(" ,"))
    holders = [draft.add(f"Who is the {role} of {_classed(noun, m)}?") for m in members]
    if re.match(r"lived\s(?:longer|the longest)", rest):
        spans = [_lifetime(draft, h, label=m) for h, m in zip(holders, members, strict=True)]
        return _choice(draft, "argmax", spans)
    led = re.match(r"(?:is|was|were|has|had|did|died)\b", rest)
    found = criterion(f"who {rest if led else 'was ' + rest}")
    if found is None:
        return None
    question, op = found
    values = [draft.add(question.format(h), noun=m) for h, m in zip(holders, members, strict=True)]
    return _choice(draft, op, values)


def _classed(noun: str, member: str) -> str:
    """Return "the film Emma" for a bare title, so that the search knows the film from the novel."""
    known = noun in ("film", "movie", "song", "album", "book", "novel", "play") and noun not in member.lower()
    return f"the {noun} {member}" if known and not member.startswith(("#", "the ")) else member


def _lifetime(draft: Draft, who: str, *, label: str = "") -> str:
    born, died = draft.add(f"When was {who} born?"), draft.add(f"When did {who} die?")
    span = draft.compute(f"How many years are between {born} and {died}?", "difference", [born, died])
    draft.steps[-1] = draft.steps[-1].having(noun=label or who)
    return span


def _before(text: str, draft: Draft) -> str | None:
    """ "Was A built before B?" """
    match = _BEFORE.match(text)
    if match is None:
        return None
    verb = re.sub(r"\bfirst\b", "", match["verb"]).strip()
    second, first = draft.name(match["b"]), draft.name(match["a"])
    values = [draft.add(f"When {match['aux'].lower()} {who} {verb}?") for who in (first, second)]
    op = "before" if match["op"] in ("before", "earlier than") else "after"
    return draft.compute(f"Is {values[0]} {op} {values[1]}?", op, values)


def _than(text: str, draft: Draft) -> str | None:
    """ "Is A taller than B?", "Did A have more wives than B?", "Did A live longer than B?" """
    match = _THAN.match(text)
    if match is None:
        return None
    names = [draft.name(match[x]) for x in "ab"]
    how = re.sub(r"^have\b", "has", match["how"])
    if how.startswith("live longer"):
        values, op, word = [_lifetime(draft, n) for n in names], "larger", "larger than"
    else:
        built = match["a"].startswith("the ") or draft.noun_of(names[0]) not in ("", *PERSONS)
        led = re.match(r"has\b", how) or base(how.split()[0])
        found = criterion(f"{'which' if built else 'who'} {'' if led else 'is '}{how}")
        if found is None:
            return None
        values = [draft.add(found[0].format(n)) for n in names]
        dated, least = found[0].startswith("When"), found[1] == "argmin"
        op = ("before" if least else "after") if dated else ("smaller" if least else "larger")
        word = op if dated else f"{op} than"
    return draft.compute(f"Is {values[0]} {word} {values[1]}?", op, values)


def _shared(text: str, draft: Draft) -> str | None:
    """ "Are A and B both …?", "Do A and B have the same …?", "Is either A or B …?", "What … do A and B share?" """
    if match := _EITHER.match(text):
        members = members_of(match["list"])
        values = [draft.add(f"Is {draft.name(m)} {match['rest']}?", purpose="verify") for m in members]
        return draft.compute("Does it hold for either?", "either", values)
    if match := _COMMON.match(text):
        values = [draft.add(f"What is the {match['what']} of {draft.name(match[x])}?") for x in "ab"]
        return draft.compute(f"What do {values[0]} and {values[1]} share?", "shared", values)
    match = _PAIR.match(text)
    if not match or re.match(
        r"(?:share|border|meet|marry|married|neighbour|each)\b(?!\s(?:the\ssame|a\scommon))", match["rest"]
    ):
        return None  # "Do A and B share a border?" asks one thing of the two
    if re.match(r"(?:of|in|from)\b(?!\s(?:the\ssame|a\scommon))", match["rest"]):
        return None
    rest = re.sub(r"^both\s|\sboth$", "", match["rest"]).replace(" both ", " ")
    names = [draft.name(match[x]) for x in "ab"]
    if same := re.search(r"\b(?:the\ssame|a\scommon)\s(?P<what>[\w\s-]+)$", rest):
        said = re.sub(r"\b(?:that|who)\s(?:share|have|are\sfrom)$|^from$", "", rest[: same.start()].strip()).strip()
        role = re.match(r"(?:has|have|had)\s(?:the\s|an?\s)?(?P<role>[a-z-]+?)s?$", said)
        if role and role["role"] in PEOPLE:
            names = [draft.add(f"Who is the {role['role']} of {n}?") for n in names]
            said = ""
        values = [draft.add(_attribute(n, said, same["what"].strip(), match["aux"].lower())) for n in names]
        return draft.compute(f"Are {values[0]} and {values[1]} the same?", "same", values)
    plural = re.fullmatch(r"(?:(?!in\b|on\b|by\b|from\b)[\w-]+\s){0,3}[a-z-]+s", rest) and not rest.split()[0].endswith(
        "ed"
    )
    aux = _ONE.get(match["aux"].lower(), match["aux"].capitalize())
    said = f"a {re.sub(r'(?<=[a-z]{3})s$', '', rest)}" if plural and aux in ("Is", "Was") else rest
    values = [draft.add(f"{aux} {n} {said}?") for n in names]
    return draft.compute(f"Do {values[0]} and {values[1]} both hold?", "both", values)


def _attribute(name: str, said: str, what: str, aux: str) -> str:
    """Return the question whose answer must be the same: "located in … neighbourhood" of *name*."""
    if "member" in said:
        return f"Which {what} is {name} a member of?"
    if said == "in":
        return f"In which {what} is {name}?"
    linked = said.endswith((" in", " on", " by", " from", " at", " for", " to"))
    verb, _, link = said.rpartition(" ") if linked else (said, "", "")
    lead = f"{link.capitalize()} which {what}" if link else f"Which {what}"
    if verb in ("", "have", "share", "of", "has", "in") and not link:
        origin = aux in ("are", "were", "is", "was") and verb != "of" and what in ("country", "city", "state", "town")
        return f"Which {what} is {name} from?" if origin else f"What is the {what} of {name}?"
    if aux in ("did", "do", "does"):
        return f"{lead} {'did' if aux == 'did' else 'does'} {name} {verb}?"
    return f"{lead} {'was' if aux in ('were', 'was') else 'is'} {name} {verb}?"
