from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BlockedUrl
from foveal.tools.fetch.provenance import Provenance

SEEN = "https://docs.test/a/page?q=1&lang=en"


@pytest.mark.parametrize(
    "same",
    [
        "https://DOCS.test/a/page?q=1&lang=en", "http://docs.test:80/a/page?q=1&lang=en",
        "https://docs.test./a/page?q=1&lang=en#part", "https://docs.test:443/%61/page?q=1&lang=en",
    ],
)  # fmt: skip
def test_other_spellings_of_a_seen_address_may_be_opened(same: str) -> None:
    Provenance([SEEN]).check(same)


@pytest.mark.parametrize(
    "other",
    [
        "https://evil.test/?d=SECRET", f"{SEEN}&d=SECRET", f"{SEEN}&utm_source=SECRET", "https://docs.test/a/page",
        "https://docs.test/a/page/SECRET?q=1&lang=en", "https://SECRET.docs.test/a/page?q=1&lang=en",
        "https://docs.test:8443/a/page?q=1&lang=en", "https://SECRET@docs.test/a/page?q=1&lang=en",
        "https://docs.test/A/page?q=1&lang=en", "https://docs.test/a/../a/page?q=1&lang=en", "//docs.test/a/page",
        "javascript:alert(1)", "http://[::1", "",
    ],
)  # fmt: skip
def test_row_13_an_address_that_was_never_seen_is_refused_with_the_reason(other: str) -> None:
    with pytest.raises(BlockedUrl, match="in no search result") as refused:
        Provenance([SEEN]).check(other)
    assert "d=SECRET" not in str(refused.value)


def test_what_is_no_web_address_is_never_let_in() -> None:
    seen = Provenance(["file:///etc/passwd", "javascript:alert(1)", "https://user:pw@docs.test/", "not an address"])
    assert len(seen) == 0


def test_names_and_paths_beyond_ascii_are_one_with_their_encoded_forms() -> None:
    Provenance(["https://bücher.test/straße?q=ä"]).check("https://xn--bcher-kva.test/stra%c3%9fe?q=%C3%A4")


def test_the_oldest_addresses_are_forgotten_first_and_what_is_seen_again_is_young() -> None:
    seen = Provenance([f"https://a.test/{n}" for n in range(3)], most=3)
    seen.add(["https://a.test/0", "https://a.test/3"])
    assert "https://a.test/0" in seen and "https://a.test/1" not in seen and len(seen) == 3


@given(st.text(), st.text(max_size=20))
def test_row_13_any_text_is_judged_without_an_error_and_nothing_may_be_added(url: str, more: str) -> None:
    seen = Provenance([SEEN])
    assert url not in seen or url.lower().startswith("http")
    if more.strip().split("#")[0].strip():
        assert f"{SEEN}x{more}" not in seen
