"""Things that are described by a clause: "the city where Bo died", "the band formed by Bo", "the club Bo plays for".

Each is a literal span of the question and the sub-question that resolves it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from foveal.agents import clauses
from foveal.agents.words import QUESTION_WORDS, Token, is_past

SUPERLATIVE = re.compile(r"^(?:most|least|first|last|only|second|third|oldest|\w+est)$", re.I)
NOT_NESTED = {"name", "title", "number", "amount", "kind", "type", "one", "date", "year", "use", "beginning", "end",
              "start", "part", "first", "last", "voice", "percentage", "value", "total", "sum", "rest", "majority",
              "source", "rate", "side", "final", "season", "edition", "history", "reign", "parliament",
              "population", "area", "time", "times", "day", "days", "people", "users"}  # fmt: skip
_TIMES = {"year", "day", "date", "month", "decade", "century", "season", "time"}
_LOCATED = {"located", "based", "situated", "headquartered"}
_ING_NOUNS = {"building", "painting", "king", "wing", "ring", "string", "spring", "wedding", "evening", "morning",
              "meeting", "setting", "opening", "recording", "being", "thing", "sibling", "ceiling"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Nested:
    """A description ``question[start:end]``, the question that resolves it, and what it names ("country")."""

    start: int
    end: int
    text: str
    question: str
    noun: str
    clause: bool = False
    """Whether it is described by a clause ("the city where …") and not by a noun ("the capital of …")."""


def nested_at(
    question: str, toks: Sequence[Token], start: int, end: int, asked: str, noun: str, clause: bool
) -> Nested:
    """Return the description that tokens ``[start:end]`` are."""
    a, b = toks[start].start, toks[end - 1].end
    return Nested(a, b, question[a:b], asked, noun, clause)


def head_end(toks: Sequence[Token], start: int) -> int:
    """Return the end of the noun group that begins at *start*: adjectives, nouns, a name before them."""
    n = start
    while n < len(toks):
        token, after = toks[n], toks[n + 1] if n + 1 < len(toks) else None
        inner = (
            token.kind in ("verb", "adverb") and n + 1 < len(toks) and toks[n + 1].kind in ("word", "verb", "adverb")
        )
        inner = inner and n - start < 3 and (n == start or toks[n - 1].kind in ("adverb", "det"))
        if token.kind == "name" and n > start and toks[n - 1].kind == "word" and token.text[0] not in '"“':
            # "the film Jaws" is a name; in "the city Kevin Durant played for" a clause begins
            if (after and after.kind in ("verb", "aux", "pronoun")) or (after and after.text in ("'s", "’s")):
                break
        elif (
            (token.kind not in ("word", "number", "name") and not inner)
            or token.text in ("'s", "’s")
            or (token.kind == "word" and not token.text[0].isalpha())
        ):
            break
        n += 1
    return n


def by_clause(question: str, toks: Sequence[Token]) -> Iterator[Nested]:
    for i, token in enumerate(toks):
        if token.kind != "det" or token.text.lower() not in ("the", "a", "an", "another"):
            continue
        j = head_end(toks, i + 1)
        if j == i + 1 or j >= len(toks):
            continue
        head = clauses.text_of(toks, question, i + 1, j)
        indefinite = token.text.lower() != "the"
        if indefinite and i > 0 and toks[i - 1].kind == "aux":
            continue  # "is a series that …" says what something is
        made = _clause(question, toks, i, j, head)
        asked = re.match(r"\W*(\w+)", question[made.end :]) if made and indefinite else None
        if made and not (asked and asked[1].lower() in QUESTION_WORDS):
            yield made


def _clause(question: str, toks: Sequence[Token], i: int, j: int, head: str) -> Nested | None:
    """Return the description "the HEAD [clause]" whose noun group is tokens ``[i + 1:j]``."""
    waiting = clauses.pending(toks, i)
    k = j + (toks[j].text == "," and j + 1 < len(toks))
    preposition, marker = "", ""
    if toks[k].kind == "prep" and k + 1 < len(toks) and toks[k + 1].text.lower() in ("which", "whom", "whose"):
        preposition, marker, k = toks[k].text, toks[k + 1].text.lower(), k + 2
    elif toks[k].kind == "wh" and toks[k].text.lower() not in ("what", "how", "why"):
        marker, k = toks[k].text.lower(), k + 1
    if marker == "when" and head.split()[-1] not in _TIMES:
        return None  # "president of the country when …" says when, it does not describe
    if marker:
        if _asks_itself(toks, i, j):
            return None
        clause = clauses.read(toks, k, waiting, placed=marker == "where" or preposition in ("in", "at", "on"))
        if clause is None or not _named(toks, k, clause.end):
            return None
        return nested_at(
            question, toks, i, clause.end, _worded(question, toks, head, preposition, marker, clause), head, True
        )
    if k != j:
        return None
    if head.lower().startswith("same ") and toks[j].text.lower() == "as":
        return _same(question, toks, i, j, head[5:])
    if toks[j].text.lower() == "with" and j + 2 < len(toks) and toks[j + 1].text.lower() == "the":
        return _with(question, toks, i, j, head)
    reduced = toks[j].kind == "verb" and (is_past(toks[j].text) or toks[j].text.endswith("ing"))
    reduced = reduced or (toks[j].kind == "word" and toks[j].text.endswith("ing"))
    if not reduced and toks[j - 1].text.endswith("ing") and j - 1 > i + 1 and toks[j - 1].text not in _ING_NOUNS:
        j, reduced = j - 1, toks[j].kind in ("name", "det")
        head = clauses.text_of(toks, question, i + 1, j)
    if reduced:
        return _participle(question, toks, i, j, head, waiting)
    subject = (
        toks[i - 1].kind in ("word", "wh") if i else False
    )  # of a clause itself: "the city [the explorer Bo came from]"
    if toks[j].kind in ("name", "det", "pronoun") and toks[j - 1].kind == "word" and not subject:
        clause = clauses.read(toks, j, waiting)
        if clause is None or clause.group == j or not _named(toks, j, clause.end):
            return None
        if toks[i - 1].kind == "aux" and waiting in clauses.BE and is_past(toks[clause.group].text):
            return None
        return nested_at(
            question, toks, i, clause.end, clauses.ask(f"Which {head}", toks, question, clause), head, True
        )
    return None


def _participle(question: str, toks: Sequence[Token], i: int, j: int, head: str, waiting: str) -> Nested | None:
    clause = clauses.read(toks, j, waiting)
    if clause is None:  # an -ing form that no list knows
        clause = clauses.Clause(j, _flat_end(toks, j, waiting), j, j)
    if not _named(toks, j + 1, clause.end) or toks[j - 1].kind != "word" or toks[j - 1].text in NOT_NESTED:
        return None
    rest = toks[clause.end :]
    located = toks[j].text in _LOCATED and toks[i - 1].kind == "prep"
    if is_past(toks[j].text) and waiting in clauses.BE and not located and not any(t.kind == "verb" for t in rest):
        return None  # "When was the band formed by …?": the main clause's own verb
    said = clauses.text_of(toks, question, j + 1, clause.end)
    word = toks[j].text
    if word.endswith("ing"):
        asked = f"Which {head} {clauses.third_person(word)} {said}?"
    else:
        asked = f"Which {head} {'is' if word in _LOCATED else 'was'} {word} {said}?"
    return nested_at(question, toks, i, clause.end, asked, head, True)


def _flat_end(toks: Sequence[Token], start: int, waiting: str) -> int:
    """Return where a clause with an unknown verb ends: before the next predicate, or after its last name."""
    n = start + 1
    while n < len(toks) and toks[n].kind not in ("aux", "verb", "wh", "stop"):
        n += 1
    if waiting and n < len(toks) and toks[n].kind == "stop":
        names = [m for m in range(start, n) if toks[m].kind == "name"]
        return names[-1] + 1 if names else n
    return n


def _worded(
    question: str, toks: Sequence[Token], head: str, preposition: str, marker: str, clause: clauses.Clause
) -> str:
    """Turn "the HEAD where CLAUSE" into a question about HEAD."""
    if marker == "whose":
        said = clauses.text_of(toks, question, clause.start, clause.end)
        return f"Which is the {head} {preposition}{' ' if preposition else ''}whose {said}?"
    plain = marker in ("that", "which", "who", "whom") and not preposition
    if plain and (head.split()[-1] not in _TIMES or clause.group == clause.start):
        return clauses.ask(f"Which {head}", toks, question, clause)
    if not preposition:
        preposition = "On" if head.split()[-1] in ("day", "date") else "In"
    return clauses.ask(f"{preposition.capitalize()} which {head}", toks, question, clause)


def _same(question: str, toks: Sequence[Token], i: int, j: int, head: str) -> Nested | None:
    """Return "the same county as Ely"."""
    end = next((n + 1 for n in range(j + 1, min(j + 5, len(toks))) if toks[n].kind == "name"), 0)
    if not end:
        return None
    return nested_at(
        question, toks, i, end, f"In which {head} is {clauses.text_of(toks, question, j + 1, end)}?", head, True
    )


def _with(question: str, toks: Sequence[Token], i: int, j: int, head: str) -> Nested | None:
    """Return "the continent with the lowest average temperature"."""
    if not (SUPERLATIVE.match(toks[j + 2].text) and len(toks) > j + 3):
        return None
    n = j + 3
    while n < len(toks) and toks[n].kind in ("word", "name", "number", "prep", "det"):
        n += 1
    return nested_at(question, toks, i, n, f"Which {head} has {clauses.text_of(toks, question, j + 1, n)}?", head, True)


def _named(toks: Sequence[Token], start: int, end: int) -> bool:
    """Say whether tokens ``[start:end]`` name something: a clause that does not cannot be looked up."""
    return end - start >= 2 and any(t.kind in ("name", "number") for t in toks[start:end])


def _asks_itself(toks: Sequence[Token], i: int, j: int) -> bool:
    """Say whether the relative word at *j* is the question's own: "On the plains of which continent …"."""
    if toks[j].text.lower() not in ("which", "who", "whom", "where") and toks[j].kind != "prep":
        return False
    marked = j + (toks[j].kind == "prep")
    asked = any(
        (t.kind == "wh" and t.text.lower() != "that")
        or (t.kind == "aux" and n == 0)
        or t.text.lower() in ("take", "name", "find", "mentions")
        for n, t in enumerate(toks)
        if n < i or n > marked
    )
    return not asked
