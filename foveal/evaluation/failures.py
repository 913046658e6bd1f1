"""Where questions were lost: each wrong one is put down to the first stage that failed it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from foveal.evaluation.score import ALL, Judged

LOSSES = {
    "failed": "the run failed or there is no prediction",
    "not identified": "a picture question whose first document was never found",
    "not retrieved": "a later document of the chain was never found",
    "not read": "all documents were found, the last one never became evidence",
    "wrongly abstained": "the evidence was there and the answer was that it cannot be told",
    "read but wrong": "the evidence was there and the answer is wrong",
    "wrongly answered": "it cannot be told and an answer was given",
}


def loss_of(row: Judged, trace: Mapping[str, Any] | None = None) -> str | None:
    """Return the key of :data:`LOSSES` for a wrong answer, None for a right one.

    Without a *trace* what was read is not known and nothing is put down to ``not read``.
    """
    if row.correct:
        return None
    if row.prediction is None or row.prediction.status == "failed":
        return "failed"
    if row.question.unanswerable:
        return "wrongly answered"
    found = set(row.prediction.retrieved)
    steps = row.question.evidence_steps
    if steps and not found.intersection(steps[0]):
        return "not identified" if row.question.images else "not retrieved"
    if row.chain is False:
        return "not retrieved"
    if steps and trace is not None:
        evidence = (trace.get("answer") or {}).get("evidence", ())
        if not {item.get("doc_id") for item in evidence}.intersection(steps[-1]):
            return "not read"
    return "wrongly abstained" if row.declined else "read but wrong"


def count_losses(
    judged: Iterable[Judged], traces: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, dict[str, int]]:
    """Return counts by category (and :data:`ALL`): ``right`` and each of :data:`LOSSES`."""
    counts: dict[str, Counter[str]] = {}
    for row in judged:
        loss = loss_of(row, (traces or {}).get(row.question.id)) or "right"
        for group in (row.question.category, ALL):
            counts.setdefault(group, Counter())[loss] += 1
    order = sorted(counts, key=lambda group: (group == ALL, group))
    return {group: {name: counts[group][name] for name in ("right", *LOSSES)} for group in order}
