"""The client against a real server: llama.cpp's own, with the embedded weights, on loopback."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foveal.errors import ContextOverflow
from foveal.prompts.loader import render
from foveal.settings import Settings
from foveal.tools.embed.weights import WeightStore
from foveal.tools.models.embedded import EmbeddedModel
from foveal.tools.models.openai import OpenAIModel, make_openai_model
from foveal.types import Message

pytestmark = pytest.mark.model

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "serve_embedded.py"
CAPITAL = {
    "type": "object",
    "properties": {"capital": {"type": "string"}, "letters": {"type": "integer"}},
    "required": ["capital", "letters"],
    "additionalProperties": False,
}
BERN = "Bern is the federal city of Switzerland and the seat of its government, on the river Aare."


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    spec = importlib.util.spec_from_file_location("serve_embedded", EXAMPLE)
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    server: Any = example.serve(WeightStore().path_of("text-model"), threads=2, context=2048, slots=1)
    yield f"{server.listening_address}/v1"
    del server


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def served(address: str, cache: Path) -> OpenAIModel:
    return make_openai_model(f"embedded@{address}", Settings(cache=cache), None)


async def test_the_probe_says_what_llama_cpp_can_do(served: OpenAIModel) -> None:
    found = await served.probe()
    assert (found.vision, found.json_schema, found.top_logprobs, found.prefill) == (False, True, 20, "flag")
    assert found.context_tokens == 2048
    assert not served.capabilities.plans_freely
    with pytest.raises(ContextOverflow, match="2048"):
        await served.generate([Message("user", "word " * 3000)])
    await served.aclose()


async def test_a_schema_holds_and_tokens_are_counted(served: OpenAIModel) -> None:
    reply = await served.generate(
        [Message("user", "The capital of France, and how many letters it has.")], schema=CAPITAL, max_tokens=40
    )
    assert reply.parsed["capital"] == "Paris"
    assert json.loads(reply.text) == reply.parsed
    assert 20 < reply.prompt_tokens < 80
    assert reply.usd == 0.0
    await served.aclose()


@pytest.mark.slow
async def test_the_same_words_as_in_process(served: OpenAIModel, model: EmbeddedModel) -> None:
    asked = render("read", question="On which river is Bern?", title="Bern", passage=BERN)
    begun = [*asked, Message("assistant", "Yes:")]
    told: list[str] = []
    there = await served.generate(begun, max_tokens=12, stop=("\n",), on_text=told.append)
    here = await model.generate(begun, max_tokens=12, stop=("\n",))
    assert there.text.strip() == here.text.strip()
    assert "".join(told) == there.text
    assert there.prompt_tokens == here.prompt_tokens
    await served.aclose()


@pytest.mark.parametrize("question", ["On which river is Bern?", "Who was the first mayor of Bern?"])
async def test_the_same_probability_as_in_process(served: OpenAIModel, model: EmbeddedModel, question: str) -> None:
    asked = render("read", question=question, title="Bern", passage=BERN)
    there, call = await served.yes_probability(asked)
    here, _ = await model.yes_probability(asked)
    assert there == pytest.approx(here, abs=0.02)
    assert call.completion_tokens == 1
    await served.aclose()
