"""What a status line means, and who is asked again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from fakes.hostile import held, reply, serving
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BackendDown, BadInput, HttpRefused, Throttled
from foveal.tools.fetch.status import retry_after

from .conftest import MakeFetcher

PAGE = reply(200, b"<html>here</html>")


@pytest.mark.parametrize(
    ("status", "says", "wait"),
    [(429, "2", 2), (429, "3600", 60), (429, "garbage", None), (429, "", None), (503, "7", 7), (429, "-3", None)],
)
async def test_row_20_a_server_that_asks_to_be_left_alone(
    fetcher_for: MakeFetcher, status: int, says: str, wait: float | None
) -> None:
    async with serving({"/": reply(status, b"", f"Retry-After: {says}")}) as server:
        with pytest.raises(Throttled) as throttled:
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/")
        assert throttled.value.retry_after == wait and server.paths == ["/"]


def test_row_20_a_date_is_a_wait_too() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=30)
    assert 25 < (retry_after(format_datetime(soon, usegmt=True)) or 0) <= 30
    assert retry_after(format_datetime(soon + timedelta(days=9), usegmt=True)) == 60
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("Wed, 21 Oct 2015 07:28:00") == 0


@given(st.one_of(st.text(max_size=40), st.integers().map(str), st.floats().map(str)))
def test_row_20_any_wait_is_bounded(value: str) -> None:
    wait = retry_after(value)
    assert wait is None or 0 <= wait <= 60


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 418, 451])
async def test_row_21_a_refusal_is_not_asked_again(fetcher_for: MakeFetcher, status: int) -> None:
    async with serving({"/": reply(status, b"<html>no</html>")}) as server:
        with pytest.raises(HttpRefused, match=str(status)) as refused:
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/")
        assert refused.value.status == status and not refused.value.retryable and server.paths == ["/"]


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
async def test_row_21_a_server_in_trouble_is_asked_once_more(fetcher_for: MakeFetcher, status: int) -> None:
    async with serving({"/": reply(status), "/better": [reply(status), PAGE]}) as server:
        fetcher = fetcher_for(server)
        with pytest.raises(HttpRefused, match=str(status)) as refused:
            await fetcher.fetch(f"http://docs.test:{server.port}/")
        assert refused.value.status == status and refused.value.retryable
        assert (await fetcher.fetch(f"http://docs.test:{server.port}/better")).status == 200
        assert server.paths == ["/", "/", "/better", "/better"]


@pytest.mark.parametrize("status", [300, 302, 304, 306])
async def test_a_redirect_to_nowhere_is_a_refusal(fetcher_for: MakeFetcher, status: int) -> None:
    async with serving({"/": reply(status)}) as server:
        with pytest.raises(HttpRefused, match=str(status)):
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/")


async def test_no_message_tells_the_query(fetcher_for: MakeFetcher) -> None:
    async with serving({}) as server:
        with pytest.raises(HttpRefused) as refused:
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/search?key=hunter2")
        assert "hunter2" not in str(refused.value) and "/search" in str(refused.value)


async def test_a_header_cannot_smuggle_another(fetcher_for: MakeFetcher) -> None:
    async with serving({"*": PAGE}) as server:
        for value in ("a\r\nHost: evil.test", "ü", "a\x00"):
            with pytest.raises(BadInput):
                await fetcher_for(server).fetch(
                    f"http://docs.test:{server.port}/", headers={"X-A": value}, robots=False
                )
        assert server.asked == []


async def test_what_is_ours_to_say_no_caller_says(fetcher_for: MakeFetcher) -> None:
    async with serving({"*": PAGE}) as server:
        ours = {"Host": "evil.test", "Accept-Encoding": "br", "User-Agent": "other", "Content-Length": "9"}
        await fetcher_for(server).fetch(f"http://docs.test:{server.port}/", headers=ours, robots=False)
        sent = server.asked[0].headers
        assert sent["host"] == f"docs.test:{server.port}" and sent["accept-encoding"] == "gzip, identity"
        assert sent["user-agent"].startswith("foveal/") and "content-length" not in sent


async def test_at_most_two_requests_at_once_to_a_host(fetcher_for: MakeFetcher) -> None:
    gate = asyncio.Event()
    async with serving({"*": held(gate, PAGE)}) as server:
        fetcher = fetcher_for(server, hosts=("a.test", "b.test"), policy={"robots": False, "at_once": 3})
        calls = [fetcher.fetch(f"http://{host}.test:{server.port}/{n}") for n in range(5) for host in "ab"]
        task = asyncio.gather(*calls)
        while server.under_way < 3:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert server.most == 3  # both hosts together
        gate.set()
        assert len(await task) == 10 and server.most == 3
        gate.clear()
        alone = asyncio.gather(*(fetcher.fetch(f"http://a.test:{server.port}/{n}") for n in range(4)))
        server.most = 0
        await asyncio.sleep(0.1)
        assert server.most == 2
        gate.set()
        await alone


async def test_the_wait_for_others_is_not_counted(fetcher_for: MakeFetcher) -> None:
    from foveal.tools.fetch.policy import Limits

    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        await PAGE(writer)

    async with serving({"*": slow}) as server:
        fetcher = fetcher_for(server, policy={"robots": False, "per_host": 1})
        limits = Limits(total_s=0.6)
        calls = [fetcher.fetch(f"http://docs.test:{server.port}/{n}", limits=limits) for n in range(3)]
        assert [fetched.status for fetched in await asyncio.gather(*calls)] == [200] * 3


async def test_a_server_that_went_away_frees_its_place(fetcher_for: MakeFetcher) -> None:
    async with serving({}) as server:
        fetcher = fetcher_for(server, policy={"robots": False, "per_host": 1, "at_once": 1})
        server.acts["*"] = reply(404)
        for _ in range(3):
            with pytest.raises(HttpRefused):
                await fetcher.fetch(f"http://docs.test:{server.port}/")
    with pytest.raises(BackendDown):
        await fetcher.fetch(f"http://docs.test:{server.port}/")
