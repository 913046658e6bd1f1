"""What a question retrieves as pictures: for the methods that work over pictures instead of passages."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable

from foveal.agents.decompose import described, is_picture_search
from foveal.agents.perceiver import pixels_suffice
from foveal.graphs.strategies.desk import PASSAGE_CHARS, Desk
from foveal.graphs.strategies.draft import Draft
from foveal.types import Evidence


def asks_for_picture(desk: Desk) -> bool:
    """Say whether a picture of the collection is the answer, and not something that one tells."""
    return is_picture_search(desk.question, len(desk.images))


async def pictured(desk: Desk, k: int, *, chars: int = PASSAGE_CHARS) -> list[Evidence]:
    """Return about *k* pictures, best first: those asked for, look-alikes of the question's, or what it describes.

    A picture of the question that is full of text, such as a chart, is itself what is found. Each has *chars* of the
    words that stand in for it as its quote (:meth:`.Desk.page`).
    """
    if asks_for_picture(desk):
        like = desk.images[0] if desk.images else None
        found = await desk.pictures(described(desk.question), k=k, like=like)
    elif desk.images:
        each = max(1, k // len(desk.images))
        found = []
        for image in desk.images:
            itself = pixels_suffice(desk.question, desk.seen[image.sha256].ocr)
            found += [desk.look(image)] if itself else await desk.lookalikes(image, k=each)
    else:
        found = await desk.pictures(desk.question, k=k)
    return [await desk.page(entry, chars=chars) for entry in found]


async def picture_asked_for(desk: Desk, k: int) -> Draft | None:
    """Return the answer to a question that asks for a picture, of *k* that fit it; None for any other question."""
    if not asks_for_picture(desk):
        return None
    found = await pictured(desk, k)
    return chosen(*found) if found else Draft(None, reason="no picture was found")


def firsts(found: Iterable[Evidence], key: Callable[[Evidence], Hashable]) -> list[Evidence]:
    """Return of *found* the first entry of each *key*, in their order."""
    kept: dict[Hashable, Evidence] = {}
    for entry in found:
        kept.setdefault(key(entry), entry)
    return list(kept.values())


def passage_of(entry: Evidence) -> Hashable:
    """Return what two entries of the same passage have in common."""
    return entry.doc_id, entry.part, entry.start


def chosen(entry: Evidence, *others: Evidence, confidence: float = 0.5) -> Draft:
    """Return the answer to a question that asks for a picture: the id of the one of *entry*."""
    return Draft(entry.doc_id, (entry, *others), confidence, "the picture that fits best")
