from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foveal.tools.index.chunk import MAX_LINE_WORDS, chunk_spans, weight_of

LINES = st.lists(
    st.one_of(
        st.text(max_size=300),
        st.sampled_from(["Key:", "  sub: value", "", "- item one", "A sentence. Another one! A third?", "a | b | c"]),
        st.integers(1, 400).map(lambda n: "word " * n),
        st.integers(1, 4000).map(lambda n: "x" * n),
    ),
    max_size=25,
)


@given(LINES.map("\n".join))
def test_chunks_are_spans_in_order_that_hold_every_character(text: str) -> None:
    spans = chunk_spans(text)
    position, held = 0, ""
    for span in spans:
        assert position <= span.start < span.end <= len(text)
        assert not text[position : span.start].strip()
        chunk = text[span.start : span.end]
        assert chunk == chunk.strip()
        # a heading of up to 12 words stays with the line below it
        assert weight_of(chunk) <= MAX_LINE_WORDS + 13
        held += chunk
        position = span.end
    assert "".join(held.split()) == "".join(text.split())


def test_prose_is_cut_at_sentences_of_about_seventy_words() -> None:
    text = " ".join(f"Sentence number {i} of Mr. Smith has exactly ten words in it." for i in range(40))
    chunks = [text[s.start : s.end] for s in chunk_spans(text)]
    assert all(40 <= len(chunk.split()) <= 70 for chunk in chunks[:-1])
    assert all(chunk.startswith("Sentence") and chunk.endswith("in it.") for chunk in chunks)


def test_lines_of_an_outline_stay_whole_and_know_their_heading() -> None:
    lines = ["Land boundaries:", *(f"  neighbour {i}: {'land ' * 12}{i},567 km" for i in range(10))]
    text = "\n".join(lines)
    spans = chunk_spans(text)
    assert len(spans) > 1
    for span in spans:
        for line in text[span.start : span.end].splitlines():
            assert line.strip() in {whole.strip() for whole in lines}
    assert all(span.heading == "Land boundaries:" for span in spans[1:])
    assert spans[0].heading == ""


def test_a_long_list_line_is_not_cut() -> None:
    line = "Border countries: " + ", ".join(f"Country{i} {i} km" for i in range(50))
    assert [(s.start, s.end) for s in chunk_spans(line)] == [(0, len(line))]


def test_a_heading_goes_with_what_follows_it() -> None:
    text = "Intro:\n" + "  a: " + "word " * 55 + "\nNext:\n  b: " + "word " * 30
    last = chunk_spans(text)[-1]
    assert text[last.start : last.end].startswith("Next:")


def test_row_66_a_megabyte_without_a_space_is_cut() -> None:
    spans = chunk_spans("x" * 1_000_000)
    assert max(s.end - s.start for s in spans) <= 2400
    assert sum(s.end - s.start for s in spans) == 1_000_000
