"""However a server misbehaves: a typed error, in time, and never more memory than the cap allows."""

from __future__ import annotations

import asyncio
import gzip
import os
import time
import tracemalloc
import zlib

import pytest
from fakes import hostile
from fakes.hostile import HostileServer, drip, endless, head, raw, reply, reset, reset_after, serving, silent
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BackendDown, BackendTimeout, BadResponse
from foveal.tools.fetch.body import Body
from foveal.tools.fetch.policy import Limits

from .conftest import MakeFetcher

OK = head(200, "Content-Type: text/html")
PAGE = reply(200, b"<html>here</html>")
SMALL = Limits(bytes=200_000)


async def test_row_14_server_accepts_and_sends_nothing(fetcher_for: MakeFetcher) -> None:
    async with serving({"/": silent}) as server:
        began = time.monotonic()
        with pytest.raises(BackendTimeout, match=r"docs\.test"):
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/", limits=Limits(total_s=0.6))
        assert 0.54 < time.monotonic() - began < 1


async def test_row_14_silence_is_cut_short_before_the_total(fetcher_for: MakeFetcher) -> None:
    limits = Limits(total_s=20, stall_s=0.3)
    async with serving({"/": raw(OK + b"<html>"), "/stall": drip(OK, every=25)}) as server:
        began = time.monotonic()
        with pytest.raises(BackendTimeout, match=r"sent nothing for 0\.3 s"):
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/stall", limits=limits)
        assert time.monotonic() - began < 2


@pytest.mark.parametrize("start", [OK, b"", b"HTTP/1.1 200 OK\r\nX-Long: "], ids=["body", "status", "header"])
async def test_row_15_drip_is_ended_by_the_total_and_not_by_each_read(fetcher_for: MakeFetcher, start: bytes) -> None:
    async with serving({"/": drip(start)}) as server:
        began = time.monotonic()
        with pytest.raises(BackendTimeout, match=r"within 0\.5 s"):
            limits = Limits(total_s=0.5, stall_s=0.3)
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/", limits=limits)
        assert 0.4 < time.monotonic() - began < 1


async def test_row_15_drip_is_ended_by_its_rate_long_before_the_total(fetcher_for: MakeFetcher) -> None:
    async with serving({"/": drip(OK)}) as server:
        began = time.monotonic()
        with pytest.raises(BackendTimeout, match="too slowly"):
            limits = Limits(total_s=20, grace_s=0.3)
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/", limits=limits)
        assert time.monotonic() - began < 2


async def test_row_15_redirects_share_one_total(fetcher_for: MakeFetcher) -> None:
    """Each hop is quick enough by itself."""

    async def slow(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        await hostile.redirect("/")(writer)

    async with serving({"/": slow}) as server:
        with pytest.raises(BackendTimeout, match="within"):
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/", limits=Limits(total_s=0.5))
        assert 2 <= len(server.paths) <= 4


@pytest.mark.parametrize("kind", ["identity", "chunked", "gzip"])
async def test_row_16_endless_body_stops_at_the_cap(fetcher_for: MakeFetcher, kind: str) -> None:
    piece = b"<p>" + b"a" * 65_533
    if kind == "chunked":
        start, piece = head(200, "Transfer-Encoding: chunked"), b"10000\r\n" + piece + b"\r\n"
    elif kind == "gzip":
        packer = zlib.compressobj(0, wbits=zlib.MAX_WBITS | 16)
        piece = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
        start, piece = head(200, "Content-Encoding: gzip") + piece[:10], piece[10:]
    else:
        start = OK
    running: list[HostileServer] = []
    async with serving({"/": endless(lambda: running[0], piece, start)}) as server:
        running.append(server)
        fetcher = fetcher_for(server)
        tracemalloc.start()
        try:
            with pytest.raises(BadResponse, match=r"larger than 2 MB"):
                await fetcher.fetch(f"http://docs.test:{server.port}/", limits=Limits(bytes=2_000_000))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert server.sent < 20_000_000 and peak < 8_000_000


@pytest.mark.parametrize("nested", [False, True])
async def test_row_17_gzip_bomb_is_rejected_at_the_cap(fetcher_for: MakeFetcher, nested: bool) -> None:
    bomb = hostile.gzip_bomb(100_000_000)
    if nested:  # many bombs in a row, each small enough by itself
        bomb = hostile.gzip_bomb(1_000_000) * 20
    page = raw(head(200, "Content-Encoding: gzip", "Content-Type: text/html", f"Content-Length: {len(bomb)}") + bomb)
    async with serving({"/": page}) as server:
        fetcher = fetcher_for(server)
        tracemalloc.start()
        try:
            began = time.monotonic()
            with pytest.raises(BadResponse, match="larger than 10 MB"):
                await fetcher.fetch(f"http://docs.test:{server.port}/")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 25_000_000 and time.monotonic() - began < 6


@pytest.mark.parametrize("encoding", ["gzip, gzip", "gzip,br", "x-gzip, identity, gzip"])
async def test_row_17_gzip_in_gzip_is_rejected(fetcher_for: MakeFetcher, encoding: str) -> None:
    body = hostile.nested_bomb(1_000_000)
    page = raw(head(200, f"Content-Encoding: {encoding}", f"Content-Length: {len(body)}") + body)
    async with serving({"/": page}) as server:
        with pytest.raises(BadResponse, match="packed as"):
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/")


async def test_row_17_thousands_of_empty_members_are_rejected_at_once(fetcher_for: MakeFetcher) -> None:
    body = hostile.many_members(200_000)
    page = raw(head(200, "Content-Encoding: gzip", f"Content-Length: {len(body)}") + body)
    async with serving({"/": page}) as server:
        began = time.monotonic()
        with pytest.raises(BadResponse, match="gzip files in one"):
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/")
        assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("length", "error"), [("1000", BackendDown), ("999999999999", BadResponse), ("-1", BadResponse), ("x", BadResponse)]
)
async def test_row_17_a_content_length_that_lies(fetcher_for: MakeFetcher, length: str, error: type[Exception]) -> None:
    async with serving({"/": raw(head(200, f"Content-Length: {length}") + b"<html>short</html>")}) as server:
        with pytest.raises(error):
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/")


