"""``ddgs``: the real library, its real HTTP client and parsers, against engines on loopback.

Only the engines' addresses are changed. What they answer has the structure that their parsers look for, with
sentences of our own.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from fakes.clock import FakeClock
from fakes.searching import SetBackend, found
from fakes.service import Reply, Request, Service

from foveal.errors import BadConfig
from foveal.tools.limits.breaker import Breaker
from foveal.tools.limits.bucket import TokenBucket
from foveal.tools.search.chain import Chain, Link
from foveal.tools.search.ddgs import DdgsBackend, fused
from foveal.types import WebQuery

Q = WebQuery("tall tower", k=10)
DEAD = "http://127.0.0.1:9/"
"""A port where nothing listens."""


def duck(*results: tuple[str, str, str]) -> str:
    """A results page as DuckDuckGo's HTML version has it."""
    rows = "".join(
        f'<div class="links_main result__body"><h2 class="result__title"><a href="{url}">{title}</a></h2>'
        f'<a class="result__snippet" href="{url}">{body}</a></div>'
        for url, title, body in results
    )
    return f"<html><body><div id='links'>{rows}</div></body></html>"


def mojeek(*results: tuple[str, str, str]) -> str:
    """A results page as Mojeek has it."""
    rows = "".join(
        f'<li><h2><a class="title" href="{url}">{title}</a></h2><p class="s">{body}</p></li>'
        for url, title, body in results
    )
    return f"<html><body><ul class='results-standard'>{rows}</ul></body></html>"


TOWER = ("https://tower.test/a?utm_source=duck", "The <b>tall</b> tower", "It is 93 metres tall &amp; old.")
BRIDGE = ("https://bridge.test/why%3F", "The bridge", "It is long.")


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """Every engine asks the service at a path of its own name; without an answer set, pages without results."""
    from ddgs.engines import ENGINES

    with Service(lambda request: Reply("<html><body>Nothing.</body></html>")) as service:
        for kind in ("text", "images", "news"):
            for name, engine in ENGINES[kind].items():
                monkeypatch.setattr(engine, "search_url", f"{service.url}/{kind}/{name}")
                if hasattr(engine, "_get_vqd"):
                    monkeypatch.setattr(engine, "_get_vqd", lambda self, query: "4-1")
                if hasattr(engine, "get_sc"):
                    monkeypatch.setattr(engine, "get_sc", lambda self: "sc")
        yield service


def answers(service: Service, replies: dict[str, Any]) -> None:
    """Let each engine answer by its name; a page of a text, a status of a number."""

    def answer(request: Request) -> Reply:
        said = replies.get(request.path.rpartition("/")[2], "<html><body>Nothing.</body></html>")
        if isinstance(said, float):
            time.sleep(said)
            return Reply("late")
        return Reply("", said) if isinstance(said, int) else Reply(said)

    service.answer = answer


async def test_pages_of_two_engines_are_one_list(engines: Service) -> None:
    answers(engines, {"duckduckgo": duck(BRIDGE, TOWER), "mojeek": mojeek(TOWER)})
    outcome = await DdgsBackend("duckduckgo,mojeek").search(Q)
    assert (outcome.status, outcome.backend, outcome.notes) == ("ok", "ddgs", ())
    tower, bridge = outcome.items
    assert (tower.url, tower.title) == ("https://tower.test/a", "The tall tower")
    assert (tower.snippet, tower.engine, tower.rank) == ("It is 93 metres tall & old.", "duckduckgo, mojeek", 1)
    assert bridge.url == "https://bridge.test/why%3F", "the library would make another address of it"


async def test_advertisements_are_left_out(engines: Service) -> None:
    answers(engines, {"duckduckgo": duck(("https://duckduckgo.com/y.js?ad=1", "Buy", "now"), TOWER)})
    outcome = await DdgsBackend("duckduckgo").search(Q)
    assert [hit.url for hit in outcome.items] == ["https://tower.test/a"]


