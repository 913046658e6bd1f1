"""``searxng``, ``brave`` and ``vision`` over the guarded transport, against services on loopback in their shapes."""

from __future__ import annotations

import base64
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.service import Reply, Service
from PIL import Image
from pydantic import SecretStr

from foveal.errors import BadConfig
from foveal.tools.fetch.fetcher import Fetcher
from foveal.tools.fetch.policy import Policy
from foveal.tools.images.store import FileBlobStore
from foveal.tools.search.brave import BraveBackend
from foveal.tools.search.lookalikes import LookalikeProvider, VisionBackend
from foveal.tools.search.searxng import SearxngBackend, place_of
from foveal.types import ToolOutcome, WebQuery

Q = WebQuery("tall tower")
SENTINEL = "sk-sentinel-4711"


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.fixture
async def fetcher(service: Service) -> AsyncIterator[Fetcher]:
    fetcher = Fetcher(Policy(allowed=frozenset({("127.0.0.1", service.port)})))
    yield fetcher
    await fetcher.aclose()


@pytest.fixture
def searxng(service: Service, fetcher: Fetcher) -> SearxngBackend:
    return SearxngBackend(fetcher, service.url + "/", timeout=2)


@pytest.fixture
def brave(service: Service, fetcher: Fetcher) -> BraveBackend:
    return BraveBackend(fetcher, SecretStr(SENTINEL), base_url=service.url + "/res/v1", timeout=2)


async def test_searxng_is_asked_by_category(service: Service, searxng: SearxngBackend) -> None:
    service.answer = lambda request: Reply({"results": []})
    for query in (Q, WebQuery("t", "images"), WebQuery("t", "news", since="month", region="de-de")):
        assert (await searxng.search(query)).status == "empty"
    asked = [dict(request.query) for request in service.seen]
    assert asked[0] == {"q": "tall tower", "format": "json", "categories": "general", "pageno": "1"}
    assert asked[1]["categories"] == "images"
    assert asked[2] | {"categories": "news", "time_range": "month", "language": "de-DE"} == asked[2]
    assert {request.path for request in service.seen} == {"/search"}


async def test_searxng_pages_and_pictures(service: Service, searxng: SearxngBackend) -> None:
    page = {"url": "https://t.test/?utm_source=s", "title": "A <b>tower</b>", "content": "tall", "engines": ["a", "b"],
            "engine": "a", "publishedDate": "2025-11-03T00:00:00", "score": 8.0}  # fmt: skip
    picture = {"url": "https://t.test/p", "title": "A tower", "img_src": "https://t.test/1.jpg", "engine": "a",
               "thumbnail_src": "//t.test/1s.jpg", "resolution": "1024 x 768"}  # fmt: skip
    service.answer = lambda request: Reply({"results": [page]})
    (hit,) = (await searxng.search(Q)).items
    assert (hit.url, hit.title, hit.engine) == ("https://t.test/", "A tower", "a, b")
    assert (hit.published_at, hit.score) == ("2025-11-03", None)
    service.answer = lambda request: Reply({"results": [picture, {**picture, "img_src": None}]})
    (hit,) = (await searxng.search(WebQuery("tower", "images"))).items
    assert (hit.image, hit.thumbnail) == ("https://t.test/1.jpg", "https://t.test/1s.jpg")
    assert (hit.width, hit.height) == (1024, 768)


async def test_searxng_names_engines_that_were_silent(service: Service, searxng: SearxngBackend) -> None:
    silent = [["bing", "timeout"], ["mojeek", "access denied", None]]
    service.answer = lambda request: Reply({"results": [{"url": "https://t.test/"}], "unresponsive_engines": silent})
    outcome = await searxng.search(Q)
    assert outcome.notes == ("SearXNG's engines bing (timeout), mojeek (access denied) did not answer",)


