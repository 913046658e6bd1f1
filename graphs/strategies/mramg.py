"""MRAMG: answers in sentences, with the pictures that were found placed where they belong.

Yu et al., "MRAMG-Bench: A Comprehensive Benchmark for Advancing Multimodal Retrieval-Augmented Multimodal Generation",
SIGIR 2025 (arXiv 2502.04176).

*Faithful*: passages and pictures are retrieved together; ``model`` shows the model the passages and the numbered
pictures with their captions and lets it put a picture behind each sentence (the paper's LLM-based way, and with a model
that sees its MLLM-based one); ``matching`` lets it write the sentences alone and then matches sentences and pictures in
code (the rule-based way): one-to-one, so that the sum of their similarities is the highest, and none below a threshold.

*Different, and why*: the placeholder in the text is a number beside each sentence under a schema, so that a picture can
only be one that was found: a small model invents names of placeholders. The weights of the paper's rule are not known;
ours is cosine(sentence, title and caption of the picture), without pairs under 0.3. Behind the sentences the model also
gives the answer in a few words, by which the sources are found. A picture is kept where it was placed first. At most
three sentences and four pictures: prompts are short.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from foveal.agents.markdown import safe_markdown
from foveal.errors import ModelOutputError
from foveal.graphs.strategies.desk import Desk
from foveal.graphs.strategies.draft import Draft, said
from foveal.graphs.strategies.haystack import distinct, gather
from foveal.graphs.strategies.methods import Method
from foveal.types import Evidence

PICTURES, PASSAGES, CHARS = 4, 4, 350
SENTENCES, SENTENCE_CHARS = 3, 160
TAU = 0.3
_MARKUP = re.compile(r"[\[\]\\`<>!&]")


async def solve(desk: Desk) -> Draft:
    """Retrieve passages and pictures, have sentences written, and place the pictures."""
    hay = await gather(desk, k=PASSAGES)
    described = await desk.pictures(desk.question, k=PICTURES)
    shown = pictures_of([*hay.found, *described], {image.sha256 for image in desk.images})[:PICTURES]
    passages = distinct([*(e for e in hay.found if e.quote), *shown])[: PASSAGES + 2]
    by_model = desk.variant == "model"
    try:
        call = await desk.ask(
            "mramg",
            schema=schema(len(shown) if by_model else 0),
            max_tokens=130,
            stop=(),
            images=(*desk.images, *(e.image or "" for e in shown)) if by_model else desk.images,
            ending=True,
            question=desk.question,
            seen=hay.seen(desk),
            passages=desk.rows(passages, chars=CHARS),
            pictures=desk.rows(shown, chars=120) if by_model else [],
        )
    except ModelOutputError:
        return await desk.answer(passages)
    answer, sentences, chosen = written(call.parsed, len(shown))
    if answer is None:
        return Draft(None, tuple(passages), 0.0, "the passages do not tell it")
    placed = chosen if by_model else await _matched(desk, sentences, shown)
    used = [shown[n] for n in placed if n is not None]
    told = f"{len(used)} of {len(shown)} pictures placed"
    return Draft(answer, tuple(passages), 0.5, told, shown=interleaved(sentences, placed, shown), pictures=tuple(used))


def pictures_of(found: Sequence[Evidence], own: set[str]) -> list[Evidence]:
    """Return an entry of each picture in *found*, in their order, as pictures; without the question's *own*."""
    first: dict[str, Evidence] = {}
    for entry in found:
        if entry.image and entry.image not in own:
            first.setdefault(entry.image, replace(entry, kind="image"))
    return list(first.values())


def schema(pictures: int) -> Mapping[str, Any]:
    """Return the form of a reply; with *pictures*, each sentence names one of them, or 0 for none."""
    sentence: dict[str, Any] = {"text": {"type": "string", "maxLength": SENTENCE_CHARS}}
    if pictures:
        sentence["picture"] = {"type": "integer", "enum": list(range(pictures + 1))}
    items = {"type": "object", "properties": sentence, "required": list(sentence), "additionalProperties": False}
    listed = {"type": "array", "minItems": 1, "maxItems": SENTENCES, "items": items}
    properties = {"sentences": listed, "answer": {"type": "string", "maxLength": 80}}
    return {
        "type": "object", "properties": properties, "required": list(properties), "additionalProperties": False,
    }  # fmt: skip


def written(parsed: Any, pictures: int) -> tuple[str | None, list[str], list[int | None]]:
    """Return of a reply the short answer, the sentences, and the index (from 0) of the picture behind each.

    A number that is no picture's is none, and a picture stands behind the first sentence that names it alone.
    """
    reply = parsed if isinstance(parsed, dict) else {}
    rows = reply.get("sentences")
    sentences: list[str] = []
    placed: list[int | None] = []
    for row in rows if isinstance(rows, list) else ():
        if not isinstance(row, dict) or not (text := " ".join(str(row.get("text") or "").split())):
            continue
        n = row.get("picture")
        known = isinstance(n, int) and not isinstance(n, bool) and 1 <= n <= pictures and n - 1 not in placed
        sentences.append(text)
        placed.append(n - 1 if known and isinstance(n, int) else None)
    return said(str(reply.get("answer") or "")), sentences, placed


async def _matched(desk: Desk, sentences: Sequence[str], shown: Sequence[Evidence]) -> list[int | None]:
    if not sentences or not shown:
        return [None] * len(sentences)
    vectors = await desk.embed([*sentences, *(f"{e.title}. {e.quote[:CHARS]}" for e in shown)])
    return matching(vectors[: len(sentences)] @ vectors[len(sentences) :].T)


def matching(similarity: np.ndarray, tau: float = TAU) -> list[int | None]:
    """Return the column for each row of *similarity* [sentences, pictures], None without one.

    The bipartite matching of the greatest sum, pairs under *tau* left out: no picture twice, at most one a sentence.
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(np.where(similarity >= tau, similarity, 0.0), maximize=True)
    pairs = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    return [c if (c := pairs.get(r)) is not None and similarity[r, c] >= tau else None for r in range(len(similarity))]


def interleaved(sentences: Sequence[str], placed: Sequence[int | None], shown: Sequence[Evidence]) -> str:
    """Return the sentences as Markdown, behind each the picture that was placed there; "" without sentences."""
    parts: list[str] = []
    for text, n in zip(sentences, placed, strict=True):
        parts.append(safe_markdown(text))
        if n is not None:
            parts.append(f"![{_MARKUP.sub('', shown[n].title)}](<{shown[n].image}>)")
    return " ".join(parts)


METHOD = Method(
    "mramg",
    "Yu et al., MRAMG-Bench: A Comprehensive Benchmark for Advancing Multimodal Retrieval-Augmented Multimodal "
    "Generation, SIGIR 2025 (arXiv 2502.04176)",
    "writes the answer in sentences and places the pictures that were found among them",
    solve,
)
