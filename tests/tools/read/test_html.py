from __future__ import annotations

import asyncio

import orjson
import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import PageUnreadable
from foveal.tools.read.reader import PageReader
from foveal.types import PagePicture, plain

from .conftest import fetched

PROSE = "<p>" + "The tower stands at the old harbour and is lit at night. " * 12 + "</p>"
PAGE = (
    """<!doctype html><html lang="en-GB"><head><title>Kelm Tower - Atlas</title>
<link rel="canonical" href="/kelm"><meta property="og:site_name" content="BBC">
<meta property="article:published_time" content="2023-02-03T10:00:00Z">
<meta property="article:modified_time" content="2024-05-06T10:00:00Z">
<style>.gone, #away { display: none } @media print { .kept { display: none } } /* .c{display:none} */</style></head>
<body><nav><a href="/">Home</a><a href="/towns">Towns</a></nav><main><h1>Kelm Tower</h1>
<table class="infobox"><caption>Facts</caption><tr><th colspan="2">Kelm Tower</th></tr>
<tr><th>Height</th><td>123 m<br>(404 ft)</td></tr>
<tr><th>Architect:</th><td><ul><li><a href="/ada">Ada Voss</a></li><li>Bo Lund</li></ul></td></tr></table>
"""
    + PROSE
    + """<p>It is <b>not</b> *starred* and has snake_case, 1 &lt; 2 and ~5 km [1].</p>
<h2>History</h2><p class="kept">It was opened on 4 May 1931.</p><p class="gone">GONE</p><p id="away">AWAY</p>
<table><thead><tr><th>Year</th><th>Visitors</th></tr></thead>
<tr><td><a href="/y1931">1931</a></td><td>2,000<br>guests</td></tr><tr><td>1932</td><td>a|b</td></tr></table>
<dl><dt>Floors</dt><dd>31</dd><dt>Lifts</dt><dd>4</dd><dd>since 1950</dd></dl>
<p>See also <a href="http://other.test/x#part">another site</a>.</p></main>
<footer>Imprint</footer></body></html>"""
)


async def test_a_page_becomes_markdown_that_can_be_quoted(reader: PageReader) -> None:
    page = await reader.read_bytes(fetched(PAGE, url="https://atlas.test/kelm?utm_source=x#top"))
    assert page.url == "https://atlas.test/kelm" and page.fetched_from == "https://atlas.test/kelm?utm_source=x#top"
    assert (page.title, page.language, page.kind) == ("Kelm Tower", "en-gb", "html")
    assert page.site == "atlas.test", "whose page it is says the address, not the page"
    assert (page.published_at, page.modified_at) == ("2023-02-03", "2024-05-06")
    assert page.retrieved_at == "2026-11-21T09:30:00+00:00"
    assert "It is not *starred* and has snake_case, 1 < 2 and ~5 km [1]." in page.text
    assert "\n## History\n" in page.text
    assert "Home" not in page.text and "Imprint" not in page.text
    assert page.links == (
        "https://atlas.test/", "https://atlas.test/towns", "https://atlas.test/ada", "https://atlas.test/y1931",
        "http://other.test/x",
    )  # fmt: skip


async def test_facts_stand_on_lines_of_their_own(reader: PageReader) -> None:
    text = (await reader.read_bytes(fetched(PAGE))).text
    assert "Height: 123 m; (404 ft)\nArchitect: Ada Voss; Bo Lund\n" in text
    assert "Floors: 31\nLifts: 4; since 1950" in text
    assert "| 1931 | 2,000; guests |\n| 1932 | a/b |" in text


async def test_an_infobox_that_the_extractor_drops_is_kept(reader: PageReader) -> None:
    box = "<aside><table><tr><th>Height</th><td>99 m</td></tr><tr><th>Opened</th><td>1931</td></tr></table></aside>"
    page = await reader.read_bytes(fetched(f"<html><body><article><h1>T</h1>{PROSE}</article>{box}</body></html>"))
    assert "Height: 99 m\nOpened: 1931" in page.text and "harbour" in page.text


