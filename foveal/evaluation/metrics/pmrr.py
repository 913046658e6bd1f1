"""p-MRR: whether a retriever obeys an instruction that was changed (FollowIR, Weller et al., 2024).

Of a document that a changed instruction made irrelevant, with its rank before (og) and after (new), the score is
``R_new / R_og - 1`` when it did not fall (R_og >= R_new; at most 0), else ``1 - R_og / R_new``. The mean over a
query's documents, then over queries: near -1 the opposite of what was asked, 0 ignored, near 1 obeyed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def p_mrr_change(before: int, after: int) -> float:
    """Return the score of one document by its ranks, counted from 1. Raises ValueError for others."""
    if before < 1 or after < 1:
        raise ValueError("ranks are counted from 1")
    return after / before - 1 if before >= after else 1 - before / after


def p_mrr(
    before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]], changed: Mapping[str, Sequence[str]]
) -> float:
    """Return the p-MRR of two runs: ranked document ids by query; *changed* are the documents that became irrelevant.

    A document that a run does not hold stands behind its last one. Queries without such a document do not count;
    0.0 when there is none.
    """
    scores = []
    for query, documents in changed.items():
        if documents:
            ranks = [(_rank(before.get(query, ()), d), _rank(after.get(query, ()), d)) for d in documents]
            scores.append(sum(p_mrr_change(*pair) for pair in ranks) / len(ranks))
    return sum(scores) / len(scores) if scores else 0.0


def _rank(ranked: Sequence[str], document: str) -> int:
    return list(ranked).index(document) + 1 if document in ranked else len(ranked) + 1
