"""A data set's own measures over a run: those that its questions name, each as a mean with its interval.

Every measure gives a question a part and a whole; a group's value is the sum of parts over the sum of wholes. A plain
mean has wholes of 1, and an F1 over a set is such a quotient too: 2 right / (answered + answerable). The interval is a
percentile bootstrap over questions. Formulas and sources stand where the functions do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foveal.evaluation.judging import JUDGED, NEEDS, Grades, wanted
from foveal.evaluation.metrics import pages, pictures, ranking, relaxed, squad
from foveal.evaluation.metrics.answers import normalise, numbers_in
from foveal.evaluation.metrics.choice import picked
from foveal.evaluation.metrics.f1_recall import f1_recall
from foveal.evaluation.metrics.lists import list_exact, list_f1
from foveal.evaluation.metrics.mmsearch import answer_score, requery_score, rerank_score, rouge_l
from foveal.evaluation.metrics.stats import LEVEL, SAMPLES, SEED, Interval
from foveal.evaluation.score import ALL, Judged

Trace = Mapping[str, Any]
Part = tuple[float, float]
_PICTURE = re.compile(r"!\[[^\]]*\]\(<([0-9a-f]{64})>\)")
_RANGE = re.compile(r"\s*(-?\d+(?:\.\d+)?)\s*(?:-|–|to)\s*(-?\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class Measured:
    """A measure of a category over its ``n`` questions that have it, with its 95 % interval."""

    measure: str
    category: str
    mean: float
    interval: Interval
    n: int


@dataclass(frozen=True, slots=True)
class Asked:
    """What a measure looks at: an ``answer`` that is "" when none was given, and the trace if there is one."""

    row: Judged
    answer: str
    retrieved: Sequence[str]
    trace: Trace
    k: int

    @property
    def golds(self) -> tuple[str, ...]:
        """The accepted answers."""
        return self.row.question.answers

    @property
    def meta(self) -> Mapping[str, Any]:
        """What else the data set says."""
        return self.row.question.meta

    @property
    def cited(self) -> list[str]:
        """Ids of the documents that the answer cites, each once, in order."""
        return list(dict.fromkeys(cited.get("doc_id", "") for cited in self._answer.get("citations") or ()))

    @property
    def placed(self) -> list[str]:
        """Ids of the documents whose pictures stand in the answer, in order; without any, of the cited pictures."""
        owners = {item.get("image"): item.get("doc_id", "") for item in self._answer.get("evidence") or ()}
        if standing := [owners.get(image, image) for image in _PICTURE.findall(self._answer.get("answer") or "")]:
            return list(dict.fromkeys(standing))
        kinds = {item.get("id"): item.get("kind") for item in self._answer.get("evidence") or ()}
        shown = (c for c in self._answer.get("citations") or () if kinds.get(c.get("evidence_id")) == "image")
        return list(dict.fromkeys(cited.get("doc_id", "") for cited in shown))

    @property
    def query(self) -> str | None:
        """The first words that were searched for; "" without any, None without a trace."""
        calls = (e.get("data") or {} for e in self.trace.get("events") or () if e.get("type") == "tool.called")
        return next((call["query"] for call in calls if call.get("query")), "") if self.trace else None

    @property
    def _answer(self) -> Mapping[str, Any]:
        return self.trace.get("answer") or {}


def measured(
    rows: Sequence[Judged], traces: Mapping[str, Trace], *, k: int = 10, grades: Grades | None = None
) -> list[Measured]:
    """Return the measures that questions of *rows* name (and those of *grades*), each by category and in all.

    A question without an answer is worth 0. *traces* are by question id; without one what needs it does not count.
    """
    found: dict[str, list[tuple[str, Part]]] = {}
    graded = wanted(rows) if grades else {}
    for row in rows:
        for name in dict.fromkeys((*row.question.metrics, *graded.get(row.question.id, ()))):
            part = _part(name, row, traces.get(row.question.id) or {}, k, grades)
            if part is not None:
                found.setdefault(name, []).append((row.question.category, part))
    done = []
    for name, parts in found.items():
        groups = sorted({category for category, _ in parts})
        for group in (*(groups if len(groups) > 1 else ()), ALL):
            mine = [part for category, part in parts if group in (ALL, category)]
            done.append(Measured(name, group, *_mean(mine), len(mine)))
    return done


def unmeasured(rows: Sequence[Judged], done: Sequence[Measured]) -> dict[str, str]:
    """Return which named measures have no value, and why."""
    named = dict.fromkeys(name for row in rows for name in row.question.metrics)
    have = {row.measure for row in done}
    return {name: _why(name) for name in named if name not in have}


def _why(name: str) -> str:
    if name in (*JUDGED, *NEEDS):
        return "a model gives it: --judge SPEC"
    if name not in MEASURES:
        return "unknown here"
    return "needs what these questions or predictions do not hold (traces, boxes, choices, ranges)"


def _part(name: str, row: Judged, trace: Trace, k: int, grades: Grades | None) -> Part | None:
    if name in (*JUDGED, *NEEDS):
        return _judged_part(name, row.question.id, grades)
    if name not in MEASURES:
        return None
    given = row.prediction
    words = "" if given is None or row.declined or given.status == "failed" else given.answer
    value = MEASURES[name](Asked(row, words, given.retrieved if given else (), trace, k))
    return (float(value), 1.0) if isinstance(value, int | float) else value


def _judged_part(name: str, key: str, grades: Grades | None) -> Part | None:
    values = grades.values.get(NEEDS.get(name, name), {}) if grades else {}
    if grades is None or key not in values:
        return None
    value = values[key] or 0.0
    if name == "accuracy_given_attempted":
        return value, float(key in grades.attempted)
    return value, 1.0


def _mean(parts: Sequence[Part]) -> tuple[float, Interval]:
    values = np.asarray(parts, float)
    drawn = np.random.default_rng(SEED).integers(0, len(values), (SAMPLES, len(values)))
    sums = values[drawn].sum(axis=1)
    # a resample whose wholes are 0 measured nothing and is worth 0, as the group itself would be
    means = np.divide(sums[:, 0], sums[:, 1], out=np.zeros(SAMPLES), where=sums[:, 1] > 0)
    low, high = np.percentile(means, (50 * (1 - LEVEL), 50 * (1 + LEVEL)))
    part, whole = values.sum(axis=0)
    return (float(part / whole) if whole else 0.0), (float(low), float(high))


def _relaxed(asked: Asked) -> float | None:
    return float(any(relaxed.relaxed_correct(asked.answer, gold) for gold in asked.golds)) if asked.golds else None


def _of_golds(score: Callable[[str, Sequence[str]], float]) -> Callable[[Asked], float | None]:
    """Return the measure of an answer against its accepted answers; one without any cannot be compared."""
    return lambda asked: float(score(asked.answer, asked.golds)) if asked.golds else None


def _answerable_f1(asked: Asked) -> Part:
    """MMLongBench-Doc: F1 of right answers, over what was answered and what can be."""
    question = asked.row.question
    right = asked.row.correct and not question.unanswerable
    return 2.0 * right, float(bool(asked.answer)) + float(not question.unanswerable)


def _choice(asked: Asked) -> float | None:
    question = asked.row.question
    gold = asked.meta.get("choice")
    if not question.choices or not gold:
        return None
    return float(picked(asked.answer, question.choices) == gold)


def _vqa(asked: Asked) -> float | None:
    """InfoSeek's accuracy of words and times: the normalised answer is an accepted one."""
    if asked.row.question.answer_type == "number":
        return None
    said = normalise(asked.answer)
    return float(said in {normalise(gold) for gold in asked.golds})


