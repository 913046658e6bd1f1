"""Compare plans with gold decompositions: hops found, order, over- and under-splitting.

    python benchmarks/decomposition.py QUESTIONS.jsonl [--model SPEC] [--verbose] [--json]

A question a line, with its gold hops as ``decomposition`` (objects with ``question``, or strings), MuSiQue's
own ``question_decomposition``, or 2WikiMultihopQA's ``evidences`` (triples). ``#N`` stands for hop N's answer.

Let W(h) be the content words (stemmed, without function words) of hop h that also stand in the question, and
E(h) = W(h) ∪ E(every hop that h refers to). A planned step p fits a gold hop g with
J(g, p) = |E(g) ∩ E(p)| / |E(g) ∪ E(p)|; hops and steps are paired one to one so that the sum of J is largest,
and a hop is *found* when J ≥ 0.5. *Order* is the share of gold "depends on" pairs (transitive) of found hops
that hold between their steps too. *Over* and *under* count steps and hops that have no partner. *Exact* plans
find every hop, in order, with no step beyond. Steps that compute in code are no hops and are passed through.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from foveal.agents.decompose import decompose
from foveal.agents.values import fold
from foveal.types import Plan

FOUND = 0.5
_STOP = frozenset(
    "a an the of in on at to by for from with and or is are was were be been do does did has have had that which who "
    "whom whose what when where why how it its he she his her they their this these those as into s".split()
)
_REFERENCE = re.compile(r"#(s?\d+)")


@dataclass(frozen=True, slots=True)
class Hop:
    """One gold hop or planned step: its words, and the indices (before its own) of those it refers to."""

    text: str
    words: frozenset[str]
    parents: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """One question: counts of hops, and of ordered pairs among those that were found."""

    id: str
    question: str
    gold: int
    planned: int
    found: int
    pairs: int
    ordered: int
    plan: tuple[str, ...]
    missed: tuple[str, ...]

    @property
    def exact(self) -> bool:
        return self.found == self.gold == self.planned and self.ordered == self.pairs


def stem(word: str) -> str:
    """Return *word* without the endings that inflect it."""
    for ending in ("ing", "ed", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def content(text: str) -> frozenset[str]:
    """Return the stems of the words of *text* that carry content."""
    plain = _REFERENCE.sub(" ", text).replace("'s", " ").replace("’s", " ")
    return frozenset(stem(w) for w in fold(plain).split() if w not in _STOP)


def gold_hops(row: Mapping[str, Any]) -> list[Hop]:
    """Return the gold hops of a question in one of the three shapes; empty when it has none."""
    asked = content(row["question"])
    listed = row.get("decomposition") or row.get("question_decomposition") or []
    texts = [d if isinstance(d, str) else d["question"] for d in listed]
    if not texts and row.get("evidences"):
        objects = [str(triple[2]) for triple in row["evidences"]]
        texts = [
            f"{'#' + str(objects[:n].index(str(s)) + 1) if str(s) in objects[:n] else s} >> {relation}"
            for n, (s, relation, _) in enumerate(row["evidences"])
        ]
    return [
        Hop(t, content(t) & asked, tuple(int(r) - 1 for r in _REFERENCE.findall(t) if r.isdigit() and int(r) <= n))
        for n, t in enumerate(texts)
    ]


def planned_hops(plan: Plan, question: str) -> list[Hop]:
    """Return the look-ups of *plan*; a step that refers to a computed one refers to what that was computed from."""
    asked = content(question)
    known: dict[str, tuple[int, ...]] = {}
    hops: list[Hop] = []
    for step in plan.steps:
        parents = tuple(dict.fromkeys(p for d in step.depends_on for p in known.get(d, ())))
        if step.purpose in ("compute", "compare"):
            known[step.id] = parents
            continue
        known[step.id] = (len(hops),)
        hops.append(Hop(step.text, content(step.text) & asked, parents))
    return hops


def ancestors(hops: Sequence[Hop]) -> list[set[int]]:
    """Return for every hop the indices of all hops it rests on."""
    found: list[set[int]] = []
    for hop in hops:
        found.append({a for p in hop.parents for a in (p, *found[p])})
    return found


def pair(gold: Sequence[Hop], planned: Sequence[Hop]) -> dict[int, int]:
    """Return the one-to-one pairing of gold hops and steps with the largest sum of J, pairs of J ≥ 0.5 only."""

    def expanded(hops: Sequence[Hop]) -> list[frozenset[str]]:
        return [
            hop.words.union(*(hops[a].words for a in above)) for hop, above in zip(hops, ancestors(hops), strict=True)
        ]

    left, right = expanded(gold), expanded(planned)
    fit = [[len(g & p) / max(1, len(g | p)) for p in right] for g in left]

    @cache
    def best(n: int, taken: int) -> tuple[float, tuple[tuple[int, int], ...]]:
        if n == len(gold):
            return 0.0, ()
        options = [best(n + 1, taken)]
        for m, j in enumerate(fit[n]):
            if j >= FOUND and not taken >> m & 1:
                total, pairs = best(n + 1, taken | 1 << m)
                options.append((total + j, ((n, m), *pairs)))
        return max(options, key=lambda option: option[0])

    return dict(best(0, 0)[1])


def score(row: Mapping[str, Any], plan: Plan) -> Score:
    """Compare *plan* with the gold hops of *row*."""
    gold, planned = gold_hops(row), planned_hops(plan, row["question"])
    paired = pair(gold, planned)
    above, below = ancestors(gold), ancestors(planned)
    pairs = [(a, b) for b in paired for a in above[b] if a in paired]
    return Score(
        id=str(row.get("id", "")),
        question=row["question"],
        gold=len(gold),
        planned=len(planned),
        found=len(paired),
        pairs=len(pairs),
        ordered=sum(paired[a] in below[paired[b]] for a, b in pairs),
        plan=tuple(f"{s.id}: {s.text}" for s in plan.steps),
        missed=tuple(h.text for n, h in enumerate(gold) if n not in paired),
    )


def summary(scores: Sequence[Score]) -> dict[str, float]:
    """Return the shares over all hops, pairs and questions."""

    def share(part: Iterable[int], whole: Iterable[int]) -> float:
        return round(sum(part) / max(1, sum(whole)), 3)

    return {
        "questions": len(scores),
        "hops_found": share((s.found for s in scores), (s.gold for s in scores)),
        "order": share((s.ordered for s in scores), (s.pairs for s in scores)),
        "over_splitting": share((s.planned - s.found for s in scores), (s.planned for s in scores)),
        "under_splitting": share((s.gold - s.found for s in scores), (s.gold for s in scores)),
        "same_length": share((s.planned == s.gold for s in scores), (1 for _ in scores)),
        "exact": share((s.exact for s in scores), (1 for _ in scores)),
    }


async def plans_of(rows: Sequence[Mapping[str, Any]], spec: str | None) -> list[Plan]:
    """Plan every question by form, or as a model plans it that can plan freely."""
    if spec is None:
        return [decompose(row["question"]) for row in rows]
    from foveal.agents.planner import make_plan
    from foveal.settings import Settings
    from foveal.tools.models.registry import make_model

    model = make_model(spec, Settings())
    try:
        return [await make_plan(row["question"], (), model) for row in rows]
    finally:
        await model.aclose()


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--model", help="a model that plans freely; without one the plans are by form alone")
    parser.add_argument("--verbose", action="store_true", help="print every plan that is not exact")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args(argv)
    lines = args.questions.read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, filter(None, lines)) if gold_hops(row)]
    plans = asyncio.run(plans_of(rows, args.model))
    scores = [score(row, plan) for row, plan in zip(rows, plans, strict=True)]
    if args.json:
        print(json.dumps({"summary": summary(scores), "questions": [asdict(s) for s in scores]}, indent=1))
        return
    for one in scores if args.verbose else []:
        if not one.exact:
            print(f"\n{one.question}\n  found {one.found} of {one.gold}, {one.planned} planned")
            print("\n".join(f"    {line}" for line in one.plan))
            print("\n".join(f"    missed: {line}" for line in one.missed))
    print("\n" + "\n".join(f"{name:16} {value}" for name, value in summary(scores).items()))


if __name__ == "__main__":
    main()