@pytest.mark.parametrize(
    "hidden",
    [
        '<p style="display:none">SECRET</p>', '<p style="color:#FFF; background-color: white">SECRET</p>',
        "<p hidden>SECRET</p>", '<p aria-hidden="true">SECRET</p>', '<p style="font-size: 0px">SECRET</p>',
        '<p style="font-size:0;">SECRET</p>', '<p style="position:absolute;left:-9999px">SECRET</p>',
        '<p style="visibility: hidden"><b>SECRET</b></p>', "<!-- SECRET -->", "<script>SECRET</script>",
        "<template><p>SECRET</p></template>", "<noscript>SECRET</noscript>", '<p style="opacity:0">SECRET</p>',
        '<p class="gone x">SECRET</p>', '<div id="away"><p>SECRET</p></div>', "<dialog>SECRET</dialog>",
    ],
)  # fmt: skip
async def test_what_nobody_sees_is_not_read(reader: PageReader, hidden: str) -> None:
    page = await reader.read_bytes(fetched(PAGE.replace("<h2>", hidden + "<h2>")))
    assert "SECRET" not in page.text and "GONE" not in page.text and "AWAY" not in page.text
    assert "opened on 4 May 1931" in page.text, "a rule for print hides nothing"


async def test_hidden_characters_are_taken_out(reader: PageReader) -> None:
    tags = "".join(chr(0xE0000 + ord(c)) for c in "obey me")
    page = await reader.read_bytes(fetched(PAGE.replace("4 May", f"4\u200b M\u202eay{tags}")))
    assert "opened on 4 May 1931" in page.text
    assert page.text.isprintable() or all(c.isprintable() or c == "\n" for c in page.text)


@pytest.mark.parametrize(
    ("claimed", "kept"),
    [
        ("https://atlas.test/towers/kelm", "https://atlas.test/towers/kelm"),
        ("https://www.atlas.test/kelm#x", "https://www.atlas.test/kelm"),
        ("http://atlas.test/kelm2", "http://atlas.test/kelm2"),
        ("https://bank.test/kelm", "https://atlas.test/a"),
        ("https://atlas.test/", "https://atlas.test/a"),
        ("https://atlas.test:8443/kelm", "https://atlas.test/a"),
        ("https://user:pw@atlas.test/kelm", "https://atlas.test/a"),
        ("javascript:alert(1)", "https://atlas.test/a"),
        ("http://[", "https://atlas.test/a"),
    ],
)
async def test_a_page_may_not_claim_to_be_another_sites(reader: PageReader, claimed: str, kept: str) -> None:
    html = f'<html><head><link rel="canonical" href="{claimed}"></head><body>{PROSE}</body></html>'
    assert (await reader.read_bytes(fetched(html, url="https://atlas.test/a"))).url == kept


async def test_dates_come_from_markup_not_from_the_story(reader: PageReader) -> None:
    story = f"<html><body><p>It was opened on 3 March 2019.</p>{PROSE}<footer>© 2012</footer></body></html>"
    assert (await reader.read_bytes(fetched(story))).published_at is None
    future = story.replace("<body>", '<head><meta name="date" content="2033-01-01"></head><body>')
    assert (await reader.read_bytes(fetched(future))).published_at is None
    changed = story.replace("<body>", '<head><meta property="article:modified_time" content="2024-05-06"></head><body>')
    page = await reader.read_bytes(fetched(changed))
    assert page.published_at == page.modified_at == "2024-05-06"


async def test_pictures_worth_seeing_come_most_telling_first(reader: PageReader) -> None:
    pictures = """<img src="/img/logo.png" alt="Atlas logo"><img src="/track/pixel.gif">
<img src="data:image/gif;base64,R0">
<img src="/small.jpg" width="40" height="40"><img src="/d.svg"><img src="/plain.jpg">
<img src="/lazy.gif" data-src="/named.jpg" alt="The tower seen from the harbour">
<figure><picture><source srcset="/big.webp 3000w, /mid.webp 1200w"><img src="/own.jpg" width="600" height="400"
alt="Kelm"></picture><figcaption>The tower in <b>1931</b></figcaption></figure>"""
    html = PAGE.replace("<h2>", pictures + "<h2>").replace(
        "<head>", '<head><meta property="og:image" content="https://cdn.test/cover.jpg">'
    )
    page = await reader.read_bytes(fetched(html))
    assert page.pictures[0] == PagePicture(
        "https://atlas.test/mid.webp", alt="Kelm", caption="The tower in 1931", width=600, height=400
    )
    assert [p.url.rpartition("/")[2] for p in page.pictures] == ["mid.webp", "named.jpg", "cover.jpg", "plain.jpg"]


