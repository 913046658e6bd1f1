"""VisDoMRAG: Suri et al., "VisDoM: Multi-Document QA with Visually Rich Elements Using Multimodal
Retrieval-Augmented Generation", NAACL 2025 (arXiv 2412.10704).

*Faithful*: two branches that know nothing of each other, one over pages and pictures, one over five pieces of text.
Both go by the same prompt: curated evidence, chain of thought, answer. A fusion prompt weighs the two chains for
consistency and gives an analysis, a conclusion and the answer: the pictures are trusted more where both are sound, and
a side that could not tell is weighed against the other.

*Different, and why*: the fusion is asked only when the answers differ: it costs a call, and for a strong model it
changed one point over the pictures alone. A branch that found nothing, or wrote nothing that can be read, leaves the
answer to the other; the released code skips the question then. A blind model reads the words of three pictures or
pages. All replies are greedy JSON of short fields instead of 3000 tokens of headed text at temperature 0.7.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from foveal.agents.values import agree
from foveal.errors import BudgetExceeded, ModelOutputError
from foveal.graphs.strategies.candidates import asks_for_picture, chosen, firsts, pictured
from foveal.graphs.strategies.desk import PASSAGE_CHARS, Desk
from foveal.graphs.strategies.draft import Draft, said
from foveal.graphs.strategies.methods import Method
from foveal.types import Evidence, ImageRef

TEXTS = 5
PICTURES = 3
PAGE_CHARS = 800
"""Characters of a page or picture that a blind model reads."""
ALIKE, FUSED, ALONE = 0.7, 0.5, 0.4
"""Confidence of an answer that both branches give, that was fused, that one branch gave alone."""


def _fields(*names: str) -> dict[str, Any]:
    most = {"answer": 80, "evidence": 240}
    texts = {name: {"type": "string", "maxLength": most.get(name, 160)} for name in names}
    return {"type": "object", "properties": texts, "required": list(names), "additionalProperties": False}


CHAIN = _fields("evidence", "reasoning", "answer")
FUSION = _fields("analysis", "conclusion", "answer")


@dataclass(frozen=True, slots=True)
class Branch:
    """What one branch came to; ``answer`` is None when it could not tell."""

    side: str
    found: tuple[Evidence, ...]
    evidence: str
    reasoning: str
    answer: str | None


async def solve(desk: Desk) -> Draft:
    """Let both branches answer, and fuse what they say where it differs."""
    seen = await _pages(desk)
    if asks_for_picture(desk):
        return chosen(*seen) if seen else Draft(None, reason="no picture was found")
    read = await desk.search(desk.question, k=TEXTS)
    asked = (_branch(desk, "pictures", seen, PAGE_CHARS), _branch(desk, "texts", read, PASSAGE_CHARS))
    results = await asyncio.gather(*asked, return_exceptions=True)
    branches = [b for b in results if isinstance(b, Branch)]
    desk.standing = draft = settled(branches)
    if problems := [r for r in results if isinstance(r, BaseException)]:
        raise problems[0]
    return draft if len(branches) < 2 or agreed(*branches) else await _fused(desk, branches, draft)


async def _pages(desk: Desk) -> list[Evidence]:
    """Return the pictures of the visual branch: of a document that the question names, its pages."""
    if not desk.scope:
        return await pictured(desk, PICTURES, chars=PAGE_CHARS)
    hits = [entry for entry in await desk.search(desk.question, k=2 * TEXTS) if entry.image]
    return [await desk.page(e, chars=PAGE_CHARS) for e in firsts(hits, lambda entry: entry.doc_id)[:PICTURES]]


async def _branch(desk: Desk, side: str, found: Sequence[Evidence], chars: int) -> Branch | None:
    """Return what *found* comes to by evidence, chain of thought and answer; None where nothing can be made of it."""
    looks = desk.sees and side == "pictures"
    told = [e for e in found if not (looks and e.image)]
    shown: list[ImageRef | str] = [*desk.images]
    shown += [e.image for e in found if e.image and looks]
    if not found:
        return None
    try:
        call = await desk.ask(
            "visdom", schema=CHAIN, max_tokens=160, images=shown if desk.sees else (),
            question=desk.question, seen=desk.told(), passages=desk.rows(told, chars=chars),
        )  # fmt: skip
    except ModelOutputError:
        return None
    reply = call.parsed if isinstance(call.parsed, Mapping) else {}
    told_as = {key: str(reply.get(key) or "") for key in ("evidence", "reasoning", "answer")}
    return Branch(side, tuple(found), told_as["evidence"], told_as["reasoning"], said(told_as["answer"]))


def agreed(visual: Branch, textual: Branch) -> bool:
    """Say whether the branches need no fusion: both say the same, or both cannot tell."""
    if visual.answer is None or textual.answer is None:
        return visual.answer is textual.answer
    return agree(visual.answer, textual.answer)


def settled(branches: Sequence[Branch]) -> Draft:
    """Return the answer without a fusion: the pictures' before the texts', an answer before none."""
    told = [b for b in branches if b.answer is not None]
    if not told:
        return Draft(None, tuple(e for b in branches for e in b.found), reason="no branch could tell")
    alike = len(told) == 2 and agreed(*told)
    reason = "both branches agree" if alike else f"from the {told[0].side} alone"
    used = tuple(e for b in (told if alike else told[:1]) for e in b.found)
    return Draft(told[0].answer, used, ALIKE if alike else ALONE, reason)


async def _fused(desk: Desk, branches: Sequence[Branch], otherwise: Draft) -> Draft:
    """Return what the fusion makes of two branches that differ; *otherwise* when it cannot be read."""
    sides = [
        {"title": b.side, "evidence": b.evidence, "reasoning": b.reasoning, "answer": b.answer or "unable to determine"}
        for b in branches
    ]
    try:
        call = await desk.ask(
            "visdom_fuse", schema=FUSION, max_tokens=160, ending=True, question=desk.question, sides=sides
        )
    except (ModelOutputError, BudgetExceeded) as problem:
        desk.warnings.append(str(problem))
        return otherwise
    if not isinstance(call.parsed, Mapping) or "answer" not in call.parsed:
        return otherwise
    used = tuple(e for b in branches for e in b.found)
    reason = f"fused: {str(call.parsed.get('conclusion') or '')[:200]}"
    return Draft(said(str(call.parsed["answer"])), used, FUSED, reason)


METHOD = Method(
    "visdom",
    "Suri et al., VisDoM: Multi-Document QA with Visually Rich Elements, NAACL 2025 (arXiv 2412.10704)",
    "pictures and texts answer apart, with evidence and a chain of thought; where they differ, the chains are weighed",
    solve,
)
