"""What sites ask programs not to read is not read."""

from __future__ import annotations

import asyncio

import pytest
from fakes.hostile import Act, HostileServer, drip, head, redirect, reply, reset, serving, silent

from foveal.errors import BackendDown, BadResponse, RobotsDenied, Throttled
from foveal.tools.fetch.fetcher import Fetcher

from .conftest import MakeFetcher

PAGE = reply(200, b"<html>here</html>")
RULES = (
    b"User-agent: *\nDisallow: /all\n\nUser-agent: Foveal\nDisallow: /private\nAllow: /private/but\nDisallow: /*.php$\n"
)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _robots(body: bytes) -> dict[str, Act | list[Act]]:
    return {"/robots.txt": reply(200, body, content_type="text/plain"), "*": PAGE}


async def _get(fetcher: Fetcher, server: HostileServer, path: str, robots: bool | None = None) -> bytes:
    return (await fetcher.fetch(f"http://docs.test:{server.port}{path}", robots=robots)).body


async def test_row_26_what_robots_txt_disallows_is_not_read(fetcher_for: MakeFetcher) -> None:
    async with serving(_robots(RULES)) as server:
        fetcher = fetcher_for(server)
        for path in ("/private", "/private/x?key=1", "/a.php"):
            with pytest.raises(RobotsDenied, match=r"robots\.txt of docs\.test") as denied:
                await _get(fetcher, server, path)
            assert denied.value.remedy and "key=1" not in str(denied.value)
        assert server.paths == []
        for path in ("/", "/all", "/private/but/this", "/a.php?x=1", "/robots.txt"):
            assert await _get(fetcher, server, path)
        assert sum(asked.path == "/robots.txt" for asked in server.asked) == 2  # once for all, once as a page


async def test_row_26_the_rules_for_all_hold_where_we_are_not_named(fetcher_for: MakeFetcher) -> None:
    async with serving(_robots(b"User-agent: *\nDisallow: /\n\nUser-agent: other\nDisallow:\n")) as server:
        with pytest.raises(RobotsDenied):
            await _get(fetcher_for(server), server, "/")


async def test_row_26_a_redirect_is_asked_for_too(fetcher_for: MakeFetcher) -> None:
    async with serving({**_robots(RULES), "/": redirect("/private")}) as server:
        with pytest.raises(RobotsDenied):
            await _get(fetcher_for(server), server, "/")
        assert server.paths == ["/"]


async def test_row_26_it_is_a_setting(fetcher_for: MakeFetcher) -> None:
    async with serving(_robots(b"User-agent: *\nDisallow: /\n")) as server:
        assert await _get(fetcher_for(server), server, "/", robots=False)
        fetcher = fetcher_for(server, policy={"robots": False})
        assert await _get(fetcher, server, "/")
        assert all(asked.path == "/" for asked in server.asked)
        with pytest.raises(RobotsDenied):
            await _get(fetcher, server, "/", robots=True)


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_no_file_forbids_nothing(fetcher_for: MakeFetcher, status: int) -> None:
    """RFC 9309 2.3.1.3."""
    async with serving({"/robots.txt": reply(status), "*": PAGE}) as server:
        assert await _get(fetcher_for(server), server, "/")


@pytest.mark.parametrize(
    "junk", [b"\x00\x01\x7fELF", b"\xff" * 999, b"<html>no rules</html>", b"", b"Disallow: /\n" * 50_000]
)
async def test_a_file_without_rules_forbids_nothing(fetcher_for: MakeFetcher, junk: bytes) -> None:
    async with serving(_robots(junk)) as server:
        assert await _get(fetcher_for(server), server, "/")


async def test_a_server_that_fails_forbids_everything_for_a_minute(fetcher_for: MakeFetcher) -> None:
    """RFC 9309 2.3.1.4."""
    clock = Clock()
    async with serving({"/robots.txt": [reply(500), reply(500), reply(404)], "*": PAGE}) as server:
        fetcher = fetcher_for(server, clock=clock)
        for clock.now in (0, 59):
            with pytest.raises(RobotsDenied, match="cannot be read now"):
                await _get(fetcher, server, "/")
        assert len(server.asked) == 2
        clock.now = 61
        assert await _get(fetcher, server, "/")


async def test_rules_are_read_again_after_an_hour(fetcher_for: MakeFetcher) -> None:
    clock = Clock()
    deny, allow = (
        reply(200, b"User-agent: *\nDisallow:" + what, content_type="text/plain") for what in (b" /\n", b"\n")
    )
    async with serving({"/robots.txt": [deny, allow], "*": PAGE}) as server:
        fetcher = fetcher_for(server, clock=clock)
        for clock.now in (0, 3599):
            with pytest.raises(RobotsDenied):
                await _get(fetcher, server, "/")
        clock.now = 3601
        assert await _get(fetcher, server, "/")


async def test_a_site_that_is_down_is_down_and_not_forbidden(fetcher_for: MakeFetcher) -> None:
    async with serving({"/robots.txt": reset, "*": PAGE}) as server:
        with pytest.raises(BackendDown):
            await _get(fetcher_for(server), server, "/")
        assert server.paths == []


async def test_a_busy_site_is_left_alone(fetcher_for: MakeFetcher) -> None:
    async with serving({"/robots.txt": reply(429, b"", "Retry-After: 5"), "*": PAGE}) as server:
        with pytest.raises(Throttled):
            await _get(fetcher_for(server), server, "/")
        assert server.paths == []


async def test_many_pages_of_a_site_ask_once(fetcher_for: MakeFetcher) -> None:
    async with serving({"*": PAGE}) as server:
        fetcher = fetcher_for(server)
        await asyncio.gather(*(_get(fetcher, server, f"/{n}") for n in range(8)))
        assert sum(asked.path == "/robots.txt" for asked in server.asked) == 1 and len(server.paths) == 8


async def test_each_origin_has_its_own_rules(fetcher_for: MakeFetcher) -> None:
    async with serving(_robots(b"User-agent: *\nDisallow: /\n")) as closed, serving({"*": PAGE}) as server:
        fetcher = fetcher_for(server, closed)
        assert await _get(fetcher, server, "/")
        with pytest.raises(RobotsDenied):
            await _get(fetcher, closed, "/")


async def test_json_services_are_not_asked_for_rules(fetcher_for: MakeFetcher) -> None:
    async with serving({**_robots(b"User-agent: *\nDisallow: /\n"), "/api": reply(200, b"{}")}) as server:
        await fetcher_for(server).fetch(f"http://docs.test:{server.port}/api", kind="json")
        assert [asked.path for asked in server.asked] == ["/api"]


async def test_a_call_that_is_given_up_leaves_the_next_its_turn(fetcher_for: MakeFetcher) -> None:
    open_to_all = reply(200, b"User-agent: *\nDisallow:\n", content_type="text/plain")
    async with serving({"/robots.txt": [silent, open_to_all], "*": PAGE}) as server:
        fetcher = fetcher_for(server)
        given_up = asyncio.create_task(_get(fetcher, server, "/"))
        while not server.asked:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        given_up.cancel()
        assert await asyncio.wait_for(_get(fetcher, server, "/"), 2)


@pytest.mark.parametrize(
    "act", [redirect("/robots.txt"), reply(200, b"#" * 1_100_000), drip(head(200, "Content-Encoding: br"))]
)
async def test_a_file_that_cannot_be_taken_says_why(fetcher_for: MakeFetcher, act: Act) -> None:
    async with serving({"/robots.txt": act, "*": PAGE}) as server:
        with pytest.raises(BadResponse):
            await _get(fetcher_for(server), server, "/")
        assert server.paths == []
