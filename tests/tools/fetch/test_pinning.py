"""A host is looked up once, all it points to is judged, and the connection leads there and nowhere else."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import httpcore2
import pytest
import trustme
from fakes.hostile import HostileServer, head, held_back, rebinding, redirect, reply, resolver, serving

from foveal.errors import BackendDown, BackendTimeout, BadResponse, BlockedUrl
from foveal.tools.fetch import resolve as resolving
from foveal.tools.fetch.fetcher import Fetcher
from foveal.tools.fetch.policy import Policy

from .conftest import MakeFetcher

PAGE = reply(200, b"<html>here</html>")
PUBLIC = "93.184.216.34"


class Wire(httpcore2.AsyncNetworkBackend):
    """The way out of the machine: notes where it is asked to connect, and leads public addresses to *server*."""

    def __init__(self, server: HostileServer, dead: Iterable[str] = ()) -> None:
        self.asked: list[tuple[str, int]] = []
        self._port, self._dead = server.port, set(dead)

    async def connect_tcp(self, host: str, port: int, *rest: Any, **named: Any) -> httpcore2.AsyncNetworkStream:
        self.asked.append((host, port))
        if host in self._dead:
            raise httpcore2.ConnectError("no route")
        return await httpcore2.AnyIOBackend().connect_tcp("127.0.0.1", self._port)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://0.0.0.0/",
        "http://localhost./",
        "http://LOCALHOST",
        "http://127.1/",
    ],
)
async def test_row_1_loopback_is_refused_before_any_socket(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the resolver of this machine, which finds localhost."""

    def connect(*given: object) -> None:
        raise AssertionError(f"a connection was tried: {given}")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect)
    with pytest.raises(BlockedUrl):
        await Fetcher().fetch(url)


@pytest.mark.parametrize(
    "found",
    [
        [PUBLIC, "10.0.0.1"], ["127.0.0.1", PUBLIC], [PUBLIC, "::1"], [PUBLIC, "fe80::1%eth0"], [PUBLIC, "nonsense"],
        [PUBLIC, "::ffff:10.0.0.1"], [PUBLIC, "169.254.169.254"], ["0.0.0.0"], [PUBLIC] * 9 + ["192.168.1.1"],
    ],
)  # fmt: skip
async def test_row_6_one_private_address_among_public_ones_is_enough(found: list[str]) -> None:
    async with serving({"*": PAGE}) as server:
        wire = Wire(server)
        with pytest.raises(BlockedUrl):
            await Fetcher(resolver=resolver({"docs.test": found}), wire=wire).fetch("http://docs.test/")
        assert wire.asked == []


async def test_row_4_metadata_is_refused_behind_an_allowed_name(fetcher_for: MakeFetcher) -> None:
    async with serving({"*": PAGE}) as server:
        for address in ("169.254.169.254", "168.63.129.16", "fd00:ec2::254", "::ffff:a9fe:a9fe"):
            fetcher = fetcher_for(server, resolver=resolver({"docs.test": [address]}))
            with pytest.raises(BlockedUrl, match="no web page can be"):
                await fetcher.fetch(f"http://docs.test:{server.port}/")
        assert server.asked == []


async def test_row_7_a_name_that_is_bound_anew_is_not_looked_up_again() -> None:
    async with serving({"*": PAGE}) as server:
        wire, turns = Wire(server), rebinding([PUBLIC], ["127.0.0.1"])
        fetcher = Fetcher(Policy(robots=False), resolver=turns, wire=wire)
        assert (await fetcher.fetch("http://docs.test/")).body == b"<html>here</html>"
        assert wire.asked == [(PUBLIC, 80)] and server.asked[0].headers["host"] == "docs.test"
        with pytest.raises(BlockedUrl):  # the next call looks up, and judges what it finds
            await fetcher.fetch("http://docs.test/")
        assert len(wire.asked) == 1


async def test_row_7_a_redirect_to_the_same_name_is_judged_again() -> None:
    async with serving({"/": redirect("/secret"), "*": PAGE}) as server:
        wire, turns = Wire(server), rebinding([PUBLIC], ["10.0.0.1"])
        with pytest.raises(BlockedUrl):
            await Fetcher(Policy(robots=False), resolver=turns, wire=wire).fetch("http://docs.test/")
        assert server.paths == ["/"]


async def test_row_7_a_retry_stays_with_the_address_that_was_judged() -> None:
    async with serving({"/": [reply(503), PAGE]}) as server:
        wire = Wire(server)
        asked: list[str] = []
        look_up = resolver({"docs.test": [PUBLIC]}, asked)
        await Fetcher(Policy(robots=False), resolver=look_up, wire=wire).fetch("http://docs.test/")
        assert wire.asked == [(PUBLIC, 80)] * 2 and asked == ["docs.test"]


async def test_an_address_that_is_dead_gives_way_to_the_next_of_the_same_look_up() -> None:
    async with serving({"*": PAGE}) as server:
        wire = Wire(server, dead=["2606:4700::1111"])
        look_up = resolver({"docs.test": ["2606:4700::1111", PUBLIC]})
        await Fetcher(Policy(robots=False), resolver=look_up, wire=wire).fetch("http://docs.test/")
        assert wire.asked == [("2606:4700::1111", 80), (PUBLIC, 80)]


