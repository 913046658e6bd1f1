"""What comes is taken for what it is."""

from __future__ import annotations

import time

import pytest
from fakes.hostile import head, held_back, raw, reply, serving
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import BadResponse
from foveal.tools.fetch.policy import Kind
from foveal.tools.fetch.sniff import ALLOWED, settle, sniff

from .conftest import MakeFetcher

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
ELF = b"\x7fELF\x02\x01\x01\x00" + b"\x00" * 8
ZIP = b"PK\x03\x04\x14\x00\x00\x00"
HTML = b"<!DOCTYPE html><html><title>A</title></html>"


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (PNG, "image/png"), (ELF, "x-elf"), (ZIP, "application/zip"), (b"MZ\x90\x00", "msdownload"),
        (b"\x1f\x8b\x08\x00", "gzip"), (b"\x00\x01\x02\x03", "octet-stream"), (b"<svg xmlns='x'>", "svg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"), (b"\x00\x00\x00\x18ftypmp42", "video/mp4"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "postscript"), (b"SQLite format 3\x00", "sqlite"),
    ],
)  # fmt: skip
async def test_row_22_html_that_is_something_else_is_named(fetcher_for: MakeFetcher, body: bytes, named: str) -> None:
    async with serving({"/": reply(200, body, content_type="text/html; charset=utf-8")}) as server:
        with pytest.raises(BadResponse, match=f"{named}.* says text/html"):
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/")


@pytest.mark.parametrize(
    ("kind", "declared", "body", "media_type"),
    [
        ("page", "text/html; charset=ISO-8859-1", HTML, "text/html"),
        ("page", "application/octet-stream", HTML, "text/html"),
        ("page", "", b"  <!-- a --> <HTML><body>", "text/html"),
        ("page", "text/plain", b"just words", "text/plain"),
        ("page", "text/csv", b"a,b\n1,2", "text/plain"),
        ("page", "text/markdown", b"# Title", "text/markdown"),
        ("page", "application/json", b'{"a": 1}', "application/json"),
        ("page", "text/html", b"%PDF-1.7\n\xff", "application/pdf"),
        ("page", "text/html", b"\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00", "text/html"),
        ("page", "", b"\xef\xbb\xbf<p>hello", "text/html"),
        ("page", "application/xhtml+xml", b"<?xml version='1.0'?><html>", "application/xhtml+xml"),
        ("page", "text/html", b"", "text/html"),
        ("page", "text/html", b"GIF89a is the name of a format", "text/html"),
        ("page", "text/plain", b"BM is short for Bing Maps", "text/plain"),
        ("picture", "text/html", PNG, "image/png"),
        ("picture", "image/png", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("pdf", "application/octet-stream", b"%PDF-1.4", "application/pdf"),
        ("json", "text/html", b' {"a": 1}', "application/json"),
        ("any", "text/css", b"a { b: c }", "text/css"),
        ("any", "font/woff2", b"wOF2\x00\x01\x00\x00", "font/woff2"),
    ],
)
async def test_row_22_what_may_come_is_treated_as_what_it_is(
    fetcher_for: MakeFetcher, kind: Kind, declared: str, body: bytes, media_type: str
) -> None:
    lines = [f"Content-Type: {declared}"] if declared else []
    async with serving({"/": raw(head(200, *lines, f"Content-Length: {len(body)}") + body)}) as server:
        fetched = await fetcher_for(server).fetch(f"http://docs.test:{server.port}/", kind=kind)
        assert (fetched.media_type, fetched.body) == (media_type, body)
        assert fetched.charset == ("iso-8859-1" if "charset" in declared else "")


@pytest.mark.parametrize(
    ("kind", "declared", "body"),
    [
        ("picture", "image/svg+xml", b"<svg onload='alert(1)'>"),
        ("picture", "image/png", HTML),
        ("picture", "image/png", b"GIF89a is the name of a format"),
        ("picture", "image/jpeg", b"%PDF-1.7"),
        ("picture", "image/avif", b"\x00\x00\x00\x18ftypavif"),
        ("pdf", "application/pdf", HTML),
        ("json", "application/json", HTML),
        ("page", "text/css", b"a { b: c }"),
        ("page", "text/javascript", b"alert(1)"),
        ("page", "image/png", PNG),
    ],
)
async def test_row_22_what_may_not_come_is_refused(
    fetcher_for: MakeFetcher, kind: Kind, declared: str, body: bytes
) -> None:
    async with serving({"/": reply(200, body, content_type=declared)}) as server:
        with pytest.raises(BadResponse, match=r"not (a|JSON)"):
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/", kind=kind)


async def test_row_22_a_program_is_not_loaded_to_its_end(fetcher_for: MakeFetcher) -> None:
    act = held_back(head(200, "Content-Type: text/html") + ELF + b"\x00" * 2_000, b"\x00" * 9_000, seconds=2)
    async with serving({"/": act}) as server:
        began = time.monotonic()
        with pytest.raises(BadResponse, match="x-elf"):
            await fetcher_for(server).fetch(f"http://docs.test:{server.port}/")
        assert time.monotonic() - began < 1.8


@given(st.binary(max_size=200), st.sampled_from(["", "text/html", "image/png", "application/json", "x"]))
def test_anything_is_something(data: bytes, declared: str) -> None:
    assert "/" in sniff(data, declared) or sniff(data, declared) == declared
    for kind, allowed in ALLOWED.items():
        try:
            assert settle(data, declared, kind) in allowed
        except BadResponse as refused:
            assert len(refused.message) < 200


def test_comments_without_end_take_no_time() -> None:
    began = time.perf_counter()
    for body in (b"<!--a-->" * 128, b"<!--" * 256, b"<?xml" * 200, b" " * 1024, b"<?xml?><!-- -->" * 68 + b"1"):
        sniff(body, "")
    assert time.perf_counter() - began < 0.5
