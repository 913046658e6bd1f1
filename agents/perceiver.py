"""What is in a picture: weighs look-alikes of the collection, label words and the question's own noun."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from foveal.agents.values import fold, singular
from foveal.types import ImageHit, Label

NOUN_WEIGHT = 0.35
LABEL_WEIGHT = 0.5
CLOSE = 0.05
"""Two hypotheses whose scores are closer than this are not told apart by sight."""
_LIVING = frozenset(
    [
        "animal",
        "animals",
        "living",
        "thing",
        "species",
        "bird",
        "birds",
        "plant",
        "plants",
        "insect",
        "fish",
        "mammal",
        "reptile",
        "dog",
        "cat",
        "flower",
        "tree",
        "creature",
        "snake",
        "spider",
        "amphibian",
        "breed",
        "organism",
    ]
)


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What the picture may show, why, and how much speaks for it (comparable within one picture only)."""

    name: str
    score: float
    doc_id: str | None
    image: str | None
    similarity: float
    why: str
    aliases: tuple[str, ...] = ()


def weigh(
    noun: str,
    hits: Sequence[ImageHit],
    labels: Sequence[Label],
    *,
    titled: Mapping[str, str],
    generic: frozenset[str],
) -> list[Hypothesis]:
    """Return hypotheses, best first.

    *noun* is what the question calls the thing. *titled* maps a folded label name to the id of the document
    of that title. *generic* titles (shared by several documents, such as "photograph") name nothing.
    """
    wanted = {singular(w) for w in fold(noun).split()} - {"the", "of", "a", "kind", "part"}
    living = bool(wanted & {singular(w) for w in _LIVING})
    seen = {fold(name): label for label in reversed(labels) for name in label.name.split(",")}
    found: list[Hypothesis] = []
    for hit in hits:
        if hit.title in generic or not hit.title.strip():
            continue
        about = " ".join([hit.title, hit.text, *(str(v) for v in hit.meta.values())])
        words = {singular(w) for w in fold(about).split()}
        match = len(wanted & words) / len(wanted) if wanted else 0.0
        label = seen.get(fold(hit.title)) or seen.get(singular(fold(hit.title)))
        score = hit.score + NOUN_WEIGHT * match + (LABEL_WEIGHT * label.probability if label else 0.0)
        why = f"looks like {hit.title} ({hit.score:.2f})" + (f", called {noun}" if match else "")
        found.append(Hypothesis(hit.title, score, hit.doc_id, hit.image, hit.score, why))
    for label in labels:
        names = [n.strip() for n in label.name.split(",") if n.strip()]
        alike = {fold(hit.title) for hit in hits}
        known = [n for n in names if fold(n) in titled]
        name = next((n for n in known if fold(n) in alike), known[0] if known else names[0] if names else "")
        doc_id = titled.get(fold(name))
        if not name or (doc_id is None and not living):
            continue
        score = (0.6 if living else 0.1) + LABEL_WEIGHT * label.probability + (0.1 if doc_id else 0.0)
        found.append(
            Hypothesis(name, score, doc_id, None, label.probability, f"labelled {name} ({label.probability:.2f})")
        )
    best: dict[str, Hypothesis] = {}
    for hypothesis in sorted(found, key=lambda h: -h.score):
        best.setdefault(fold(hypothesis.name), hypothesis)
    return list(best.values())


def pixels_suffice(question: str, ocr: str) -> bool:
    """Say whether the picture itself is the source: a chart or page full of text, asked about as such.

    A chart has many words of which several are numbers; photographs and flags do not.
    """
    words = re.findall(r"\S+", ocr)
    return len(words) >= 12 and sum(bool(re.search(r"\d", w)) for w in words) >= 4
