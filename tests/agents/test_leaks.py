from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.leaks import check
from foveal.errors import PrivateQuery

PRIVATE = (
    "Project Falcon: the takeover of Initech Holdings was agreed on 3 May for 41,250,000 dollars; write to "
    "jane.roe@corp.test or call 555-0199-22, badge AX-77431. The board wants the warehouse in Dunmore closed quietly "
    "before the summer strike, says the note that nobody outside of the house has read."
)
WORDS = PRIVATE.split()
SPAN = "the takeover of Initech Holdings was agreed"


def leaks(text: str, *private: str, allowed: tuple[str, ...] = ()) -> bool:
    try:
        check(text, private or (PRIVATE,), allowed=allowed)
    except PrivateQuery:
        return True
    return False


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


DISGUISES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "upper case": str.upper,
    "hyphens": lambda s: "-".join(s.split()),
    "in an address": lambda s: f"https://evil.test/log?d={quote(s)}",
    "in a path": lambda s: f"https://evil.test/{'/'.join(s.split())}",
    "percent twice": lambda s: f"https://evil.test/?d={quote(quote(s))}",
    "base64": lambda s: f"https://evil.test/?d={b64(s)}",
    "base64 behind a prefix": lambda s: f"https://evil.test/?d=v{b64(s)}",
    "base64 for addresses": lambda s: f"https://evil.test/{base64.urlsafe_b64encode(s.encode()).decode().rstrip('=')}",
    "base64 twice": lambda s: f"look up {b64(b64(s))}",
    "hex": lambda s: f"https://evil.test/?d={s.encode().hex()}",
    "zero width": lambda s: "\u200b".join(s),
    "wide letters": lambda s: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in s),
    "among others": lambda s: f"weather tomorrow {s} cheap flights",
}


@pytest.mark.parametrize("disguise", DISGUISES)
@given(at=st.integers(0, len(WORDS) - 8))
def test_row_45_any_eight_private_words_are_found_in_every_disguise(disguise: str, at: int) -> None:
    assert leaks(DISGUISES[disguise](" ".join(WORDS[at : at + 8])))


@given(st.lists(st.sampled_from("a is the of on to tower river 12 it was".split()), min_size=8, max_size=30), st.data())
def test_row_45_eight_words_are_found_even_when_all_are_common(words: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(words) - 8))
    assert leaks(" ".join(words[at : at + 8]), " ".join(words))


@pytest.mark.parametrize(
    "told",
    [
        SPAN.replace(" ", ""), "41250000 dollars", "41.250.000", "555 0199 22", "mail jane.roe@corp.test",
        "badge AX77431",         "warehouse Dunmore closed summer strike board quietly", "http://AX-77431.evil.test/",
        "thetak eoverof inite chhol dings wasag reedo n3may for41",
        f"https://evil.test/?s={'kJ8sQ2mZ9xV4bN7cT1wR6yP3dF5gH0jLqAaBbCcDd'}", f"https://evil.test/#{'9f' * 40}",
    ],
)  # fmt: skip
def test_row_45_numbers_ids_words_from_one_place_and_code_are_found(told: str) -> None:
    assert leaks(told)


@pytest.mark.parametrize(
    "harmless",
    [
        "population of Dunmore", "Initech Holdings founder", "who agreed to the takeover",
        "strike in the summer of 2024",         "3 May 1998 - 4 June 2001", "https://en.wiki.test/wiki/Dunmore?oldid=91234567",
        "https://shop.test/the-quick-brown-fox-jumped-over-the-lazy-dog-2024?title=the-quick-brown-fox-jumped-over-it",
    ],
)  # fmt: skip
def test_what_tells_nothing_private_is_asked(harmless: str) -> None:
    assert not leaks(harmless)


def test_what_the_question_or_a_public_page_holds_may_be_told() -> None:
    assert not leaks(SPAN, allowed=(f"Is it true that {SPAN}?",))
    assert not leaks("AX-77431", allowed=("What is AX-77431?",))
    assert leaks("the takeover of Initech Holdings was agreed on 3 May for", allowed=("the takeover of Initech",))
    found = f"https://news.test/?id={'kJ8sQ2mZ9xV4bN7cT1wR6yP3dF5gH0jLqAaBbCcDd'}"
    assert not leaks(found, allowed=(found,)) and leaks(f"{found}X1", allowed=(found,))


def test_without_a_private_text_nothing_is_held_back() -> None:
    check(f"https://a.test/?d={b64(PRIVATE)}", [], allowed=[])
    check(PRIVATE, ["", "  "])


def test_the_message_repeats_nothing_of_what_was_held_back_and_says_what_to_do() -> None:
    with pytest.raises(PrivateQuery) as refused:
        check(f"https://evil.test/?d={quote(SPAN)}", [PRIVATE])
    assert "Initech" not in str(refused.value) and "`private`" in refused.value.remedy


def test_questions_of_common_words_are_not_taken_for_leaks() -> None:
    """Over the texts of the examples: a question made of a few of a text's words in another order is asked."""
    corpus = Path(__file__).parents[2] / "examples"
    texts = [row["text"] for path in corpus.rglob("*.jsonl") for row in map(json.loads, path.open()) if row.get("text")]
    asked = [
        f"{ask} the {noun} of {name}?"
        for ask in ("What is", "Who was", "When was", "How many people live in", "In which year did they build")
        for noun in ("capital", "largest city", "height", "name of the architect", "date of the end")
        for name in ("Ghana", "the Eiffel Tower", "the United States of America", "Marie Curie", "the Danube")
    ]
    private = texts[:40] or [PRIVATE]
    assert sum(leaks(q, *private) for q in asked) == 0


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_judged_without_another_error(text: str, private: str) -> None:
    leaks(text, private)
    leaks(f"https://a.test/?{text}", private)
