"""What engines say, made one: row 30 and what hypothesis thinks of."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.tools.search.results import clean_text, clean_url, date_of, make_hits, same_page, size_of

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_row_30_results_are_normalised_merged_and_dropped() -> None:
    rows: list[dict[str, Any]] = [
        {"url": "https://Tower.test:443/a/?utm_source=x&id=2&fbclid=9#top", "title": "A <b>tower</b> &amp; more",
         "snippet": "short", "engine": "one", "width": "640", "height": 480},
        {"url": "ftp://tower.test/file", "title": "no page"},
        {"url": "javascript:alert(1)", "title": "no page"},
        {"url": None, "title": "no page"},
        {"title": "no address at all"},
        {"url": "http://tower.test/a?id=2", "title": "A tower", "snippet": "a longer snippet", "engine": "two",
         "published_at": "Nov 3, 2025", "width": None},
        {"url": "//duckduckgo.com/l/?uddg=https%3A%2F%2Friver.test%2Fb%3Fq%3D1%26gclid%3Dz&rut=abc", "title": None,
         "snippet": None},
        {"url": "https://user:secret@river.test/", "title": "a password"},
    ]  # fmt: skip
    hits = make_hits(rows, kind="text", k=10, now=NOW)
    assert [hit.url for hit in hits] == ["https://tower.test/a/?id=2", "https://river.test/b?q=1"]
    first, second = hits
    assert (first.title, first.snippet, first.engine) == ("A tower & more", "a longer snippet", "one, two")
    assert (first.width, first.height, first.published_at, first.rank) == (640, 480, "2025-11-03", 1)
    assert (second.title, second.snippet, second.rank) == ("https://river.test/b?q=1", "", 2)


def test_row_30_pictures_are_told_apart_by_their_own_address() -> None:
    rows = [
        {"url": "https://a.test/page", "image": "https://a.test/1.jpg", "width": "1 024", "height": "768 px"},
        {"url": "https://a.test/page", "image": "https://a.test/2.jpg", "width": 800, "height": 600.0},
        {"url": "https://b.test/", "image": "https://a.test/1.jpg?utm_medium=x", "thumbnail": "//t.test/1"},
        {"url": "https://c.test/", "image": None},
    ]
    hits = make_hits(rows, kind="images", k=10)
    assert [(hit.image, hit.width, hit.height) for hit in hits] == [
        ("https://a.test/1.jpg", None, 768),
        ("https://a.test/2.jpg", 800, 600),
    ]
    assert hits[0].thumbnail == "https://t.test/1"


def test_no_more_than_k() -> None:
    rows = [{"url": f"https://a.test/{n}"} for n in range(9)]
    assert [hit.rank for hit in make_hits(rows, kind="text", k=4)] == [1, 2, 3, 4]
    assert make_hits(rows, kind="text", k=0) == ()


@pytest.mark.parametrize(
    ("given_", "clean"),
    [
        ("HTTPS://Ex.Test", "https://ex.test/"),
        ("http://ex.test:80/a", "http://ex.test/a"),
        ("https://ex.test:8443/a", "https://ex.test:8443/a"),
        ("https://ex.test/a b?q=x y", "https://ex.test/a%20b?q=x%20y"),
        ("https://ex.test/what%3F?x=%26", "https://ex.test/what%3F?x=%26"),
        ("https://ex.test/?a=1&utm_campaign=q&b=2&mc_eid=3", "https://ex.test/?a=1&b=2"),
        ("https://ex.test/caf\u00e9", "https://ex.test/caf%C3%A9"),
        ("https://b\u00fccher.test/", "https://xn--bcher-kva.test/"),
        ("https://ex.test./a", "https://ex.test/a"),
        ("https://e\u200bx.test/\u202ea", "https://ex.test/a"),
        ("http://[::1]/", "http://[::1]/"),
        ("/relative", None),
        ("", None),
        (7, None),
        ("https://", None),
        ("https://ex.test:99999/", None),
        ("https://[bad/", None),
        ("https://ex..test/", None),
        ("mailto:a@b.test", None),
        ("data:text/html,x", None),
        ("https://ex.test/" + "a" * 3000, None),
        ("https://duckduckgo.com/l/?uddg=javascript%3Aalert(1)", None),
        ("https://duckduckgo.com/l/?x=1", None),
        ("https://html.duckduckgo.com/l/?uddg=https%3A%2F%2Fa.test%2F", "https://a.test/"),
    ],
)
def test_addresses(given_: Any, clean: str | None) -> None:
    assert clean_url(given_) == clean


@given(
    st.one_of(st.text(), st.text().map("https://a.test/".__add__), st.text().map(lambda t: f"http://{t}.test/?a={t}"))
)
def test_clean_addresses_stay_as_they_are(text: str) -> None:
    url = clean_url(text)
    if url is not None:
        assert url.isascii() and url.startswith(("http://", "https://")) and "#" not in url and " " not in url
        assert clean_url(url) == url
        assert same_page(url) == same_page(url.replace("https://", "http://", 1))


@given(st.text(alphabet="ab%&=+?/.;", max_size=20))
def test_what_is_not_tracking_is_kept_letter_for_letter(query: str) -> None:
    cleaned = clean_url(f"https://a.test/p?{query}")
    assert cleaned is not None
    assert cleaned.partition("?")[2] == query


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("<b>bold</b> and <em class='x'>em</em>", "bold and em"),
        ("a &lt; b &amp;&amp; c &gt; d", "a < b && c > d"),
        ("a < b and c > d", "a < b and c > d"),
        ("one<script>alert('x')</script>two<!-- hidden -->three", "one two three"),
        ("ze\u200bro\u202e \x07width\n\n lines", "zero width lines"),
        ("tag\U000e0041\U000e0042", "tag"),
        (None, ""),
        (5, ""),
    ],
)
def test_texts(text: Any, clean: str) -> None:
    assert clean_text(text) == clean


@given(st.text(max_size=400), st.integers(1, 50))
def test_texts_are_short_visible_and_on_one_line(text: str, longest: int) -> None:
    clean = clean_text(text, longest)
    assert len(clean) <= longest
    assert not any(unicodedata.category(char) in ("Cc", "Cs", "Co") for char in clean)
    assert clean == clean.strip()


@pytest.mark.parametrize(
    ("value", "size"),
    [("640", 640), (640, 640), (640.7, 640), (" 640 px", 640), ("", None), (None, None), ("wide", None), (0, None),
     (-5, None), (True, None), ("12345678", None), (float("inf"), None)],
)  # fmt: skip
def test_sizes(value: Any, size: int | None) -> None:
    assert size_of(value) == size


@pytest.mark.parametrize(
    ("value", "date"),
    [
        ("2025-11-03T10:00:00Z", "2025-11-03"),
        ("2025-11-03", "2025-11-03"),
        (1762128000, "2025-11-03"),
        (1762128000000, "2025-11-03"),
        ("Mon, 03 Nov 2025 10:00:00 GMT", "2025-11-03"),
        ("3 November 2025", "2025-11-03"),
        ("2 days ago", "2026-11-19"),
        ("yesterday", "2026-11-20"),
        ("November 2025", None),
        ("2025", None),
        ("recently", None),
        ("2099-01-01", None),
        ("", None),
        (None, None),
        (True, None),
        (1e30, None),
        (-1, None),
    ],
)
def test_dates(value: Any, date: str | None) -> None:
    assert date_of(value, now=NOW) == date


@given(st.one_of(st.text(max_size=30), st.floats(), st.integers(), st.none(), st.binary(max_size=3)))
def test_no_date_is_too_odd(value: Any) -> None:
    found = date_of(value, now=NOW)
    assert found is None or datetime.fromisoformat(found)


ROW = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=8), st.sampled_from(
            ["https://a.test/", "https://b.test/?utm_x=1", "http://a.test", "12", "2 days ago"]))
        for name in ("url", "title", "snippet", "image", "thumbnail", "width", "height", "published_at", "score")
    },
)  # fmt: skip


@given(st.lists(ROW, max_size=8), st.sampled_from(["text", "images", "news", "lookalikes"]), st.integers(0, 5))
def test_whatever_engines_say_hits_are_whole(rows: list[dict[str, Any]], kind: Any, k: int) -> None:
    hits = make_hits(rows, kind=kind, k=k, now=NOW)
    assert len(hits) <= k and [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    keys = [same_page(hit.image or hit.url) if kind == "images" else same_page(hit.url) for hit in hits]
    assert len(set(keys)) == len(keys)
    assert all(hit.title and (hit.score is None or 0 <= hit.score <= 1) for hit in hits)
