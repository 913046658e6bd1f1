"""MMSearch-R1's loop: at most three turns, in which a model searches by picture or by words only when it has to.

Wu et al., "MMSearch-R1: Incentivizing LMMs to Search", 2025 (arXiv 2506.20670).

*Faithful*: at most three turns, the last of which may not search; at most one image search and two text searches,
five results each; a turn gives its reason, then searches or answers; each round is asked its own question (is the
main object recognised? what does the result say it is, and is a text needed? does the information suffice?); what is
known is answered without any search, and "unable to answer due to lack of relevant information" is an answer.

*Different, and why*: the published model was trained by reinforcement to decide when to search; here any model is
prompted to. A turn is JSON under a schema whose tool is one that may still be used, where the published reply is
tagged text and a limit that was passed becomes an error. The text results are the passages that the search returns;
the published tool reads and summarizes each page with a model of 32 billion parameters. A blind model is told the
picture in words and gets the look-alikes' titles. An answer without a search rests on the words read in the picture.
The released tools are stubs that return dummy pictures, and its reward gives two text searches in a row no credit for
their format: neither is copied.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from foveal.graphs.strategies.desk import Desk
from foveal.graphs.strategies.draft import Draft, said
from foveal.graphs.strategies.methods import Method
from foveal.graphs.strategies.turns import pictures, turn
from foveal.types import Evidence

TURNS = 3
LIMITS = {"image search": 1, "text search": 2}
"""How often each search may be made."""
RESULTS = 5
SNIPPET = 320
"""Characters of a result that the model is shown."""
IMAGE, TEXT, ANSWER = "image search", "text search", "answer"
TEXTS = {"reason": 120, "text": 120}
ROUNDS = {
    "": "Say whether the picture's main object is recognised and what is missing.",
    IMAGE: "Say what the picture shows and whether a text search is needed.",
    TEXT: "Say whether this tells the answer.",
    ANSWER: "This is the last turn: answer.",
}
"""What a round is asked, by the search before it; the last one by ANSWER."""


async def solve(desk: Desk) -> Draft:
    """Take turns until the model answers."""
    made: list[str] = []
    rows: list[dict[str, str]] = []
    found: list[Evidence] = []
    while True:
        last = len(made) == TURNS - 1 or bool(made and desk.spent())
        tools = (ANSWER,) if last else allowed(made, pictures=bool(desk.images))
        move = await _turn(desk, made, rows, found, tools)
        if move is None and made:
            return await desk.answer(found[:RESULTS])
        if move is None:
            move = {"tool": tools[0], "reason": "", "text": "" if desk.images else desk.question}
        if move["tool"] == ANSWER:
            break
        if move["tool"] == IMAGE:
            new = [entry for image in desk.images for entry in await desk.lookalikes(image, k=RESULTS)]
        else:
            new = await desk.search(move["text"], k=RESULTS)
        made.append(move["tool"])
        rows += _shown(desk, new, f"Turn {len(made)}: {move['tool']} {move['text']}".strip())
        found = [*new, *found]
    text = said(move["text"])
    if text is None or "lack of relevant information" in text.lower():
        return Draft(None, tuple(found), reason=move["reason"])
    own = [] if found else [desk.look(image) for image in desk.images]
    return Draft(text, (*found, *own), reason=move["reason"])


def allowed(made: Sequence[str], *, pictures: bool) -> tuple[str, ...]:
    """Return what a turn that is not the last may do after the searches *made*."""
    searches = (tool for tool, most in LIMITS.items() if made.count(tool) < most and (pictures or tool != IMAGE))
    return (*searches, ANSWER)


async def _turn(
    desk: Desk, made: Sequence[str], rows: Sequence[Mapping[str, str]], found: Sequence[Evidence], tools: Sequence[str]
) -> dict[str, str] | None:
    """Return the model's turn, None when it cannot be read."""
    before = ANSWER if tools == (ANSWER,) else made[-1] if made else ""
    move = await turn(
        desk, "mmsearch_r1", tools, TEXTS, max_tokens=120, images=pictures(desk, found), ending=before == ANSWER,
        round=ROUNDS[before], found=rows,
    )  # fmt: skip
    if move is None or move["tool"] == ANSWER:
        return move
    return {**move, "text": "" if move["tool"] == IMAGE else move["text"] or desk.question}


def _shown(desk: Desk, found: Sequence[Evidence], turn: str) -> list[dict[str, str]]:
    """Return the results of a turn as rows of the prompt; look-alikes by their titles alone."""
    rows = desk.rows(found, chars=SNIPPET) or [{"n": "0", "title": "nothing was found", "text": ""}]
    pictured = bool(found) and found[0].kind in ("image", "region")
    return [{**row, "text": "" if pictured else row["text"], "turn": "" if n else turn} for n, row in enumerate(rows)]


METHOD = Method(
    "mmsearch_r1",
    "Wu et al., MMSearch-R1: Incentivizing LMMs to Search, 2025 (arXiv 2506.20670)",
    "takes at most three turns, with one image search and two text searches made only when they have to be",
    solve,
)
