"""Composes the answer from what the steps found; code renders the citations, so none can be invented."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from foveal.types import Citation, Evidence, SubQuestion

UNABLE = "Unable to determine"
_LONG = 300


def cite(evidence_ids: Sequence[str], ledger: Mapping[str, Evidence]) -> tuple[Citation, ...]:
    """Number the evidence in order of use, the same words once; ids that are not in the ledger are dropped."""
    citations: list[Citation] = []
    said: set[tuple[str, str]] = set()
    for evidence_id in dict.fromkeys(evidence_ids):
        item = ledger.get(evidence_id)
        if item is None or (item.doc_id, item.quote) in said:
            continue
        said.add((item.doc_id, item.quote))
        citations.append(
            Citation(
                len(citations) + 1,
                item.id,
                item.doc_id,
                item.title,
                item.url,
                item.quote[:_LONG],
                item.image,
                item.page,
            )
        )
    return tuple(citations)


def compose(final: SubQuestion, citations: Sequence[Citation]) -> str:
    """Return the answer text: the final step's answer with the marks of its citations."""
    marks = "".join(f"[{c.n}]" for c in citations)
    return f"{tidy(final.answer or '')} {marks}".strip()


def unable(steps: Sequence[SubQuestion], citations: Sequence[Citation]) -> str:
    """Return the honest ending: what is missing, and what was found on the way."""
    missing = next((s for s in steps if s.status in ("insufficient", "failed")), None)
    found = [
        f"{s.text.rstrip('?')}: {s.answer}"
        for s in steps
        if s.status == "answered" and s.answer and s.purpose != "compute"
    ]
    text = UNABLE + (f': nothing found answers "{missing.text}"' if missing else "") + "."
    if found:
        text += " Found so far: " + "; ".join(found) + "."
    marks = "".join(f"[{c.n}]" for c in citations)
    return f"{text} {marks}".strip()


def denied(premise: str, citations: Sequence[Citation]) -> str:
    """Return the answer to a question that takes something for granted which the evidence denies."""
    marks = "".join(f"[{c.n}]" for c in citations)
    return f"The question does not hold as asked. {tidy(premise)}. {marks}".strip()


def tidy(answer: str) -> str:
    """Return *answer* without a trailing stop and with one kind of white space."""
    return re.sub(r"\s+", " ", answer).strip().rstrip(".;,")
