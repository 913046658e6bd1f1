"""RMR over a real collection: worked examples that are near are shown, and the model reasons as they do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes.lands import flag
from fakes.tapes import again, record, text
from hypothesis import given
from hypothesis import strategies as st

from foveal.agents.checker import unresolved
from foveal.errors import BadInput
from foveal.graphs.strategies import exemplars
from foveal.graphs.strategies.exemplars import Exemplar, learned, load, read
from foveal.graphs.strategies.rmr import SHOWN, averaged

Going = Callable[..., Any]
REPLY = {"task": "rmr", "reply": {"rationale": "Cor has the core.", "answer": "core"}}
QUESTION = "What is the currency of the country whose flag is shown?"
MEMORY = [
    Exemplar("Who built the tower?", "It says so.", "Ann"),
    Exemplar("What is the currency of the country shown?", "It is named.", "mark", "looks like: azure."),
    Exemplar("How deep is the lake?", "It is measured.", "3 m"),
    Exemplar("What is the currency here?", "It stands there.", "franc", "looks like: crimson."),
]


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    file = tmp_path / "memory.jsonl"
    file.write_text("\n".join(json.dumps(e.row()) for e in MEMORY), encoding="utf-8")
    return file


@pytest.mark.parametrize("sees", [False, True])
async def test_the_nearest_examples_are_shown_before_the_question(going: Going, memory: Path, sees: bool) -> None:
    foveal, model = going("rmr", [REPLY], exemplars=memory, sees=sees)
    async with foveal:
        answer = await foveal.ask(QUESTION, [flag("Cor")])
    said = model.calls[0].messages[-1].content
    assert answer.answer.startswith("core [1]") and answer.citations[0].doc_id == "cor"
    assert said.count("Rationale:") == SHOWN and "Ann" not in said and "3 m" not in said
    assert said.index("It is named.") < said.index("It stands there.") < said.index(f"Question: {QUESTION}")
    assert answer.plan[-1].reason.startswith("Cor has the core. (as in “What is the currency")
    assert len(model.calls[0].messages[-1].images) == sees and len(model.calls) == 1
    assert unresolved(answer.answer, answer.citations, {e.id: e for e in answer.evidence}) == []


async def test_the_memory_that_comes_along_serves_without_a_setting(going: Going) -> None:
    foveal, model = going("rmr", [{"task": "rmr", "reply": {"rationale": "", "answer": "unable to determine"}}])
    async with foveal:
        answer = await foveal.ask("Which of Ida and Bel came first?")
    assert answer.status == "insufficient" and not answer.citations
    assert model.calls[0].messages[-1].content.count("Rationale:") == SHOWN
    assert any(f"Question: {e.question}" in model.calls[0].messages[-1].content for e in load())
    assert "exemplars" not in answer.config


async def test_another_memory_is_another_configuration(going: Going, memory: Path) -> None:
    foveal, _ = going("rmr", [REPLY], exemplars=memory)
    async with foveal:
        answer = await foveal.ask("What is the currency of Cor?")
    assert answer.config["exemplars"] == exemplars.hash_of(MEMORY)


async def test_a_reply_that_is_no_json_is_asked_of_the_shared_generator(going: Going) -> None:
    foveal, model = going("rmr", [{"task": "rmr", "reply": "core?"}, {"task": "generate", "reply": "core"}])
    async with foveal:
        answer = await foveal.ask("What is the currency of Cor?")
    assert answer.answer.startswith("core [1]") and model.left == 0


async def test_a_memory_that_cannot_be_read_says_which_line(going: Going, tmp_path: Path) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_text('{"question": "a", "rationale": "b", "answer": "c"}\n{"question": "a"}\n', encoding="utf-8")
    foveal, _ = going("rmr", [], exemplars=file)
    with pytest.raises(BadInput, match=r"Line 2 of .*bad\.jsonl"):
        async with foveal:
            await foveal.ask("What is the currency of Cor?")


@pytest.mark.parametrize("text", ["", "\n", "[]", "1", '{"question": "a", "rationale": "", "answer": "c"}', "{"])
def test_what_is_no_memory_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        read(text, "memory.jsonl")


def test_a_memory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        load(tmp_path / "none.jsonl")


words = st.text(min_size=1, max_size=20).filter(str.strip)


@given(st.lists(st.builds(Exemplar, words, words, words, st.text(max_size=10)), min_size=1, max_size=4))
def test_a_memory_comes_back_as_it_was_written(memory: list[Exemplar]) -> None:
    assert read("\n".join(json.dumps(e.row()) for e in memory), "m") == tuple(memory)


@given(st.integers(0, 2**32 - 1), st.lists(st.booleans(), min_size=1, max_size=5))
def test_the_mean_is_of_both_or_of_the_one_there_is(seed: int, pictured: list[bool]) -> None:
    made = np.random.default_rng(seed).standard_normal((2, len(pictured), 8))
    texts, pictures = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in made)
    joint = averaged(texts, pictures, np.array(pictured))
    assert np.allclose(np.linalg.norm(joint, axis=1), 1)
    for n, with_picture in enumerate(pictured):
        if with_picture:
            assert np.isclose(joint[n] @ texts[n], joint[n] @ pictures[n])
        else:
            assert np.allclose(joint[n], texts[n])


async def test_a_memory_grows_from_saved_runs_but_never_tells_the_question_itself(going: Going, tmp_path: Path) -> None:
    asked = "What is the capital of the country whose flag is shown?"
    foveal, _ = going("guided", [])
    async with foveal:
        answer = await foveal.ask(asked, [flag("Cor")])
    taught = learned(answer.as_dict())
    assert taught is not None and taught.answer == "Eph" and "Cor" in taught.rationale
    assert learned({**answer.as_dict(), "status": "insufficient"}) is None
    with pytest.raises(BadInput, match="no answered run"):
        load(tmp_path / "home")
    runs = tmp_path / "traces"
    runs.mkdir()
    for n, question in enumerate((asked, "Where is Eph?", "Where is Dun?")):
        (runs / f"{n}.json").write_text(json.dumps({"answer": {**answer.as_dict(), "question": question}}))
    (runs / "9.json").write_text("{")
    foveal, model = going("rmr", [REPLY], exemplars=runs)
    async with foveal:
        await foveal.ask(asked, [flag("Cor")])
    said = model.calls[0].messages[-1].content
    assert said.count("Worked example") == 2 and said.count(asked) == 1


async def test_a_recording_holds_the_memory_and_is_replayed_without_its_file(
    going: Going, memory: Path, tmp_path: Path
) -> None:
    foveal, _ = going("rmr", [REPLY], exemplars=memory)
    async with foveal:
        made = await record(foveal, tmp_path / "run.tape", QUESTION, [flag("Cor")])
    memory.unlink()
    assert text(await again(tmp_path / "run.tape")) == text(made)
