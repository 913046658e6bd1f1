"""The budget of evidence in a prompt: never over it, in order, in whole sentences, and the same when packed again."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.packing import FENCE, Packed, at_the_ends, cost, fitting, pack, sentence_ends
from foveal.agents.reader import Passage
from foveal.errors import ContextOverflow
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import Capabilities


def count(text: str) -> int:
    return len(re.findall(r"\w+|[^\w\s]", text))


def passage(n: int, text: str, start: int = 0) -> Passage:
    return Passage(f"e{n}", f"d{n}", f"Title {n}", text, "text", start)


word = st.sampled_from(["Ida", "borders", "the", "river", "3.5", "Dr", "Arx,", "wide"])
sentence = st.lists(word, min_size=1, max_size=9).map(lambda words: " ".join(words) + ".")
texts = st.lists(sentence, min_size=1, max_size=6).map(" ".join)
passages = st.lists(texts, max_size=6).map(lambda all_: [passage(n, t, 7 * n) for n, t in enumerate(all_)])


@given(passages, st.integers(0, 200), st.integers(0, 6), st.integers(0, 5), st.integers(0, 40))
def test_never_over_budget_in_order_in_whole_sentences_and_idempotent(
    given_: list[Passage], tokens: int, n_pictures: int, most: int, each: int
) -> None:
    pictures = [f"p{n}" for n in range(n_pictures)]

    def packed(what: list[Passage], shown: list[str]) -> Packed:
        return pack(what, tokens=tokens, count=count, pictures=shown, most=most, picture_tokens=each)

    got = packed(given_, pictures)
    assert sum(cost(p, count) for p in got.passages) + each * len(got.pictures) <= tokens
    assert len(got.pictures) <= most and list(got.pictures) == pictures[: len(got.pictures)]
    whole, last = got.passages[:-1], got.passages[-1:]
    assert list(whole) == given_[: len(whole)], "the order of the ranking, without a gap"
    for cut in last:
        source = given_[len(whole)]
        assert source.text.startswith(cut.text) and (cut.start, cut.doc_id) == (source.start, source.doc_id)
        at_word_end = len(cut.text) == len(source.text) or source.text[len(cut.text)].isspace()
        assert at_word_end, "never in the middle of a word"
        if whole:
            assert len(cut.text) in set(sentence_ends(source.text)), "all but the best passage: whole sentences"
    assert packed(list(got.passages), list(got.pictures)).passages == got.passages
    assert got.left_out == len([p for p in given_ if p not in got.passages])


def test_the_longest_beginning_that_fits_is_taken() -> None:
    long = passage(1, "One two. Three four! Five six? Seven.")
    room = cost(passage(1, "One two. Three four!"), count)
    assert pack([long], tokens=room, count=count).passages[0].text == "One two. Three four!"
    assert pack([long], tokens=room - 1, count=count).passages[0].text == "One two."
    assert pack([long], tokens=cost(long, count), count=count).passages == (long,)


def test_a_best_passage_without_a_sentence_end_is_cut_between_words_and_a_later_one_is_left_out() -> None:
    endless = passage(1, "word " * 50 + "end")
    room = FENCE + count("Title 1") + 3
    assert pack([endless], tokens=room, count=count).passages[0].text == "word word word"
    first = passage(0, "Short.")
    both = pack([first, endless], tokens=cost(first, count) + room, count=count)
    assert both.passages == (first,) and both.left_out == 1


def test_pictures_come_first_and_leave_room_for_words() -> None:
    got = pack([passage(1, "One.")], tokens=100, count=count, pictures=["a", "b", "c"], most=3, picture_tokens=30)
    assert got.pictures == ("a", "b") and len(got.passages) == 1
    assert pack([], tokens=100, count=count, pictures=["a", "b", "c"], most=3, picture_tokens=30).pictures == tuple(
        "abc"
    )


@given(st.lists(st.integers(), unique=True))
def test_the_best_stand_at_both_ends(ranked: list[int]) -> None:
    ends = at_the_ends(ranked)
    assert sorted(ends) == sorted(ranked)
    if len(ranked) > 1:
        assert (ends[0], ends[-1]) == (ranked[0], ranked[1])
    ranks = [ranked.index(v) for v in ends]
    turn = ranks.index(max(ranks, default=0)) if ranks else 0
    assert ranks[:turn] == sorted(ranks[:turn]) and ranks[turn:] == sorted(ranks[turn:], reverse=True)


async def test_row_49_a_prompt_that_is_too_long_is_asked_once_more_with_half() -> None:
    model = ScriptedModel([], capabilities=Capabilities(context_tokens=1000))
    asked: list[int] = []

    async def ask(tokens: int) -> str:
        asked.append(tokens)
        if tokens > 300:
            raise ContextOverflow("too long")
        return "fits"

    assert await fitting(model, ask, most=400) == ("fits", (
        "The evidence was too much for the context of scripted; only the first half of it was read.",
    ))  # fmt: skip
    assert asked == [400, 200]
    with pytest.raises(ContextOverflow):
        await fitting(ScriptedModel([], capabilities=Capabilities(context_tokens=8000)), ask, most=2000)
    assert asked == [400, 200, 2000, 1000]