@pytest.mark.parametrize(
    ("reason", "status"),
    [("too many requests", "throttled"), ("CAPTCHA", "throttled"), ("timeout", "timeout"), ("parsing error", "error")],
)
async def test_searxng_without_results_or_engines(
    service: Service, searxng: SearxngBackend, reason: str, status: str
) -> None:
    service.answer = lambda request: Reply({"results": [], "unresponsive_engines": [["bing", reason]]})
    outcome = await searxng.search(Q)
    assert (outcome.status, outcome.error) == (status, f"None of SearXNG's engines answered: bing ({reason}).")


async def test_searxng_that_gives_no_json_says_how_to_mend_it(service: Service, searxng: SearxngBackend) -> None:
    service.answer = lambda request: Reply("forbidden", 403)
    outcome = await searxng.search(Q)
    assert outcome.status == "blocked"
    assert outcome.error is not None and "list json under search.formats" in outcome.error


async def test_searxng_on_localhost_by_name(service: Service) -> None:
    service.answer = lambda request: Reply({"results": [{"url": "https://t.test/"}]})
    url = f"http://LocalHost:{service.port}"
    outcome = await SearxngBackend(Fetcher(Policy(allowed=frozenset({place_of(url)}))), url).search(Q)
    assert outcome.status == "ok", outcome.error


async def test_searxng_that_is_not_running(fetcher: Fetcher) -> None:
    url = "http://127.0.0.1:9"
    alone = SearxngBackend(Fetcher(Policy(allowed=frozenset({place_of(url)}))), url, timeout=2)
    outcome = await alone.search(Q)
    assert (outcome.status, outcome.error) == (
        "error",
        "No SearXNG answers at http://127.0.0.1:9. Start it, or correct `searxng_url`.",
    )


@pytest.mark.parametrize("url", ["localhost:8888", "ftp://a.test", "http://", "http://a:99999", "", "http://[x/"])
def test_searxng_addresses_that_are_none(url: str) -> None:
    with pytest.raises(BadConfig):
        place_of(url)


@pytest.mark.parametrize(("told", "wait"), [("2", 2.0), ("3600", 60.0), ("soon, perhaps", None), ("", None)])
async def test_row_20_retry_after_reaches_the_outcome(
    service: Service, brave: BraveBackend, told: str, wait: float | None
) -> None:
    service.answer = lambda request: Reply({}, 429, {"retry-after": told} if told else None)
    outcome = await brave.search(Q)
    assert (outcome.status, outcome.retry_after, len(service.seen)) == ("throttled", wait, 1)


@pytest.mark.parametrize("status", [401, 402, 403])
async def test_a_key_that_is_refused_is_not_tried_again(service: Service, brave: BraveBackend, status: int) -> None:
    service.answer = lambda request: Reply({}, status)
    outcome = await brave.search(Q)
    assert (outcome.status, len(service.seen)) == ("blocked", 1)
    assert outcome.error is not None and "brave_api_key" in outcome.error


async def test_brave_says_what_is_wrong_with_a_request(service: Service, brave: BraveBackend) -> None:
    service.answer = lambda request: Reply({"error": {"code": "SUBSCRIPTION_TOKEN_INVALID"}}, 422)
    outcome = await brave.search(Q)
    assert outcome.error == (
        "Brave Search refused the request. Brave Search does not accept the key. Check `brave_api_key`."
    )


