"""MMSearch-Engine: a fixed line of image search, requery, rerank and summarization, over one page that is read.

Jiang et al., "MMSearch: Benchmarking the Potential of Large Models as Multi-modal Search Engines", ICLR 2025
(arXiv 2409.12959).

*Faithful*: the question's picture is searched first, and its result goes to every stage after; one query of at most
300 characters is written; of at most eight websites, shown as titles and snippets, the model picks one; that one is
read and its best passages are answered from, in as few words as possible, "invalid question" for a false premise.
Three model calls, one page, no loop.

*Different, and why*: the tools return words, not screenshots of results and slices of pages, which a blind model
could not read. The passages of a page are compared by the run's embedder and not by BGE-M3. A website is picked by
the probability of its number, so that it is always one of those shown: the released parsing takes the "0" of its own
example for the last website. A search without results still answers from what the picture's search found; the
released runs skip such a question and score it 0. Dates stay as the page writes them (published: yyyy-mm-dd), because
a citation has to hold the answer's own words. What the page does not tell may be left unanswered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from foveal.errors import ModelOutputError
from foveal.graphs.strategies.desk import Desk
from foveal.graphs.strategies.draft import Draft, said
from foveal.graphs.strategies.methods import Method
from foveal.types import Evidence

QUERY = 300
"""Most characters of a query."""
WEBSITES = 8
SNIPPET = 160
"""Characters of a website that are shown before it is read."""
READ = 5
"""Passages of the website that are read."""
LOOKALIKES = 3
"""Titles of an image search that the stages are told."""


async def solve(desk: Desk) -> Draft:
    """Search the picture, rewrite the question, search, pick a website, read it, answer."""
    alike = [entry for image in desk.images for entry in await desk.lookalikes(image, k=LOOKALIKES)]
    names = "; ".join(dict.fromkeys(entry.title for entry in alike))
    query = await requery(desk, names)
    websites = distinct(await desk.search(query, k=WEBSITES))
    if not websites:
        return await summarize(desk, alike, names) if alike else Draft(None, reason="the search found nothing")
    picked = websites[await rerank(desk, websites, names)]
    content = [e for e in await desk.open(picked, query, k=READ) if e.quote not in picked.quote]
    draft = await summarize(desk, [picked, *content][:READ], names)
    retrieved = (picked, *websites, *alike)
    return Draft(draft.text, (*draft.used, *alike), draft.confidence, draft.reason, tuple(e.doc_id for e in retrieved))


async def requery(desk: Desk, names: str) -> str:
    """Return what the search is asked: the question itself when the model writes nothing."""
    asked: dict[str, Any] = {"question": desk.question, "seen": desk.told(), "lookalikes": names}
    reply = await desk.ask("mmsearch_requery", max_tokens=40, images=desk.images, role="planner", **asked)
    return " ".join(reply.text.strip().strip('"').split())[:QUERY] or desk.question[:QUERY]


def distinct(found: Iterable[Evidence]) -> list[Evidence]:
    """Return the first passage of each document: a website is one result."""
    websites: dict[str, Evidence] = {}
    for entry in found:
        websites.setdefault(entry.doc_id, entry)
    return list(websites.values())


async def rerank(desk: Desk, websites: Sequence[Evidence], names: str) -> int:
    """Return the index of the website that the model picks; the search's first when it can pick none."""
    if len(websites) == 1:
        return 0
    numbers = [str(n) for n in range(1, len(websites) + 1)]
    rows = desk.rows(websites, chars=SNIPPET)
    asked: dict[str, Any] = {"question": desk.question, "lookalikes": names, "passages": rows}
    try:
        told = await desk.choose("mmsearch_rerank", numbers, images=desk.images, **asked)
    except ModelOutputError as problem:
        desk.warnings.append(f"No website was picked: {problem.message}")
        return 0
    return max(range(len(told)), key=told.__getitem__)


async def summarize(desk: Desk, read: Sequence[Evidence], names: str) -> Draft:
    """Answer from what was read."""
    asked: dict[str, Any] = {
        "question": desk.question,
        "seen": desk.told(),
        "lookalikes": names,
        "passages": desk.rows(read),
    }
    reply = await desk.ask("mmsearch_summarize", max_tokens=48, images=desk.images, ending=True, **asked)
    text = said(reply.text)
    if text and "invalid question" in text.lower():
        desk.warnings.append("By the page that was read, the question takes something false for granted.")
        return Draft(None, tuple(read), reason="invalid question")
    return Draft(text, tuple(read), reason="summarized from the website that was picked")


METHOD = Method(
    "mmsearch",
    "Jiang et al., MMSearch: Benchmarking the Potential of Large Models as Multi-modal Search Engines, ICLR 2025 "
    "(arXiv 2409.12959)",
    "searches the picture, writes one query, reads the one website picked of eight and summarizes it",
    solve,
)
