"""Differences, sums and counts over named things: the operands are looked up, the result is computed in code."""

from __future__ import annotations

import re
from collections.abc import Sequence

from foveal.agents import clauses
from foveal.agents.criteria import criterion, event
from foveal.agents.drafting import Draft
from foveal.agents.words import tokens

MAX_MEMBERS = 8
"""Named things that are looked up one by one."""
_BE = r"(?:is|was|are|were)"
_UNIT = r"(?P<unit>[\w²]+)"
_MORE_THAN = re.compile(
    rf"^how\s(?:much|many\s{_UNIT})\s(?P<how>\w+)\s{_BE}\s(?P<a>.+?)\sthan\s(?P<b>.+?)\s*\?*$", re.I
)
_MANY_MORE = re.compile(
    r"^how\smany\smore\s(?P<what>[\w\s-]+?)\s(?P<aux>does|did|do|has)\s(?P<a>.+?)\s(?P<verb>[a-z]+)\sthan\s(?P<b>.+?)"
    r"(?:\s(?:have|has|does|did))?\s*\?*$"
)
_AFTER = re.compile(
    rf"^how\s(?:many\s{_UNIT}|long)\s(?:after|before)\s(?P<a>.+?)\s(?P<aux>was|were|did)\s(?P<b>.+?)\s"
    r"(?P<verb>[a-z]+(?:\s(?:out|up|in|as|on|the)\b.*)?)\s*\?*$",
    re.I,
)
_BETWEEN = re.compile(
    rf"^how\smany\s(?P<unit>years?|days?|months?|decades|centuries)\s(?:{_BE}\s)?(?:there\s)?(?:passed\s|elapsed\s)?between\s"
    r"(?P<a>.+?)\sand\s(?P<b>.+?)\s*\?*$",
    re.I,
)
_DIFFERENCE = re.compile(
    rf"^what\s{_BE}\sthe\s(?P<what>[\w\s]+\s)?difference\s(?:in\s(?P<attribute>[\w\s]+?)\s)?between\s"
    r"(?P<a>.+?)\sand\s(?P<b>.+?)\s*\?*$",
    re.I,
)
_OLD = re.compile(r"^how\sold\s(?:was|is)\s(?P<a>.+?)\swhen\s(?P<b>.+?)\s*\?*$", re.I)
_COMBINED = re.compile(
    rf"^what\s{_BE}\sthe\s(?:combined|total)\s(?P<what>[\w\s]+?)\sof\s(?P<list>.+?\sand\s.+?)\s*\?*$", re.I
)
_TOGETHER = re.compile(
    r"^how\smany\s(?P<what>[\w\s-]+?)\s(?P<aux>do|did|have)\s(?P<list>.+?\sand\s.+?)\s(?P<verb>[a-z]+)\s"
    r"(?:in\stotal|together|combined|altogether|in\sall)\s*\?*$",
    re.I,
)
_HOW_MANY_OF = re.compile(r"^how\smany\sof\s(?P<list>.+)\s(?P<aux>are|were|have|do|did)\s(?P<rest>[^,]+?)\s*\?*$", re.I)
_ONE = {"are": "Is", "were": "Was", "have": "Has", "do": "Does", "did": "Did"}