async def test_brave_pages_pictures_and_news(service: Service, brave: BraveBackend) -> None:
    page = {"title": "A <strong>tower</strong>", "url": "https://t.test/", "description": "It is tall.",
            "page_age": "2025-11-03T10:00:00", "extra_snippets": ["It is old."]}  # fmt: skip
    picture = {"title": "A tower", "url": "https://t.test/p", "thumbnail": {"src": "https://i.test/t", "width": 500},
               "properties": {"url": "https://t.test/1.jpg", "width": 1600, "height": 1200}}  # fmt: skip
    news = {"title": "Opened", "url": "https://n.test/", "description": "It opened.", "age": "2 days ago"}
    service.answer = lambda request: Reply(
        {"web": {"results": [page]}} if request.path.endswith("web/search") else
        {"results": [picture if "images" in request.path else news]}
    )  # fmt: skip
    (hit,) = (await brave.search(WebQuery("tall tower", k=50, since="week", region="us-en"))).items
    assert (hit.title, hit.snippet, hit.published_at) == ("A tower", "It is tall. It is old.", "2025-11-03")
    (hit,) = (await brave.search(WebQuery("tower", "images", k=5, since="day"))).items
    assert (hit.image, hit.width, hit.height, hit.thumbnail) == ("https://t.test/1.jpg", 1600, 1200, "https://i.test/t")
    (hit,) = (await brave.search(WebQuery("tower", "news"))).items
    assert hit.published_at is not None
    asked = [(request.path, dict(request.query)) for request in service.seen]
    text = {"q": "tall tower", "count": "20", "freshness": "pw", "country": "US", "search_lang": "en"}
    assert asked[0] == ("/res/v1/web/search", text)
    assert asked[1] == ("/res/v1/images/search", {"q": "tower", "count": "5"})
    assert asked[2] == ("/res/v1/news/search", {"q": "tower", "count": "10"})
    assert {request.headers["x-subscription-token"] for request in service.seen} == {SENTINEL}


async def test_brave_is_asked_no_more_words_than_it_takes(service: Service, brave: BraveBackend) -> None:
    await brave.search(WebQuery("ab " * 200))
    (request,) = service.seen
    assert len(request.query["q"].split()) == 50


