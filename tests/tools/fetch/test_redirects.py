"""Every hop is judged like the first."""

from __future__ import annotations

import pytest
from fakes.hostile import Act, redirect, reply, resolver, serving

from foveal.errors import BadResponse, BlockedUrl
from foveal.tools.fetch.fetcher import Fetcher
from foveal.tools.fetch.policy import Kind
from foveal.tools.read.reader import PageReader

from .conftest import MakeFetcher

SECRET = {
    "Authorization": "Bearer hunter2",
    "X-Subscription-Token": "hunter2",
    "Cookie": "a=b",
    "Accept-Language": "en",
}
PAGE = reply(200, b"<html>here</html>")
PRIVATE = (
    "http://127.0.0.1:{port}/secret", "//169.254.169.254/latest/", "file:///etc/passwd", "http://[::1]:{port}/secret",
    "http://inside.test/secret", "http://2130706433:{port}/secret", "gopher://docs.test/", "http://user:pw@docs.test/",
    "http://localhost:{port}/secret",
)  # fmt: skip


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", PRIVATE)
async def test_row_5_a_redirect_to_a_private_place_is_refused_there(
    fetcher_for: MakeFetcher, to: str, status: int
) -> None:
    acts: dict[str, Act | list[Act]] = {"/secret": reply(200, b"<html>secret</html>")}
    async with serving(acts) as server:
        server.acts["/"] = redirect(to.format(port=server.port), status)
        look_up = resolver({"inside.test": ["10.0.0.7"], "localhost": ["127.0.0.1"]})
        with pytest.raises(BlockedUrl):
            await fetcher_for(server, resolver=look_up).fetch(f"http://docs.test:{server.port}/")
        assert server.paths == ["/"]


async def test_row_5_a_redirect_to_a_page_is_followed(fetcher_for: MakeFetcher) -> None:
    async with serving({"/a": redirect("b?x=1#part"), "/b?x=1": redirect("//other.test:{}/c"), "/c": PAGE}) as server:
        server.acts["/b?x=1"] = redirect(f"//other.test:{server.port}/c", 308)
        fetched = await fetcher_for(server, hosts=("docs.test", "other.test")).fetch(
            f"http://docs.test:{server.port}/a"
        )
    assert fetched.url == f"http://other.test:{server.port}/c" and fetched.body == b"<html>here</html>"
    assert fetched.redirects == (f"http://docs.test:{server.port}/a", f"http://docs.test:{server.port}/b?x=1")


async def test_an_address_that_is_not_ascii_is_followed(fetcher_for: MakeFetcher) -> None:
    """Servers send UTF-8 there, though they should not."""
    location = "/b\u00fccher?q=\u00fc".encode().decode("latin-1")
    async with serving({"/": redirect(location), "/b%C3%BCcher?q=%C3%BC": PAGE}) as server:
        fetched = await fetcher_for(server).fetch(f"http://docs.test:{server.port}/")
    assert fetched.url.endswith("/b%C3%BCcher?q=%C3%BC")


async def test_row_8_a_redirect_loop_ends_at_the_cap(fetcher_for: MakeFetcher) -> None:
    async with serving({"/a": redirect("/b"), "/b": redirect("/a")}) as server:
        with pytest.raises(BadResponse, match="more than 5 redirects"):
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/a")
        assert server.paths == ["/a", "/b", "/a", "/b", "/a", "/b"]


async def test_row_8_a_maze_of_fifty_hops_ends_at_the_cap(fetcher_for: MakeFetcher) -> None:
    async with serving({f"/{n}": redirect(f"/{n + 1}") for n in range(50)}) as server:
        server.acts["/50"] = PAGE
        with pytest.raises(BadResponse, match="redirects"):
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/0")
        assert len(server.paths) == 6
        assert (await fetcher_for(server).fetch(f"http://docs.test:{server.port}/45")).body


@pytest.mark.parametrize("to", ["http://other.test:{port}/end", "http://docs.test:{other}/end"])
async def test_row_9_secrets_stay_with_their_origin(fetcher_for: MakeFetcher, to: str) -> None:
    """Any header but a few harmless ones may be a key: what is not known is dropped, whatever it is called."""
    async with serving({"/end": PAGE}) as other, serving({"/end": PAGE}) as server:
        server.acts["/"] = redirect(to.format(port=server.port, other=other.port))
        fetcher = fetcher_for(server, other, hosts=("docs.test", "other.test"))
        await fetcher.fetch(f"http://docs.test:{server.port}/", headers=SECRET, robots=False)
        first, last = (server.asked + other.asked)[:2]
    assert first.headers["authorization"] == "Bearer hunter2" and first.headers["cookie"] == "a=b"
    assert "hunter2" not in str(last.headers) and "cookie" not in last.headers
    assert last.headers["accept-language"] == "en"


