"""The whole graph with its model behind an OpenAI-compatible endpoint on loopback."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes.endpoints import Answer, FakeEndpoint, failed, said, serving
from fakes.world import FLAGS, QUESTION, SCRIPT, build, embedders, flag, wired

from foveal.api import Foveal
from foveal.errors import ModelUnavailable
from foveal.settings import Settings
from foveal.tools.models.scripted import ScriptedModel

KEY = "sk-canary-0123456789abcdef"


@pytest.fixture
def server() -> Iterator[FakeEndpoint]:
    with serving() as fake:
        yield fake


def reads(body: dict[str, Any]) -> Answer:
    """A model that knows a passage about Otto when it sees one, and keeps no schema."""
    last = body["messages"][-1]["content"]
    if body.get("response_format"):
        return failed(400, "response_format is not supported")
    if not body.get("logprobs"):
        return said(" Otto", prompt=200, written=2)
    yes = 0.95 if "throne of Ida" in last.rpartition("Question:")[2] else 0.03
    return said("Yes", prompt=200, written=1, tops=[[("Yes", math.log(yes)), ("No", math.log(1 - yes))]])


def opened(settings: Settings) -> Foveal:
    """A Foveal without weights; its model is the one of the settings."""
    foveal = Foveal(settings)
    foveal.tools.__dict__.update(embedders=embedders())
    return foveal


async def test_the_same_graph_finds_the_same_evidence_and_counts_the_money(
    server: FakeEndpoint, tmp_path: Path
) -> None:
    server.behave = reads
    prices = tmp_path / "prices.toml"
    prices.write_text('["127.0.0.1"]\n"served" = { in = 2.0, out = 8.0 }\n')
    settings = build(
        tmp_path, model="openai:served", openai_base_url=server.url, openai_api_key=KEY, prices=prices,
        plans_freely=False,
    )  # fmt: skip
    async with wired(settings.model_copy(update={"model": "embedded"}), ScriptedModel(SCRIPT)) as scripted:
        expected = await scripted.ask(QUESTION, [flag(*FLAGS["Ida"])])
    async with opened(settings) as foveal:
        answer = await foveal.ask(QUESTION, [flag(*FLAGS["Ida"])])
    assert answer.answer == expected.answer
    assert answer.answer.startswith("Otto")
    assert [c.quote for c in answer.citations] == [c.quote for c in expected.citations]
    assert answer.retrieved == expected.retrieved
    usage = answer.usage
    assert usage.usd == pytest.approx((usage.prompt_tokens * 2 + usage.completion_tokens * 8) / 1e6)
    assert usage.usd > 0
    assert KEY not in json.dumps(answer.as_dict())
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


async def test_row_50_an_endpoint_that_goes_down_ends_the_run_which_then_goes_on(
    server: FakeEndpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.behave = reads
    settings = build(tmp_path, model="openai:served", openai_base_url=server.url)
    async with opened(settings) as foveal:
        await foveal.tools.prepare()
        server.behave = lambda body: failed(401, "Incorrect API key provided")
        with pytest.raises(ModelUnavailable, match="wants a key") as error:
            await foveal.ask(QUESTION, [flag(*FLAGS["Ida"])])
    run_id = error.value.run_id
    assert run_id is not None and "FOVEAL_OPENAI_API_KEY" in error.value.remedy
    server.behave = reads
    async with opened(settings) as foveal:
        last = [event async for event in foveal.resume(run_id)][-1]
    assert last.data["answer"].answer.startswith("Otto")


async def test_row_48_what_the_model_lacks_is_in_the_warnings(server: FakeEndpoint, tmp_path: Path) -> None:
    def wordy(body: dict[str, Any]) -> Answer:
        if body.get("logprobs"):
            return failed(400, "logprobs are not supported")
        last = body["messages"][-1]["content"]
        if "JSON Schema" not in last:
            return reads(body)
        knows = "throne of Ida" in last.rpartition("Question:")[2]
        return said(json.dumps({"answer": "Yes" if knows else "No"}))

    server.behave = wordy
    async with opened(build(tmp_path, model="openai:served", openai_base_url=server.url)) as foveal:
        answer = await foveal.ask(QUESTION, [flag(*FLAGS["Ida"])])
    assert answer.answer.startswith("Otto")
    assert any("gives no log probabilities" in warning for warning in answer.warnings)
    assert any("cannot see" in warning for warning in answer.warnings)
