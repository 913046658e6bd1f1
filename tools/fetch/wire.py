"""One HTTP exchange over a connection that leads to addresses already judged, and nowhere else.

A connection serves one exchange and is closed: nothing is shared between calls, and every call is judged anew.
TLS is verified for the name in the address, not for the number that the connection was opened to.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpcore2

from foveal.errors import BackendDown, BackendTimeout, BadInput, BadResponse, FovealError
from foveal.tools.fetch.policy import Limits, Target

_MOST_ADDRESSES = 3


class Pinned(httpcore2.AsyncNetworkBackend):
    """Opens TCP connections to the first *addresses*, one after the other, whatever host it is asked for."""

    def __init__(self, addresses: Sequence[str], wire: httpcore2.AsyncNetworkBackend) -> None:
        self._addresses = addresses[:_MOST_ADDRESSES]
        self._wire = wire

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 (theirs)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        problem: Exception = httpcore2.ConnectError("no address")
        for address in self._addresses:
            try:
                return await self._wire.connect_tcp(address, port, timeout=timeout and timeout / len(self._addresses))
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as failed:
                problem = failed
        raise problem


@asynccontextmanager
async def exchange(
    target: Target,
    addresses: Sequence[str],
    *,
    method: str,
    headers: Sequence[tuple[str, str]],
    body: bytes | None,
    limits: Limits,
    tls: ssl.SSLContext,
    wire: httpcore2.AsyncNetworkBackend | None = None,
) -> AsyncIterator[httpcore2.Response]:
    """Send a request and give the reply, its body still to be read inside the block.

    Raises BackendTimeout, BackendDown, BadResponse, BadInput (a header that cannot be sent), for the body too.
    """
    stall = limits.stall_s
    request = httpcore2.Request(
        method,
        httpcore2.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
        headers=headers,
        content=body or b"",
        extensions={"timeout": {"connect": stall, "read": stall, "write": stall}},
    )
    pinned = Pinned(addresses, wire or httpcore2.AnyIOBackend())
    try:
        async with httpcore2.AsyncHTTPConnection(request.url.origin, ssl_context=tls, network_backend=pinned) as line:
            reply = await line.handle_async_request(request)
            try:
                yield reply
            finally:
                await reply.aclose()
    except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError, ssl.SSLError) as problem:
        raise _told(problem, target, limits) from problem


def _told(problem: Exception, target: Target, limits: Limits) -> FovealError:
    """Return what happened, in words for the user and as one of our errors."""
    if isinstance(problem, httpcore2.ConnectTimeout):
        return BackendTimeout(f"{target.host} did not take a connection within {limits.stall_s:g} s.")
    if isinstance(problem, httpcore2.TimeoutException):
        return BackendTimeout(f"{target.host} sent nothing for {limits.stall_s:g} s.")
    if isinstance(problem, httpcore2.LocalProtocolError):
        return BadInput(f"This cannot be sent to {target.host}: {problem}.")
    for cause in _causes(problem):
        if isinstance(cause, ssl.SSLError):
            reason = getattr(cause, "verify_message", "") or cause.reason or "the handshake failed"
            return BadResponse(f"{target.host} cannot be trusted: {reason.strip('. ')}.")
    if isinstance(problem, httpcore2.ConnectError):
        return BackendDown(f"{target.host} cannot be reached: nothing answers there.")
    if isinstance(problem, httpcore2.NetworkError) or "disconnected" in str(problem) or "peer closed" in str(problem):
        return BackendDown(f"{target.host} broke the connection off.")
    return BadResponse(f"{target.host} does not keep to HTTP: {problem}.")


def _causes(problem: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while problem is not None and problem not in found:
        found.append(problem)
        problem = problem.__cause__ or problem.__context__
    return found
