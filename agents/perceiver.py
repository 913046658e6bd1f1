"""What is in a picture: weighs look-alikes of the collection, label words and text in the picture against the
question's own noun, and says how far each can be trusted."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from foveal.agents.values import fold, singular
from foveal.types import Document, Hypothesis, ImageHit, Label

NOUN_WEIGHT = 0.35
SIGHT_WEIGHT = 0.25
LABEL_WEIGHT = 0.5
WRITTEN_WEIGHT = 0.5
WRITTEN_PROBABILITY = 0.45
"""That a picture shows what is called like words in it: less than :data:`SURE`, a sign also names what it points to."""
RECOGNISED_WEIGHT = 0.6
RECOGNISED_PROBABILITY = 0.6
"""That a picture shows what a model that sees named, when a document is called so. Not fitted: set between a name that
stands in the picture and a look-alike that stands out; a look-alike of that name adds to it."""
CLOSE = 0.06
"""Two hypotheses whose scores are closer are not told apart by sight: of those benchmarks/eye.py made, the first was
the right one in a quarter of the cases."""
SURE = 0.5
"""Least probability of a hypothesis that needs no second look."""
UNKNOWN = 0.15
"""Least probability of a hypothesis that is used at all."""
RIVALS = 5
"""Other things that a look-alike must stand out from."""
SEARCHED = 60
"""Look-alikes that a search is asked for; fewer are all that a small collection has."""
_BIAS, _OF_LEAD, _OF_SMALL = -3.8, 15.0, -1.25
"""Of the logistic regression in benchmarks/eye.py, over collections of 20 to 866 pictures. Among few things the most
alike leads by more."""
_LEAST_NAME = 4
_LIVING = frozenset(
    "animal living thing species bird plant insect fish mammal reptile dog cat flower tree creature snake spider "
    "amphibian breed organism".split()
)


def weigh(
    noun: str,
    hits: Sequence[ImageHit],
    labels: Sequence[Label],
    *,
    titled: Mapping[str, Document],
    generic: frozenset[str],
    written: Sequence[Document] = (),
    recognised: Sequence[tuple[str, Document | None]] = (),
    elsewhere: Sequence[Hypothesis] = (),
) -> list[Hypothesis]:
    """Return hypotheses, best first.

    *noun* is what the question calls the thing. *titled* are documents by the folded label name that is their title,
    *written* those whose title stands in the picture; *recognised* are names that a model gave what it saw, each with
    the document of that title if there is one. *generic* titles (shared by several documents, such as
    "photograph") name nothing. *elsewhere* is what is told of such pictures outside the collection.
    """
    wanted = {singular(w) for w in fold(noun).split()} - {"the", "of", "a", "kind", "part"}
    seen = {fold(name): label for label in reversed(labels) for name in label.names}
    around = [(h, fold(h.title), _match(wanted, h.title, h.text, h.meta)) for h in hits]
    found: list[Hypothesis] = []
    for hit, title, match in around:
        if hit.title in generic or not title:
            continue
        others = [(other, m) for other, t, m in around if t != title]
        # what is not called by the noun is no rival of what is
        rivals = [other.score for other, m in others if m >= match][:RIVALS]
        tail = [others[-1][0].score] * (RIVALS - len(rivals)) if others else []
        pros = [f"looks like {hit.title} ({hit.score:.2f})"]
        cons: list[str] = []
        if wanted:
            (pros if match else cons).append(f"is {'' if match else 'not '}called {noun}")
        if any(t == title and other.doc_id != hit.doc_id for other, t, _ in around[:RIVALS]):
            pros.append("another picture of it looks alike too")
        by_sight = alike(hit.score, rivals + tail, small=len(hits) < SEARCHED)
        score = hit.score + NOUN_WEIGHT * match + SIGHT_WEIGHT * by_sight
        found.append(
            Hypothesis(
                hit.title, score, hit.doc_id, hit.image, hit.score, tuple(pros), tuple(cons), region=hit.region,
                probability=by_sight,
            )
        )  # fmt: skip
        if label := seen.get(title) or seen.get(singular(title)):
            told = f"labelled {label.name} ({label.probability:.2f})"
            found.append(
                Hypothesis(hit.title, score + LABEL_WEIGHT * label.probability, hit.doc_id, pros=(told,),
                           probability=label.probability)
            )  # fmt: skip
    for label in labels:
        if named := _labelled(label, hits, titled, living=bool(wanted & _LIVING)):
            found.append(named)
    for document in written:
        match = _match(wanted, document.title, document.text, document.meta) if wanted else 1.0
        found.append(
            Hypothesis(
                document.title, WRITTEN_WEIGHT + NOUN_WEIGHT * match, document.id,
                pros=("its name stands in the picture",), cons=() if match else (f"is not called {noun}",),
                probability=WRITTEN_PROBABILITY * (1.0 if match else 0.5),
            )
        )  # fmt: skip
    for name, titled_so in recognised:
        match = _match(wanted, titled_so.title, titled_so.text, titled_so.meta) if wanted and titled_so else 0.0
        found.append(
            Hypothesis(
                titled_so.title if titled_so else name,
                (RECOGNISED_WEIGHT if titled_so else 0.0) + NOUN_WEIGHT * match,
                titled_so.id if titled_so else None,
                pros=("recognised by the model",),
                probability=RECOGNISED_PROBABILITY if titled_so else SURE / 2,
            )
        )
    found += elsewhere
    return _with_distances(sorted(_joined(found), key=lambda h: (-h.score, h.name)))


def alike(score: float, rivals: Sequence[float], *, small: bool = False) -> float:
    """Return how likely it is that a picture and its look-alike of cosine *score* show the same thing.

    Logistic in the lead over the mean cosine of the next five other things: what is not in the collection looks
    about as much like several. Fitted on made-up photos of pictures that are in a collection, and of pictures that
    were taken out of it. The cosine itself adds nothing to that: drawings of different things are more alike than
    photos of one.
    """
    lead = score - (sum(rivals) / len(rivals) if rivals else 0.0)
    return 1 / (1 + math.exp(-(_BIAS + _OF_SMALL * small + _OF_LEAD * lead)))


def doubt(hypotheses: Sequence[Hypothesis]) -> str:
    """Return in words why the first hypothesis may not be the right one; empty when it can be relied on."""
    if not hypotheses:
        return "nothing looks like it"
    best = hypotheses[0]
    if best.probability < SURE:
        return f"it is {best.name} with a probability of {best.probability:.2f} only"
    if len(hypotheses) > 1 and best.score - hypotheses[1].score < CLOSE:
        return f"{best.name} and {hypotheses[1].name} look almost equally alike"
    return ""


def names_in(lines: Sequence[str], *, most: int = 40) -> list[str]:
    """Return runs of up to four words of *lines* that may be a name: the whole line first, then longer before shorter.

    At most *most*; runs without a letter, or shorter than four characters, are none.
    """
    runs: dict[str, None] = {}
    for length in (0, 4, 3, 2, 1):
        for line in lines:
            words = re.findall(r"[^\W_]+(?:['’.-][^\W_]+)*", line)
            size = length or len(words)
            for start in range(len(words) - size + 1):
                run = " ".join(words[start : start + size])
                if len(run) >= _LEAST_NAME and any(c.isalpha() for c in run) and (size > 1 or run[0].isupper()):
                    runs.setdefault(run)
    return list(runs)[:most]


def pixels_suffice(question: str, ocr: str) -> bool:
    """Say whether the picture itself is the source: a chart or page full of text, asked about as such.

    A chart has many words of which several are numbers; photographs and flags do not.
    """
    words = re.findall(r"\S+", ocr)
    return len(words) >= 12 and sum(bool(re.search(r"\d", w)) for w in words) >= 4


def _match(wanted: set[str], title: str, text: str, meta: Mapping[str, object]) -> float:
    """Return the share of the *wanted* words that a document is told with."""
    words = {singular(w) for w in fold(" ".join([title, text, *map(str, meta.values())])).split()}
    return len(wanted & words) / len(wanted) if wanted else 0.0


def _labelled(
    label: Label, hits: Sequence[ImageHit], titled: Mapping[str, Document], *, living: bool
) -> Hypothesis | None:
    """Return what a label word says the picture shows: a living thing, or something that has a document."""
    alike_titles = {fold(hit.title) for hit in hits}
    known = [n for n in label.names if fold(n) in titled]
    name = next((n for n in known if fold(n) in alike_titles), known[0] if known else label.name)
    document = titled.get(fold(name))
    if document is None and not living:
        return None
    score = (0.6 if living else 0.1) + LABEL_WEIGHT * label.probability + (0.1 if document else 0.0)
    return Hypothesis(
        name, score, document.id if document else None, similarity=label.probability,
        pros=(f"labelled {name} ({label.probability:.2f})",), probability=label.probability, aliases=label.names,
    )  # fmt: skip


def _joined(found: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Return one hypothesis a name: the best score, all that speaks for it, and 1 - Π(1 - p) of its probabilities."""
    best: dict[str, Hypothesis] = {}
    for h in found:
        name = fold(h.name)
        if (k := best.get(name)) is None:
            best[name] = h
        elif k.image and h.image:
            continue  # a second document of that name; its picture was counted as one that looks alike too
        else:
            best[name] = replace(
                k, score=max(k.score, h.score), doc_id=k.doc_id or h.doc_id,
                pros=tuple(dict.fromkeys((*k.pros, *h.pros))), cons=tuple(dict.fromkeys((*k.cons, *h.cons))),
                aliases=tuple(dict.fromkeys((*k.aliases, *h.aliases))),
                probability=1 - (1 - k.probability) * (1 - h.probability),
            )  # fmt: skip
    return list(best.values())


def _with_distances(ranked: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Return *ranked* with what each one's distance to the next better or the second says against it."""
    told: list[Hypothesis] = []
    for place, h in enumerate(ranked):
        cons = list(h.cons)
        if place:
            cons.append(f"{ranked[0].score - h.score:.2f} behind {ranked[0].name}")
        elif len(ranked) > 1 and h.score - ranked[1].score < CLOSE:
            cons.append(f"next best, {ranked[1].name}, is only {h.score - ranked[1].score:.2f} behind")
        if h.probability < SURE:
            cons.append(f"shown with a probability of {h.probability:.2f} only")
        told.append(replace(h, cons=tuple(cons)))
    return told
