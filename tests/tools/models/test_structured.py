"""JSON that fits a schema, out of what models really write."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foveal.errors import ModelOutputError, RequestRefused
from foveal.tools.models.structured import (
    Fault,
    Rung,
    ask_structured,
    candidates,
    is_cut_off,
    is_strict,
    read_reply,
    told_schema,
)
from foveal.types import Generation, Message

CAPITAL = {
    "type": "object",
    "properties": {"capital": {"type": "string"}, "size": {"type": "string", "enum": ["small", "large"]}},
    "required": ["capital", "size"],
    "additionalProperties": False,
}
GOOD = {"capital": "Bern", "size": "small"}
ASKED = [Message("system", "You know things."), Message("user", "Which capital?")]

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    leaves, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(), v, max_size=4), max_leaves=20
)
objects = st.dictionaries(st.text(), values, min_size=1, max_size=4)
prose = st.text(alphabet=st.characters(exclude_characters='[]{}"`<', exclude_categories=["Cs"]), max_size=60)


@given(prose, objects, prose, st.booleans(), st.sampled_from([None, 2]))
def test_row_47_any_object_is_found_inside_prose_and_fences(
    before: str, value: dict[str, Any], after: str, fenced: bool, indent: int | None
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    text = f"{before}\n```json\n{text}\n```\n{after}" if fenced and "```" not in text else f"{before}\n{text}\n{after}"
    assert read_reply(text, {"type": "object"}) == value


@given(objects, st.data())
def test_row_47_what_was_cut_off_is_never_filled_in(value: dict[str, Any], data: st.DataObject) -> None:
    text = json.dumps(value)
    end = data.draw(st.integers(min_value=1, max_value=len(text) - 1))
    with pytest.raises(Fault) as fault:
        read_reply("Here it is: " + text[:end], {"type": "object"})
    assert fault.value.cut
    assert is_cut_off(text[:end])
    assert not is_cut_off(text)


@given(st.text(max_size=200), st.booleans())
def test_row_47_no_reply_breaks_the_reader(text: str, cut: bool) -> None:
    try:
        found = read_reply(text, CAPITAL, cut=cut)
    except Fault as fault:
        assert fault.reason
    else:
        assert set(found) == {"capital", "size"}


@pytest.mark.parametrize(
    "text",
    [
        "{'capital': 'Bern', 'size': 'small'}",
        '{"capital": "Bern", "size": "small",}',
        '{capital: "Bern", size: "small"}',
        '{"capital": "Bern", // the seat\n "size": "small"}',
        '```\n{"capital": "Bern", "size": "small"}\n```',
        '<think>{"capital": "Zürich", "size": "large"}?</think>{"capital": "Bern", "size": "small"}',
        'First {"capital": "Zürich", "size": "large"}, no: {"capital": "Bern", "size": "small"}',
        'Of {these} it is {"capital": "Bern", "size": "small"}.',
        '{"capital": "Bern", "size": "small", "why": {"a": 1}}',
        '"{\\"capital\\": \\"Bern\\", \\"size\\": \\"small\\"}"',
        '\ufeff{"capital": "Bern", "size": "small"}',
    ],
    ids=[
        "single quotes",
        "comma",
        "bare keys",
        "comment",
        "fence",
        "thought",
        "last",
        "braces",
        "extra",
        "twice",
        "bom",
    ],
)
def test_row_47_the_mistakes_of_models_are_read(text: str) -> None:
    assert read_reply(text, CAPITAL) == GOOD


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"capital": "Bern", "size": "huge"}', "at size: 'huge' is not one of"),
        ('{"capital": "Bern"}', "'size' is a required property"),
        ("Bern, which is small.", "no JSON"),
        ("  \n", "empty"),
        ('{"capital": "Bern", "size": NaN}', "at size|no JSON"),
    ],
)
def test_row_47_a_fault_says_what_is_wrong(text: str, reason: str) -> None:
    with pytest.raises(Fault, match=reason) as fault:
        read_reply(text, CAPITAL)
    assert not fault.value.cut


def test_parts_of_a_cut_object_are_not_taken_for_it() -> None:
    text = '{"steps": [{"capital": "Bern", "size": "small"}, {"capital": "Par'
    assert list(candidates(text)) == []


def test_deep_nesting_is_a_fault_and_no_crash() -> None:
    with pytest.raises(Fault):
        read_reply("[" * 100_000 + "]" * 100_000, CAPITAL)


class Model:
    """Gives its replies in turn, and keeps what it was asked."""

    def __init__(self, *replies: str | Generation | Exception) -> None:
        self.replies = list(replies)
        self.asked: list[tuple[list[Message], Rung, int]] = []

    async def ask(self, messages: Sequence[Message], rung: Rung, room: int) -> Generation:
        self.asked.append((list(messages), rung, room))
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return (
            reply
            if isinstance(reply, Generation)
            else Generation(reply, prompt_tokens=10, completion_tokens=3, usd=0.5)
        )


async def test_row_47_one_repair_turn_says_what_was_wrong() -> None:
    model = Model('{"capital": "Bern", "size": "huge"}', json.dumps(GOOD))
    done = await ask_structured(model.ask, ASKED, CAPITAL, ["json_schema"], max_tokens=40)
    assert done.parsed == GOOD
    assert (done.prompt_tokens, done.completion_tokens, done.usd) == (20, 6, 1.0), "both calls are paid for"
    again = model.asked[1][0]
    assert again[:2] == ASKED
    assert again[2] == Message("assistant", '{"capital": "Bern", "size": "huge"}')
    assert "is not one of" in again[3].content


async def test_row_47_a_second_bad_reply_is_an_error_with_an_excerpt() -> None:
    model = Model("no", "It is Bern, I would say.")
    with pytest.raises(ModelOutputError, match="It is Bern, I would say") as error:
        await ask_structured(model.ask, ASKED, CAPITAL, ["text"], max_tokens=40)
    assert error.value.remedy
    assert len(model.asked) == 2


async def test_row_47_a_truncated_reply_is_asked_for_with_more_room() -> None:
    model = Model(Generation('{"capital": "Be', finish="length"), json.dumps(GOOD))
    done = await ask_structured(model.ask, ASKED, CAPITAL, ["json_schema"], max_tokens=8)
    assert done.parsed == GOOD
    assert [room for _, _, room in model.asked] == [8, 1024]
    assert model.asked[1][0] == ASKED, "what was cut off is not shown again"


async def test_row_48_a_refused_format_goes_down_the_ladder() -> None:
    model = Model(RequestRefused("no json_schema"), RequestRefused("no json_object"), json.dumps(GOOD))
    done = await ask_structured(model.ask, ASKED, CAPITAL, ["json_schema", "json_object", "text"], max_tokens=40)
    assert done.parsed == GOOD
    assert [rung for _, rung, _ in model.asked] == ["json_schema", "json_object", "text"]
    assert model.asked[0][0] == ASKED
    assert '"enum":["small","large"]' in model.asked[2][0][1].content, "the schema is said in words"
    refusing = Model(RequestRefused("no"), RequestRefused("no"))
    with pytest.raises(RequestRefused):
        await ask_structured(refusing.ask, ASKED, CAPITAL, ["json_schema", "text"], max_tokens=40)


def test_schema_in_words_needs_a_user_to_say_them() -> None:
    assert told_schema([Message("system", "s")], CAPITAL, "text")[-1].role == "user"


def test_strict_is_only_said_of_closed_schemas() -> None:
    assert is_strict(CAPITAL)
    assert not is_strict({**CAPITAL, "required": ["capital"]})
    assert not is_strict({"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {}}}}})
    assert not is_strict({"type": "array", "items": {"type": "object", "properties": {"b": {}}}})
