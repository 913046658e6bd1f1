"""Charts of the collection: a number that code reads off a chart's rows goes before what a model makes of them."""

from __future__ import annotations

from collections.abc import Sequence

from foveal.agents import chart, reader
from foveal.agents.values import fold, same_thing, singular
from foveal.graphs.state import Research
from foveal.types import Document, Evidence

LOOKED_AT = 5
"""Documents whose charts are looked at, best first."""
CONFIDENCE = 0.9
_LEAST_LETTERS = 4
_ASKING = frozenset("what which were many much does have from that with this than when there number value".split())


async def read_off(
    question: str, evidence: Sequence[Evidence], work: Research, *, given: bool = False
) -> reader.Reading | None:
    """Return what a chart among *evidence* says to *question*; None when none surely does.

    The question must name one of the chart's labels and say another of its words, and no document about that label
    may be there; or the chart is *given*: the question says which page it is on. Two charts that are as near to the
    question must agree.
    """
    found: list[tuple[int, reader.Reading]] = []
    for entry in list({e.doc_id: e for e in reversed(evidence)}.values())[::-1][:LOOKED_AT]:
        document = await _drawn(entry, work)
        computed = chart.answer(question, document.ocr) if document else None
        if document is None or computed is None:
            continue
        own = given or (
            bool(computed.names) and not any(same_thing(e.title, name) for e in evidence for name in computed.names)
        )
        if own and (near := _shared(question, document, computed.names) + given):
            found.append((near, _reading(entry, document, computed)))
    nearest = [r for near, r in found if near == max(n for n, _ in found)]
    return nearest[0] if nearest and len({r.answer for r in nearest}) == 1 else None


async def corrected(
    question: str, reading: reader.Reading, evidence: Sequence[Evidence], work: Research
) -> reader.Reading:
    """Return *reading* with the answer that code reads off the same chart, if it can."""
    entry = next((e for e in evidence if e.id == reading.passage.evidence_id), None)
    document = await _drawn(entry, work) if entry else None
    computed = chart.answer(question, document.ocr) if document else None
    if entry is None or document is None or computed is None:
        return reading
    return _reading(entry, document, computed)


async def _drawn(entry: Evidence, work: Research) -> Document | None:
    """Return the document of *entry* if text was read in its picture."""
    document = await work.document(entry.doc_id) if entry.image else None
    return document if document and document.ocr else None


def _shared(question: str, document: Document, names: Sequence[str]) -> int:
    """Count the words of *question* beside *names* that the chart, or what is told of it, has."""
    named = {w for name in names for w in fold(name).split()}
    asked = {singular(w) for w in fold(question).split() if len(w) >= _LEAST_LETTERS and not w.isdigit()} - _ASKING
    told = {singular(w) for w in fold(f"{document.title} {document.text} {document.ocr}").split()}
    return len((asked - {singular(w) for w in named}) & told)


def _reading(entry: Evidence, document: Document, computed: chart.Computed) -> reader.Reading:
    passage = reader.Passage(entry.id, entry.doc_id, entry.title, document.ocr, "ocr", 0, pictured=True)
    return reader.Reading(
        answer=computed.answer,
        values=(computed.answer,),
        confidence=CONFIDENCE,
        passage=passage,
        quote=document.ocr[computed.start : computed.end],
        start=computed.start,
        end=computed.end,
        how=f"chart, {computed.reason}",
    )