async def test_row_9_secrets_go_along_within_their_origin(fetcher_for: MakeFetcher) -> None:
    async with serving({"/": redirect("/end"), "/end": PAGE}) as server:
        await fetcher_for(server).fetch(f"http://docs.test:{server.port}/", headers=SECRET)
        assert server.asked[-1].headers["x-subscription-token"] == "hunter2"


async def test_row_9_a_cookie_that_a_server_sets_is_not_kept(fetcher_for: MakeFetcher) -> None:
    async with serving({"/": reply(302, b"", "Location: /end", "Set-Cookie: id=1"), "/end": PAGE}) as server:
        fetcher = fetcher_for(server)
        for _ in range(2):
            await fetcher.fetch(f"http://docs.test:{server.port}/")
        assert not any("cookie" in asked.headers for asked in server.asked)


async def test_row_9_a_body_is_not_sent_to_another_origin(fetcher_for: MakeFetcher) -> None:
    async with serving({"/end": PAGE}) as other, serving({}) as server:
        server.acts["/"] = redirect(f"http://docs.test:{other.port}/end", 307)
        fetcher = fetcher_for(server, other)
        with pytest.raises(BlockedUrl, match="meant for"):
            await fetcher.fetch(f"http://docs.test:{server.port}/", method="POST", body=b"picture", robots=False)
        assert other.asked == [] and server.asked[0].body == b"picture"


async def test_a_form_that_is_answered_elsewhere_is_read_there_without_its_body(fetcher_for: MakeFetcher) -> None:
    async with serving({"/": redirect("/end", 303), "/end": PAGE}) as server:
        url = f"http://docs.test:{server.port}/"
        await fetcher_for(server).fetch(url, method="POST", body=b"picture", robots=False)
        assert [(a.method, a.body) for a in server.asked] == [("POST", b"picture"), ("GET", b"")]


CALLERS: dict[str, Kind] = {"page": "page", "picture": "picture", "thumbnail": "picture", "PDF": "pdf", "JSON": "json"}


@pytest.mark.parametrize("caller", [*CALLERS, "sub-resource"])
@pytest.mark.parametrize(
    "start", ["http://127.0.0.1:{port}/x", "http://inside.test:{port}/x", "http://docs.test:{port}/"]
)
async def test_row_11_the_same_guard_for_every_caller(fetcher_for: MakeFetcher, caller: str, start: str) -> None:
    async with serving({"/x": reply(200, b"\x89PNG\r\n\x1a\nsecret", content_type="image/png")}) as server:
        server.acts["/"] = redirect(f"http://127.0.0.1:{server.port}/x")
        fetcher: Fetcher = fetcher_for(server, resolver=resolver({"inside.test": ["192.168.7.7"]}))
        with pytest.raises(BlockedUrl):
            await fetcher.fetch(start.format(port=server.port), kind=CALLERS.get(caller, "any"))
        assert "/x" not in server.paths


@pytest.mark.parametrize("caller", ["read", "picture"])
@pytest.mark.parametrize("path", ["/x", "/x.pdf", "/x.png"])
async def test_row_11_the_reader_asks_through_the_guard(fetcher_for: MakeFetcher, caller: str, path: str) -> None:
    async with serving({"*": reply(200, b"%PDF-1.7 secret", content_type="application/pdf")}) as server:
        server.acts["/"] = redirect(f"http://localhost:{server.port}{path}")
        reader = PageReader(fetcher_for(server))
        for url in (f"http://127.0.0.1:{server.port}{path}", f"http://docs.test:{server.port}/"):
            with pytest.raises(BlockedUrl):
                await getattr(reader, caller)(url)
        await reader.aclose()
        assert server.paths == ["/"]


@pytest.mark.parametrize("to", ["http://127.0.0.1:{port}/x", "http://169.254.169.254/latest/", "file:///etc/passwd"])
async def test_row_11_robots_txt_passes_the_same_guard(fetcher_for: MakeFetcher, to: str) -> None:
    async with serving({"/": PAGE, "/x": PAGE}) as server:
        server.acts["/robots.txt"] = redirect(to.format(port=server.port))
        with pytest.raises(BlockedUrl):
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/")
        assert server.paths == []
