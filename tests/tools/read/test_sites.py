from __future__ import annotations

import pytest

from foveal.tools.read.sites import at_most, host_of, same_site, site_of
from foveal.types import WebHit


@pytest.mark.parametrize(
    ("url", "site"),
    [
        ("https://en.m.wikipedia.org/wiki/X", "wikipedia.org"),
        ("http://WWW.Bbc.co.uk:80/news", "bbc.co.uk"),
        ("https://ada.github.io/x", "ada.github.io"),
        ("http://www.docs.test:8080/", "docs.test"),
        ("http://docs.test.", "docs.test"),
        ("http://127.0.0.1:80/", "127.0.0.1"),
        ("http://[::1]/", "::1"),
        ("http://localhost/x", "localhost"),
        ("https://münchen.de/", "münchen.de"),
        ("no address", ""),
        ("http://[", ""),
    ],
)
def test_site_of(url: str, site: str) -> None:
    assert site_of(url) == site


def test_strangers_on_one_platform_are_two_sites() -> None:
    assert same_site("https://de.wikipedia.org/a", "https://en.wikipedia.org/b")
    assert not same_site("https://ada.github.io/", "https://bo.github.io/")
    assert not same_site("", "") and host_of("https://a.test") == "a.test"


def test_at_most_two_of_a_site() -> None:
    hits = [WebHit(f"https://{host}/{i}", "t") for i, host in enumerate(["a.x.test", "b.x.test", "y.test", "x.test"])]
    assert [hit.url for hit in at_most(hits)] == ["https://a.x.test/0", "https://b.x.test/1", "https://y.test/2"]
    assert len(at_most(hits, 1)) == 2
