"""The cache of answers and pages: lifetimes, what is never kept, damage, several processes."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from fakes.clock import FakeClock
from fakes.searching import SetBackend, found

from foveal.tools.search.cache import DAY, HOUR, MINUTE, NAME, PageCache, SearchCache, WebCache, lifetime
from foveal.tools.search.chain import Chain
from foveal.types import PagePicture, ToolOutcome, WebHit, WebPage, WebQuery

Q = WebQuery("tall tower")
Make = Callable[..., Chain]


@pytest.fixture
def file(tmp_path: Path, clock: FakeClock) -> WebCache:
    return WebCache(tmp_path / "web", clock=clock)


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        (Q, 7 * DAY),
        (WebQuery("tower", "news"), HOUR),
        (WebQuery("tower", since="week"), HOUR),
        (WebQuery("latest price of copper"), HOUR),
        (WebQuery("mayor of Arx 2026"), HOUR),
        (WebQuery("battle of 1066"), 7 * DAY),
        (WebQuery(kind="lookalikes", image="0" * 64), 7 * DAY),
    ],
)
def test_answers_live_as_long_as_they_hold(query: WebQuery, seconds: float) -> None:
    assert lifetime(query, found=True) == seconds
    assert lifetime(query, found=False) == 10 * MINUTE


async def test_an_answer_is_given_again_word_for_word(file: WebCache, chain_of: Make, clock: FakeClock) -> None:
    hit = WebHit("https://a.test/", "A", "s \ud800", 1, "e", "2025-01-02", "https://a.test/i", None, 3, 4, 0.5)
    one = SetBackend("one", [ToolOutcome("ok", (hit,), notes=("n",))])
    chain = chain_of(one, cache=SearchCache(file))
    assert (await chain.search(Q)).status == "ok"
    again = await chain.search(Q)
    assert (again.status, again.items, again.backend, len(one.asked)) == ("cached", (hit,), "one", 1)
    clock.pass_(7 * DAY + 1)
    assert (await chain.search(Q)).status == "ok"
    assert len(one.asked) == 2


@pytest.mark.parametrize(
    "other",
    [WebQuery("tall towers"), WebQuery("tall tower", "images"), WebQuery("tall tower", k=3),
     WebQuery("tall tower", region="de-de"), WebQuery("tall tower", since="day")],
)  # fmt: skip
async def test_another_question_is_asked(file: WebCache, chain_of: Make, other: WebQuery) -> None:
    one = SetBackend("one", [found("a")], kinds=("text", "images"))
    chain = chain_of(one, cache=SearchCache(file))
    await chain.search(Q)
    await chain.search(other)
    assert len(one.asked) == 2


async def test_pictures_are_told_apart(file: WebCache, chain_of: Make) -> None:
    one = SetBackend("one", [found("a")], kinds=("lookalikes",))
    chain = chain_of(one, cache=SearchCache(file))
    for digest in ("0" * 64, "1" * 64, "0" * 64):
        await chain.search(WebQuery(kind="lookalikes", image=digest))
    assert len(one.asked) == 2


@pytest.mark.parametrize("status", ["throttled", "blocked", "timeout", "error"])
async def test_what_went_wrong_is_not_kept(file: WebCache, chain_of: Make, clock: FakeClock, status: str) -> None:
    one = SetBackend("one", [ToolOutcome(status, error="No.", retry_after=40), found("a")])  # type: ignore[arg-type]
    chain = chain_of(one, cache=SearchCache(file))
    assert (await chain.search(Q)).status == status
    await SearchCache(file).put("one", Q, one.answers[0])
    assert await SearchCache(file).get("one", Q) is None
    clock.pass_(61)
    assert (await chain.search(Q)).status == "ok"


async def test_nothing_found_is_kept_for_minutes(file: WebCache, chain_of: Make, clock: FakeClock) -> None:
    one = SetBackend("one", [found(), found("a")])
    chain = chain_of(one, cache=SearchCache(file))
    for _ in range(2):
        assert (await chain.search(Q)).status == "empty"
    assert len(one.asked) == 1
    clock.pass_(10 * MINUTE + 1)
    assert (await chain.search(Q)).status == "ok"


async def test_an_older_answer_is_given_when_all_are_down(file: WebCache, chain_of: Make, clock: FakeClock) -> None:
    one = SetBackend("one", [found("a"), ToolOutcome("timeout", error="one did not answer in 10 s")])
    chain = chain_of(one, cache=SearchCache(file))
    await chain.search(Q)
    clock.pass_(9 * DAY)
    outcome = await chain.search(Q)
    assert (outcome.status, outcome.items[0].title) == ("cached", "a")
    assert outcome.notes == ("one did not answer in 10 s", "one: an answer of 9 days ago")


async def test_news_are_not_given_when_they_are_old(file: WebCache, chain_of: Make, clock: FakeClock) -> None:
    one = SetBackend("one", [found("a"), ToolOutcome("timeout", error="late")], kinds=("news",))
    chain = chain_of(one, cache=SearchCache(file))
    await chain.search(WebQuery("tower", "news"))
    clock.pass_(2 * HOUR)
    assert (await chain.search(WebQuery("tower", "news"))).status == "timeout"


async def test_pages_are_kept_whole(file: WebCache, clock: FakeClock) -> None:
    pages = PageCache(file)
    pictures = (PagePicture("https://a.test/i", width=3),)
    html = WebPage("https://a.test/", "A", "text \x00 é \U0001f600", pictures=pictures,
                   links=("https://b.test/",), notes=("cut",), retrieved_at="2026-11-21")  # fmt: skip
    pdf = WebPage("https://a.test/p", "P", "one\ftwo", "pdf", pages=(0, 4))
    await pages.put("https://a.test", html)
    await pages.put("https://a.test/p", pdf)
    assert await pages.get("https://a.test") == html
    assert await pages.get("https://other.test") is None
    clock.pass_(DAY + 1)
    assert await pages.get("https://a.test") is None
    assert await pages.get("https://a.test/p") == pdf


async def test_a_damaged_file_is_begun_anew(file: WebCache, tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / NAME).write_bytes(b"this is no database, but it is long enough to be looked at" * 40)
    cache = SearchCache(file)
    assert await cache.get("one", Q) is None
    await cache.put("one", Q, found("a"))
    kept = await cache.get("one", Q)
    assert kept is not None and kept.status == "cached"


async def test_a_damaged_entry_is_no_entry(file: WebCache, tmp_path: Path) -> None:
    cache = SearchCache(file)
    await cache.put("one", Q, found("a"))
    with sqlite3.connect(tmp_path / "web" / NAME) as db:
        db.execute("""UPDATE entries SET value = '[{"is": "Gone", "value": 1}]'""")
    assert await cache.get("one", Q) is None


async def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path) -> None:
    (tmp_path / "web").write_text("a file where the folder should be")
    cache = SearchCache(WebCache(tmp_path / "web"))
    await cache.put("one", Q, found("a"))
    assert await cache.get("one", Q) is None


async def test_the_file_is_the_users_alone_and_says_no_query(file: WebCache, tmp_path: Path) -> None:
    await SearchCache(file).put("one", WebQuery("my secret disease"), found("a"))
    path = tmp_path / "web" / NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    file.close()
    assert b"disease" not in path.read_bytes()


def test_the_oldest_go_when_it_is_full(tmp_path: Path, clock: FakeClock) -> None:
    file = WebCache(tmp_path, most=10_000, clock=clock)
    for number in range(30):
        clock.pass_(1)
        file.put("page", f"{number}", "ok", "x" * 1000, DAY)
    file.prune()
    kept = [number for number in range(30) if file.get("page", f"{number}")]
    assert kept == list(range(21, 30))
    clock.pass_(40 * DAY)
    file.prune()
    assert file.get("page", "29") is None


def test_it_is_pruned_by_itself(tmp_path: Path, clock: FakeClock) -> None:
    file = WebCache(tmp_path, most=50_000, clock=clock)
    for number in range(450):
        file.put("page", f"{number}", "ok", "x" * 1000, DAY)
    assert sum(file.get("page", f"{number}") is not None for number in range(450)) <= 50 + 200


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from foveal.tools.search.cache import WebCache\n"
        "file = WebCache(Path(sys.argv[1]))\n"
        "for n in range(60): file.put('page', f'{sys.argv[2]}-{n}', 'ok', 'x' * 500, 1000)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), str(n)]) for n in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    file = WebCache(tmp_path)
    assert all(file.get("page", f"{who}-{n}") for who in range(3) for n in range(60))
