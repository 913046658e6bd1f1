"""AR-MCTS: every reasoning step retrieves for itself, several next steps are tried, and a verifier leads the search.

Dong et al., "Progressive Multimodal Reasoning via Active Retrieval", ACL 2025 (arXiv 2412.14835).

*Faithful*: a tree of sentence-long steps; a leaf is chosen by its upper confidence bound; to go on from it, it is
searched afresh with the question and the steps so far, and what is found takes the place of what the step before had;
a passage is kept when it is near to the question as it stands and to the concept that the question is about (both
thresholds); candidates for the next step are verified one by one, and their mean goes up the tree; at most four
rounds; the answer is the concluding step that the verifier finds best.

*Different, and why*: the process reward model is trained; here it is the probability of "Yes" to "is this step right".
Models answer greedily here, so that the two candidates come from one call that is asked for two different steps
instead of being sampled. The joint embedding of picture and words is the name of the look-alike before the words.
The concept is a label that its data sets have; here it is the names in the question and the steps so far. The paper's
thresholds and C are not known: 0.25 and 0.15 of a cosine and C² = ½ are ours. The bound is the standard
one, not as printed (:func:`foveal.graphs.strategies.tree.uct`). The search ends early when a conclusion is verified
with 0.8. A step that was taken before is none. When no step concludes, or none can be read, the shared generator
answers from what the best step rests on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from foveal.agents.names import proper_names
from foveal.agents.selectors import dual_threshold
from foveal.errors import ModelOutputError
from foveal.graphs.strategies import tree
from foveal.graphs.strategies.desk import Desk
from foveal.graphs.strategies.draft import Draft, said
from foveal.graphs.strategies.haystack import Haystack, distinct, gather
from foveal.graphs.strategies.methods import Method
from foveal.graphs.strategies.tree import Node
from foveal.types import Evidence

ROUNDS = 4
CANDIDATES = 2
T_R, T_KC = 0.25, 0.15
SURE = 0.8
PASSAGES, CHARS = 3, 350
STEP_CHARS = 160
SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "steps": {
            "type": "array",
            "minItems": 1,
            "maxItems": CANDIDATES,
            "items": {"type": "string", "maxLength": STEP_CHARS},
        }
    },
    "required": ["steps"],
    "additionalProperties": False,
}
_CONCLUDES = re.compile(r"\banswer\s(?:to\s[^.]*?\s)?is:?\s+(?P<answer>.+)$", re.I | re.S)


async def solve(desk: Desk) -> Draft:
    """Search the tree of steps, and answer with the best conclusion."""
    root, hay, fired = Node(), Haystack(()), 0
    for _ in range(ROUNDS):
        node = tree.select(root)
        if node is None:
            break
        if node is root:
            hay = await gather(desk)
            found: Sequence[Evidence] = hay.found
        else:
            found = await desk.search(query_of(node, hay.about(desk.question)), k=2 * PASSAGES)
        node.evidence = await _near(desk, node, found, hay)
        fired += len(node.evidence) < min(PASSAGES, len(found))
        await _expand(desk, node, hay.seen(desk))
        ended = tree.best(root)
        if ended is not None:
            told = f"{len(list(root.nodes())) - 1} steps tried; the filter fired {fired} times"
            desk.standing = Draft(ended.answer, rested_on(ended), ended.value, told)
            if ended.value >= SURE:
                break
    if desk.standing.text is not None:
        return desk.standing
    node = max((n for n in root.nodes() if n.parent), key=lambda n: n.value, default=root)
    known = " ".join([*(n.step for n in node.path), desk.question])
    return await desk.answer(distinct([*rested_on(node), *hay.found])[: PASSAGES + 1], question=known)


def query_of(node: Node, question: str) -> str:
    """Return the words that are searched to go on from *node*: the question and the steps so far."""
    return " ".join([question, *(n.step for n in node.path)])[:400]


def candidates(parsed: Any) -> list[tuple[str, str | None]]:
    """Return the different steps of a reply, and what each concludes with ("The answer is …"); nothing else of it."""
    rows = parsed.get("steps") if isinstance(parsed, dict) else None
    told: dict[str, str | None] = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, str) and (step := " ".join(row.split())[:STEP_CHARS]):
            concluding = _CONCLUDES.search(step)
            told.setdefault(step, said(concluding["answer"]) if concluding else None)
    return list(told.items())[:CANDIDATES]


async def _expand(desk: Desk, node: Node, seen: str) -> None:
    """Ask for next steps, verify each, and put them below *node*."""
    asked: dict[str, Any] = {
        "question": desk.question,
        "seen": seen,
        "passages": desk.rows(node.evidence, chars=CHARS),
        "steps": [{"text": n.step} for n in node.path],
    }
    try:
        call = await desk.ask("ar_mcts", schema=SCHEMA, max_tokens=100, stop=(), images=desk.images, **asked)
        steps = [(step, answer) for step, answer in candidates(call.parsed) if step not in {n.step for n in node.path}]
    except ModelOutputError:  # the leaf is closed: the search goes on elsewhere
        steps = []
    told = {
        "question": desk.question,
        "seen": seen,
        "passages": "\n".join(f"{row['title']}: {row['text']}" for row in asked["passages"]),
        "steps": " ".join(n.step for n in node.path),
    }
    verified = (desk.yes("ar_mcts_verify", images=desk.images, step=step, **told) for step, _ in steps)
    tree.expand(node, steps, await asyncio.gather(*verified))


async def _near(desk: Desk, node: Node, found: Sequence[Evidence], hay: Haystack) -> tuple[Evidence, ...]:
    """Return the passages near to the question as it stands and to its concept, the nearest first; perhaps none."""
    if not found:
        return ()
    named = [name for text in (desk.question, *(n.step for n in node.path)) for name in proper_names(text)]
    concept = ", ".join(dict.fromkeys((*hay.names, *named))) or desk.question
    texts = [query_of(node, hay.about(desk.question)), concept, *(f"{e.title}. {e.quote[:CHARS]}" for e in found)]
    vectors = await desk.embed(texts)
    to_query, to_concept = (np.clip(vectors[2:] @ vectors[n], 0.0, 1.0) for n in (0, 1))
    order = [int(n) for n in np.argsort(-to_query, kind="stable")]
    scores, about = [float(to_query[n]) for n in order], [float(to_concept[n]) for n in order]
    return tuple(found[order[n]] for n in dual_threshold(scores, T_R, T_KC, PASSAGES, concept=about).kept)


def rested_on(node: Node) -> tuple[Evidence, ...]:
    """Return what the steps up to *node* were made from, the last one's first."""
    return distinct([e for n in node.path[::-1] if n.parent for e in n.parent.evidence])


METHOD = Method(
    "ar_mcts",
    "Dong et al., Progressive Multimodal Reasoning via Active Retrieval, ACL 2025 (arXiv 2412.14835)",
    "searches a tree of reasoning steps that each retrieve for themselves, led by a verifier",
    solve,
)
