"""Addresses that are refused before anything is looked up."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BlockedUrl
from foveal.tools.fetch.address import is_public, parse
from foveal.tools.fetch.policy import Policy

LITERALS = (
    "http://127.0.0.1/", "http://[::1]/", "http://0.0.0.0/", "http://10.1.2.3/", "http://192.168.1.1:8080/admin",
    "http://127.0.0.1./", "http://[::]/", "http://[fe80::1]/", "https://172.16.0.1/",
)  # fmt: skip
UNUSUAL = (
    "http://2130706433/", "http://0x7f.1/", "http://0x7f000001/", "http://017700000001/", "http://0177.0.0.1/",
    "http://127.1/", "http://127.0.1/", "http://0x7f.0x0.0x0.0x1/", "http://127.0.0.0x1/", "http://00000177.1/",
    "http://127.0.0.1.2/", "http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://１２７.0.0.1/", "http://256.1.1.1/",
    "http://127.0.0.%31/", "http://0x/", "http://a.0x7f/",
)  # fmt: skip
WRAPPED = (
    "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/",
    "http://[::127.0.0.1]/", "http://[2001:0:808:808::80ff:fffe]/", "http://[2600::5efe:7f00:1]/",
    "http://[64:ff9b:1::7f00:1]/", "http://[64:ff9b:1:7f00:0:100::]/", "http://[::ffff:a00:1]/",
)  # fmt: skip
OTHERS = (
    "ftp://docs.test/", "gopher://docs.test/", "data:text/html,hi", "javascript:alert(1)", "file:///etc/passwd",
    "ws://docs.test/", "//docs.test/", "docs.test", "", "http://", "http:///x", "HTTP:/x", "http:docs.test",
    "http://docs.test:99999/", "http://docs.test:x/", "http://[docs.test]/", "http://[::1/", "http://docs..test/",
    "http://.docs.test/", "http://-docs.test/", "http://docs test/", "http://docs.test\\@evil.test/",
    "http://evil.test/\r\nHost: docs.test", "http://docs.test/\x00", "http://docs_%2e.test/", "http://doc\ts.test/",
    "http://" + "a" * 64 + ".test/", "http://" + "a." * 130 + "test/", "http://docs.test/" + "a" * 9000,
    "http://[fe80::1%25eth0]/", "http://docs.test:22/", "http://docs.test:6379/",
)  # fmt: skip


@pytest.mark.parametrize("url", LITERALS)
def test_row_1_private_addresses_are_refused_as_they_are_read(url: str) -> None:
    with pytest.raises(BlockedUrl, match=r"not on the public internet|no web page can be"):
        Policy().check(url)


@pytest.mark.parametrize("url", UNUSUAL)
def test_row_2_numbers_in_other_writings_are_refused(url: str) -> None:
    with pytest.raises(BlockedUrl):
        Policy().check(url)


@pytest.mark.parametrize("url", WRAPPED)
def test_row_3_embedded_addresses_are_refused(url: str) -> None:
    with pytest.raises(BlockedUrl):
        Policy().check(url)


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16", "100.100.100.200", "[fd00:ec2::254]"])
def test_row_4_metadata_is_refused_even_where_it_is_allowed(address: str) -> None:
    with pytest.raises(BlockedUrl, match="no web page can be"):
        Policy(allowed=frozenset({(address.strip("[]"), 80)})).check(f"http://{address}/latest/meta-data/")


def test_what_is_allowed_by_name_and_port_may_be_private() -> None:
    policy = Policy(allowed=frozenset({("127.0.0.1", 8888)}))
    assert policy.check("http://127.0.0.1:8888/search").port == 8888
    with pytest.raises(BlockedUrl):
        policy.check("http://127.0.0.1:8080/search")


@pytest.mark.parametrize("url", OTHERS)
def test_row_10_other_schemes_and_broken_addresses_are_refused(url: str) -> None:
    with pytest.raises(BlockedUrl):
        Policy().check(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@docs.test/",
        "https://hunter2@docs.test/x",
        "ftp://user:hunter2@docs.test/",
        "http://user:hunter2@127.0.0.1:22/",
        "http://docs.test:22/?key=hunter2#hunter2",
        "http://user:hunter2@[bad/",
    ],
)
def test_row_10_no_message_tells_a_password_or_a_query(url: str) -> None:
    with pytest.raises(BlockedUrl) as refused:
        Policy().check(url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("HTTP://Docs.Test/A", "http://docs.test/A"),
        ("http://docs.test.:80/", "http://docs.test/"),
        ("https://docs.test:443", "https://docs.test/"),
        ("https://docs.test:8443/", "https://docs.test:8443/"),
        ("http://docs.test/a b?q=ü#part", "http://docs.test/a%20b?q=%C3%BC"),
        ("http://bücher.test/", "http://xn--bcher-kva.test/"),
        (" http://docs.test/\n", "http://docs.test/"),
        ("http://8.8.8.8/", "http://8.8.8.8/"),
        ("http://[2606:4700:4700::1111]/", "http://[2606:4700:4700::1111]/"),
        ("http://a-b_c.test/", "http://a-b_c.test/"),
    ],
)
def test_an_address_has_one_form(url: str, target: str) -> None:
    assert Policy().check(url).url == target
    assert Policy().check(target).url == target


@given(st.text(st.sampled_from("htps:/@.[]%0127x#?\\ abfe\tü。１"), max_size=40).map(lambda tail: "http://" + tail))
def test_whatever_passes_is_plain(url: str) -> None:
    try:
        target = Policy().check(url)
    except BlockedUrl:
        return
    assert re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", target.host)
    assert target.port in (80, 443, 8080, 8443) and target.path.startswith("/")
    assert not re.search(r"[^\x21-\x7e]|#", target.url)
    address = parse(target.host)
    assert address is None or is_public(address)