async def test_nothing_of_the_environment_is_used(fetcher_for: MakeFetcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a proxy the address that is judged is not the address that is reached."""
    async with serving({"*": PAGE}) as proxy, serving({"*": PAGE}) as server:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await fetcher_for(server).fetch(f"http://docs.test:{server.port}/")
        assert server.paths == ["/"] and proxy.asked == []


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _server_tls(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


def _client_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_tls_is_verified_for_the_name_not_the_number(fetcher_for: MakeFetcher, authority: trustme.CA) -> None:
    tls = _server_tls(authority, "docs.test")
    names: list[str | None] = []
    tls.sni_callback = lambda _line, name, _context: names.append(name)
    async with serving({"*": PAGE}, tls=tls) as server:
        fetcher = fetcher_for(server, tls=_client_tls(authority))
        fetched = await fetcher.fetch(f"https://docs.test:{server.port}/", robots=False)
        assert fetched.body == b"<html>here</html>" and names == ["docs.test"]
        assert server.asked[0].headers["host"] == f"docs.test:{server.port}"


@pytest.mark.parametrize("names", [("other.test",), ("127.0.0.1",)])
async def test_tls_for_another_name_is_refused(
    fetcher_for: MakeFetcher, authority: trustme.CA, names: tuple[str, ...]
) -> None:
    async with serving({"*": PAGE}, tls=_server_tls(authority, *names)) as server:
        fetcher = fetcher_for(server, tls=_client_tls(authority))
        with pytest.raises(BadResponse, match=r"cannot be trusted.*[Hh]ostname mismatch"):
            await fetcher.fetch(f"https://docs.test:{server.port}/", robots=False)
        assert server.asked == []


async def test_tls_of_an_unknown_authority_is_refused(fetcher_for: MakeFetcher) -> None:
    async with serving({"*": PAGE}, tls=_server_tls(trustme.CA(), "docs.test")) as server:
        with pytest.raises(BadResponse, match="cannot be trusted"):
            await fetcher_for(server).fetch(f"https://docs.test:{server.port}/", robots=False)
        assert server.asked == []


async def test_tls_that_breaks_in_its_middle_is_a_typed_error(fetcher_for: MakeFetcher, authority: trustme.CA) -> None:
    """A man in the middle, behind the handshake: what he adds does not decrypt."""
    inner_port = 0

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter, garbage_at: int = -1) -> None:
        count = 0
        while piece := await source.read(65_536):
            count += 1
            sink.write(piece if count != garbage_at else b"\x17\x03\x03\x00\x20" + b"x" * 32)

    async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        away, back = await asyncio.open_connection("127.0.0.1", inner_port)
        with suppress(OSError):
            await asyncio.gather(pump(reader, back), pump(away, writer, garbage_at=3))
        writer.close()
        back.close()

    slow = held_back(head(200, "Content-Length: 900000") + b"<html>", b"a" * 899_994)
    async with serving({"*": slow}, tls=_server_tls(authority, "docs.test")) as server:
        inner_port = server.port
        middle = await asyncio.start_server(between, "127.0.0.1", 0)
        server.port = middle.sockets[0].getsockname()[1]
        with pytest.raises((BadResponse, BackendDown)):
            await fetcher_for(server, tls=_client_tls(authority)).fetch(
                f"https://docs.test:{server.port}/", robots=False
            )
        middle.close()


async def test_row_9_what_was_encrypted_is_not_told_in_the_clear(
    fetcher_for: MakeFetcher, authority: trustme.CA
) -> None:
    async with serving({"*": PAGE}) as clear, serving({}, tls=_server_tls(authority, "docs.test")) as server:
        server.acts["/"] = redirect(f"http://docs.test:{clear.port}/")
        fetcher = fetcher_for(server, clear, tls=_client_tls(authority))
        with pytest.raises(BlockedUrl, match="meant for"):
            await fetcher.fetch(f"https://docs.test:{server.port}/", headers={"X-Api-Key": "k"}, robots=False)
        assert clear.asked == []
        assert (await fetcher.fetch(f"https://docs.test:{server.port}/", robots=False)).body


async def test_a_host_that_is_not_there_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(*given: object, **named: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with pytest.raises(BackendDown, match=r"docs\.test cannot be found: there is no such host, or no network"):
        await Fetcher().fetch("http://docs.test/")


async def test_a_name_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(loop, "getaddrinfo", lambda *given, **named: asyncio.sleep(30))
    monkeypatch.setattr(resolving, "LOOK_UP_S", 0.1)
    with pytest.raises(BackendTimeout, match="name server"):
        await Fetcher().fetch("http://docs.test/")


async def test_a_host_without_an_address_is_down() -> None:
    with pytest.raises(BackendDown, match="no address"):
        await Fetcher(resolver=resolver({"docs.test": []})).fetch("http://docs.test/")


async def test_a_port_where_nothing_listens_is_down(fetcher_for: MakeFetcher) -> None:
    async with serving({}) as server:
        pass
    with pytest.raises(BackendDown, match="nothing answers"):
        await fetcher_for(server).fetch(f"http://docs.test:{server.port}/")
