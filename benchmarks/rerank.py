"""Does a reranker pay? Evidence recall, answers, calls and seconds of each reranker with each selector.

    python benchmarks/rerank.py QUESTIONS.jsonl INDEX --out DIR [--categories a,b] [--limit N] [--pool N]
        [--rerankers none,model,…] [--selectors 'fixed:1 absolute:0.5,2 …'] [--answers 'none fixed:8;model fixed:3']

1. The questions are asked once, and what each lookup found is kept: a *pool*, as a reranker would get it. Lookups
   that a record answers by its key, and those of a page that the question names, are never reranked and left out.
2. Each reranker scores each pool once; every selector is tried on those scores.
3. With ``--answers`` the questions are asked again with those rerankers and selectors, and the answers judged.

Everything is kept in DIR: after an interruption the same command goes on. Over pools that hold a document of the
question's gold evidence, ``recall@k`` is the share in which one is among the first k that are kept, ``recall`` among
all that are kept, and ``same k`` what fixed k gives at the same mean k (between whole k by proportion): a rule pays
only when it is above that. ``none`` is the share of all pools of which nothing is kept, ``none right`` the share of
those that hold no gold document, ``fired`` how often the rule kept something else than the first k.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

from foveal.agents.selectors import Selection, Selector
from foveal.cli import seams
from foveal.evaluation.predictions import load_predictions
from foveal.evaluation.questions import Question, load_questions
from foveal.evaluation.runner import Runner
from foveal.evaluation.score import judge, load_traces
from foveal.graphs.budget import Meter, MeteredModel
from foveal.graphs.reranking import make_reranking
from foveal.graphs.state import Reranking
from foveal.protocols import ChatModel
from foveal.settings import Settings, load_settings
from foveal.types import Budget, Candidate, Scored

SELECTORS = (
    "fixed:1 fixed:3 fixed:5 absolute:0.5,2 up-to-k:0.5,5 up-to-k:0.3,5 relative:0.5,5 ratio-to-top:1.5,5 "
    "adjacent-gap:0.7,5 keep-argmax:1 keep-argmax:3"
)


@dataclass(frozen=True, slots=True)
class Pool:
    """What a lookup found, in the order of the search, and the question's gold documents."""

    question: str
    query: str
    gold: tuple[str, ...]
    candidates: tuple[Candidate, ...]

    @property
    def key(self) -> str:
        """Name the pool: one question may look up several things."""
        return f"{self.question}|{self.query}"


@dataclass(frozen=True, slots=True)
class Scores:
    """One reranker's scores of a pool, best first, with the place of each in the pool, and what they cost."""

    places: Sequence[int]
    scores: Sequence[float]
    calls: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """What a reranker and a selector give; see the top of this file. ``seconds`` is the median of a pool."""

    reranker: str
    selector: str
    n: int
    mean_k: float
    recall_1: float
    recall_5: float
    recall: float
    same_k: float
    none: float
    none_right: float | None
    fired: float
    calls: float
    seconds: float


class Collector:
    """A reranker that leaves the order as it is and keeps what it was given."""

    name, scale, per_candidate, metered = "none", "rank", False, True

    def __init__(self) -> None:
        self.seen: list[tuple[str, tuple[Candidate, ...]]] = []

    async def rerank(self, query: str, candidates: Sequence[Candidate]) -> list[Scored]:
        """Keep *candidates*; return them as they are."""
        self.seen.append((query, tuple(candidates)))
        return [Scored(n, 1 / (n + 1)) for n in range(len(candidates))]