def difference(text: str, draft: Draft) -> str | None:
    """ "How many years older is A than B?", "How much taller is A than B?", "How many years after A was B built?" """
    if match := _MORE_THAN.match(text):
        aged = match["how"].lower() in ("older", "younger")
        found = criterion(f"{'who' if aged else 'which'} is {match['how']}")
        return _minus(draft, found[0], match["a"], match["b"], match["unit"]) if found else None
    if match := _MANY_MORE.match(text[:1].lower() + text[1:]):
        aux = "does" if match["aux"] == "do" else match["aux"]
        return _minus(draft, f"How many {match['what']} {aux} {{}} {match['verb']}?", match["a"], match["b"])
    if match := _AFTER.match(text):
        question = f"When {match['aux'].lower()} {{}} {match['verb']}?"
        own, of = event(match["a"])
        if told := dated(match["a"]):
            first = draft.add(draft.settle(told))
        else:
            first = draft.add((question if of == match["a"] else own).format(draft.name(of)))
        return _subtract(draft, [first, draft.add(question.format(draft.name(match["b"])))], match["unit"])
    if match := _BETWEEN.match(text):
        values = [draft.add(asked.format(draft.name(of))) for asked, of in (event(match["a"]), event(match["b"]))]
        return _subtract(draft, values, match["unit"])
    if (match := _DIFFERENCE.match(text)) and (what := match["attribute"] or match["what"]):
        return _minus(draft, f"What is the {what.strip()} of {{}}?", match["a"], match["b"])
    match = _OLD.match(text)
    if match and (told := dated(re.sub(r"^(?:he|she|they)\b", match["a"], match["b"]))):
        born = draft.add(f"When was {draft.name(match['a'])} born?")
        return _subtract(draft, [born, draft.add(draft.settle(told))], "years")
    return None


def dated(clause: str) -> str | None:
    """Return "When did the bridge open?" for "the bridge opened"; None when it is no clause."""
    toks = tokens(clause)
    read = clauses.read(toks, 0)
    return clauses.ask("When", toks, clause, read) if read and read.group > 0 else None


def _minus(draft: Draft, question: str, a: str, b: str, unit: str | None = None) -> str:
    return _subtract(draft, [draft.add(question.format(draft.name(x))) for x in (a, b)], unit)


def _subtract(draft: Draft, values: list[str], unit: str | None) -> str:
    op = "days" if unit and unit.lower().startswith("day") else "difference"
    return draft.compute(f"What is the difference of {values[0]} and {values[1]}?", op, values)


def total(text: str, draft: Draft) -> str | None:
    """ "What is the combined area of A and B?", "How many goals did A and B score together?" """
    if match := _COMBINED.match(text):
        question = f"What is the {match['what']} of {{}}?"
    elif match := _TOGETHER.match(text):
        aux = {"do": "does", "have": "has"}.get(match["aux"].lower(), "did")
        question = f"How many {match['what']} {aux} {{}} {match['verb']}?"
    else:
        return None
    members = listed(match["list"])
    if len(members) > MAX_MEMBERS:
        return None
    values = [draft.add(question.format(draft.name(m))) for m in members]
    return draft.compute(f"What is the sum of {', '.join(values)}?", "sum", values)


def counted(text: str, draft: Draft) -> str | None:
    """ "How many of A, B and C are islands?", "How many of the countries that border A were colonies?" """
    match = _HOW_MANY_OF.match(text)
    if match is None:
        return None
    aux, rest = _ONE[match["aux"].lower()], match["rest"]
    if aux in ("Is", "Was"):
        rest = re.sub(r"^((?:[a-z]+\s)?[a-z]+?)s$", r"a \1", rest)
    if re.match(r"[A-Z\"“#]", match["list"]) and 2 <= len(members := listed(match["list"])) <= MAX_MEMBERS:
        labels = [draft.name(m) for m in members]
        values = [draft.add(f"{aux} {m} {rest}?", purpose="verify", noun=m) for m in labels]
        return draft.compute("Of how many does it hold?", "count", values)
    group = re.match(r"the\s(?P<noun>[\w-]+s)\s", match["list"], re.I)
    place = draft.name(match["list"]) if group else ""
    if group is None or not re.fullmatch(r"#s\d+", place):
        return None
    draft.steps[-1] = draft.steps[-1].having(noun=group["noun"])
    value = draft.add(f"{aux} #each {rest}?", purpose="verify", each=place[1:], depends_on=(place[1:],))
    return draft.compute("Of how many does it hold?", "count", [value])


def listed(text: str) -> Sequence[str]:
    """Return the members of "A, B and C"."""
    head, _, last = text.rpartition(" and ")
    return [p.strip(" ,") for p in (*re.split(r",\s", head), last) if p.strip(" ,")]
