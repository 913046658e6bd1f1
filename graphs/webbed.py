"""The tool ``web``: search, read what the search says, and open pages when that does not hold the answer.

What an engine says of a page (the snippet) is evidence of its own, of less trust than the page. A site counts once
however many of its pages say a thing, so that two voices are two sites.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import chain, zip_longest

from foveal.agents import queries
from foveal.agents.freshness import is_fresh
from foveal.agents.reader import SURE_OF_NAMED
from foveal.agents.values import fold
from foveal.graphs import online, sight
from foveal.graphs.lookup import look_up, passage_entry
from foveal.graphs.reranking import order, rerank
from foveal.graphs.state import BranchState, Finding, Research
from foveal.tools.read.mirrors import address_key, copies
from foveal.tools.read.sites import at_most, site_of
from foveal.types import Evidence, SearchKind, SubQuestion, TextHit, ToolOutcome, WebHit, WebPage, WebQuery

ASKED = 12
"""Hits that a search is asked for."""
A_SITE = 2
"""Most hits of one site."""
OPENED = 3
"""Pages that are opened for one step, side by side."""
A_PAGE = 5
"""Passages of a page that are looked at."""
A_YEAR = 365
"""Days by which one page may be older than the newest and still tell of the present."""
SNIPPET_TRUST, PAGE_TRUST = 0.5, 0.7
"""Trust in what an engine says of a page, and in a page; the collection has 1."""


async def search(state: BranchState, work: Research) -> tuple[BranchState, ToolOutcome]:
    """Ask the web; return the state with the query in its step, and what was found as passages.

    A question about the present looks for news too, and says the year. Raises what is ENDING.
    """
    assert work.web is not None
    state = await _with_query(state, work)
    step = state["step"]
    given = queries.addresses(state["question"])
    work.web.allow(*given)
    kinds: list[SearchKind] = ["text"]
    if is_fresh(step.text) and "news" in work.web.kinds:
        kinds.append("news")
    asked = (WebQuery(step.query or step.text, kind, ASKED) for kind in kinds)
    outcomes = await asyncio.gather(*(online.search(query, state, work) for query in asked))
    answered = [o for o in outcomes if not o.error]
    notes = tuple(dict.fromkeys(f"{step.id}: {note}" for o in outcomes for note in o.notes))
    if not answered and not given:
        return {**state, "notes": notes}, replace(outcomes[0], notes=())
    hits = [h for row in zip_longest(*(o.items for o in answered)) for h in row if h is not None]
    leads = chosen(hits, state.get("doubted", ()))
    leads = [*(WebHit(url, site_of(url)) for url in given), *(h for h in leads if h.url not in given)]
    spoken: dict[tuple[str, str], WebHit] = {}
    for hit in leads:
        spoken.setdefault(_said(hit), hit)
    passages = tuple(_snippet(hit, rank) for rank, hit in enumerate(spoken.values(), 1) if hit.snippet.strip())
    found = ToolOutcome("ok" if leads else "empty", passages)
    return {**state, "leads": tuple(leads), "notes": notes, "scope": None}, found


async def _with_query(state: BranchState, work: Research) -> BranchState:
    """Return *state* with the query in its step. A second attempt, and a check, are asked in other words."""
    step, names = state["step"], state.get("names", ())
    text = step.text
    if step.purpose == "verify" and step.values:  # the values in dispute would find what repeats them
        text = f"{step.text.partition('?')[0]}?"
        names = tuple(n for n in names if n not in step.values)
    query = step.query
    if not query or step.attempts:
        year = work.now()[:4] if is_fresh(text) else ""
        again = queries.write(text, names, year=year) if query or step.purpose == "verify" else ""
        query = await queries.asked(work.planner.at(step.id), text, names, year=year, again=again)
    return {**state, "step": step.having(query=query)}


def chosen(hits: Iterable[WebHit], doubted: Sequence[Evidence] = ()) -> list[WebHit]:
    """Return *hits*, each page once, at most :data:`A_SITE` a site, without the sites of what is *doubted*.

    Copies under other addresses come last: they say nothing new, but may be open when the first is not. When nobody
    else says anything, the doubted sites are heard again.
    """
    pages: dict[str, WebHit] = {}
    for hit in hits:
        pages.setdefault(address_key(hit.url), hit)
    first: dict[tuple[str, str], WebHit] = {}
    for hit in pages.values():
        first.setdefault(_said(hit), hit)
    ordered = [*first.values(), *(hit for hit in pages.values() if hit is not first[_said(hit)])]
    sites = {site_of(e.url) for e in doubted if e.url}
    known = {_said(hit) for hit in ordered if site_of(hit.url) in sites}
    apart = [hit for hit in ordered if site_of(hit.url) not in sites and _said(hit) not in known]
    return at_most(apart or ordered, A_SITE)


def _said(hit: WebHit) -> tuple[str, str]:
    """Return by what copies are known: title and snippet, or the address where one is missing."""
    said = (fold(hit.title), fold(hit.snippet))
    return said if all(said) else (hit.url, "")


def _snippet(hit: WebHit, rank: int) -> TextHit:
    text = hit.snippet.strip()
    return TextHit(
        hit.url, hit.title or site_of(hit.url), text, "text", 0, len(text), 1 / rank, url=hit.url,
        published_at=hit.published_at,
    )  # fmt: skip


async def solve(state: BranchState, work: Research) -> tuple[Finding, dict[str, Evidence]]:
    """Answer from what the engines said; when that does not surely tell, from the best pages. Raises FovealError.

    A page that cannot be read is a warning, and the others go on. Pages whose address the user gave are always read,
    and so are they when the question is about the present: the newest ones are heard first.
    """
    step, leads = state["step"], state.get("leads", ())
    finding, entries = await look_up(state, work)
    given = queries.addresses(state["question"])
    now_asked = is_fresh(step.text) and step.purpose != "verify"
    if _settled(finding, step) and not given and not now_asked:
        return finding, entries
    pages, problems = await _opened(leads, state, work)
    hits = await _passages(pages, step, work)
    if not hits:
        return replace(finding, warnings=(*finding.warnings, *problems)), entries
    ranked = await rerank(order(hits, state), state, work)
    first = len(state.get("evidence", {})) + 1
    numbered, now = enumerate(ranked.hits, first), work.now()
    opened = {e.id: e for e in (passage_entry(step, rank, hit, now, trust=PAGE_TRUST) for rank, hit in numbered)}
    sight.told(opened.values(), step, work)
    heard = {**state.get("evidence", {}), **opened} if step.purpose == "verify" else opened
    by_address = {page.url: page for page in pages}
    read_on: BranchState = {
        **state, "evidence": heard, "found": ranked.hits, "pages": by_address, "rejected": ranked.rejected,
    }  # fmt: skip
    newest = _newest(opened) if now_asked else {}
    again, more = await look_up({**read_on, "evidence": newest} if newest else read_on, work)
    if newest and again.step.status != "answered":
        again, more = await look_up(read_on, work)
    if again.step.status != "answered" and finding.step.status == "answered":
        again, more = finding, entries
    return replace(again, warnings=(*again.warnings, *problems, *ranked.warnings)), {**opened, **more}


async def opened(addresses: Sequence[str], state: BranchState, work: Research) -> tuple[list[TextHit], tuple[str, ...]]:
    """Return what the pages at *addresses* say about the step, and what could not be read, in words."""
    leads = tuple(WebHit(url, site_of(url)) for url in addresses)
    pages, problems = await _opened(leads, {**state, "leads": leads}, work)
    return await _passages(pages, state["step"], work), problems


def _newest(opened: Mapping[str, Evidence]) -> dict[str, Evidence]:
    """Return the entries of the last year that any of *opened* is dated in; empty when that leaves none out."""
    dates = {i: day for i, e in opened.items() if (day := _day(e.published_at or ""))}
    since = max(dates.values(), default=date.min)
    kept = {i: opened[i] for i, day in dates.items() if (since - day).days <= A_YEAR}
    return kept if len(kept) < len(opened) else {}


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _settled(finding: Finding, step: SubQuestion) -> bool:
    """Say whether a snippet tells it surely enough that no page is opened."""
    decided = step.purpose != "verify" or not finding.step.reason.startswith("not decided")
    sure = step.purpose == "verify" or finding.step.confidence >= SURE_OF_NAMED
    return finding.step.status == "answered" and decided and sure


async def _opened(leads: Sequence[WebHit], state: BranchState, work: Research) -> tuple[list[WebPage], tuple[str, ...]]:
    """Return the pages of the best leads, of copies the first, and what could not be read, in words."""
    tried, outcomes = 0, list[ToolOutcome]()
    for _ in range(2):  # a second time for as many as could not be read
        more = leads[tried : OPENED + sum(bool(o.error) for o in outcomes)]
        outcomes += await asyncio.gather(*(online.read(hit.url, state, work) for hit in more))
        tried += len(more)
    problems = [
        f"{state['step'].id}: {site_of(hit.url)} was not read: {outcome.error}"
        for hit, outcome in zip(leads, outcomes, strict=False)
        if outcome.error
    ]
    pages = [group[0] for group in copies([page for outcome in outcomes for page in outcome.items])]
    notes = [f"{state['step'].id}: {site_of(page.url)}: {note}" for page in pages for note in page.notes]
    return pages, (*problems, *notes)


async def _passages(pages: Sequence[WebPage], step: SubQuestion, work: Research) -> list[TextHit]:
    """Return what *pages* say about the step, the best of each page before the second of any."""
    from foveal.tools.read.slim import passages

    found = [await asyncio.to_thread(passages, page, step.text, k=A_PAGE, embedder=work.embedder) for page in pages]
    dates = {page.url: page.published_at for page in pages}
    hits = (hit for hit in chain.from_iterable(zip_longest(*found)) if hit is not None)
    return [replace(hit, published_at=dates.get(hit.doc_id)) for hit in hits]
