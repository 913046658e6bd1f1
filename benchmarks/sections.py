"""Does it pay to find documents by the mean of their passages first? Recall of evidence, question by question.

``python benchmarks/sections.py QUESTIONS.jsonl --index DIR`` asks the collection every question without a picture, as
it stands, with each number of documents, and prints recall@1, @5, @10 of the evidence documents, the mean difference
to the search as it is and its 95 % interval (bootstrap over questions).
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import numpy as np

from foveal.tools.embed.eye import Eye
from foveal.tools.embed.text import MiniLm
from foveal.tools.index.collection import LocalCollection
from foveal.tools.index.enrich import Embedders
from foveal.tools.index.options import SearchOptions

DOCUMENTS = (0, 5, 25, 100)
DEPTHS = (1, 5, 10)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("questions", type=Path)
    arguments.add_argument("--index", type=Path, required=True)
    options = arguments.parse_args()
    rows = [json.loads(line) for line in options.questions.read_text("utf-8").splitlines() if line.strip()]
    rows = [row for row in rows if row["evidence"] and not row["images"]]
    eye, text = Eye(), MiniLm()
    print(f"{len(rows)} questions\ndocuments   " + "".join(f"{f'recall@{k}':>34}" for k in DEPTHS))
    plain: np.ndarray | None = None
    for n in DOCUMENTS:
        collection = LocalCollection.open(
            options.index, Embedders(text, eye, eye), options=SearchOptions(document_means=n)
        )
        found = np.array([asyncio.run(recalls(collection, row)) for row in rows])
        collection.close()
        plain = found if plain is None else plain
        print(f"{n or 'off':>9}   " + "".join(f"{cell(found[:, i], plain[:, i]):>34}" for i in range(len(DEPTHS))))


async def recalls(collection: LocalCollection, row: dict[str, object]) -> list[float]:
    """Return which share of the evidence documents is among the first of each depth."""
    evidence = set(row["evidence"])  # type: ignore[call-overload]
    hits = await collection.search_text(str(row["question"]), k=200)
    docs = list(dict.fromkeys(hit.doc_id for hit in hits))
    return [len(evidence & set(docs[:k])) / len(evidence) for k in DEPTHS]


def cell(found: np.ndarray, plain: np.ndarray) -> str:
    difference = found - plain
    rng = np.random.default_rng(0)
    means = difference[rng.integers(0, len(found), (2000, len(found)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return f"{found.mean():.3f} ({difference.mean():+.3f}: {low:+.3f} to {high:+.3f})"


if __name__ == "__main__":
    main()
