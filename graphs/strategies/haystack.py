"""The haystack: what one round of retrieval by picture and by words brings, for methods that begin with such a round.

Their papers ask one index with picture and words at once (a joint or averaged embedding). Here the eye and the text
embedder share no space, so that the picture is searched first, and what it looks most like goes into the words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foveal.agents.perceiver import pixels_suffice
from foveal.graphs.strategies.desk import Desk
from foveal.types import Evidence

ALIKE = 2
"""Look-alikes of a picture."""


@dataclass(frozen=True, slots=True)
class Haystack:
    """What was found, the pictures first, and the ``names`` of what they look most like."""

    found: tuple[Evidence, ...]
    names: tuple[str, ...] = ()

    def seen(self, desk: Desk) -> str:
        """Return what stands in for the pictures in a prompt, with what the search by looks makes of them."""
        return desk.told() + "".join(f"Looks most like: {name}\n" for name in self.names)

    def about(self, question: str) -> str:
        """Return *question* as it is searched for: with the names before it."""
        return " ".join((*self.names, question))


async def gather(desk: Desk, *, k: int = 4) -> Haystack:
    """Return the look-alikes of each picture and the *k* best passages for the question.

    A picture that is full of text, such as a chart, is itself what is found. Each passage is there once.
    """
    found: list[Evidence] = []
    names: list[str] = []
    for image in desk.images:
        if pixels_suffice(desk.question, desk.seen[image.sha256].ocr):
            found.append(desk.look(image))
            continue
        alike = await desk.lookalikes(image, k=ALIKE)
        names += [e.title for e in alike[:1]]
        found += alike
    names = list(dict.fromkeys(names))
    found += await desk.search(Haystack((), tuple(names)).about(desk.question), k=k)
    return Haystack(distinct(found), tuple(names))


def distinct(found: Sequence[Evidence]) -> tuple[Evidence, ...]:
    """Return *found* with each piece of a document once, in the longest of its entries."""
    longest: dict[tuple[str, str, int], Evidence] = {}
    for entry in found:
        key = (entry.doc_id, entry.part, entry.start)
        if key not in longest or len(entry.quote) > len(longest[key].quote):
            longest[key] = entry
    return tuple(longest.values())
