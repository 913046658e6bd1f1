"""The scripted model answers what it was told to, and complains about the rest."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from foveal.errors import BadConfig, Cancelled, ModelOutputError
from foveal.protocols import ChatModel
from foveal.settings import Settings
from foveal.tools.models.embedded import EmbeddedModel
from foveal.tools.models.registry import make_model
from foveal.tools.models.scripted import ScriptedModel
from foveal.types import Message

HI = [Message("user", "hi there")]
SCHEMA = {"type": "object"}


async def test_replies_come_in_order_by_task_and_by_substring() -> None:
    model = ScriptedModel(
        [
            {"reply": "one"},
            {"task": "plan", "reply": {"steps": []}},
            {"contains": "Eiffel", "reply": "Paris"},
            {"reply": "two"},
        ]
    )
    assert (await model.generate(HI)).text == "one"
    assert (await model.generate([Message("user", "the Eiffel tower")])).text == "Paris"
    assert (await model.generate(HI)).text == "two"
    assert (await model.generate(HI, schema=SCHEMA, task="plan")).parsed == {"steps": []}
    assert model.left == 0
    assert [call.task for call in model.calls] == ["", "", "", "plan"]


async def test_unexpected_call_fails_and_names_it() -> None:
    model = ScriptedModel([{"task": "plan", "reply": "x"}])
    with pytest.raises(ModelOutputError, match=r"generate\(task='judge'\).*hi there.*1 entries left"):
        await model.generate(HI, task="judge")


async def test_exhausted_script_fails_but_repeats_do_not_run_out() -> None:
    model = ScriptedModel([{"reply": "once"}, {"probability": 0.75, "repeat": True}])
    await model.generate(HI)
    for _ in range(3):
        assert (await model.yes_probability(HI))[0] == 0.75
    with pytest.raises(ModelOutputError, match="Unexpected call 5"):
        await model.generate(HI)


async def test_yes_and_choose() -> None:
    model = ScriptedModel(
        [{"probability": 0.2}, {"choose": "B"}, {"choose": [0.1, 0.9]}, {"choose": "Z"}, {"probability": 3}]
    )
    probability, generation = await model.yes_probability(HI)
    assert (probability, generation.text) == (0.2, "No")
    assert await model.choose(HI, ["A", "B"]) == ([0.0, 1.0], generation_of("B"))
    assert (await model.choose(HI, ["A", "B"]))[0] == [0.1, 0.9]
    with pytest.raises(ModelOutputError, match="options are"):
        await model.choose(HI, ["A", "B"])
    with pytest.raises(ModelOutputError, match="not a number"):
        await model.yes_probability(HI)


def generation_of(text: str) -> object:
    from foveal.types import Generation

    return Generation(text=text, prompt_tokens=2, completion_tokens=1)


async def test_reply_that_is_not_json_when_a_schema_was_asked_for() -> None:
    with pytest.raises(ModelOutputError, match="should be JSON"):
        await ScriptedModel([{"reply": "no json"}]).generate(HI, schema=SCHEMA)


async def test_cancelled_call_uses_no_entry() -> None:
    model = ScriptedModel([{"reply": "x"}])
    cancel = asyncio.Event()
    cancel.set()
    with pytest.raises(Cancelled):
        await model.generate(HI, cancel=cancel)
    assert model.left == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("s.yaml", "- task: plan\n  reply: {a: 1}\n- probability: 0.5\n"),
        ("s.json", json.dumps([{"task": "plan", "reply": {"a": 1}}, {"probability": 0.5}])),
        ("s.jsonl", '{"task": "plan", "reply": {"a": 1}}\n\n{"probability": 0.5}\n'),
    ],
)
async def test_script_from_a_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    model: ChatModel = make_model(f"scripted:{tmp_path / name}", Settings())
    assert model.name == f"scripted:{name}"
    assert (await model.generate(HI, schema=SCHEMA, task="plan")).parsed == {"a": 1}
    assert (await model.yes_probability(HI))[0] == 0.5
    await model.aclose()


@pytest.mark.parametrize(
    "text", ["a: 1", "- {reply: a, probability: 1}", "- {task: plan}", "- {reply: a, tsak: b}", "- [", "- 3"]
)
def test_file_that_is_no_script(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(text)
    with pytest.raises(BadConfig, match=r"s\.yaml"):
        ScriptedModel(path)


@pytest.mark.parametrize("spec", ["", "embedded:x", "gpt", "llama:", "scripted:", "scripted:/no/such.yaml"])
def test_unknown_spec_names_the_known_ones(spec: str) -> None:
    with pytest.raises(BadConfig) as caught:
        make_model(spec, Settings())
    assert "Use embedded, llama:PATH.gguf" in caught.value.remedy


async def test_embedded_and_llama_specs_load_nothing_yet(tmp_path: Path) -> None:
    model = make_model("embedded", Settings(cache=tmp_path, threads=1))
    assert isinstance(model, EmbeddedModel) and model.options.threads == 1
    assert not any(tmp_path.iterdir())
    (tmp_path / "my.gguf").write_bytes(b"GGUF")
    other = make_model(f"llama:{tmp_path / 'my.gguf'}", Settings())
    assert other.name == "llama:my.gguf"
    await model.aclose()
    await other.aclose()