def _in_range(asked: Asked) -> float | None:
    """InfoSeek's accuracy of numbers: within the range, or a range that shares half with it (intersection / union)."""
    if asked.row.question.answer_type != "number":
        return None
    golds = [(float(low), float(high)) for low, high in asked.meta.get("ranges") or () if low is not None]
    numbers = numbers_in(asked.answer)
    if not golds or not numbers:
        return 0.0 if golds else float(asked.row.correct)
    said = _RANGE.fullmatch(asked.answer.replace(",", ""))
    low, high = sorted((float(said[1]), float(said[2]))) if said else (numbers[0], numbers[0])
    return float(any(_shares(low, high, *gold) for gold in golds))


def _shares(low: float, high: float, wanted_low: float, wanted_high: float) -> bool:
    if low == high:
        return wanted_low <= low <= wanted_high
    both = min(high, wanted_high) - max(low, wanted_low)
    return both / (max(high, wanted_high) - min(low, wanted_low)) >= 0.5


def _sources(asked: Asked) -> float | None:
    """F1 of the cited documents against the gold ones."""
    gold = set(asked.row.question.evidence)
    if not gold or not asked.trace:
        return None
    given = set(asked.cited)
    return 2 * len(gold & given) / (len(gold) + len(given))


def _keywords(asked: Asked) -> float | None:
    """WebQA: the share of the keywords that the answer holds. The published one is an F1 for yes/no, numbers, colours
    and shapes."""
    wanted_words = set(normalise(asked.meta.get("keywords") or " ".join(asked.golds[:1])).split())
    return len(wanted_words & set(normalise(asked.answer).split())) / len(wanted_words) if wanted_words else None