async def test_row_17_what_comes_after_the_promised_length_is_not_read(fetcher_for: MakeFetcher) -> None:
    """Nor is it taken for the next reply: a connection serves one exchange."""
    smuggled = head(200, "Content-Length: 4") + b"evil"
    async with serving({"/": raw(head(200, "Content-Length: 6") + b"<html>" + smuggled)}) as server:
        fetcher = fetcher_for(server)
        for _ in range(2):
            assert (await fetcher.fetch(f"http://docs.test:{server.port}/")).body == b"<html>"


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "compress", "unheard-of", "aes128gcm"])
async def test_row_18_other_encodings_are_a_typed_error(fetcher_for: MakeFetcher, encoding: str) -> None:
    page = raw(head(200, f"Content-Encoding: {encoding}", "Content-Length: 4") + b"\x0b\x02\x80a")
    async with serving({"/": page}) as server:
        with pytest.raises(BadResponse, match=encoding):
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/")
        assert server.asked[-1].headers["accept-encoding"] == "gzip, identity" and server.paths == ["/"]


BROKEN = {
    "reset at once": (reset, BackendDown),
    "reset in the body": (reset_after(head(200, "Content-Length: 99") + b"<html>"), BackendDown),
    "truncated chunk": (raw(head(200, "Transfer-Encoding: chunked") + b"ff\r\n<html>"), BackendDown),
    "no last chunk": (raw(head(200, "Transfer-Encoding: chunked") + b"6\r\n<html>\r\n"), BackendDown),
    "closed at once": (raw(b""), BackendDown),
    "cut in the headers": (raw(b"HTTP/1.1 200 OK\r\nContent-Ty"), BackendDown),
    "truncated gzip": (raw(head(200, "Content-Encoding: gzip") + gzip.compress(b"<html>" * 999)[:-9]), BadResponse),
    "no gzip": (raw(head(200, "Content-Encoding: gzip") + b"<html>plain</html>"), BadResponse),
    "not HTTP": (raw(b"220 mail.docs.test ESMTP\r\n\r\n"), BadResponse),
    "bad chunk size": (raw(head(200, "Transfer-Encoding: chunked") + b"zz\r\n<html>\r\n"), BadResponse),
    "two lengths": (raw(head(200, "Content-Length: 6", "Content-Length: 7") + b"<html>"), BadResponse),
    "malformed header": (raw(b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n<html>"), BadResponse),
    "folded nonsense": (raw(b"HTTP/1.1 200 OK\r\n\x01: 1\r\n\r\n<html>"), BadResponse),
    "100 KB header": (raw(head(200, "X-Long: " + "a" * 100_000) + b"<html>"), BadResponse),
    "endless header": (raw(b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 1_000_000), BadResponse),
    "2000 headers": (raw(head(200, *[f"X-{n}: {'b' * 20}" for n in range(2000)]) + b"<html>"), BadResponse),
    "switches protocol": (raw(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), BadResponse),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_row_19_broken_replies_are_typed_errors(fetcher_for: MakeFetcher, case: str) -> None:
    act, error = BROKEN[case]
    async with serving({"/": act}) as server:
        with pytest.raises(error) as raised:
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/", limits=SMALL)
        assert getattr(raised.value, "code", "") and len(str(raised.value)) < 300
        assert len(server.paths) == (2 if error is BackendDown else 1)


async def test_row_19_a_reset_is_tried_once_more_where_that_does_no_harm(fetcher_for: MakeFetcher) -> None:
    async with serving({"/": [reset, PAGE], "/form": [reset, PAGE]}) as server:
        fetcher = fetcher_for(server)
        assert (await fetcher.fetch(f"http://docs.test:{server.port}/")).body
        with pytest.raises(BackendDown):
            await fetcher.fetch(f"http://docs.test:{server.port}/form", method="POST", body=b"x", robots=False)
        assert server.paths == ["/", "/", "/form"]


async def test_row_19_there_is_no_second_try_after_the_total(fetcher_for: MakeFetcher) -> None:
    async with serving({"/": [reset, silent]}) as server:
        began = time.monotonic()
        with pytest.raises(BackendTimeout):
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/", limits=Limits(total_s=0.7))
        assert time.monotonic() - began < 1.2


async def test_a_cancelled_fetch_closes_its_connection(fetcher_for: MakeFetcher) -> None:
    async with serving({"/": silent}) as server:
        call = asyncio.create_task(fetcher_for(server).fetch(f"http://docs.test:{server.port}/", robots=False))
        while not server.paths:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert len(asyncio.all_tasks()) <= 2  # this one, and the server's


async def test_nothing_is_left_of_many_calls(fetcher_for: MakeFetcher) -> None:
    def held() -> tuple[int, int]:
        return len(os.listdir("/proc/self/fd")), len(asyncio.all_tasks())  # noqa: PTH208 (a look, not a walk)

    async with serving({"/": PAGE, "/reset": reset_after(OK + b"<html>"), "/big": drip(OK, every=0.2)}) as server:
        fetcher = fetcher_for(server)
        limits = Limits(total_s=0.1)
        before = held()
        for _ in range(8):
            calls = [
                fetcher.fetch(f"http://docs.test:{server.port}{path}", limits=limits)
                for path in ("/", "/reset", "/big")
            ]
            await asyncio.gather(*calls, return_exceptions=True)
        await asyncio.sleep(0.4)  # until the server sees that nobody listens
        assert all(now <= then + 1 for now, then in zip(held(), before, strict=True))


async def test_a_page_that_is_a_pdf_may_be_as_large_as_a_pdf(fetcher_for: MakeFetcher) -> None:
    large = b"%PDF-1.7\n" + b"a" * 11_000_000
    said = ("application/pdf", "application/x", "application/pdf")
    bodies = (large, large, large[9:])
    acts = {f"/{n}": raw(head(200, f"Content-Type: {said[n]}") + body) for n, body in enumerate(bodies)}
    async with serving(acts) as server:
        fetcher = fetcher_for(server)
        for path in ("/0", "/1"):
            fetched = await fetcher.fetch(f"http://docs.test:{server.port}{path}")
            assert (fetched.media_type, len(fetched.body)) == ("application/pdf", len(large))
        with pytest.raises(BadResponse, match="larger than 10 MB"):  # it only says so
            await fetcher.fetch(f"http://docs.test:{server.port}/2")


async def test_gzip_is_unpacked(fetcher_for: MakeFetcher) -> None:
    packed = gzip.compress(b"<html>one ") + gzip.compress(b"two</html>") + b"\x00" * 100
    page = raw(head(200, "Content-Encoding: GZIP", f"Content-Length: {len(packed)}") + packed)
    async with serving({"/": page}) as server:
        assert (await fetcher_for(server).fetch(f"http://docs.test:{server.port}/")).body == b"<html>one two</html>"


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 64))
def test_pieces_of_any_size_unpack_to_the_same(members: list[bytes], size: int) -> None:
    packed = b"".join(gzip.compress(member) for member in members)
    body = Body("gzip", 10_000)
    for at in range(0, len(packed), size):
        body.feed(packed[at : at + size])
    assert body.finish() == b"".join(members)


@given(st.binary(max_size=2000), st.sampled_from(["", "gzip"]), st.integers(0, 500))
def test_a_body_holds_what_it_may_or_raises(data: bytes, encoding: str, cap: int) -> None:
    body = Body(encoding, cap)
    try:
        body.feed(gzip.compress(data[:300]) + data if encoding else data)
        assert len(body.finish()) <= cap
    except BadResponse:
        pass
    assert len(body) <= cap
