"""Which IP addresses may be reached: those of the public internet, and no other in any disguise.

Judged by the IANA special-purpose registries (RFC 6890 and its updates), not by ``ipaddress.is_global``, whose answer
changes between versions of Python. An IPv6 address may carry an IPv4 address that a router or the kernel unpacks:
mapped and compatible (RFC 4291), 6to4 (RFC 3056), NAT64 (RFC 6052, RFC 8215), Teredo (RFC 4380), ISATAP (RFC 5214).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IPAddress = IPv4Address | IPv6Address

_NOT_PUBLIC_4 = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
        "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
        "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
    )
)  # fmt: skip
_PUBLIC_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(block)
    for block in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)  # fmt: skip

_LINK_LOCAL = (IPv4Network("169.254.0.0/16"), IPv6Network("fe80::/10"))
_METADATA = frozenset(
    map(
        ip_address,
        (
            "168.63.129.16", "100.100.100.200", "192.0.0.192",  # Azure, Alibaba, Oracle; the others are link-local
            "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42",  # AWS, EKS, Google, Scaleway
        ),
    )
)  # fmt: skip

_COMPATIBLE = IPv6Network("::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_NAT64 = IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_NAT64_LENGTHS = (32, 40, 48, 56, 64, 96)


def parse(text: str) -> IPAddress | None:
    """Return *text* as an address, or None when it is none in its usual form. One with a zone is none."""
    try:
        return None if "%" in text else ip_address(text)
    except ValueError:
        return None


def embedded(address: IPv6Address) -> Iterator[IPv4Address]:
    """Yield every IPv4 address that something on the way may unpack from *address*."""
    bits = int(address)
    low = IPv4Address(bits & 0xFFFFFFFF)
    if address.ipv4_mapped or address in _COMPATIBLE or address in _NAT64:
        yield low
    if address in _SIX_TO_FOUR:
        yield IPv4Address(bits >> 80 & 0xFFFFFFFF)
    if address in _TEREDO:
        yield IPv4Address(bits >> 64 & 0xFFFFFFFF)  # the server
        yield IPv4Address(~bits & 0xFFFFFFFF)  # the client, its bits turned over
    if bits >> 32 & 0xFCFFFFFF == 0x00005EFE:  # ISATAP, the universal and group bits either way
        yield low
    if address in _LOCAL_NAT64:
        # the prefix is of the operator's choice, so its length is not known; bits 64 to 71 are never part of it
        packed = address.packed
        for length in _NAT64_LENGTHS[2:]:
            rest = packed[length // 8 :] if length == 96 else packed[length // 8 : 8] + packed[9:]
            yield IPv4Address(rest[:4])


def is_metadata(address: IPAddress) -> bool:
    """Whether a cloud machine finds its own credentials there, or it is link-local: nobody's choice of a server."""
    if isinstance(address, IPv6Address) and any(is_metadata(inner) for inner in embedded(address)):
        return True
    return address in _METADATA or any(address in block for block in _LINK_LOCAL if block.version == address.version)


def is_public(address: IPAddress) -> bool:
    """Whether *address* is one of the public internet."""
    if is_metadata(address):
        return False
    if isinstance(address, IPv4Address):
        return not any(address in block for block in _NOT_PUBLIC_4)
    if address in _NAT64:  # how IPv4 hosts look from a network that has IPv6 only
        return all(is_public(inner) for inner in embedded(address))
    inside = address in _PUBLIC_6 and not any(address in block for block in _NOT_PUBLIC_6)
    return inside and all(is_public(inner) for inner in embedded(address))
