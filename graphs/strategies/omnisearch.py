"""OmniSearch: a planner asks one sub-question after another, each answered by one retrieval and told back to it.

Li et al., "Benchmarking Multimodal Retrieval Augmented Generation with Dynamic VQA Dataset and Self-adaptive Planning
Agent", ICLR 2025 (arXiv 2411.02937).

*Faithful*: each turn is ⟨thought, sub-question, retrieval, query⟩; the retrievals are image → image, text → text and
text → image, or none (the sub-question is answered from the picture); a sub-question solver answers from what was
retrieved, and its answer is the feedback that the planner sees beside the whole chain; at most five retrievals; what
is retrieved are snippets, no page is opened; at most nine pictures a question are shown; the planner says when it is
solved and gives the answer.

*Different, and why*: the published planners are GPT-4V and a model trained to plan; any model is prompted here, and a
small one may ask for a thing by a name that nothing told it. A turn is JSON under a schema instead of tagged text in
which phrases are looked for, and its tool is one that may be used. A blind model's solver and planner read pictures
in words, and the feedback of an image search is the titles of the look-alikes. The sub-question solver is the
generator that all methods share. The same retrieval is not made twice: a greedy model that repeats itself would do so
to the end, so it has to answer. Released defects that are not copied: feedback as a tuple, a picture quota shared
between questions, turns that call no model, a final answer imagined before anything was retrieved, and the last
search words given as the answer when the turns are used up (here the last turn may only answer).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from foveal.agents.values import fold
from foveal.graphs.strategies.desk import Desk
from foveal.graphs.strategies.draft import Draft, said
from foveal.graphs.strategies.methods import Method
from foveal.graphs.strategies.turns import pictures, turn
from foveal.types import Evidence

TURNS = 5
"""Retrievals, as in the released loop."""
FOUND = 4
"""Passages or pictures of a retrieval that the solver is given."""
SHOWN = 9
"""Pictures that a question shows the planner, with its own."""
IMAGE, TEXT, PICTURE, LOOK, FINAL = "image search", "text search", "picture search", "look", "final answer"
TEXTS = {"thought": 120, "sub_question": 120, "query": 120}


async def solve(desk: Desk) -> Draft:
    """Go from sub-question to sub-question until the planner gives the answer."""
    chain: list[dict[str, str]] = []
    found: dict[str, Evidence] = {}
    while True:
        last = len(chain) == TURNS or bool(chain and desk.spent())
        move = await _planned(desk, chain, found, offered(chain, pictures=bool(desk.images), last=last))
        if move is not None and repeats(move, chain):
            move = await _planned(desk, chain, found, (FINAL,))
        if move is None and chain:
            return await desk.answer(list(found.values())[: 2 * FOUND])
        if move is None:
            first = IMAGE if desk.images else TEXT
            move = {"tool": first, "sub_question": desk.question, "query": "" if desk.images else desk.question}
        if move["tool"] == FINAL:
            return Draft(said(move["query"]), tuple(found.values()), reason="the planner's answer from the feedback")
        new, feedback = await _retrieved(desk, move)
        found = {e.id: e for e in new} | found
        chain.append({**move, "feedback": feedback})


def offered(chain: Sequence[Mapping[str, str]], *, pictures: bool, last: bool) -> tuple[str, ...]:
    """Return the tools of a turn: nothing is answered before something was retrieved, and a picture searched once."""
    if last:
        return (FINAL,)
    searched = any(step["tool"] == IMAGE for step in chain)
    seeing = ((() if searched else (IMAGE,)) + (LOOK,)) if pictures else ()
    return (*seeing, TEXT, PICTURE, *((FINAL,) if chain else ()))


def repeats(move: Mapping[str, str], chain: Sequence[Mapping[str, str]]) -> bool:
    """Say whether *move* asks what was asked before; the answer to a look depends on its sub-question alone."""
    key = "sub_question" if move["tool"] == LOOK else "query"
    return any(step["tool"] == move["tool"] and fold(step[key]) == fold(move[key]) for step in chain)


async def _planned(
    desk: Desk, chain: Sequence[dict[str, str]], found: Mapping[str, Evidence], tools: Sequence[str]
) -> dict[str, str] | None:
    """Return the planner's next turn, None when it cannot be read."""
    rows = [
        {"n": str(n), "text": step["sub_question"], "feedback": step["feedback"],
         "tool": f"{step['tool']}: {step['query']}" if step["query"] else step["tool"]}
        for n, step in enumerate(chain, 1)
    ]  # fmt: skip
    move = await turn(
        desk, "omnisearch", tools, TEXTS, max_tokens=160, images=pictures(desk, found.values())[:SHOWN],
        ending=tuple(tools) == (FINAL,), steps=rows,
    )  # fmt: skip
    if move is None or move["tool"] == FINAL:
        return move
    wanted = move["query"] or move["sub_question"] or desk.question
    return {**move, "query": "" if move["tool"] in (IMAGE, LOOK) else wanted}


async def _retrieved(desk: Desk, move: Mapping[str, str]) -> tuple[list[Evidence], str]:
    """Make a retrieval; return what it found and the feedback: the solver's answer to the sub-question."""
    if move["tool"] == IMAGE:
        rankings = [await desk.lookalikes(image, k=FOUND) for image in desk.images]
        told = ("; ".join(dict.fromkeys(e.title for e in ranking)) or "nothing" for ranking in rankings)
        return [e for ranking in rankings for e in ranking], "\n".join(f"looks most like: {names}" for names in told)
    named = ""
    if move["tool"] == TEXT:
        found = await desk.search(move["query"], k=FOUND)
    elif move["tool"] == PICTURE:
        found = await desk.pictures(move["query"], k=FOUND)
        named = "; ".join(f"{e.doc_id} ({e.title})" for e in found)
    else:
        found = [desk.look(image) for image in desk.images]
    if not found:
        return [], "nothing was found"
    shown = [e.image for e in found if e.image] if named else []
    answered = await desk.answer(found, question=move["sub_question"] or move["query"], images=shown)
    if answered.text is None:
        return found, named or "not told by: " + "; ".join(dict.fromkeys(e.title for e in found))
    desk.note(found[0], answered.text, asked=move["sub_question"])
    desk.standing = replace(answered, confidence=0.2, reason="the answer to the last sub-question")
    return list(answered.used), f"{answered.text}. Pictures found: {named}" if named else answered.text


METHOD = Method(
    "omnisearch",
    "Li et al., Benchmarking Multimodal Retrieval Augmented Generation with Dynamic VQA Dataset and Self-adaptive "
    "Planning Agent, ICLR 2025 (arXiv 2411.02937)",
    "asks one sub-question after another; one retrieval answers each, and the answer is fed back to the planner",
    solve,
)
