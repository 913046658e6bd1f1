"""Checks an answer before it leaves: citations resolve, and what it says stands in what it cites."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from foveal.agents.values import fold
from foveal.types import Citation, Evidence, SubQuestion

_MARK = re.compile(r"\[(\d+)\]")


def unresolved(answer: str, citations: Sequence[Citation], ledger: Mapping[str, Evidence]) -> list[str]:
    """Return the marks of *answer* without a citation and the citations without evidence."""
    numbers = {str(c.n) for c in citations}
    return [f"[{n}]" for n in _MARK.findall(answer) if n not in numbers] + [
        c.evidence_id for c in citations if c.evidence_id not in ledger
    ]


def unsupported(final: SubQuestion, citations: Sequence[Citation], ledger: Mapping[str, Evidence]) -> list[str]:
    """Return the numbers of a looked-up answer that stand in no cited span.

    Computed answers (also those computed over a chart's figures), what was seen in a picture and ids of pictures are
    exempt: they are not read off a text.
    """
    computed = final.purpose == "compute" or final.reason.startswith(("chart, ", "seen, "))
    named = final.tool == "picture_search" or final.answer in {c.doc_id for c in citations}
    if computed or named or not final.answer:
        return []
    spans = fold(" ".join(f"{e.title} {e.quote}" for c in citations if (e := ledger.get(c.evidence_id))))
    return [n for n in re.findall(r"\d[\d,.]*\d|\d", final.answer) if fold(n) and fold(n) not in spans]
