"""``replay:FILE``: what was recorded, as it was, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fakes.zims import make_zim, picture_of

from foveal.errors import BadConfig, PageUnreadable, ReplayMiss
from foveal.settings import Settings
from foveal.tools.images.store import FileBlobStore
from foveal.tools.search.recorded import open_recorded
from foveal.tools.search.registry import make_web
from foveal.types import WebQuery

HITS = [
    {
        "url": "https://atlas.test/falcon",
        "title": "Falcon Tower",
        "snippet": "finished in 1705",
        "published_at": "2024-03-01",
    },
    {"url": "https://news.test/1", "title": "Quarrels", "score": 0.5},
    {"url": "https://news.test/2", "title": "More quarrels"},
]
PAGE = {
    "url": "https://atlas.test/falcon",
    "title": "Falcon Tower",
    "text": "It was finished in 1705.",
    "pictures": [{"url": "https://atlas.test/falcon.png", "alt": "the tower"}],
    "fetched_from": "https://m.atlas.test/falcon",
}
SEARCH: dict[str, Any] = {
    "query": "Falcon Tower", "kind": "text", "hits": HITS, "pages": [PAGE],
    "pictures": {"https://atlas.test/falcon.png": "falcon.png"},
}  # fmt: skip


@pytest.fixture
def recording(tmp_path: Path) -> Callable[..., Path]:
    def write(*rows: Any) -> Path:
        path = tmp_path / "web.jsonl"
        path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), "utf-8")
        return path

    return write


async def test_a_recorded_search_is_given_back(recording: Callable[..., Path]) -> None:
    site = open_recorded(recording(SEARCH, {"query": "nothing there", "hits": []}))
    outcome = await site.backend.search(WebQuery("  falcon   TOWER", k=2))
    assert (outcome.status, outcome.backend) == ("ok", "replay")
    assert [hit.url for hit in outcome.items] == [hit["url"] for hit in HITS[:2]]
    assert outcome.items[0].snippet == "finished in 1705" and outcome.items[0].published_at == "2024-03-01"
    assert outcome.items[1].score == 0.5
    assert (await site.backend.search(WebQuery("nothing there"))).status == "empty"


@pytest.mark.parametrize(
    "query",
    [
        WebQuery("Falcon"),
        WebQuery("Falcon Tower", "images"),
        WebQuery("Falcon Tower", since="day"),
        WebQuery("Falcon Tower", region="us-en"),
    ],
)
async def test_another_search_fails_loudly(recording: Callable[..., Path], query: WebQuery) -> None:
    outcome = await open_recorded(recording(SEARCH)).backend.search(query)
    assert outcome.status == "blocked" and outcome.items == ()
    assert repr(query.text) in str(outcome.error) and query.kind in str(outcome.error)


async def test_more_results_than_were_recorded_are_told(recording: Callable[..., Path]) -> None:
    site = open_recorded(recording({**SEARCH, "k": 3}))
    assert (await site.backend.search(WebQuery("falcon tower", k=3))).notes == ()
    assert "3 were recorded" in (await site.backend.search(WebQuery("falcon tower", k=9))).notes[0]


async def test_the_web_of_a_recording(recording: Callable[..., Path], tmp_path: Path) -> None:
    path = recording(SEARCH, {"page": {"url": "https://blog.test/", "text": "Words."}})
    (tmp_path / "falcon.png").write_bytes(picture_of(5))
    web = make_web(Settings(web=f"replay:{path}", cache=tmp_path / "cache"), blobs=FileBlobStore(tmp_path / "blobs"))
    (hit, *_) = (await web.search(WebQuery("Falcon Tower"))).items
    page = await web.read(hit.url)
    assert page.text == PAGE["text"] and page.pictures[0].alt == "the tower"
    assert (await web.picture(page.pictures[0].url)).width == 320
    web.allow("https://m.atlas.test/falcon", "https://blog.test/", "https://elsewhere.test/")
    assert (await web.read("https://m.atlas.test/falcon")).url == hit.url
    assert (await web.read("https://blog.test/")).title == "https://blog.test/"
    with pytest.raises(ReplayMiss, match=r"elsewhere\.test"):
        await web.read("https://elsewhere.test/")
    with pytest.raises(ReplayMiss, match="picture"):
        await web.picture("https://elsewhere.test/")
    await web.aclose()


async def test_a_picture_that_is_gone(recording: Callable[..., Path]) -> None:
    site = open_recorded(recording(SEARCH))
    with pytest.raises(PageUnreadable, match=r"falcon\.png cannot be read"):
        await site.picture("https://atlas.test/falcon.png")


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        (['{"query": "x", "hits": ['], ":1: no recorded search: not JSON"),
        ([SEARCH, "[]"], ":2: no recorded search: a line needs `query` or `page`"),
        ([{"query": 7}], "a search needs `query`"),
        ([{"query": "x", "hits": {}}], "`hits` must be a list"),
        ([{"query": "x", "kind": "videos"}], "`kind`"),
        ([{"query": "x", "k": "many"}], "`k`"),
        ([{"query": "x", "pages": [{"title": "no address"}]}], "a page needs `url` and `text`"),
        ([{"page": {"url": "https://a.test/", "text": "t", "pictures": [{"src": "x"}]}}], "`pictures"),
        ([{"query": "x", "pictures": ["a"]}], "not of their kinds"),
        ([""], "holds no recorded search"),
    ],
)
def test_what_is_no_recording_is_refused_by_its_line(
    recording: Callable[..., Path], rows: list[Any], reason: str
) -> None:
    with pytest.raises(BadConfig) as caught:
        open_recorded(recording(*rows))
    assert reason in caught.value.message and caught.value.remedy


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="cannot be read"):
        open_recorded(tmp_path / "gone.jsonl")
    (tmp_path / "picture.png").write_bytes(picture_of(1))
    with pytest.raises(BadConfig, match="neither a frozen web nor JSONL"):
        open_recorded(tmp_path / "picture.png")
    with pytest.raises(BadConfig, match="without recorded searches") as caught:
        open_recorded(make_zim(tmp_path / "towers.zim", indexed=False))
    assert "--web zim:" in str(caught.value.remedy)
