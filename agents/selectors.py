"""How much of a ranking is kept: rules over scores, best first, that may keep fewer than *k*, or nothing.

Scores of embedders lie so close together that most of these rules never do anything on them; they are meant for
the probabilities of a reranker. So every rule says whether it *fired*, that is kept something else than the first
*k*: a rule that never fires is a fixed k under another name.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

from foveal.errors import BadConfig, BadInput
from foveal.protocols import Scale

SCALES: tuple[Scale, ...] = ("rank", "similarity", "probability")


@dataclass(frozen=True, slots=True)
class Selection:
    """Indexes into the scores that were kept, in their order. ``fired``: they are not simply the first k."""

    kept: tuple[int, ...]
    fired: bool


def fixed(scores: Sequence[float], k: int = 5) -> Selection:
    """Keep the first *k*: what every other rule is compared with, at the same mean k."""
    _check(scores, k)
    return _first(len(scores), scores, k)


def absolute(scores: Sequence[float], eta: float = 0.5, k: int = 2) -> Selection:
    """Keep p_i ≥ η of the first *k*; may keep nothing (RagVL, arXiv 2407.21439: natural η = 0.5, top 2 of 20)."""
    _check(scores, k, share=eta, probability=True)
    return _first(sum(p >= eta for p in scores), scores, k)


def up_to_k(scores: Sequence[float], tau: float = 0.5, k: int = 5) -> Selection:
    """Keep at most *k* with RS_i ≥ τ, so none to k of them ("Re-ranking the Context", arXiv 2501.04695).

    The same set as :func:`absolute`: the sources differ in k, and in what an empty set means, here a new search.
    """
    return absolute(scores, tau, k)


def relative(scores: Sequence[float], rho: float = 0.5, k: int = 5) -> Selection:
    """Keep s_i ≥ ρ·s_1, at most *k* (VLMT, arXiv 2504.08269, as its abstract reads; ρ = 0.5 is ours).

    Scores that are not positive are never kept: to a negative s_1 the formula would prefer nothing at all.
    """
    _check(scores, k, share=rho)
    return _first(sum(s > 0 and s >= rho * scores[0] for s in scores), scores, k)


def ratio_to_top(scores: Sequence[float], gamma: float = 1.5, k: int = 5) -> Selection:
    """Keep s_1 / s_i < γ, at most *k* (MMed-RAG, arXiv 2410.13085, as its code does: γ = 1.5).

    Taken as s_1 < γ·s_i, which only positive scores meet: to the code's quotient a negative one is near any top.
    """
    _check(scores, k, above=(gamma, 1.0))
    return _first(sum(scores[0] < gamma * s for s in scores), scores, k)


def adjacent_gap(scores: Sequence[float], gamma: float = 0.7, k: int = 5) -> Selection:
    """Cut behind the first i with log(s_i / s_{i+1}) > γ, at most *k* (MMed-RAG, arXiv 2410.13085, as it is written).

    The paper gives no γ: 0.7 is a halving. Scores that are not positive are an endless gap.
    """
    _check(scores, k, above=(gamma, 0.0))
    kept = 0
    for before, score in zip((None, *scores), scores, strict=False):
        if score <= 0 or (before is not None and math.log(before) - math.log(score) > gamma):
            break
        kept += 1
    return _first(kept, scores, k)


def keep_argmax(scores: Sequence[float], k: int = 1, eta: float = 0.5) -> Selection:
    """Keep sorted(p ≥ η)[:k], or the best one when none is (MIRAGE, arXiv 2407.13766: η = 0.5, k = 1).

    The last resort for an answer that must rest on something; the paper's code forgets η in its second branch.
    """
    _check(scores, k, share=eta, probability=True)
    return _first(max(1, sum(p >= eta for p in scores)) if scores else 0, scores, k)


def dual_threshold(
    scores: Sequence[float], t_r: float = 0.5, t_kc: float = 0.5, k: int = 5, *, concept: Sequence[float] = ()
) -> Selection:
    """Keep Sim(r, question) ≥ T_r and Sim(r, concept) ≥ T_kc, at most *k* (AR-MCTS, arXiv 2412.14835).

    *concept* are the scores against what the question is about, in the order of *scores*; the paper's thresholds are
    not known.
    """
    _check(scores, k, share=t_r, probability=True)
    if len(concept) != len(scores) or any(not 0 <= c <= 1 for c in concept):
        raise BadInput("A dual threshold needs a second probability for each candidate.")
    both = [i for i, (p, c) in enumerate(zip(scores, concept, strict=True)) if p >= t_r and c >= t_kc]
    return _selection(both[:k], scores, k)


RULES: Mapping[str, tuple[Callable[..., Selection], Scale]] = {
    "fixed": (fixed, "rank"),
    "absolute": (absolute, "probability"),
    "up-to-k": (up_to_k, "probability"),
    "relative": (relative, "similarity"),
    "ratio-to-top": (ratio_to_top, "similarity"),
    "adjacent-gap": (adjacent_gap, "similarity"),
    "keep-argmax": (keep_argmax, "probability"),
    "dual-threshold": (dual_threshold, "probability"),
}
"""The rules by name, and the least that scores must be for them to mean anything."""


@dataclass(frozen=True, slots=True)
class Selector:
    """A rule with its numbers, as in ``up-to-k:0.5,3``: see :data:`RULES`; what is left out has its default."""

    name: str
    numbers: tuple[float, ...] = ()

    @classmethod
    def parse(cls, spec: str) -> Selector:
        """Return the selector of ``NAME[:NUMBER,…]``. Raises BadConfig."""
        name, _, rest = spec.strip().partition(":")
        if name not in RULES:
            raise BadConfig(f"There is no selector {spec!r}.", remedy=f"Use one of {', '.join(RULES)}.")
        try:
            numbers = tuple(float(n) for n in rest.split(",")) if rest else ()
            selector = cls(name, numbers)
            selector(())
        except (ValueError, OverflowError, BadInput) as problem:
            names = ",".join(selector_numbers(name)).upper()
            detail = problem.message if isinstance(problem, BadInput) else "its numbers cannot be read."
            raise BadConfig(f"The selector {spec!r} is wrong: {detail}", remedy=f"Write {name}:{names}.") from None
        return selector

    @property
    def k(self) -> int:
        """The most that it keeps."""
        given = dict(zip(selector_numbers(self.name), self.numbers, strict=False))
        return int(given.get("k", _parameters(self.name)["k"].default))

    @property
    def of_concept(self) -> bool:
        """Whether it needs a second score of each candidate: see :func:`dual_threshold`."""
        return self.name == "dual-threshold"

    def fits(self, scale: Scale) -> bool:
        """Say whether the rule means anything on scores of that kind."""
        return SCALES.index(scale) >= SCALES.index(RULES[self.name][1])

    def __call__(self, scores: Sequence[float], concept: Sequence[float] = ()) -> Selection:
        """Return what is kept of *scores*, best first. Raises BadInput for scores that cannot be compared."""
        names = selector_numbers(self.name)
        if len(self.numbers) > len(names):
            raise BadInput(f"it takes at most {len(names)} numbers.")
        given = {n: _whole(v) if n == "k" else v for n, v in zip(names, self.numbers, strict=False)}
        extra = {"concept": concept} if self.of_concept else {}
        return RULES[self.name][0](scores, **given, **extra)

    def __str__(self) -> str:
        return f"{self.name}:{','.join(f'{n:g}' for n in self.numbers)}" if self.numbers else self.name


def selector_numbers(name: str) -> tuple[str, ...]:
    """Return the names of the numbers that a rule takes, in the order in which they are written."""
    return tuple(p for p in _parameters(name) if p not in ("scores", "concept"))


@cache
def _parameters(name: str) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(RULES[name][0]).parameters


def _whole(k: float) -> int:
    if not math.isfinite(k) or k != int(k):
        raise BadInput("k is a whole number.")
    return int(k)


def _first(kept: int, scores: Sequence[float], k: int) -> Selection:
    return _selection(range(min(kept, k)), scores, k)


def _selection(kept: Sequence[int], scores: Sequence[float], k: int) -> Selection:
    return Selection(tuple(kept), tuple(kept) != tuple(range(min(k, len(scores)))))


def _check(
    scores: Sequence[float],
    k: int,
    *,
    share: float = 0.0,
    above: tuple[float, float] = (1.0, 0.0),
    probability: bool = False,
) -> None:
    if k < 1:
        raise BadInput("k must be at least 1.")
    if not 0 <= share <= 1:
        raise BadInput(f"{share:g} is not from 0 to 1.")
    if not above[0] > above[1]:
        raise BadInput(f"{above[0]:g} is not above {above[1]:g}.")
    if any(math.isnan(s) for s in scores):
        raise BadInput("A score is not a number, so there is no best one.")
    if any(a < b for a, b in pairwise(scores)):
        raise BadInput("Scores must be given best first.")
    if probability and scores and not 0 <= scores[-1] <= scores[0] <= 1:
        raise BadInput("This rule needs probabilities from 0 to 1.")
