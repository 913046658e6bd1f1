"""Where a relative clause ends, and how to ask what it says.

A clause has one predicate. What begins a second one (an auxiliary, a finite verb) belongs to the sentence
around it: "the continent where [the mouth of the Tikhaya is located] did …".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foveal.agents.words import Token, base, is_past

DEEPEST = 8
"""Clauses within clauses that are read; nobody asks deeper."""
BE = frozenset(("is", "are", "was", "were"))
DO = frozenset(("did", "does", "do", "can", "could", "will", "would", "should"))
_LINKS = ("by", "in", "on", "at", "for", "from", "with")
_PLACED = frozenset(("located", "situated"))
_STANDS = frozenset(("lies", "stands", "sits", "lie", "stand", "sit"))


@dataclass(frozen=True, slots=True)
class Clause:
    """Tokens ``[start:end]``. Its predicate begins at *group* (its first auxiliary, or the verb itself)."""

    start: int
    end: int
    group: int
    verb: int


def pending(toks: Sequence[Token], before: int) -> str:
    """Return the auxiliary whose verb is still to come after token *before*: "did the [country …]"; or ""."""
    for n in range(before - 1, -1, -1):
        token = toks[n]
        if token.kind == "aux":
            inverted = n == 0 or (
                toks[n - 1].kind in ("wh", "word", "stop", "number", "name") and any(t.kind == "wh" for t in toks[:n])
            )
            return token.text.lower() if inverted else ""
        if token.kind == "verb" and not token.text.lower().endswith("ing"):
            return ""
    return ""


def read(toks: Sequence[Token], start: int, waiting: str = "", placed: bool = False, depth: int = 0) -> Clause | None:
    """Return the clause that begins at token *start*, or None when it has no predicate.

    *waiting* is the main clause's auxiliary that waits for its verb; *placed* says that the clause tells a
    place ("where …"), so that nothing more about the place follows "is located".
    """
    group = verb = -1
    n = start
    while n < len(toks):
        token, previous = toks[n], toks[n - 1]
        after = toks[n + 1] if n + 1 < len(toks) else None
        if token.kind == "stop":
            goes_on = token.text in "(),'’" and after and (after.text == "and" or after.kind == "name")
            if token.text not in "()'’" and not (token.text == "," and goes_on):
                break
        elif token.kind == "wh":
            relative = previous.kind in ("word", "name") or (
                previous.kind == "prep" and n > start and toks[n - 2].kind in ("word", "name")
            )
            coordinated = previous.kind == "conj" and verb >= 0
            asks = token.text.lower() in ("what", "how") or not (relative or coordinated)
            inner = None if asks or depth >= DEEPEST else read(toks, n + 1, depth=depth + 1)
            if inner is None:
                n -= previous.kind == "prep"
                break
            n = inner.end
            continue
        elif token.kind == "aux":
            if verb >= 0 and previous.kind != "conj":
                break
            first = n
            while n < len(toks) and toks[n].kind in ("aux", "adverb"):
                n += 1
            has_verb = n < len(toks) and toks[n].kind == "verb"
            if verb < 0:
                group, verb = first, n if has_verb else first
            n += has_verb
            while n + 1 < len(toks) and toks[n].text == "to" and toks[n + 1].kind in ("aux", "verb"):
                n += 2 + (n + 2 < len(toks) and toks[n + 2].kind == "verb")
            if placed and has_verb and toks[n - 1].text in _PLACED:
                break
            continue
        elif token.kind == "verb":
            if verb < 0:
                group = verb = n
            elif not _goes_on(toks, n, waiting):
                break
        n += 1
    while n > start and (toks[n - 1].text == "," or (placed and toks[n - 1].text in ("in", "at"))):
        n -= 1
    while waiting and n - 1 > verb and toks[n - 1].kind == "adverb":
        n -= 1  # "was [the language they spoke] first written"
    if waiting in DO and verb >= 0 and (n == len(toks) or toks[n].text in "?.!"):
        n = _give_back(toks, n, verb)
    return Clause(start, n, group, verb) if verb >= 0 and n > verb else None


def _goes_on(toks: Sequence[Token], n: int, waiting: str) -> bool:
    """Say whether a second verb still belongs to the clause."""
    token, previous = toks[n], toks[n - 1]
    after = toks[n + 1] if n + 1 < len(toks) else None
    last = waiting in DO and not any(t.kind == "verb" for t in toks[n + 1 :])
    if previous.text == "to" and last and token.text.lower() == base(token.text):
        return False  # "did the party that she belonged to come …"
    if previous.text == "to" or previous.kind in ("conj", "det") or token.text.lower().endswith("ing"):
        return True
    if is_past(token.text) and after and after.kind == "word" and previous.kind in ("prep", "adverb", "word"):
        return True  # "in recorded history"
    if not is_past(token.text) or previous.kind == "verb":
        return False
    # "the studio that made the film [directed by …]", unless it is the verb that the main clause waits for
    later = any(t.kind in ("verb", "aux") for t in toks[n + 1 :])
    return after is not None and after.text in _LINKS and (later or not waiting)


def _give_back(toks: Sequence[Token], end: int, verb: int) -> int:
    """Return the end without the words after the last name, which are the main clause's own verb."""
    if end - 1 > verb and base(toks[end - 1].text) == toks[end - 1].text.lower():
        return end - 1
    last = max((n for n in range(verb, end) if toks[n].kind in ("name", "number")), default=-1)
    return last + 1 if last >= 0 else end


def text_of(toks: Sequence[Token], question: str, start: int, end: int) -> str:
    """Return the words of tokens ``[start:end]`` as they stand in *question*."""
    return question[toks[start].start : toks[end - 1].end] if end > start else ""


def third_person(verb: str) -> str:
    """Return "contains" for "containing", "hosts" for "hosting"."""
    plain = base(verb) or verb
    if plain.endswith(("s", "sh", "ch", "x", "o")):
        return plain + "es"
    return plain[:-1] + "ies" if plain.endswith("y") and plain[-2:-1] not in "aeiou" else plain + "s"


def ask(lead: str, toks: Sequence[Token], question: str, clause: Clause, *, plain: bool = False) -> str:
    """Return *lead* ("Which city", "In which city") asked of *clause*, its subject after the auxiliary.

    *plain* leaves the words in order: the lead itself is the subject.
    """
    if plain or clause.group == clause.start:
        return f"{lead} {text_of(toks, question, clause.start, clause.end)}?"
    subject = text_of(toks, question, clause.start, clause.group)
    head = toks[clause.group]
    rest = text_of(toks, question, clause.group + 1, clause.end)
    if head.kind == "aux":
        return _joined(lead, head.text, subject, rest)
    if head.text.lower() in _STANDS and clause.end == clause.verb + 1:
        return _joined(lead, "are" if head.text in ("lie", "stand", "sit") else "is", subject, "located")
    adverb = toks[clause.group - 1].kind == "adverb"
    infinitive = base(head.text) or head.text
    if head.text.lower() == infinitive and not adverb:
        # "the place where the games occur": a plural subject, or a slip for the third person
        return _joined(lead, "do" if subject.lower().endswith("s") else "did", subject, f"{infinitive} {rest}")
    return _joined(lead, "did" if is_past(head.text) else "does", subject, f"{infinitive} {rest}")


def _joined(*parts: str) -> str:
    return " ".join(p.strip() for p in parts if p.strip()) + "?"