class Kept:
    """A file of finished things, a JSON object a line, each with a key; a torn last line is left out."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.rows: dict[str, Any] = {}
        for line in path.read_text("utf-8").splitlines() if path.exists() else ():
            try:
                row = json.loads(line)
            except ValueError:
                continue
            self.rows[row["key"]] = row["value"]

    def add(self, key: str, value: Any) -> None:
        """Append a finished thing."""
        self.rows[key] = value
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" * bool(self.torn()) + json.dumps({"key": key, "value": value}) + "\n")

    def torn(self) -> bool:
        """Say whether the last line was cut off by a kill."""
        data = self.path.read_bytes() if self.path.exists() else b""
        return bool(data) and not data.endswith(b"\n")


async def collect(questions: Sequence[Question], settings: Settings, size: int, kept: Kept) -> list[Pool]:
    """Ask *questions* and return the pools of their lookups, those that are kept already as they are."""
    todo = [q for q in questions if q.id not in kept.rows]
    if todo:
        async with seams.make_foveal(settings) as foveal:
            for question in todo:
                collector = Collector()
                plain = Reranking(lambda model, c=collector: c, Selector("fixed", (8,)), size)  # type: ignore[misc]
                foveal.tools.__dict__["reranking"] = plain
                await foveal.ask(question.question, [Path(p) for p in question.images])
                kept.add(question.id, [(query, [asdict(c) for c in found]) for query, found in collector.seen])
    pools: dict[str, Pool] = {}
    for question in questions:
        gold = tuple(dict.fromkeys(d for step in (question.evidence_steps or (question.evidence,)) for d in step))
        for query, found in kept.rows[question.id]:
            pool = Pool(question.id, query, gold, tuple(Candidate(**c) for c in found))
            pools.setdefault(pool.key, pool)
    return list(pools.values())


async def score(name: str, pools: Sequence[Pool], settings: Settings, kept: Kept) -> dict[str, Scores]:
    """Return the scores of *pools* by one reranker, made where they are not kept."""
    if name == "none":
        return {p.key: _in_order(len(p.candidates)) for p in pools}
    todo = [p for p in pools if p.key not in kept.rows]
    if todo:
        async with seams.make_foveal(settings) as foveal:
            await foveal.tools.prepare()
            reranking = make_reranking(name, "fixed:1", settings.rerank_pool, foveal.tools.picture)
            for pool in todo:
                kept.add(pool.key, asdict(await _scored(reranking, pool, foveal.tools.models["solver"])))
    return {p.key: Scores(**kept.rows[p.key]) for p in pools}


def _in_order(n: int) -> Scores:
    return Scores(tuple(range(n)), tuple(1 / (i + 1) for i in range(n)), 0, 0.0)


async def _scored(reranking: Reranking, pool: Pool, model: ChatModel) -> Scores:
    meter = Meter(replace(Budget(), model_calls=None, tool_calls=None, tokens=None, seconds=None))
    assert reranking.make is not None
    began = time.perf_counter()
    scored = await reranking.make(MeteredModel(model, meter)).rerank(pool.query, pool.candidates)
    seconds = round(time.perf_counter() - began, 3)
    return Scores(tuple(s.index for s in scored), tuple(s.score for s in scored), meter.usage.model_calls, seconds)


def row(reranker: str, selector: Selector, pools: Sequence[Pool], scores: Mapping[str, Scores]) -> Row:
    """Return what *selector* gives on *scores* of *pools*."""
    kept = {p.key: selector(scores[p.key].scores) for p in pools}
    reachable = [p for p in pools if any(c.doc_id in p.gold for c in p.candidates)]
    mean_k = fmean(len(k.kept) for k in kept.values())

    def hit(pool: Pool, places: Sequence[int], k: int | None = None) -> bool:
        order = [scores[pool.key].places[i] for i in places][:k]
        return any(pool.candidates[i].doc_id in pool.gold for i in order)

    def share(k: int | None, chosen: Mapping[str, Selection] | None = None) -> float:
        if not reachable:
            return 0.0
        places = {p.key: chosen[p.key].kept if chosen else range(len(p.candidates)) for p in reachable}
        return fmean(hit(p, places[p.key], k) for p in reachable)

    low = int(mean_k)
    same = (1 - mean_k + low) * (share(low) if low else 0.0) + (mean_k - low) * share(low + 1)
    empty = [p for p in pools if not kept[p.key].kept]
    right = fmean(p not in reachable for p in empty) if empty else None
    return Row(
        reranker, str(selector), len(reachable), mean_k, share(1, kept), share(5, kept), share(None, kept), same,
        len(empty) / len(pools), right, fmean(k.fired for k in kept.values()),
        fmean(scores[p.key].calls for p in pools), median(scores[p.key].seconds for p in pools),
    )  # fmt: skip


def rows(
    rerankers: Sequence[str], selectors: Sequence[str], pools: Sequence[Pool], scored: Mapping[str, Any]
) -> Iterator[Row]:
    """Yield a row for each reranker and each selector that means something on its scores."""
    for reranker in rerankers:
        for spec in selectors:
            selector = Selector.parse(spec)
            if selector.fits("rank" if reranker.startswith(("none", "listwise")) else
                             "similarity" if reranker.startswith("maxsim") else "probability"):  # fmt: skip
                yield row(reranker, selector, pools, scored[reranker])


async def answers(spec: str, path: Path, picked: Sequence[Question], settings: Settings, out: Path) -> dict[str, Any]:
    """Ask *picked* with the reranker and selector of *spec* ("model up-to-k:0.5,3") and judge the answers."""
    reranker, selector = spec.split()
    chosen = settings.model_copy(update={"reranker": reranker, "selector": selector})
    folder = out / "answers" / spec.replace(" ", "+").replace(":", "_").replace("/", "_")
    async with seams.make_foveal(chosen) as foveal:

        async def ask(question: Question, on_event: Any) -> Any:
            async for event in foveal.stream(question.question, [Path(p) for p in question.images]):
                on_event(event)
            return event.data["answer"]

        await Runner(folder, config={"spec": spec, "questions": load_questions(path).sha256}).run(picked, ask)
    judged = judge(picked, load_predictions(folder / "predictions.jsonl")[0])
    told = [t["answer"]["usage"] for t in load_traces(folder / "traces").values() if t.get("answer")]
    by: dict[str, list[bool]] = {}
    for item in judged:
        by.setdefault(item.question.category, []).append(item.correct)
    return {
        "spec": spec,
        "n": len(judged),
        "accuracy": fmean(j.correct for j in judged),
        "by_category": {c: fmean(v) for c, v in sorted(by.items())},
        "model_calls": fmean(u["model_calls"] for u in told) if told else None,
        "seconds": median(j.prediction.seconds for j in judged if j.prediction),
    }


def table(found: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    head = "reranker|selector|mean k|recall@1|recall@5|recall|same k|none|none right|fired|calls|s"
    lines = [f"|{head}|", "|---" * (head.count("|") + 1) + "|"]
    for r in found:
        right = "-" if r.none_right is None else f"{r.none_right:.2f}"
        lines.append(
            f"|{r.reranker}|{r.selector}|{r.mean_k:.2f}|{r.recall_1:.3f}|{r.recall_5:.3f}|{r.recall:.3f}|{r.same_k:.3f}"
            f"|{r.none:.2f}|{right}|{r.fired:.2f}|{r.calls:.1f}|{r.seconds:.1f}|"
        )
    return "\n".join(lines)


async def measure(given: argparse.Namespace) -> dict[str, Any]:
    """Make or take up what is missing, and return the tables."""
    flags = {"index": given.index, "model": given.model, "deadline": given.deadline, "rerank_pool": given.pool}
    settings = load_settings(flags).model_copy(update={"persist": False})
    names = [c for c in given.categories.split(",") if c]
    loaded = load_questions(given.questions)
    picked = [q for c in (names or [""]) for q in loaded.pick([c] if c else [], given.limit)]
    pools = await collect(picked, settings, given.pool, Kept(given.out / "pools.jsonl"))
    scored = {}
    for name in given.rerankers.split(","):
        file = name.replace(":", "_").replace("/", "_")
        scored[name] = await score(name, pools, settings, Kept(given.out / f"scores-{file}.jsonl"))
    found = list(rows(list(scored), given.selectors.split(), pools, scored)) if pools else []
    asked = [await answers(s.strip(), given.questions, picked, settings, given.out)
             for s in given.answers.split(";") if s.strip()]  # fmt: skip
    counts = {"questions": len(picked), "pools": len(pools), "candidates": sum(len(p.candidates) for p in pools)}
    return {**counts, "rows": [asdict(r) for r in found], "answers": asked}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("questions", type=Path)
    parser.add_argument("index", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--categories", default="", help="default: all; --limit counts within each")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--pool", type=int, default=20)
    parser.add_argument("--model")
    parser.add_argument("--deadline", type=float, default=3600)
    parser.add_argument("--rerankers", default="none,model,listwise")
    parser.add_argument("--selectors", default=SELECTORS)
    parser.add_argument("--answers", default="")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    result = asyncio.run(measure(given))
    if given.json:
        print(json.dumps(result, indent=1))
        return
    print("{questions} questions, {pools} lookups, {candidates} candidates".format(**result))
    print(table([Row(**r) for r in result["rows"]]))
    for told in result["answers"]:
        print(json.dumps(told))


if __name__ == "__main__":
    main()
