"""Kinds of things: what a noun names, and what a word of a question can be asked about.

Just enough of a type system to tell whether "he", "the building" or "its capital" fits a thing that was
talked about. A word that is not here has no kind, and no kind never contradicts.
"""

from __future__ import annotations

import re

from foveal.agents.values import singular

_NOUNS = {
    "person": "person man woman boy girl people actor actress singer painter author writer poet artist architect "
    "president king queen emperor pope minister mayor leader founder director composer scientist player husband "
    "wife spouse father mother son daughter brother sister child inventor owner designer chairman ceo governor "
    "monarch head sculptor photographer explorer politician athlete musician performer teacher coach",
    "country": "country nation state kingdom republic territory",
    "place": "city town capital village park region province county island continent mountain river lake sea ocean "
    "desert valley volcano district neighbourhood area place peak forest bay",
    "building": "building tower church cathedral bridge castle palace fort fortress museum temple mosque stadium house "
    "hotel statue monument skyscraper lighthouse dam pyramid station airport structure landmark abbey chapel arch",
    "work": "painting book novel film movie song album poem play series show opera sculpture work artwork anthem "
    "story drawing symphony game magazine newspaper episode",
    "organisation": "company band team club university school party organisation organization firm agency brand group",
    "creature": "animal bird dog cat fish plant flower tree species insect breed creature mammal snake horse",
}  # fmt: skip
_ASKED = {
    "person": "born birthday birthplace die died dead death married marry husband wife spouse child children father "
    "mother parents son daughter profession occupation job nationality widow siblings buried age",
    "country": "capital currency anthem flag border borders neighbour neighbours gdp president king queen monarch "
    "parliament independent independence language languages population area religion continent coast government",
    "place": "mayor population area located elevation river founded inhabitants deep depth source mouth flow "
    "country continent live lives spoken",
    "building": "built build constructed designed designer architect tall height floors storeys opened demolished "
    "stand stands located inaugurated restored visitors stone built",
    "work": "written wrote write author published publisher painted painter paint directed director released sang sung "
    "recorded composed composer plot characters genre stars starred hang hangs exhibited premiered",
    "organisation": "headquarters founded founder ceo employees owner members president revenue based established",
    "creature": "eat eats genus species habitat diet lifespan weigh weighs lay sleep hunt native",
}
_KIND = {noun: kind for kind, nouns in _NOUNS.items() for noun in nouns.split()}


def kind_of(noun: str) -> str:
    """Return the kind of the last word of *noun* that has one ("US state" → country), or ""."""
    words = re.findall(r"[a-z]+", noun.lower())
    return next((_KIND[w] for word in reversed(words) for w in (word, singular(word)) if w in _KIND), "")


def kinds_asked(question: str) -> frozenset[str]:
    """Return the kinds of things that the words of *question* are asked about."""
    words = set(re.findall(r"[a-z]+", question.lower()))
    return frozenset(kind for kind, asked in _ASKED.items() if words & set(asked.split()))


def is_person(noun: str) -> bool:
    """Say whether *noun* names a person or a person's role."""
    return kind_of(noun) == "person"
