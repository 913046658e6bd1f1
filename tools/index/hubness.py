"""Hubness: some pictures are near to everything. Their nearness is weighed against how near others find them.

Inverted softmax (Smith et al., "Offline bilingual word vectors", 2017) and its dual form, DualIS (Wang et al.,
"Balance Act: Mitigating Hubness in Cross-Modal Retrieval with Query and Gallery Banks", 2023). With s(q, g) the
similarity, B_Q a bank of queries and B_G a bank of items:

``ŝ(q, g) = exp(β₁ s(q, g)) / Σ_{b∈B_Q} exp(β₁ s(b, g)) · exp(β₂ s(q, g)) / Σ_{b∈B_G} exp(β₂ s(b, g))``

Its logarithm is ``(β₁ + β₂) s(q, g) - h(g)``, and h is known before any query. The dynamic form corrects only
queries whose best item is one that the bank's queries find first too often: the activation set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BETA_QUERIES, BETA_ITEMS = 20.0, 3.0
"""Of similarities that are cosines; far below 1 / spread nothing changes."""
_ROWS = 1024
_SAME = 1 - 1e-6


@dataclass(frozen=True, slots=True)
class Hubness:
    """What is known of the items before a query: ``h`` [n], the sum β of both exponents, and the activation set."""

    h: np.ndarray
    beta: float
    active: np.ndarray

    @classmethod
    def fit(
        cls,
        items: np.ndarray,
        queries: np.ndarray,
        bank: np.ndarray | None = None,
        *,
        beta_queries: float = BETA_QUERIES,
        beta_items: float = BETA_ITEMS,
    ) -> Hubness:
        """Learn from unit rows: *items* [n, dim], the bank of *queries* [m, dim] and of items (default: *items*).

        Where a row of a bank is the very item (the same vector), the pair says nothing and is left out.
        ``beta_items = 0`` leaves the second factor out, up to a constant: inverted softmax.
        """
        others = items if bank is None else bank
        h = _log_sums(items, queries, beta_queries) + _log_sums(items, others, beta_items)
        first = np.zeros(len(items), dtype=bool)
        for at in range(0, len(queries), _ROWS):
            cosines = queries[at : at + _ROWS] @ items.T
            first[np.where(cosines > _SAME, -1.0, cosines).argmax(axis=1)] = True
        return cls(h.astype(np.float32), beta_queries + beta_items, first)

    def corrected(self, similarities: np.ndarray, *, dynamic: bool = False) -> np.ndarray:
        """Return *similarities* [q, n] in DualIS's order, on their own scale: ``s - (h - mean h) / β``."""
        fixed = similarities - (self.h - self.h.mean()) / self.beta
        if not dynamic:
            return np.asarray(fixed)
        return np.where(self.active[similarities.argmax(axis=1)][:, None], fixed, similarities)


def _log_sums(items: np.ndarray, bank: np.ndarray, beta: float) -> np.ndarray:
    """Return ``log Σ_b exp(β s(b, g))`` of each item [n]; 0 for an item that the bank says nothing of."""
    total = np.zeros(len(items))
    for at in range(0, len(bank), _ROWS):
        cosines = (bank[at : at + _ROWS] @ items.T).astype(np.float64)
        total += np.where(cosines > _SAME, 0.0, np.exp(beta * cosines)).sum(axis=0)
    return np.log(np.where(total > 0, total, 1.0))
