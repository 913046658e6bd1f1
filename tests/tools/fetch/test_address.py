"""No address beyond the public internet gets through, in whatever it is wrapped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.tools.fetch.address import embedded, is_metadata, is_public, parse

PUBLIC = (
    "8.8.8.8", "1.1.1.1", "93.184.216.34", "192.0.1.1", "172.15.255.255", "172.32.0.1", "100.63.255.255",
    "100.128.0.1", "169.253.1.1", "198.17.1.1", "223.255.255.254", "2606:4700:4700::1111", "2a00:1450:4001::200e",
    "2001:4860:4860::8888", "64:ff9b::808:808", "2600::5efe:808:808",
)  # fmt: skip
NOT_PUBLIC = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "127.0.0.1", "127.255.255.254", "169.254.1.1",
    "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.0.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fc00::1", "fd12:3456::1", "fe80::1", "fec0::1", "ff02::1", "100::1", "2001:db8::1", "3fff::1",
    "5f00::1", "2001:2::1", "2001:10::1", "4000::1", "64:ff9b:1::808:808",
)  # fmt: skip
METADATA = (
    "169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.42.42", "168.63.129.16", "100.100.100.200",
    "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42", "fe80::a9fe:a9fe",
    "::ffff:169.254.169.254", "::ffff:168.63.129.16", "64:ff9b::a83f:8110", "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1", "2001:0:a9fe:a9fe::", "2600::5efe:a9fe:a9fe",
)  # fmt: skip
PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16")))


def nat64(prefix: int, length: int, inner: int) -> IPv6Address:
    """RFC 6052 2.2: the IPv4 bits follow the prefix, but bits 64 to 71, which are zero."""
    bits = prefix
    for n in range(32):
        at = length + n
        at += 8 if length < 96 and at >= 64 else 0
        bits |= (inner >> (31 - n) & 1) << (127 - at)
    return IPv6Address(bits)


WRAPPED: dict[str, Callable[[int], IPv6Address]] = {
    "mapped": lambda v4: IPv6Address(0xFFFF << 32 | v4),
    "compatible": lambda v4: IPv6Address(v4),
    "6to4": lambda v4: IPv6Address(0x2002 << 112 | v4 << 80 | 1),
    "Teredo client": lambda v4: IPv6Address(0x20010000 << 96 | 0x08080808 << 64 | (v4 ^ 0xFFFFFFFF)),
    "Teredo server": lambda v4: IPv6Address(0x20010000 << 96 | v4 << 64 | 0xF7F7F7F7),
    "ISATAP": lambda v4: IPv6Address(0x2600 << 112 | 0x5EFE << 32 | v4),
    "ISATAP universal": lambda v4: IPv6Address(0x2600 << 112 | 0x02005EFE << 32 | v4),
    "NAT64": lambda v4: IPv6Address(0x0064FF9B << 96 | v4),
    **{f"local NAT64 /{length}": partial(nat64, 0x0064FF9B0001 << 80, length) for length in (48, 56, 64, 96)},
}


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("text", NOT_PUBLIC + METADATA)
def test_row_1_other_addresses_are_not(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", METADATA)
def test_row_4_metadata_addresses_are_known_in_every_form(text: str) -> None:
    assert is_metadata(ip_address(text))


@pytest.mark.parametrize("text", (*PUBLIC, "10.0.0.1", "127.0.0.1", "::1", "fd12:3456::1"))
def test_a_server_of_ones_own_is_not_taken_for_metadata(text: str) -> None:
    assert not is_metadata(ip_address(text))


@pytest.mark.parametrize("form", WRAPPED)
@given(data=st.data())
def test_row_3_private_addresses_stay_private_in_every_embedding(form: str, data: st.DataObject) -> None:
    block = data.draw(st.sampled_from(PRIVATE))
    inner = data.draw(st.integers(int(block[0]), int(block[-1])))
    wrapped = WRAPPED[form](inner)
    assert IPv4Address(inner) in set(embedded(wrapped))
    assert not is_public(wrapped)
    assert is_metadata(wrapped) or IPv4Address(inner) not in IPv4Network("169.254.0.0/16")


@given(st.integers(0, 2**128 - 1))
def test_row_3_no_address_is_public_that_carries_one_that_is_not(bits: int) -> None:
    address = IPv6Address(bits)
    if is_public(address):
        assert all(is_public(inner) for inner in embedded(address))


@given(st.one_of(st.ip_addresses(), st.text(max_size=20)))
def test_what_is_parsed_is_written_the_usual_way(value: object) -> None:
    address = parse(str(value))
    assert address is None or ip_address(str(address)) == address


@pytest.mark.parametrize("text", ["", "localhost", "0x7f.1", "2130706433", "010.0.0.1", "fe80::1%lo", "::1%", "1.2.3"])
def test_what_cannot_be_parsed_is_no_address(text: str) -> None:
    assert parse(text) is None
