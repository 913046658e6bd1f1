"""From a host to the addresses it is reached at: asked once, all of them judged, and no other used."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence

from foveal.errors import BackendDown, BackendTimeout
from foveal.tools.fetch.address import parse
from foveal.tools.fetch.policy import Policy, Target

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""From a host and a port to IP addresses as text, the preferred one first."""
LOOK_UP_S = 5.0


async def system_resolver(host: str, port: int) -> Sequence[str]:
    """Ask the machine's own resolver, in a thread. Raises BackendDown, BackendTimeout after :data:`LOOK_UP_S`."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(LOOK_UP_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise BackendTimeout(f"No name server told the address of {host} within {LOOK_UP_S:.0f} s.") from None
    except (OSError, UnicodeError) as problem:
        raise BackendDown(f"{host} cannot be found: there is no such host, or no network.") from problem
    return [str(entry[4][0]) for entry in found]


async def resolve(target: Target, policy: Policy, resolver: Resolver) -> tuple[str, ...]:
    """Return the addresses of *target*, each of which may be opened.

    One that may not spoils them all: a host with a public and a private address is a trap, or not of the web.
    Raises BlockedUrl, BackendDown, BackendTimeout.
    """
    literal = parse(target.host) is not None
    found = tuple(dict.fromkeys([target.host] if literal else await resolver(target.host, target.port)))
    if not found:
        raise BackendDown(f"{target.host} has no address.")
    for address in found:
        policy.check_address(target, parse(address))
    return found