async def test_engines_are_asked_in_order_and_no_more_than_needed(engines: Service) -> None:
    many = [(f"https://t{n}.test/", f"T{n}", "") for n in range(5)]
    answers(engines, {"duckduckgo": duck(*many), "mojeek": mojeek(TOWER)})
    await DdgsBackend("duckduckgo,brave,mojeek,startpage").search(
        WebQuery("tall tower", k=5, since="week", region="de-de")
    )
    assert {request.path for request in engines.seen} == {"/text/duckduckgo", "/text/brave"}
    asked = {request.path: request.query for request in engines.seen}
    assert asked["/text/duckduckgo"]["q"] == asked["/text/brave"]["q"] == "tall tower"
    assert (asked["/text/duckduckgo"]["df"], asked["/text/duckduckgo"]["l"]) == ("w", "de-de")
    assert asked["/text/brave"]["tf"] == "pw"


async def test_pictures_with_numbers_as_text_as_numbers_and_missing(engines: Service) -> None:
    metadata = {"t": "A tower", "murl": "https://i.test/1.jpg", "turl": "https://t.test/1", "purl": "https://p.test/1"}
    bing = (
        "<html><body><div><div class='imgpt'>"
        f"<a class='iusc' m='{json.dumps(metadata)}'></a>"
        "<div class='img_info hon'><span class='nowrap'>1024 x 768 · jpeg</span><span>i</span></div></div>"
        "<div class='infopt'><div class='lnkw'><a>p.test</a></div></div></div></body></html>"
    )
    rows = [
        {"title": "Same", "image": "https://i.test/1.jpg", "url": "https://other.test/", "width": 1024, "height": 768},
        {"title": None, "image": "https://i.test/2.jpg", "thumbnail": None, "url": "https://p.test/2", "width": None},
        {"title": "no picture", "image": None, "url": "https://p.test/3"},
    ]
    answers(engines, {"bing": bing, "duckduckgo": json.dumps({"results": rows})})
    outcome = await DdgsBackend().search(WebQuery("tower", "images", since="month"))
    first, second = outcome.items
    assert (first.image, first.url, first.width, first.height) == (
        "https://i.test/1.jpg",
        "https://p.test/1",
        1024,
        768,
    )
    assert (first.thumbnail, first.engine) == ("https://t.test/1", "bing, duckduckgo")
    assert (second.title, second.width, second.thumbnail) == ("https://p.test/2", None, None)
    assert [r.query["qft"] for r in engines.seen if r.path.endswith("bing")] == ["filterui:age-lt44640"]


async def test_news_have_dates(engines: Service) -> None:
    rows = [{"date": 1762128000, "title": "Opened", "excerpt": "It opened.", "url": "https://n.test/1", "image": None}]
    answers(engines, {"duckduckgo": json.dumps({"results": rows})})
    outcome = await DdgsBackend().search(WebQuery("tower", "news"))
    assert [(hit.url, hit.published_at, hit.snippet) for hit in outcome.items] == [
        ("https://n.test/1", "2025-11-03", "It opened.")
    ]


async def test_row_27_nothing_found_once_is_empty_and_asked_once(engines: Service) -> None:
    outcome = await DdgsBackend("duckduckgo,mojeek").search(Q)
    assert (outcome.status, outcome.error, outcome.items) == ("empty", None, ())
    assert sorted(request.path for request in engines.seen) == ["/text/duckduckgo", "/text/mojeek"]


async def test_row_28_empties_in_a_row_open_the_breaker_and_the_fallback_is_used(
    engines: Service,
) -> None:
    clock = FakeClock()
    ddgs, other = DdgsBackend("duckduckgo"), SetBackend("other", [found("b")])
    links = [Link(b, TokenBucket(1e6, clock=clock), Breaker(clock=clock)) for b in (ddgs, other)]
    chain = Chain(links, clock=clock)
    for words in ("one", "two", "two"):
        assert (await chain.search(WebQuery(words))).status == "empty"
    outcome = await chain.search(WebQuery("three"))
    assert (outcome.status, outcome.backend) == ("ok", "other")
    assert outcome.notes == (
        "ddgs: 3 different queries in a row found nothing: the engines seem to refuse us; asked other",
    )
    assert chain.states() == {"ddgs": "open (60 s)", "other": "closed"}
    asked = len(engines.seen)
    assert (await chain.search(WebQuery("four"))).backend == "other"
    assert len(engines.seen) == asked, "while it is open nothing is asked"
    clock.pass_(61)
    assert (await chain.search(WebQuery("five"))).backend == "other", "the probe finds nothing: still refused"
    answers(engines, {"duckduckgo": duck(TOWER)})
    clock.pass_(61)
    assert (await chain.search(WebQuery("six"))).backend == "ddgs"
    answers(engines, {})
    assert (await chain.search(WebQuery("seven"))).status == "empty", "a result has cleared the suspicion"