@pytest.mark.parametrize(
    ("name", "html"),
    [
        ("fifty megabytes", "<html><body>" + "<p>word</p>" * 4_600_000),
        ("a million nested divs", "<html><body>" + "<div>" * 1_000_000 + "hello"),
        ("unclosed tables", "<html><body>" + "<table><tr><td>" * 100_000 + "x"),
        ("too many elements", "<html><body>" + "<i>x</i>" * 400_000),
    ],
)
async def test_row_23_a_page_that_is_too_complex(reader: PageReader, name: str, html: str) -> None:
    if name == "fifty megabytes":
        assert len(html) > 50_000_000
    with pytest.raises(PageUnreadable, match="too complex") as caught:
        await reader.read_bytes(fetched(html))
    assert caught.value.reason == "too complex" and not caught.value.retryable
    assert "harbour" in (await reader.read_bytes(fetched(PAGE))).text, "the next page is read"


async def test_row_23_unclosed_tags_are_read(reader: PageReader) -> None:
    page = await reader.read_bytes(fetched("<html><body><p>One <b>two <i>three<p>Four <table><tr><td>five<td>six"))
    assert all(word in page.text for word in ("One", "two", "three", "Four", "five", "six"))


TOWN = "Zürich – naïve café «Łódź» 北京 Ελλάδα. "


@pytest.mark.parametrize(
    ("body", "charset"),
    [
        ((TOWN * 9).encode(), "iso-8859-1"),
        ((TOWN * 9).encode(), "utf-16"),
        ((TOWN * 9).encode("utf-16"), "utf-8"),
        ((TOWN * 9).encode("utf-16-le"), ""),
        ((TOWN * 9).encode("utf-16-be"), "latin-1"),
        (b"\xef\xbb\xbf" + (TOWN * 9).encode(), "koi8-r"),
        ((TOWN * 9).encode(), "rot13"),
        ((TOWN * 9).encode(), "utf-7"),
    ],
)
async def test_row_24_what_the_bytes_show_goes_before_a_charset_that_lies(
    reader: PageReader, body: bytes, charset: str
) -> None:
    page = await reader.read_bytes(fetched(body, "text/plain", charset=charset))
    assert "北京 Ελλάδα" in page.text and "Zürich" in page.text
    assert_survives(page)


async def test_row_24_a_charset_that_is_true_is_taken(reader: PageReader) -> None:
    for body, charset in (("Привет, мир", "windows-1251"), ("日本の塔", "shift_jis"), ("Zürich", "latin-1")):
        page = await reader.read_bytes(fetched(body.encode(charset), "text/plain", charset=charset))
        assert page.text == body
    html = f'<html><head><meta charset="windows-1251"></head><body>{"<p>Привет, мир!</p>" * 20}</body></html>'
    assert "Привет, мир!" in (await reader.read_bytes(fetched(html.encode("cp1251")))).text


async def test_row_24_nuls_and_lone_surrogates_are_replaced(reader: PageReader) -> None:
    body = b"<html><body><p>Kelm\0 Tower \xed\xa0\x80 is &#xD800; 123&#0; m \xff high, say those who measured it.</p>"
    page = await reader.read_bytes(fetched(body, charset="utf-8"))
    assert "Kelm Tower" in page.text and "123" in page.text and "\0" not in page.text
    assert_survives(page)


@given(st.binary(max_size=400), st.sampled_from(["", "utf-8", "utf-16", "gb18030", "hz", "cp1252"]))
def test_row_24_any_bytes_become_text_that_can_be_kept(body: bytes, charset: str) -> None:
    from foveal.tools.read.charset import decode
    from foveal.tools.read.text import tidy

    text = tidy(decode(body, charset))
    assert "\0" not in text
    assert ormsgpack.unpackb(ormsgpack.packb(text)) == text == orjson.loads(orjson.dumps(text)) == tidy(text)


