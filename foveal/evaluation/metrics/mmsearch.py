"""MMSearch (Jiang et al. 2024): its four scores and the weighted final one.

End to end and summarisation are token F1 (:mod:`foveal.evaluation.metrics.squad`) over all accepted answers. A
sample that has no output scores 0 and stays in the mean. A query is compared by its words with one gold query, which
is a weak measure: people score below the better models on it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from foveal.evaluation.metrics.sequences import common
from foveal.evaluation.metrics.squad import squad_f1

WEIGHTS: Mapping[str, float] = {"end2end": 0.75, "requery": 0.05, "rerank": 0.10, "summarization": 0.10}
_WEBSITE = re.compile(r"<Website (\d+)>")


def answer_score(answer: str, gold: str, alternatives: Sequence[str] = ()) -> float:
    """Return the end-to-end or summarisation score of one answer, 0 to 1."""
    return squad_f1(answer, (gold, *alternatives))


def requery_score(query: str, gold: str) -> float:
    """Return (BLEU-1 + ROUGE-L F1) / 2 of two queries, 0 to 1, words cut at spaces and compared as written."""
    return (bleu_1(query.split(), gold.split()) + rouge_l(query.split(), gold.split())) / 2


def bleu_1(said: Sequence[str], gold: Sequence[str]) -> float:
    """Return the clipped share of words that are in *gold*, times exp(1 - |gold| / |said|) for a shorter text.

    BLEU (Papineni et al. 2002) on single words, with one reference; smoothing has no effect there.
    """
    if not said:
        return 0.0
    precision = (Counter(said) & Counter(gold)).total() / len(said)
    return precision * min(1.0, math.exp(1 - len(gold) / len(said)))


def rouge_l(said: Sequence[str], gold: Sequence[str]) -> float:
    """Return the F1 of the longest common subsequence (Lin 2004).

    The package that the published scorer calls counts a repeated word once and cuts at full stops; a query with
    neither scores the same here.
    """
    return 2 * common(said, gold) / (len(said) + len(gold)) if said or gold else 0.0


def picks_in(reply: str, sites: int) -> tuple[int, ...]:
    """Return the websites that *reply* names as ``<Website N>``, N from 1 to *sites*, each once, counted from 0.

    Others are left out. In the released code ``<Website 0>``, which its own example shows, reads the last site.
    """
    named = (int(number) - 1 for number in _WEBSITE.findall(reply))
    return tuple(dict.fromkeys(site for site in named if 0 <= site < sites))


def rerank_score(picks: Sequence[int], valid: Collection[int], not_sure: Collection[int] = (), *, k: int = 1) -> float:
    """Return 1 when the first pick is *valid*, 0.5 when it is *not_sure*, else 0; 0 for other than *k* picks."""
    if len(picks) != k:
        return 0.0
    return 1.0 if picks[0] in valid else 0.5 if picks[0] in not_sure else 0.0


def final_score(scores: Mapping[str, float]) -> float:
    """Return 0.75 end2end + 0.05 requery + 0.10 rerank + 0.10 summarization. Raises KeyError without one of them."""
    return sum(weight * scores[task] for task, weight in WEIGHTS.items())


def task_mean(scores: Mapping[str, float], samples: Collection[str]) -> float:
    """Return the mean over all *samples*; one without a score counts 0. 0.0 for no sample."""
    return sum(scores.get(sample, 0.0) for sample in samples) / len(samples) if samples else 0.0