@pytest.mark.parametrize("status", [202, 403, 429])
async def test_engines_that_refuse_are_told_from_empty_ones(engines: Service, status: int) -> None:
    answers(engines, {"duckduckgo": status, "mojeek": status})
    outcome = await DdgsBackend("duckduckgo,mojeek").search(Q)
    assert (outcome.status, outcome.retry_after) == ("throttled", 60.0)
    assert outcome.error == "The engines refuse to answer for now: duckduckgo (refused), mojeek (refused)."


async def test_an_engine_that_refuses_is_named_beside_the_results_of_others(engines: Service) -> None:
    answers(engines, {"duckduckgo": 202, "mojeek": mojeek(TOWER)})
    outcome = await DdgsBackend("duckduckgo,mojeek").search(Q)
    assert (outcome.status, outcome.notes) == ("ok", ("ddgs: no answer from duckduckgo (refused)",))


@pytest.mark.parametrize("page", [500, "<html", "", "{not json", "\x00" * 50])
async def test_pages_that_changed_are_no_crash(engines: Service, page: Any) -> None:
    answers(engines, {"duckduckgo": page, "bing": page})
    for query in (Q, WebQuery("tower", "images"), WebQuery("tower", "news")):
        outcome = await DdgsBackend("duckduckgo").search(query)
        assert outcome.status in ("empty", "error"), outcome


async def test_a_slow_engine_ends_at_our_deadline(engines: Service) -> None:
    answers(engines, {"duckduckgo": 3.0})
    began = time.monotonic()
    outcome = await DdgsBackend("duckduckgo", timeout=0.5).search(Q)
    assert (outcome.status, outcome.error) == (
        "timeout",
        "The engines did not answer in 0.5 s: duckduckgo (timeout).",
    )
    assert time.monotonic() - began < 1.5


async def test_a_slow_engine_does_not_hide_a_quick_one(engines: Service) -> None:
    answers(engines, {"duckduckgo": 3.0, "mojeek": mojeek(TOWER)})
    outcome = await DdgsBackend("duckduckgo,mojeek", timeout=0.7).search(Q)
    assert (outcome.status, outcome.notes) == ("ok", ("ddgs: no answer from duckduckgo (timeout)",))


async def test_without_a_network_it_says_so(engines: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from ddgs.engines import ENGINES

    for engine in ENGINES["text"].values():
        monkeypatch.setattr(engine, "search_url", DEAD)
    outcome = await DdgsBackend().search(Q)
    assert (outcome.status, outcome.error) == (
        "error",
        "No network: none of the search engines can be reached (duckduckgo, brave).",
    )


def test_a_host_that_no_server_knows_is_no_network() -> None:
    from foveal.tools.search.ddgs import _problem

    dns = "DNSError: DNSError('error sending request for url (https://e.test/) > error resolving DNS')"
    assert _problem(dns) == "offline"
    assert _problem("_extract_vqd() query='x' Could not extract vqd.") == "refused"


@pytest.mark.parametrize("engines_", ["", "altavista", "duckduckgo,altavista", "auto"])
def test_engines_that_the_library_does_not_have_are_refused(engines_: str) -> None:
    with pytest.raises(BadConfig):
        DdgsBackend(engines_)


def test_the_engines_we_name_are_those_of_the_library() -> None:
    from ddgs.engines import ENGINES as THEIRS

    from foveal.tools.search.ddgs import ENGINES

    for kind, names in ENGINES.items():
        assert set(names) == set(THEIRS[kind])


def test_fusion_is_by_rank_and_stable() -> None:
    def rows(*names: str) -> Sequence[dict[str, str]]:
        return [{"url": f"https://{name}.test/"} for name in names]

    order = list(dict.fromkeys(row["url"][8] for row in fused([rows("a", "b", "c"), rows("c", "d")], "text")))
    assert order == ["c", "a", "b", "d"]