def _rerank(asked: Asked) -> float | None:
    question = asked.row.question
    if not question.candidates:
        return None
    places = {doc: place for place, doc in enumerate(question.candidates)}
    picks = [places[doc] for doc in asked.retrieved if doc in places][:1]
    unsure = {places[doc] for doc in asked.meta.get("not_sure") or () if doc in places}
    return rerank_score(picks, {places[doc] for doc in question.evidence if doc in places}, unsure)


def _requery(asked: Asked) -> float | None:
    gold = asked.row.question.gold_query
    return requery_score(asked.query, gold) if gold and asked.query is not None else None


def _picture_f1(asked: Asked) -> float | None:
    return pictures.picture_scores(asked.row.question.pictures, asked.placed).f1 if asked.trace else None


def _picture_order(asked: Asked) -> float | None:
    return pictures.ordering_score(asked.row.question.pictures, asked.placed) if asked.trace else None


def _rouge(answer: str, golds: Sequence[str]) -> float:
    return max(rouge_l(normalise(answer).split(), normalise(gold).split()) for gold in golds)


def _end_to_end(answer: str, golds: Sequence[str]) -> float:
    return answer_score(answer, golds[0], golds[1:])


def _layout(asked: Asked) -> float | None:
    """Share of the gold area under the regions of cited evidence."""
    gold = [pages.Box(*box) for box in asked.row.question.boxes]
    ledger = (asked.trace.get("answer") or {}).get("evidence") or ()
    found = [
        pages.Box(item["doc_id"], *(float(item["region"][side]) for side in ("x0", "y0", "x1", "y1")))
        for item in ledger
        if item.get("kind") in ("page", "region") and item.get("region")
    ]
    return pages.layout_recall(found, gold) if found else None


Measure = Callable[[Asked], float | Part | None]
MEASURES: Mapping[str, Measure] = {
    "accuracy": lambda asked: float(asked.row.correct),
    "exact_match": _of_golds(squad.squad_exact),
    "token_f1": _of_golds(squad.squad_f1),
    "f1_recall": _of_golds(f1_recall),
    "relaxed_accuracy": _relaxed,
    "anls": _of_golds(relaxed.anls),
    "answerable_f1": _answerable_f1,
    "list_exact_match": _of_golds(list_exact),
    "list_f1": _of_golds(list_f1),
    "choice_accuracy": _choice,
    "vqa_accuracy": _vqa,
    "relaxed_range_accuracy": _in_range,
    "webqa_keywords": _keywords,
    "rouge_l": _of_golds(_rouge),
    "mmsearch_end2end": _of_golds(_end_to_end),
    "mmsearch_summarization": _of_golds(_end_to_end),
    "mmsearch_requery": _requery,
    "mmsearch_rerank": _rerank,
    "recall": lambda asked: asked.row.recall,
    "ndcg": lambda asked: asked.row.ndcg,
    "mrr": lambda asked: ranking.reciprocal_rank(asked.retrieved, asked.row.question.evidence),
    "page_recall": lambda asked: pages.page_recall(asked.retrieved, asked.row.question.evidence, asked.k),
    "figure_recall": lambda asked: ranking.recall_at(asked.retrieved, asked.row.question.evidence, asked.k),
    "average_precision_50": lambda asked: ranking.average_precision(asked.retrieved, asked.row.question.evidence, 50),
    "ndcg_50": lambda asked: ranking.ndcg_at(asked.retrieved, asked.row.question.evidence, 50),
    "layout_recall": _layout,
    "support_f1": _sources,
    "supporting_facts_f1": _sources,
    "source_f1": _sources,
    "picture_f1": _picture_f1,
    "picture_order": _picture_order,
}
"""By the names that questions give. ``supporting_facts_f1`` is over paragraphs: citations name no sentence numbers."""
