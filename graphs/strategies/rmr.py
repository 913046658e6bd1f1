"""RMR: worked examples that are like the question are put before it, so that the model reasons as they do.

Tan et al., "Retrieval Meets Reasoning: Even High-school Textbook Knowledge Benefits Multimodal Reasoning", 2024 (arXiv
2405.20834).

*Faithful*: a memory of (question, rationale, answer) triplets; the question and its picture are one vector, the mean of
both embeddings or the one there is; the triplets of the nearest vectors are put into the prompt as examples of how to
reason; the model writes a rationale and then the answer; nothing is trained.

*Different, and why*: the paper's memory is ScienceQA and its model answers from that and from what it knows. Ours is a
dozen worked examples that come with Foveal, or those of the setting ``exemplars``: a file, or a folder of saved runs,
whose steps are the rationale. Facts of a collection are in no memory: the passages that one search finds stand beside
the examples, and the answer is to come from them. An example that asks the very question is left out. Pictures
are embedded as the words that are seen in them, since the embedded eye and the text embedder share no space. The
paper's number of examples is not known; two are shown, for each costs a small model seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from foveal.errors import ModelOutputError
from foveal.graphs.strategies import exemplars
from foveal.graphs.strategies.desk import Desk
from foveal.graphs.strategies.draft import Draft, said
from foveal.graphs.strategies.exemplars import Exemplar
from foveal.graphs.strategies.haystack import gather
from foveal.graphs.strategies.methods import Method

SHOWN = 2
PASSAGES, CHARS = 4, 400
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "rationale": {"type": "string", "maxLength": 240},
        "answer": {"type": "string", "maxLength": 80},
    },
    "required": ["rationale", "answer"],
    "additionalProperties": False,
}


async def solve(desk: Desk) -> Draft:
    """Recall examples, retrieve passages, and reason as the examples do."""
    recalled = await _recall(desk, desk.exemplars or exemplars.load())
    hay = await gather(desk)
    found = hay.found[: PASSAGES + len(desk.images)]
    try:
        call = await desk.ask(
            "rmr",
            schema=SCHEMA,
            max_tokens=110,
            stop=(),
            images=desk.images,
            ending=True,
            question=desk.question,
            seen=hay.seen(desk),
            passages=desk.rows(found, chars=CHARS),
            exemplars=[e.row() for e in recalled],
        )
    except ModelOutputError:
        return await desk.answer(found)
    reply = call.parsed if isinstance(call.parsed, dict) else {}
    answer, why = said(str(reply.get("answer") or "")), str(reply.get("rationale") or "")
    like = ", ".join(f"“{e.question}”" for e in recalled)
    return Draft(answer, found, 0.5 if answer else 0.0, f"{why} (as in {like})"[:400])


async def _recall(desk: Desk, memory: Sequence[Exemplar]) -> list[Exemplar]:
    """Return the triplets of *memory* that are nearest to the question and its pictures, the nearest last."""
    memory = [e for e in memory if e.question != desk.question]  # a saved run would give the question away
    seen = " ".join(desk.words(image) for image in desk.images)
    vectors = await desk.embed(
        [text or "-" for e in (Exemplar(desk.question, "", "", seen), *memory) for text in (e.question, e.picture)]
    )
    joint = averaged(vectors[::2], vectors[1::2], np.array([bool(seen), *(bool(e.picture) for e in memory)]))
    nearest = np.argsort(-(joint[1:] @ joint[0]), kind="stable")[:SHOWN]
    return [memory[n] for n in nearest[::-1]]


def averaged(texts: np.ndarray, pictures: np.ndarray, pictured: np.ndarray) -> np.ndarray:
    """Return ``(E(text) + E(picture)) / 2`` at unit length [n, dim], the text's alone where *pictured* [n] is false."""
    both = np.where(pictured[:, None], (texts + pictures) / 2, texts)
    return np.asarray(both / np.maximum(np.linalg.norm(both, axis=1, keepdims=True), 1e-12))


METHOD = Method(
    "rmr",
    "Tan et al., Retrieval Meets Reasoning: Even High-school Textbook Knowledge Benefits Multimodal Reasoning, 2024 "
    "(arXiv 2405.20834)",
    "recalls worked examples that are like the question and reasons as they do",
    solve,
)
