"""Things that are described by what they belong to: "the author of Emma", "Emma's author", "the Emma author"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from foveal.agents import clauses
from foveal.agents.relatives import NOT_NESTED, SUPERLATIVE, Nested, head_end, nested_at
from foveal.agents.words import Token, base

PEOPLE = {"author", "director", "writer", "producer", "performer", "singer", "founder", "president", "leader", "king",
          "artist", "painter", "composer", "creator", "owner", "husband", "wife", "spouse", "father", "mother", "son",
          "daughter", "queen", "architect", "inventor", "actor", "actress", "star", "mayor", "designer", "editor",
          "manufacturer", "publisher", "developer", "employer", "brother", "sister", "sibling", "child", "lyricist",
          "screenwriter", "sculptor", "discoverer", "manager", "coach", "captain", "governor", "grandfather",
          "grandmother", "partner", "drummer", "guitarist", "lead", "character", "distributor"}  # fmt: skip
_THINGS = {"manufacturer", "publisher", "developer", "employer", "owner", "distributor", "producer"}
_OF_WHAT = {"citizenship", "origin", "birth", "death", "residence", "burial", "state", "government"}
_PART_OF_NAME = {"state", "city", "town", "kingdom", "republic", "island", "province", "county", "district", "village",
                 "region", "battle", "university", "gulf", "sea", "lake", "river", "war", "treaty", "house", "duchy",
                 "isle", "municipality", "territory", "empire", "bay", "siege", "order", "church"}  # fmt: skip
_ADJECTIVAL = re.compile(r"(?:an|ish|ese|ic|ch|[A-Z]{2,}|U\.S\.|German|Dutch|Greek|Swiss|Czech|Thai|Finn\w+)$")


def by_owner(question: str, toks: Sequence[Token]) -> Iterator[Nested]:
    """Yield "the author of Emma", "the tallest tower in Oslo", "director of film Jaws", "the Emma author"."""
    for i, token in enumerate(toks):
        article = token.text.lower() == "the" and token.kind == "det" and i + 1 < len(toks)
        if article:
            j = head_end(toks, i + 1)
            role, title = toks[j - 1].text, toks[i + 1]
            named = j - i == 3 and title.kind == "name" and role in PEOPLE
            if named and (title.text[0] in '"“' or not _ADJECTIVAL.search(title.text)):
                yield nested_at(question, toks, i, j, f"{_who_or_what(role)} the {role} of {title.text}?", role, False)
        elif token.text.lower() in PEOPLE and (
            i == 0 or toks[i - 1].kind in ("aux", "conj", "stop", "verb") or toks[i - 1].text == "of"
        ):
            j = i + 1
        else:
            continue
        if j >= len(toks) or j == i + article:
            continue
        if j + 2 < len(toks) and toks[j].text == "of" and toks[j + 1].text in _OF_WHAT and toks[j + 2].text == "of":
            j += 2  # "the country of citizenship of Bo"
        if article and i > 0 and base(toks[i - 1].text) in ("become", "elect", "appoint", "crown"):
            continue  # "become the capital of …" is an office, nobody is described
        words = [t.text.lower() for t in toks[i + article : j]]
        ranked = any(SUPERLATIVE.match(w) for w in words)
        link = toks[j].text.lower()
        if link not in ("of", "by") and not (ranked and link in ("in", "on", "at", "from")):
            continue
        if (
            (len(words) == 1 and words[0] in _PART_OF_NAME)
            or words[-1] in NOT_NESTED
            or words[-1].endswith("est")
            or len(words) > 6
        ):
            continue
        n = j + 1
        n += n < len(toks) and toks[n].text.lower() == "the"
        described_by = n
        while n < len(toks) and toks[n].kind == "word" and toks[n].text[0].isalpha() and n - described_by < 3:
            n += 1
        if n > described_by and n + 1 < len(toks) and toks[n].text == "of" and toks[n - 1].text in _PART_OF_NAME:
            n += 1  # "the largest city of the state of Vaud"
        if n + 1 < len(toks) and toks[n].kind == "number" and toks[n + 1].kind in ("name", "word"):
            n = head_end(toks, n) - 1
        elif n >= len(toks) or toks[n].kind != "name":
            continue
        if n + 1 < len(toks) and toks[n + 1].text in ("'s", "’s"):
            continue
        if described_by == n and toks[n - 1].text.lower() == "the" and toks[n].text[0] not in '#"“':
            n = _compound(toks, n, clauses.pending(toks, i))
        if toks[n].kind == "name" and n > described_by and not _classifies(toks, n):
            continue
        span = clauses.text_of(toks, question, i, n + 1)
        span = f"the{span[3:]}" if article else f"the {span[0].lower()}{span[1:]}"
        several = words[0] in ("two", "three", "four", "five", "six")
        asked = f"{'Which are' if several else _who_or_what(' '.join(words))} {span}?"
        yield nested_at(question, toks, i, n + 1, asked, " ".join(words), False)


def _compound(toks: Sequence[Token], name: int, waiting: str) -> int:
    """Return the last token of "Brandt lamp" in "the inventor of the Brandt lamp"."""
    n = name
    while n + 1 < len(toks) and n - name < 2 and toks[n + 1].kind == "word" and toks[n + 1].text[0].isalpha():
        n += 1
    waits = (
        waiting in clauses.DO
        and base(toks[n].text) == toks[n].text
        and not any(t.kind == "verb" for t in toks[n + 1 :])
    )
    return n - 1 if n > name and waits else n


def _classifies(toks: Sequence[Token], name: int) -> bool:
    """Say whether the words before a name tell its kind ("film Jaws") and do not begin a clause ("city Bo left")."""
    after = toks[name + 1] if name + 1 < len(toks) else None
    return after is None or after.kind not in ("verb", "aux") or toks[name].text[0] in '"“' or after.kind == "aux"


def by_possessor(question: str, toks: Sequence[Token]) -> Iterator[Nested]:
    """Yield "Oslo's mayor", "#s1's birth country"."""
    for i, token in enumerate(toks[:-2]):
        if token.kind not in ("name", "number") or toks[i + 1].text not in ("'s", "’s"):
            continue
        n = i + 2
        while n < len(toks) and toks[n].kind == "word" and toks[n].text[0].isalpha() and n - i < 6:
            n += 1
        if n - i > 3 and clauses.pending(toks, i) in clauses.DO and base(toks[n - 1].text) == toks[n - 1].text:
            n -= 1  # "did Norway's king visit": the verb that "did" waits for
        words = [t.text.lower() for t in toks[i + 2 : n]]
        if not words or words[0] in ("first", "last", "own") or words[-1] in NOT_NESTED:
            continue
        start = i - (i > 0 and toks[i - 1].text.lower() == "the")
        asked = f"{_who_or_what(words[-1])} {clauses.text_of(toks, question, i, n)}?"
        yield nested_at(question, toks, start, n, asked, " ".join(words), False)


def _who_or_what(head: str) -> str:
    word = head.split()[-1].lower()
    person = (word in PEOPLE and word not in _THINGS) or word == "producer" or word.endswith(("ist", "wright"))
    return "Who is" if person else "What is"
