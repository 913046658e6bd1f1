from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.tools.read.mirrors import address_key, alike, copies, independent, merged, shingles
from foveal.types import WebPage

WORDS = [f"{a}{b}" for a in "kelmtovris" for b in ("ano", "eth", "isk", "orm", "ula")]


def story(seed: int, words: int = 150) -> str:
    picked = random.Random(seed).choices(WORDS, k=words)
    return " ".join(picked)


def page(url: str, text: str) -> WebPage:
    return WebPage(url, "T", text, fetched_from=url)


@pytest.mark.parametrize(
    "variant",
    [
        "http://www.news.test/tower/", "https://m.news.test/tower", "https://news.test/tower/amp",
        "https://news.test/tower?utm_source=x&utm_medium=y", "https://amp.news.test/tower?outputType=amp",
        "https://news.test/tower?print=1", "https://news.test/tower/index.html", "https://news.test:443/tower?fbclid=2",
        "https://news.test/tower/print",
    ],
)  # fmt: skip
def test_forms_of_one_address(variant: str) -> None:
    assert address_key(variant) == address_key("https://news.test/tower")


@pytest.mark.parametrize(
    "other",
    [
        "https://news.test/tower2", "https://news.test/tower?id=7", "https://news.test:8080/tower",
        "https://blog.news.test/tower", "https://news.test/tower?m=12", "https://news.test/lamps/tower",
        "https://news.test/tower?source=archive",
    ],
)  # fmt: skip
def test_other_addresses(other: str) -> None:
    assert address_key(other) != address_key("https://news.test/tower")


def test_a_language_is_no_mirror() -> None:
    assert address_key("https://de.wikipedia.test/x") != address_key("https://en.wikipedia.test/x")
    assert address_key("https://en.m.wikipedia.test/x") == address_key("https://en.wikipedia.test/x")


def test_copies_are_found_by_their_words() -> None:
    original = page("https://atlas.test/kelm", story(1))
    framed = page("https://mirror.test/k", f"Mirror of the day. {story(1)} {story(7, 20)} Read more.")
    edited = page("https://copy.test/k", story(1).replace("kano", "kxno", 1).title())
    other = page("https://news.test/kelm", story(2))
    assert [[p.url for p in group] for group in copies([original, other, framed, edited])] == [
        ["https://atlas.test/kelm", "https://mirror.test/k", "https://copy.test/k"],
        ["https://news.test/kelm"],
    ]
    assert independent([original, other, framed, edited]) == 2


def test_a_few_common_words_make_no_copy() -> None:
    short = [page(f"https://{name}.test/", f"{name} is a town. Cookies are used here.") for name in ("ada", "bo")]
    assert len(copies(short)) == 2
    same = [page(f"https://{name}.test/", "Kelm is a town.") for name in ("ada", "bo")]
    assert len(copies(same)) == 1
    assert len(copies([page("https://a.test/", ""), page("https://b.test/", "")])) == 2, "two scans"


def test_the_plain_address_stands_for_its_copies() -> None:
    pages = [
        page("https://m.news.test/tower", story(1) + " more words at the end"),
        page("https://news.test/tower", story(1)),
        page("https://other.test/", story(3)),
        page("https://copy.test/", story(3) + " " + story(4, 30)),
    ]
    assert [p.url for p in merged(pages)] == ["https://news.test/tower", "https://copy.test/"]


def test_two_pages_of_one_site_are_one_witness() -> None:
    one, two = page("https://a.news.test/1", story(1)), page("https://b.news.test/2", story(2))
    assert independent([one, two]) == 1 and independent([one, two, page("https://x.test/", story(3))]) == 2
    assert independent([]) == 0
    # a copy ties the sites that both carry it together
    assert independent([one, page("https://x.test/", story(1)), page("https://x.test/2", story(5))]) == 1


@given(st.lists(st.sampled_from(WORDS), min_size=30, max_size=90), st.lists(st.sampled_from(WORDS), max_size=90))
def test_likeness_is_symmetric_and_a_frame_does_not_hide_a_copy(words: list[str], others: list[str]) -> None:
    text, other = " ".join(words), " ".join(others)
    assert alike(shingles(text), shingles(other)) == alike(shingles(other), shingles(text))
    if len(shingles(text)) >= 25:
        assert alike(shingles(text), shingles(f"{other} {text} {other}"))
