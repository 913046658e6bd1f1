"""Turns of an agent: one tool of those that may be used, whatever a reply looks like."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from foveal.agents import moves

TOOLS = ("image search", "text search", "answer")
words = st.text(alphabet=st.characters(blacklist_categories=("Cs",)), max_size=20)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
TURN = {"thought": "It is Bel.", "tool": "text search", "query": "Bel currency"}


def test_the_keys_stand_in_the_order_in_which_a_turn_is_thought() -> None:
    schema = moves.schema(TOOLS, thought=10, sub_question=20, query=30)
    assert list(schema["properties"]) == ["thought", "sub_question", "tool", "query"] == schema["required"]
    assert schema["properties"]["query"]["maxLength"] == 30
    Draft202012Validator.check_schema(schema)
    json.dumps(schema)


def test_a_turn_is_read_with_its_texts_on_one_line() -> None:
    move = moves.read({**TURN, "query": " Bel\n currency "}, TOOLS, "thought", "query")
    assert move == {"tool": "text search", "thought": "It is Bel.", "query": "Bel currency"}
    assert moves.read({"tool": "Text  Search"}, TOOLS, "query") == {"tool": "text search", "query": ""}


def test_row_47_a_tool_that_may_not_be_used_now_is_no_turn() -> None:
    assert moves.read(TURN, ("image search", "answer"), "query") is None
    assert moves.read({**TURN, "tool": "text search, then answer"}, TOOLS, "query") is None


@given(json_values, st.lists(st.sampled_from(TOOLS), min_size=1, unique=True))
def test_row_47_any_reply_is_a_turn_of_the_tools_or_none(reply: Any, tools: list[str]) -> None:
    move = moves.read(reply, tools, "thought", "query")
    assert move is None or (move["tool"] in tools and set(move) == {"tool", "thought", "query"})


@given(st.sampled_from(TOOLS), words, words)
def test_what_fits_the_schema_is_read(tool: str, thought: str, query: str) -> None:
    reply = {"thought": thought, "tool": tool, "query": query}
    Draft202012Validator(moves.schema(TOOLS, thought=20, query=20)).validate(reply)
    move = moves.read(reply, TOOLS, "thought", "query")
    assert move is not None and move["tool"] == tool and move["query"].split() == query.split()
