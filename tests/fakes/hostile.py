"""Servers on loopback that misbehave, each in one way: real sockets, HTTP written by hand so that it can be wrong."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from foveal.tools.fetch.resolve import Resolver

OPEN_ROBOTS = b"User-agent: *\nDisallow:\n"


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


Act = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class HostileServer:
    """``acts``: path → what is done with a request for it; a list is used up one a request, its last one stays."""

    acts: dict[str, Act | list[Act]]
    port: int = 0
    asked: list[Asked] = field(default_factory=list)
    sent: int = 0
    """Bytes that the body of an endless reply has been."""
    under_way: int = 0
    most: int = 0
    """How many requests were under way at once, at most."""

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, but robots.txt, in their order."""
        return [asked.path for asked in self.asked if asked.path != "/robots.txt"]

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            first, *lines = head.strip().split("\r\n")
            method, path, _ = first.split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            self.asked.append(Asked(method, path, headers, body))
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            act = self.acts.get(path) or self.acts.get("*") or reply(404)
            if path == "/robots.txt" and path not in self.acts:
                act = reply(200, OPEN_ROBOTS, content_type="text/plain")
            if isinstance(act, list):
                act = act.pop(0) if len(act) > 1 else act[0]
            await act(writer)
        except (OSError, EOFError, ValueError):
            return
        finally:
            self.under_way -= 1
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def serving(
    acts: Mapping[str, Act | list[Act]], *, address: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[HostileServer]:
    """Run a server at *address* while the block lasts."""
    hostile = HostileServer(dict(acts))
    server = await asyncio.start_server(hostile.handle, address, port, ssl=tls)
    hostile.port = server.sockets[0].getsockname()[1]
    try:
        yield hostile
    finally:
        server.close()


def resolver(hosts: Mapping[str, Sequence[str]] | None = None, asked: list[str] | None = None) -> Resolver:
    """Return a resolver that knows *hosts*, and every other host as this machine; *asked* takes the look-ups."""

    async def look_up(host: str, port: int) -> Sequence[str]:
        if asked is not None:
            asked.append(host)
        return (hosts or {}).get(host, ["127.0.0.1"])

    return look_up


def rebinding(*turns: Sequence[str]) -> Resolver:
    """Return a resolver that gives another of *turns* at each look-up, and stays with the last."""
    left = list(turns)

    async def look_up(host: str, port: int) -> Sequence[str]:
        return left.pop(0) if len(left) > 1 else left[0]

    return look_up


def head(status: int = 200, *lines: str) -> bytes:
    """Return a status line and header lines, as bytes ready to send."""
    return "\r\n".join((f"HTTP/1.1 {status} X", *lines, "", "")).encode("latin-1")


def reply(status: int = 200, body: bytes = b"", *lines: str, content_type: str = "text/html") -> Act:
    """Return an act that replies properly."""
    return raw(head(status, f"Content-Type: {content_type}", f"Content-Length: {len(body)}", *lines) + body)


def redirect(to: str, status: int = 302) -> Act:
    """Return an act that sends elsewhere."""
    return reply(status, b"", f"Location: {to}")


def raw(data: bytes) -> Act:
    """Return an act that sends *data* as it is and closes."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return act


def held(gate: asyncio.Event, then: Act) -> Act:
    """Return an act that waits for *gate* before it does *then*."""

    async def act(writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        await then(writer)

    return act


def held_back(start: bytes, rest: bytes, seconds: float = 0.1) -> Act:
    """Return an act that sends *start*, and *rest* a little later."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await writer.drain()
        await asyncio.sleep(seconds)
        writer.write(rest)
        await writer.drain()

    return act


async def silent(writer: asyncio.StreamWriter) -> None:
    """Take the request and send nothing."""
    await asyncio.sleep(30)


def drip(start: bytes, *, every: float = 0.05) -> Act:
    """Return an act that sends *start*, then a byte every *every* seconds for as long as anyone listens."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        for _ in range(int(30 / every)):
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(every)

    return act


def endless(server: Callable[[], HostileServer], piece: bytes, start: bytes, limit: int = 1_000_000_000) -> Act:
    """Return an act that sends *start*, then *piece* again and again up to *limit* bytes, counted in ``sent``."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while server().sent < limit:
            writer.write(piece)
            await writer.drain()
            server().sent += len(piece)

    return act


async def reset(writer: asyncio.StreamWriter) -> None:
    """Break the connection off before anything is said."""
    writer.transport.abort()


def reset_after(start: bytes) -> Act:
    """Return an act that sends *start* and breaks off."""

    async def act(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    return act


def gzip_bomb(size: int = 1_000_000_000) -> bytes:
    """Return about *size* / 1000 bytes of gzip that are *size* zeros, made without ever holding them."""
    packer = zlib.compressobj(9, wbits=zlib.MAX_WBITS | 16)
    zeros = b" " * 1_000_000
    pieces = [packer.compress(zeros) for _ in range(size // len(zeros))]
    return b"".join([*pieces, packer.flush()])


def nested_bomb(size: int = 200_000_000) -> bytes:
    """Return gzip in gzip."""
    return gzip.compress(gzip_bomb(size))


def many_members(count: int) -> bytes:
    """Return *count* gzip files in a row, all of them of nothing."""
    return gzip.compress(b"") * count
