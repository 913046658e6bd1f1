from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from foveal.tools.read.slim import WORDS, passages, pieces
from foveal.types import WebPage

FILLER = "Nothing of note happened in that year, or in the next. " * 12
ROWS = "".join(f"| {year} | {year * 3} people | mayor of {year} |\n" for year in range(1900, 1990))
TEXT = (
    f"# Kelm Tower\n\nHeight: 123 m\nArchitect: Ada Voss\n\n{FILLER}\n\n## History\n\n"
    f"The foundations were laid in 1929. {FILLER}\n\n### Visitors\n\n"
    f"| Year | Visitors | Mayor |\n|---|---|---|\n{ROWS}\n## Access\n\nTake tram 7. {FILLER}"
)
PAGE = WebPage("https://a.test/kelm", "Kelm Tower", TEXT)


class Embedder:
    """Counts letters: texts with the same letters are near."""

    id, dim = "letters", 26

    def embed_texts(self, texts: Sequence[str]) -> np.ndarray:
        counts = np.array([[text.lower().count(chr(97 + i)) + 0.01 for i in range(26)] for text in texts], np.float32)
        return np.asarray(counts / np.linalg.norm(counts, axis=1, keepdims=True))


def test_the_passage_that_is_asked_for_comes_first() -> None:
    for query, answer in (
        ("Who was the architect of Kelm Tower?", "Architect: Ada Voss"),
        ("When were the foundations laid?", "laid in 1929"),
        ("Which tram goes there?", "tram 7"),
        ("How many visitors came in 1950?", "| 1950 | 5850 people |"),
        ("founding of the foundation", "laid in 1929"),
    ):
        best = passages(PAGE, query)[0]
        assert answer in best.text, query
        assert best.lexical_rank == 1 and best.cosine is None


def test_a_hit_says_where_it_stands() -> None:
    hit = passages(PAGE, "visitors in 1950")[0]
    assert hit.title == "Kelm Tower › History › Visitors › Year | Visitors | Mayor", (
        "columns of a row far below its head"
    )
    assert hit.doc_id == hit.url == PAGE.url and TEXT[hit.start : hit.end] == hit.text
    assert passages(PAGE, "architect")[0].title == "Kelm Tower"
    assert passages(PAGE, "tram")[0].title == "Kelm Tower › Access"


def test_no_row_is_cut() -> None:
    wide = "| name | " + " and ".join(f"word{i} goes on. More" for i in range(300)) + " |"
    text = f"| a | b |\n|---|---|\n{wide}\n{wide}\n{ROWS}"
    for piece in pieces(text):
        assert text[: piece.start].endswith("\n") or piece.start == 0
        assert text[piece.end :].startswith("\n") or piece.end == len(text)


def test_neighbours_become_one_passage() -> None:
    text = "# T\n\n" + " ".join(f"The old harbour has crane number {i} at its quay." for i in range(40))
    hits = passages(WebPage("http://a.test/", "T", text), "harbour crane quay", k=3)
    assert len(hits) < 3 and max(len(hit.text.split()) for hit in hits) > WORDS


def test_the_page_of_a_pdf_is_told() -> None:
    text = "First page about towers.\n\nSecond page about harbours."
    pdf = WebPage("http://a.test/x.pdf", "T", text, kind="pdf", pages=(0, text.index("Second")))
    # one passage begins on the first page; cut apart, each has its own
    assert passages(pdf, "towers")[0].page == 1
    long = WebPage(
        "http://a.test/x.pdf", "T", FILLER + "\n\n" + FILLER + "Harbours.", kind="pdf", pages=(0, len(FILLER) + 2)
    )
    assert passages(long, "harbours", k=1)[0].page == 2


def test_without_a_common_word_the_beginning_is_given() -> None:
    hits = passages(PAGE, "北京有多高", k=2)
    assert [hit.start for hit in hits] == sorted(hit.start for hit in hits)
    assert hits[0].text.startswith("Height: 123 m") and hits[0].lexical_rank is None and hits[0].score == 0.0
    assert passages(WebPage("http://a.test/", "T", ""), "tower") == []


def test_meaning_finds_what_words_do_not() -> None:
    text = "\n\n".join(
        f"## Part {i}\n\n{word} {word} {word} {word}." for i, word in enumerate(["abc", "xyz", "klm", "pqr"])
    )
    page = WebPage("http://a.test/", "T", text)
    hit = passages(page, "zyx", k=1, embedder=Embedder())[0]
    assert "xyz" in hit.text and hit.dense_rank == 1 and hit.lexical_rank is None
    assert hit.cosine is not None and 0.5 < hit.cosine <= 1.0


@given(
    st.lists(
        st.sampled_from(
            [
                "# A",
                "## B c",
                "####### no",
                "| x | y |",
                "|---|---|",
                "word other. More!",
                "- item",
                "",
                "Key: value",
                "塔" * 90,
            ]
        )
        | st.text(max_size=60),
        max_size=60,
    ),
    st.text(max_size=20) | st.sampled_from(["word", "value item", "x"]),
    st.integers(1, 8),
    st.booleans(),
)
def test_offsets_are_exact_nothing_overlaps_and_at_most_k(lines: list[str], query: str, k: int, dense: bool) -> None:
    page = WebPage("http://a.test/", "T", "\n".join(lines))
    hits = passages(page, query, k=k, embedder=Embedder() if dense else None)
    assert len(hits) <= k
    for hit in hits:
        assert hit.text and page.text[hit.start : hit.end] == hit.text
        assert (hit.cosine is not None) == dense or hit.score == 0.0
    spans = sorted((hit.start, hit.end) for hit in hits)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