@pytest.mark.parametrize(
    ("html", "why"),
    [
        ("", "no HTML"),
        ("<html><body>  <p> </p></body></html>", "no text"),
        ('<html><head><title>App</title></head><body><div id="root"></div><script>x</script></body></html>', "no text"),
        ("<html><body><noscript>x</noscript><p>You need to enable JavaScript to run this.</p></body>", "scripts"),
        (
            "<html><body><h2>We value your privacy</h2><p>We and our 842 partners store cookies on your device. You "
            "can accept all cookies or manage your consent.</p><button>Accept all</button><p>Privacy policy</p></body>",
            "consent",
        ),
        ("<html><body><h1>Just a moment...</h1><p>Checking your browser before you go on.</p></body></html>", "proof"),
    ],
)  # fmt: skip
async def test_row_25_a_page_that_says_nothing(reader: PageReader, html: str, why: str) -> None:
    with pytest.raises(PageUnreadable, match=f"empty content: .*{why}") as caught:
        await reader.read_bytes(fetched(html))
    assert caught.value.reason == "empty content" and "https://atlas.test/kelm" in caught.value.message


async def test_row_25_a_short_page_and_one_about_cookies_are_read(reader: PageReader) -> None:
    short = await reader.read_bytes(fetched("<html><body><p>Kelm Tower is 123 m high.</p></body></html>"))
    assert short.text == "Kelm Tower is 123 m high."
    about = f"<html><body><p>We use cookies.</p><h1>Towers</h1>{PROSE}</body></html>"
    assert "harbour" in (await reader.read_bytes(fetched(about))).text


async def test_text_and_markdown_are_pages(reader: PageReader) -> None:
    page = await reader.read_bytes(
        fetched(
            "# Kelm\r\n\r\nSee <http://a.test/x>.\n\n\n\n| a | b |", "text/markdown", "https://a.test/d/some-notes.md"
        )
    )
    assert (page.kind, page.title, page.links) == ("text", "Kelm", ("http://a.test/x",))
    assert page.text == "# Kelm\n\nSee <http://a.test/x>.\n\n| a | b |"
    page = await reader.read_bytes(
        fetched("name   height\nKelm   123", "text/plain", "https://a.test/d/some-notes.txt")
    )
    assert page.title == "some notes" and "Kelm   123" in page.text, "columns stay columns"
    with pytest.raises(PageUnreadable, match="empty content"):
        await reader.read_bytes(fetched(" \n ", "text/plain"))
    with pytest.raises(PageUnreadable, match="application/zip"):
        await reader.read_bytes(fetched("PK", "application/zip"))


async def test_a_picture_is_a_page_that_shows_it(reader: PageReader) -> None:
    page = await reader.read_bytes(fetched(b"\x89PNG", "image/png", "https://a.test/the_tower.png"))
    assert page.kind == "image" and page.text == "" and page.title == "the tower"
    assert page.pictures == (PagePicture("https://a.test/the_tower.png"),)


@given(st.text(max_size=300), st.sampled_from(["p", "td", "h2", "li", "pre", "dd"]))
def test_no_html_breaks_the_extraction(text: str, tag: str) -> None:
    from foveal.tools.read import html

    try:
        fields = html.read(
            f"<html><body><{tag}>{text}</{tag}></body></html>".encode("utf-8", "replace"), "http://a.test/x"
        )
    except PageUnreadable:
        return
    assert_survives(fields)


async def test_many_pages_at_once(reader: PageReader) -> None:
    pages = await asyncio.gather(*(reader.read_bytes(fetched(PAGE.replace("123 m", f"{n} m"))) for n in range(8)))
    assert all(f"Height: {n} m" in page.text for n, page in enumerate(pages))


def assert_survives(value: object) -> None:
    data = plain(value)
    assert ormsgpack.unpackb(ormsgpack.packb(data)) == orjson.loads(orjson.dumps(data))
