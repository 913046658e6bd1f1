"""What a method hands in, and what of the evidence it turns out to rest on."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from foveal.agents import reader
from foveal.types import Evidence

_AROUND = re.compile(r'^[\s"“”]+|[\s"“”.]+$')


@dataclass(frozen=True, slots=True)
class Draft:
    """What a method hands in: the answer in its own words (None: it cannot tell), and what it rests on."""

    text: str | None
    used: tuple[Evidence, ...] = ()
    """What the model was shown when it answered; cited are the entries in which the answer stands."""
    confidence: float = 0.5
    reason: str = ""
    retrieved: tuple[str, ...] = ()
    """Document ids in the method's own order, when that is not the order of its searches."""
    shown: str = ""
    """The answer as it is shown, when that is more than *text*: sentences, pictures as ``![title](<digest>)``."""
    pictures: tuple[Evidence, ...] = ()
    """The pictures in *shown*, in their order: each is cited."""


def resting_on(draft: Draft) -> list[Evidence]:
    """Return what was used that holds the answer's words, narrowed to the sentence, and a picture that is the answer.

    Models do not always say on what they rest, and methods do not ask: it is found out in code.
    """
    found: list[Evidence] = []
    for entry in draft.used if draft.text else ():
        passage = reader.Passage(entry.id, entry.doc_id, entry.title, entry.quote, entry.part, entry.start)
        if reading := reader.grounded(passage, draft.text or "", 1.0):
            found.append(replace(entry, quote=reading.quote, start=reading.start, end=reading.end))
        elif entry.kind in ("image", "region") and entry.doc_id == draft.text:
            found.append(entry)
    return found


def said(text: str) -> str | None:
    """Return a reply as an answer: without quotes and full stop; None when it says that it cannot tell."""
    text = _AROUND.sub("", text)
    unable = not text or "unable to determine" in text.lower() or "not answerable" in text.lower()
    return None if unable else text