async def test_the_key_goes_nowhere_else(
    service: Service, brave: BraveBackend, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    for reply in (Reply({}, 401), Reply({}, 500), Reply("not json"), Reply([]), Reply({}, 302, {"location": "/x"})):
        service.answer = lambda request, reply=reply: reply  # type: ignore[misc]
        outcome = await brave.search(Q)
        assert SENTINEL not in repr(outcome) and SENTINEL not in repr(brave)
    assert SENTINEL not in caplog.text
    with Service() as elsewhere:
        places = frozenset({("127.0.0.1", service.port), ("127.0.0.1", elsewhere.port)})
        astray = BraveBackend(Fetcher(Policy(allowed=places)), SecretStr(SENTINEL), base_url=service.url)
        service.answer = lambda request: Reply({}, 302, {"location": f"{elsewhere.url}/take"})
        await astray.search(Q)
        (taken,) = elsewhere.seen
        assert SENTINEL not in str(taken.headers)


@pytest.mark.parametrize("body", ["", "<html>", [], {"results": 5}, {"results": [5]}, {"web": []}, 7, None])
@pytest.mark.parametrize("name", ["searxng", "brave"])
async def test_answers_in_no_known_form_are_an_error(
    service: Service, searxng: SearxngBackend, brave: BraveBackend, body: Any, name: str
) -> None:
    backend = searxng if name == "searxng" else brave
    service.answer = lambda request: Reply(body)
    for kind in ("text", "images"):
        outcome = await backend.search(WebQuery("tower", kind))
        assert outcome.status in ("error", "empty")
        assert (outcome.status == "empty") == (outcome.error is None)


async def test_a_service_that_is_silent_ends_at_its_deadline(service: Service, fetcher: Fetcher) -> None:
    import time

    def late(request: object) -> Reply:
        time.sleep(1.0)
        return Reply({})

    service.answer = late
    began = time.monotonic()
    outcome = await SearxngBackend(fetcher, service.url, timeout=0.3).search(Q)
    assert (outcome.status, outcome.error) == ("timeout", "SearXNG did not answer in 0.3 s.")
    assert time.monotonic() - began < 0.9


@pytest.fixture
def vision(service: Service, fetcher: Fetcher, tmp_path: Path) -> tuple[VisionBackend, str]:
    """The backend and the digest of a picture."""
    blobs = FileBlobStore(tmp_path)
    buffer = io.BytesIO()
    picture = Image.linear_gradient("L").convert("RGB").resize((3000, 1500))
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    picture.save(buffer, "JPEG", exif=exif)
    digest = blobs.put_bytes(buffer.getvalue()).sha256
    return VisionBackend(fetcher, SecretStr(SENTINEL), blobs, base_url=service.url + "/v1"), digest


def detected(**found: Any) -> Reply:
    return Reply({"responses": [{"webDetection": found}]})


async def test_pages_with_the_picture_come_first(service: Service, vision: tuple[VisionBackend, str]) -> None:
    backend, digest = vision
    assert isinstance(backend, LookalikeProvider) and backend.abilities.uploads
    service.answer = lambda request: detected(
        bestGuessLabels=[{"label": "kell tower", "languageCode": "en"}],
        webEntities=[{"entityId": "/m/1", "score": 1.4, "description": "Kell Tower"}, {"entityId": "/m/2"}],
        pagesWithMatchingImages=[
            {"url": "https://t.test/", "pageTitle": "The <b>Kell</b> Tower",
             "fullMatchingImages": [{"url": "https://t.test/1.jpg"}]},
            {"url": "https://u.test/", "partialMatchingImages": [{"url": "https://u.test/1.jpg"}]},
        ],
        visuallySimilarImages=[{"url": "https://v.test/1.jpg"}],
    )  # fmt: skip
    outcome = await backend.search(WebQuery(kind="lookalikes", image=digest))
    same, part, like = outcome.items
    assert (same.title, same.score, same.image) == ("The Kell Tower", 1.0, "https://t.test/1.jpg")
    assert (part.title, part.score) == ("kell tower", 0.8)
    assert (like.url, like.image, like.score) == ("https://v.test/1.jpg", "https://v.test/1.jpg", 0.5)
    assert same.snippet == "The same picture is on this page. The picture may show: kell tower, Kell Tower."
    (request,) = service.seen
    sent = json.loads(request.body)["requests"][0]
    assert (request.method, request.path, request.query) == ("POST", "/v1/images:annotate", {})
    assert request.headers["x-goog-api-key"] == SENTINEL
    assert sent["features"] == [{"type": "WEB_DETECTION", "maxResults": 10}]
    picture = Image.open(io.BytesIO(base64.b64decode(sent["image"]["content"])))
    assert (picture.size, dict(picture.getexif())) == ((1024, 512), {})


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (detected(), "empty"),
        (Reply({"responses": [{}]}), "empty"),
        (Reply({"responses": [{"error": {"code": 8, "message": "quota"}}]}), "throttled"),
        (Reply({"responses": [{"error": {"code": 7, "message": "denied"}}]}), "blocked"),
        (Reply({"responses": [{"error": {"code": 3, "message": "bad image"}}]}), "error"),
        (Reply({"responses": []}), "error"),
        (Reply({"error": {}}, 400), "blocked"),
        (Reply({"error": {}}, 429, {"retry-after": "7"}), "throttled"),
    ],
)
async def test_what_vision_may_say(
    service: Service, vision: tuple[VisionBackend, str], reply: Reply, status: str
) -> None:
    backend, digest = vision
    service.answer = lambda request: reply
    outcome: ToolOutcome = await backend.search(WebQuery(kind="lookalikes", image=digest))
    assert outcome.status == status
    assert SENTINEL not in repr(outcome)


async def test_nothing_is_sent_without_a_picture(service: Service, vision: tuple[VisionBackend, str]) -> None:
    outcome = await vision[0].search(WebQuery(kind="lookalikes"))
    assert (outcome.status, outcome.error, service.seen) == ("error", "There is no picture to search for.", [])
    outcome = await vision[0].search(WebQuery(kind="lookalikes", image="0" * 64))
    assert (outcome.status, service.seen) == ("error", [])
