from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.types import Send

from foveal.errors import StoreUnavailable
from foveal.graphs.state import STATE_TYPES, Finding, Perception
from foveal.tools.runs.serde import VALUE, StateSerializer
from foveal.types import Evidence, Label, Region, SubQuestion

SERDE = StateSerializer(STATE_TYPES)
leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=3)
        | st.builds(
            SubQuestion,
            id=st.text(),
            text=st.text(),
            values=st.lists(st.text(), max_size=2).map(tuple),
            region=st.none() | st.just(Region(0, 1, 2, 3)),
        )
        | st.frozensets(st.tuples(st.text(), st.integers(0, 9)), max_size=2)
    ),
    max_leaves=8,
)


@given(values)
def test_a_state_comes_back_exactly_tuples_as_tuples(value: Any) -> None:
    assert SERDE.loads_typed(SERDE.dumps_typed(value)) == value


def test_what_a_run_holds_comes_back() -> None:
    step = SubQuestion("s1", "Which?", depends_on=("s0",))
    state = {
        "findings": {"s1": Finding(step, retrieved=("a",))},
        "perceptions": {"p": Perception("p", (Label("x", "y", 0.5),))},
        "evidence": {"s1e1": Evidence("s1e1", "text", "d", "D")},
        "sent": [Send("branch", {"step": step, "seen": frozenset({("d", "text", 0)})})],
    }
    assert SERDE.loads_typed(SERDE.dumps_typed(state)) == state


def test_what_a_state_must_not_hold_is_refused_when_it_is_written() -> None:
    with pytest.raises(TypeError, match="PosixPath"):
        SERDE.dumps_typed({"a": Path("x")})


def as_our_own() -> tuple[str, bytes]:
    ext = SERDE._ext(VALUE, SERDE._dump(["Popen", ["touch", "x"]]))
    return "foveal", SERDE._dump({"step": ext})


def with_other_fields() -> tuple[str, bytes]:
    return "foveal", SERDE._dump({"step": SERDE._ext(VALUE, SERDE._dump(["SubQuestion", "s1"]))})


@pytest.mark.parametrize(
    "written",
    [
        as_our_own(),
        with_other_fields(),
        ("msgpack", JsonPlusSerializer().dumps_typed({"p": Path("x")})[1]),
        ("foveal", JsonPlusSerializer().dumps_typed({"p": Path("x")})[1]),
        ("pickle", b"cos\nsystem\n(S'exit 1'\ntR."),
        ("json", b'{"lc": 2, "type": "constructor", "id": ["os", "system"], "args": ["exit 1"]}'),
        ("foveal", b"\xc1 damaged"),
    ],
)
def test_row_59_what_foveal_did_not_write_is_not_built(written: tuple[str, bytes]) -> None:
    with pytest.raises(StoreUnavailable, match="foreign") as told:
        SERDE.loads_typed(written)
    assert "foveal runs rm" in told.value.remedy
